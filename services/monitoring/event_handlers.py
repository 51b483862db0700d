"""What monitoring does when catalog or filing tells something: each handler calls one command."""

from typing import Any

from services.monitoring.commands import (
    calendar,
    corrections,
    electronic,
    findings,
    notices,
    probes,
    report_clocks,
    units,
    windows,
)
from shared.database import Transaction
from shared.events import catalog, filing, monitoring
from shared.messaging.inbox import Handlers, ReadModel, Received


async def on_listing_published(
    tx: Transaction, received: Received[catalog.ListingPublished]
) -> None:
    await probes.listing_went_live(tx, received.event, region=received.region)


async def on_listing_suspended(
    tx: Transaction, received: Received[catalog.ListingSuspended]
) -> None:
    await probes.listing_went_off(tx, received.event.listing_id, state="SUSPENDED")


async def on_listing_delisted(tx: Transaction, received: Received[catalog.ListingDelisted]) -> None:
    await probes.listing_went_off(tx, received.event.listing_id, state="DELISTED")
    await findings.listing_was_delisted(tx, received.event.listing_id)


async def on_organisation_registered(
    tx: Transaction, received: Received[catalog.OrganisationRegistered]
) -> None:
    await units.know_organisation(tx, received.event, at=received.occurred_at)


async def on_organisation_closed(
    tx: Transaction, received: Received[catalog.OrganisationClosed]
) -> None:
    await units.forget_organisation(tx, received.event.organisation_id)


async def on_responsible_person_named(
    tx: Transaction, received: Received[catalog.ResponsiblePersonNamed]
) -> None:
    await units.know_person(tx, received.event)


async def on_calendar_imported(
    tx: Transaction, received: Received[catalog.CalendarImported]
) -> None:
    await calendar.import_calendar(tx, received.event)


async def on_window_planned(tx: Transaction, received: Received[filing.WindowPlanned]) -> None:
    told = received.event
    before = await corrections.cover_of(tx, told.window_id)
    await know_window(tx, received)
    await corrections.correct_past(tx, told.window_id, filing_id=told.filing_id, before=before)


async def on_window_cancelled(tx: Transaction, received: Received[filing.WindowCancelled]) -> None:
    told = received.event
    before = await corrections.cover_of(tx, told.window_id)
    await forget_window(tx, received)
    await corrections.correct_past(tx, told.window_id, filing_id=told.filing_id, before=before)


async def on_window_ended(tx: Transaction, received: Received[filing.WindowEnded]) -> None:
    told = received.event
    before = await corrections.cover_of(tx, told.window_id)
    await shorten_window(tx, received)
    await corrections.correct_past(tx, told.window_id, filing_id=told.filing_id, before=before)


async def know_window(tx: Transaction, received: Received[filing.WindowPlanned]) -> None:
    await windows.window_was_planned(
        tx, received.event, region=received.region, accepted_at=received.occurred_at
    )


async def forget_window(tx: Transaction, received: Received[filing.WindowCancelled]) -> None:
    told = received.event
    await windows.window_was_cancelled(tx, told.window_id, filing_id=told.filing_id)


async def shorten_window(tx: Transaction, received: Received[filing.WindowEnded]) -> None:
    told = received.event
    await windows.window_has_ended(
        tx, told.window_id, filing_id=told.filing_id, ended_at=told.ended_at
    )


async def on_notice_published(tx: Transaction, received: Received[catalog.NoticePublished]) -> None:
    await know_notice(tx, received)
    await notices.announce_incidents(tx, received.event)


async def know_notice(tx: Transaction, received: Received[catalog.NoticePublished]) -> None:
    await notices.know_notice(tx, received.event)


async def on_notice_withdrawn(tx: Transaction, received: Received[catalog.NoticeWithdrawn]) -> None:
    await notices.notice_was_withdrawn(tx, received.event.notice_id)


async def on_incident_reported(
    tx: Transaction, received: Received[filing.IncidentReported]
) -> None:
    await report_clocks.report_was_sent(tx, received.event)


async def on_supervised(tx: Transaction, received: Received[Any]) -> None:
    """Whatever a rule of electronic supervision listens to, our own incidents too."""
    await electronic.supervise(tx, received)


_UNITS: Handlers = {
    catalog.OrganisationRegistered: on_organisation_registered,
    catalog.OrganisationClosed: on_organisation_closed,
    catalog.ResponsiblePersonNamed: on_responsible_person_named,
}
HANDLERS: Handlers = {
    catalog.ListingPublished: on_listing_published,
    catalog.ListingSuspended: on_listing_suspended,
    catalog.ListingDelisted: on_listing_delisted,
    catalog.NoticePublished: on_notice_published,
    catalog.NoticeWithdrawn: on_notice_withdrawn,
    catalog.CalendarImported: on_calendar_imported,
    **_UNITS,
    filing.WindowPlanned: on_window_planned,
    filing.WindowCancelled: on_window_cancelled,
    filing.WindowEnded: on_window_ended,
    filing.IncidentReported: on_incident_reported,
    filing.ObligationBreached: on_supervised,
    filing.ObligationFulfilled: on_supervised,
    monitoring.IncidentOpened: on_supervised,
    monitoring.IncidentReopened: on_supervised,
    monitoring.IncidentClosed: on_supervised,
}
# What a window or a notice changed about incidents was told once; rebuilding tells nothing.
READ_MODEL = ReadModel(
    tables=("known_windows", "known_notices", "known_organisations", "known_persons"),
    handlers={
        catalog.NoticePublished: know_notice,
        catalog.NoticeWithdrawn: on_notice_withdrawn,
        filing.WindowPlanned: know_window,
        filing.WindowCancelled: forget_window,
        filing.WindowEnded: shorten_window,
        **_UNITS,
    },
)

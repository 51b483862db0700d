"""What monitoring does when catalog or filing tells something: each handler calls one command."""

from services.monitoring.commands import (
    corrections,
    notices,
    probes,
    report_clocks,
    windows,
)
from shared.database import Transaction
from shared.events import catalog, filing
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


HANDLERS: Handlers = {
    catalog.ListingPublished: on_listing_published,
    catalog.ListingSuspended: on_listing_suspended,
    catalog.ListingDelisted: on_listing_delisted,
    catalog.NoticePublished: on_notice_published,
    catalog.NoticeWithdrawn: on_notice_withdrawn,
    filing.WindowPlanned: on_window_planned,
    filing.WindowCancelled: on_window_cancelled,
    filing.WindowEnded: on_window_ended,
    filing.IncidentReported: on_incident_reported,
}
# What a window or a notice changed about incidents was told once; rebuilding tells nothing.
READ_MODEL = ReadModel(
    tables=("known_windows", "known_notices"),
    handlers={
        catalog.NoticePublished: know_notice,
        catalog.NoticeWithdrawn: on_notice_withdrawn,
        filing.WindowPlanned: know_window,
        filing.WindowCancelled: forget_window,
        filing.WindowEnded: shorten_window,
    },
)

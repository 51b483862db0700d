"""What filing does when catalog or monitoring tells something: each handler calls one command."""

from collections.abc import Sequence

from services.filing.commands import calendar, incidents, projections, vacancies
from shared.database import Transaction
from shared.events import catalog, monitoring
from shared.messaging.inbox import Handlers, ReadModel, Received, Together


async def on_organisation_registered(
    tx: Transaction, received: Received[catalog.OrganisationRegistered]
) -> None:
    await projections.know_organisation(tx, received.event)


async def on_organisation_closed(
    tx: Transaction, received: Received[catalog.OrganisationClosed]
) -> None:
    await projections.forget_organisation(tx, received.event.organisation_id)


async def on_responsible_person_named(
    tx: Transaction, received: Received[catalog.ResponsiblePersonNamed]
) -> None:
    await projections.know_person(tx, received.event)
    await vacancies.end_vacancy(tx, received.event)


async def on_post_filled(
    tx: Transaction, received: Received[catalog.ResponsiblePersonNamed]
) -> None:
    """The projection alone: a rebuild pays nothing a second time."""
    await projections.know_person(tx, received.event)


async def on_partner_liaison_named(
    tx: Transaction, received: Received[catalog.PartnerLiaisonNamed]
) -> None:
    await projections.know_liaison(tx, received.event)


async def on_hall_registered(tx: Transaction, received: Received[catalog.HallRegistered]) -> None:
    told = received.event
    await projections.know_hall(
        tx,
        told.hall_id,
        region=told.region,
        organisation_id=told.organisation_id,
        state=told.state,
    )


async def on_zone_registered(tx: Transaction, received: Received[catalog.ZoneRegistered]) -> None:
    told = received.event
    await projections.know_zone(tx, told.zone_id, hall_id=told.hall_id, department=told.department)


async def on_norm_issued(tx: Transaction, received: Received[catalog.NormIssued]) -> None:
    told = received.event
    await projections.know_norm(
        tx, told.version, effective_from=told.effective_from, checklist=told.checklist
    )


async def on_items_registered(
    tx: Transaction, told: Sequence[Received[catalog.ItemRegistered]]
) -> None:
    await projections.know_items(tx, told)


async def on_calendar_imported(
    tx: Transaction, received: Received[catalog.CalendarImported]
) -> None:
    told = received.event
    await calendar.import_calendar(
        tx,
        year=told.year,
        status=told.status,
        source=told.source_document,
        version=told.version,
        days=told.days,
    )


async def on_calendar_kept(tx: Transaction, received: Received[catalog.CalendarImported]) -> None:
    """The tables alone: a rebuild counts no clock again, whose dates follow from the same days."""
    told = received.event
    await calendar.keep_calendar(
        tx,
        year=told.year,
        status=told.status,
        source=told.source_document,
        version=told.version,
        days=told.days,
    )


async def on_listings_published(
    tx: Transaction, told: Sequence[Received[catalog.ListingPublished]]
) -> None:
    await projections.listings_went_live(tx, told)


async def on_listing_suspended(
    tx: Transaction, received: Received[catalog.ListingSuspended]
) -> None:
    await projections.listing_was_suspended(tx, received.event.listing_id)


async def on_listing_delisted(tx: Transaction, received: Received[catalog.ListingDelisted]) -> None:
    told = received.event
    await projections.listing_was_delisted(
        tx, told.listing_id, filing_id=told.filing_id, delisted_at=told.delisted_at
    )


async def on_publication_refused(
    tx: Transaction, received: Received[catalog.ListingPublicationRefused]
) -> None:
    told = received.event
    await projections.publication_was_refused(
        tx, told.filing_id, expected=told.expected_digest, found=told.found_digest
    )


async def on_notice_published(tx: Transaction, received: Received[catalog.NoticePublished]) -> None:
    told = received.event
    await projections.notice_was_published(
        tx, told.notice_id, filing_id=told.filing_id, published_at=told.published_at
    )


async def on_incident_graded(
    tx: Transaction, received: Received[monitoring.IncidentGraded]
) -> None:
    await incidents.draft_report(tx, received.event)


HANDLERS: Handlers = {
    catalog.OrganisationRegistered: on_organisation_registered,
    catalog.OrganisationClosed: on_organisation_closed,
    catalog.ResponsiblePersonNamed: on_responsible_person_named,
    catalog.PartnerLiaisonNamed: on_partner_liaison_named,
    catalog.HallRegistered: on_hall_registered,
    catalog.ZoneRegistered: on_zone_registered,
    catalog.NormIssued: on_norm_issued,
    catalog.ItemRegistered: Together(on_items_registered),
    catalog.CalendarImported: on_calendar_imported,
    catalog.ListingPublished: Together(on_listings_published),
    catalog.ListingSuspended: on_listing_suspended,
    catalog.ListingDelisted: on_listing_delisted,
    catalog.ListingPublicationRefused: on_publication_refused,
    catalog.NoticePublished: on_notice_published,
    monitoring.IncidentGraded: on_incident_graded,
}

_TELLING = (
    monitoring.IncidentGraded,
    catalog.ListingPublicationRefused,
    catalog.NoticePublished,
)
READ_MODEL = ReadModel(
    tables=(
        "known_organisations",
        "known_persons",
        "known_liaisons",
        "known_halls",
        "known_zones",
        "known_norms",
        "known_items",
        "live_listings",
        "calendar_days",
        "calendar_years",
    ),
    handlers={
        **{event: handler for event, handler in HANDLERS.items() if event not in _TELLING},
        catalog.ResponsiblePersonNamed: on_post_filled,
        catalog.CalendarImported: on_calendar_kept,
    },
)

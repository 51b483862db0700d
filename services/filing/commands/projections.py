"""What catalog's events change here; the newest event of an aggregate wins, in its order."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from services.filing.commands.records import keep
from services.filing.tables import (
    EmergencyDelisting,
    Filing,
    HistoryEntry,
    KnownHall,
    KnownItem,
    KnownLiaison,
    KnownNorm,
    KnownOrganisation,
    KnownPerson,
    KnownZone,
    LiveListing,
)
from services.filing.tables.mapping import Row
from shared.database import Transaction
from shared.events.catalog import (
    ItemRegistered,
    ListingPublished,
    OrganisationRegistered,
    PartnerLiaisonNamed,
    ResponsiblePersonNamed,
)
from shared.messaging.handling import Received


async def _put(tx: Transaction, table: type[Row], key: str, **values: object) -> None:
    await _put_all(tx, table, key, [values])


async def _put_all(
    tx: Transaction, table: type[Row], key: str, rows: Sequence[Mapping[str, object]]
) -> None:
    """Insert or replace, in order: of two rows of one key the later stays."""
    statement = insert(table)
    changed = {name: statement.excluded[name] for name in rows[0] if name != key}
    await tx.session.execute(
        statement.on_conflict_do_update(index_elements=[key], set_=changed), rows
    )


async def know_organisation(tx: Transaction, told: OrganisationRegistered) -> None:
    values = {"kind": told.kind, "region": told.region, "parent": told.parent, "active": True}
    await _put(tx, KnownOrganisation, "id", id=told.organisation_id, **values)


async def forget_organisation(tx: Transaction, id_: str) -> None:
    row = await tx.session.get(KnownOrganisation, id_, populate_existing=True)
    if row is not None:
        row.active = False


async def know_person(tx: Transaction, told: ResponsiblePersonNamed) -> None:
    """Who holds a post, by id alone; told again, the newest term holds."""
    values = told.model_dump(exclude={"person_id"})
    await _put(tx, KnownPerson, "id", id=told.person_id, **values)


async def know_liaison(tx: Transaction, told: PartnerLiaisonNamed) -> None:
    values = told.model_dump(exclude={"partner_id"})
    await _put(tx, KnownLiaison, "id", id=told.partner_id, **values)


async def know_hall(
    tx: Transaction, id_: str, *, region: str, organisation_id: str, state: str
) -> None:
    values = {"region": region, "organisation_id": organisation_id, "state": state}
    await _put(tx, KnownHall, "id", id=id_, **values)


async def know_zone(tx: Transaction, id_: str, *, hall_id: str, department: str) -> None:
    await _put(tx, KnownZone, "id", id=id_, hall_id=hall_id, department=department)


async def know_norm(
    tx: Transaction, version: str, *, effective_from: date, checklist: Sequence[str]
) -> None:
    values = {"effective_from": effective_from, "checklist": list(checklist)}
    await _put(tx, KnownNorm, "version", version=version, **values)


async def know_items(tx: Transaction, told: Sequence[Received[ItemRegistered]]) -> None:
    rows = [
        {
            "code": each.event.item_code,
            "department": each.event.department,
            "active": each.event.active,
        }
        for each in told
    ]
    await _put_all(tx, KnownItem, "code", rows)


async def listings_went_live(tx: Transaction, told: Sequence[Received[ListingPublished]]) -> None:
    rows = [
        {
            "id": each.event.listing_id,
            "organisation_id": each.event.organisation_id,
            "region": each.region,
            "item_code": each.event.item_code,
            "hall_id": each.event.hall_id,
            "version": each.event.version,
            "digest": each.event.digest,
            "state": "LISTED",
            "delisted_at": None,
        }
        for each in told
    ]
    await _put_all(tx, LiveListing, "id", rows)


async def listing_was_suspended(tx: Transaction, listing_id: UUID) -> None:
    listing = await tx.session.get(LiveListing, listing_id, populate_existing=True)
    if listing is not None:
        listing.state = "SUSPENDED"


async def listing_was_delisted(
    tx: Transaction, listing_id: UUID, *, filing_id: UUID, delisted_at: datetime
) -> None:
    """The listing is off; when an emergency order did it, the order shows since when (C8)."""
    listing = await tx.session.get(LiveListing, listing_id, populate_existing=True)
    if listing is not None:
        listing.state = "DELISTED"
        listing.delisted_at = delisted_at
    order = await _order(tx, filing_id)
    if order is not None and order.delisted_at is None:
        order.delisted_at = delisted_at
        order.version += 1


async def notice_was_published(
    tx: Transaction, notice_id: UUID, *, filing_id: UUID | None, published_at: datetime
) -> None:
    order = await _order(tx, filing_id) if filing_id is not None else None
    if order is not None and order.notice_id is None:
        order.notice_id = notice_id
        order.notice_published_at = published_at
        order.version += 1


async def publication_was_refused(
    tx: Transaction, filing_id: UUID, *, expected: str, found: str
) -> None:
    """Catalog compared again and would not publish: it stands in the filing's history (C7)."""
    filing = await tx.session.scalar(select(Filing).where(Filing.id == filing_id).with_for_update())
    opinion = f"{expected} ≠ {found}"
    told = await tx.session.scalar(
        select(HistoryEntry.number).where(
            HistoryEntry.filing_id == filing_id,
            HistoryEntry.action == "PUBLICATION_REFUSED",
            HistoryEntry.opinion == opinion,
        )
    )
    if filing is not None and told is None:
        keep(tx, filing, "PUBLICATION_REFUSED", clause="A11.1", opinion=opinion)


async def _order(tx: Transaction, filing_id: UUID) -> EmergencyDelisting | None:
    return await tx.session.scalar(
        select(EmergencyDelisting).where(EmergencyDelisting.id == filing_id).with_for_update()
    )

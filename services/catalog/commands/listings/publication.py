"""Going live: the gate, the planned time, the version that replaces the last (A11.1, A11.3, C7)."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select, update

from services.catalog.commands.listings.documents import open_hall, write_public
from services.catalog.commands.listings.rechecks import compare_norm
from services.catalog.commands.listings.records import known_listing, move
from services.catalog.rules.halls import ZoneState
from services.catalog.rules.listings import (
    Cause,
    FilingProgress,
    Gate,
    ListingAction,
    ListingState,
    gate,
)
from services.catalog.rules.partners import may_be_listed
from services.catalog.rules.register import OrganisationKind
from services.catalog.tables import (
    Hall,
    Item,
    Listing,
    ListingFiling,
    ListingVersion,
    Norm,
    Organisation,
    Partner,
    Zone,
)
from shared.clock import SHANGHAI
from shared.database import Transaction
from shared.events.catalog import ListingPublicationRefused, ListingPublished, ListingScheduled
from shared.events.filing import FilingAccepted, ListingContent

_BATCH = 100


async def accept_content(tx: Transaction, event: FilingAccepted, filing: ListingFiling) -> None:
    """Publish now or later what passes the gate (C7); else tell why, and change nothing public."""
    listing = await known_listing(tx, filing.listing_id)
    content = event.content
    owner = None if content is None else await _owner(tx, content)
    refused, found = gate(
        content,
        filed=event.digest,
        owner_kind=None if owner is None else owner.kind,
        partner_holds=owner is not None and await _partner_holds(tx, owner),
        references_known=content is not None and await _references_known(tx, content),
        confirmed_by=event.confirmed_by,
    )
    if content is None or owner is None or refused is not None:
        _refuse_publication(tx, listing, filing, found, refused or Gate.REFERENCE_UNKNOWN)
        return
    version = ListingVersion(
        listing_id=listing.id,
        version=await _next_version(tx, listing.id),
        digest=event.digest,
        filing_id=event.filing_id,
        content=content.model_dump(mode="json"),
    )
    tx.session.add(version)
    if listing.decided_at is not None and event.accepted_at < listing.decided_at:
        version.valid_from = version.valid_to = event.accepted_at  # an older decision came late
        return
    listing.decided_at = event.accepted_at
    if event.goes_live_at is not None and event.goes_live_at > tx.now:
        await _schedule(tx, listing, version, content, goes_live_at=event.goes_live_at)
    else:
        await _publish(tx, listing, version, content)


def _refuse_publication(
    tx: Transaction, listing: Listing, filing: ListingFiling, found: str, reason: Gate
) -> None:
    filing.state = FilingProgress.PUBLICATION_REFUSED
    tx.emit(
        ListingPublicationRefused(
            listing_id=listing.id,
            filing_id=filing.filing_id,
            expected_digest=filing.digest,
            found_digest=found,
            reason=reason,
        ),
        subject=f"listing:{listing.id}",
        region=listing.region,
    )


async def _schedule(
    tx: Transaction,
    listing: Listing,
    version: ListingVersion,
    content: ListingContent,
    *,
    goes_live_at: datetime,
) -> None:
    """Wait for the planned time; a live listing stays as it is until then (C1)."""
    if listing.state != ListingState.LISTED:
        move(tx, listing, ListingAction.SCHEDULE)
        listing.title, listing.zone_id = content.title, content.zone_id
        listing.hall_id = await open_hall(tx, content.hall_id)
    listing.goes_live_at, listing.next_version = goes_live_at, version.version
    tx.emit(
        ListingScheduled(
            listing_id=listing.id,
            filing_id=version.filing_id,
            version=version.version,
            goes_live_at=goes_live_at,
        ),
        subject=f"listing:{listing.id}",
        region=listing.region,
    )


async def publish_due(tx: Transaction) -> None:
    """The clock's part: what was scheduled for a time that has come goes live."""
    due = await tx.session.scalars(
        select(Listing)
        .where(Listing.goes_live_at <= tx.now, Listing.next_version.is_not(None))
        .order_by(Listing.goes_live_at, Listing.id)
        .limit(_BATCH)
        .with_for_update(skip_locked=True)
    )
    for listing in due.all():
        version = await tx.session.get_one(ListingVersion, (listing.id, listing.next_version))
        await _publish(tx, listing, version, ListingContent.model_validate(version.content))


async def _publish(
    tx: Transaction, listing: Listing, version: ListingVersion, content: ListingContent
) -> None:
    """Put a version live: the one before it ends, the public document is written anew."""
    listed = listing.state == ListingState.LISTED
    move(tx, listing, ListingAction.UPDATE if listed else ListingAction.PUBLISH)
    await tx.session.flush()
    await tx.session.execute(
        update(ListingVersion)
        .where(
            ListingVersion.listing_id == listing.id,
            ListingVersion.version != version.version,
            ListingVersion.valid_from.is_not(None),
            ListingVersion.valid_to.is_(None),
        )
        .values(valid_to=tx.now)
    )
    version.valid_from, version.valid_to = tx.now, None
    listing.version, listing.filing_id = version.version, version.filing_id
    listing.listed_at = listing.listed_at if listed and listing.listed_at else tx.now
    listing.delisted_at = listing.notice_id = listing.off_by = None
    listing.goes_live_at = listing.next_version = None
    await compare_norm(tx, listing, content.norm_version)
    await write_public(tx, listing, version, cause=Cause.FILING, cause_id=version.filing_id)
    tx.emit(
        ListingPublished(
            listing_id=listing.id,
            filing_id=version.filing_id,
            item_code=content.item_code,
            organisation_id=content.organisation_id,
            hall_id=listing.hall_id or content.hall_id,
            zone_id=content.zone_id,
            kind=content.kind,
            title=content.title,
            version=version.version,
            digest=version.digest,
            entry_url=content.entry_url,
            listed_at=tx.now,
        ),
        subject=f"listing:{listing.id}",
        region=content.region,
    )


async def _owner(tx: Transaction, content: ListingContent) -> Organisation | None:
    """The accountable unit, held open until commit: it is not closed or renamed meanwhile (C5)."""
    owner: Organisation | None = await tx.session.scalar(
        select(Organisation)
        .where(Organisation.id == content.organisation_id, Organisation.active)
        .with_for_update(read=True)
    )
    return owner


async def _partner_holds(tx: Transaction, owner: Organisation) -> bool:
    """Whether a partner's approval holds; held until commit against its exit (A15.2, A15.5)."""
    if owner.kind != OrganisationKind.PARTNER:
        return True
    partner = await tx.session.scalar(
        select(Partner).where(Partner.organisation_id == owner.id).with_for_update(read=True)
    )
    today = tx.now.astimezone(SHANGHAI).date()
    return partner is not None and may_be_listed(
        partner.state, valid_until=partner.valid_until, today=today
    )


async def _references_known(tx: Transaction, content: ListingContent) -> bool:
    wanted = [
        select(Item.code).where(Item.code == content.item_code, Item.active),
        select(Hall.id).where(Hall.id == content.hall_id),
        select(Norm.version).where(Norm.version == content.norm_version),
    ]
    if content.zone_id is not None:
        wanted.append(
            select(Zone.id).where(Zone.id == content.zone_id, Zone.state != ZoneState.DELISTED)
        )
    found = await tx.session.execute(select(*(each.exists() for each in wanted)))
    return all(found.one())


async def _next_version(tx: Transaction, listing_id: UUID) -> int:
    last = await tx.session.scalar(
        select(func.max(ListingVersion.version)).where(ListingVersion.listing_id == listing_id)
    )
    return (last or 0) + 1

"""Coming off: in order or in an emergency, and into the archive (A11.3, A11.4, A11.6, C8)."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select

from services.catalog.commands.limits import limit
from services.catalog.commands.listings.documents import keep_appearance, next_epoch, write_public
from services.catalog.commands.listings.records import known_listing, move
from services.catalog.commands.notices import announce
from services.catalog.rules.listings import LIVE, Cause, ListingAction, ListingState
from services.catalog.rules.notices import NoticeKind
from services.catalog.tables import Listing, ListingVersion, Organisation
from shared.database import Transaction
from shared.events.catalog import ListingArchived, ListingDelisted, ListingSuspended
from shared.events.filing import EmergencyDelistingOrdered

_BATCH = 100


async def delist_in_emergency(tx: Transaction, event: EmergencyDelistingOrdered) -> None:
    """Off at once after an oral report, announced in the same transaction (A11.4, A11.6, C8)."""
    listing = await known_listing(tx, event.listing_id)
    if listing.state == ListingState.DELISTED:
        return  # an ordinary delisting came first: there is nothing left to close
    move(tx, listing, ListingAction.SUSPEND)
    await delist(
        tx,
        listing,
        filing_id=event.filing_id,
        decided_at=event.ordered_at,
        kind=NoticeKind.EMERGENCY_DELIST,
    )


async def delist_all(
    tx: Transaction, organisation: Organisation, *, filing_id: UUID, decided_at: datetime
) -> None:
    """Take everything of a partner that was forced out off, with one notice of it all (A15.5)."""
    listings = (
        await tx.session.scalars(
            select(Listing)
            .where(Listing.organisation_id == organisation.id, Listing.state.in_(LIVE))
            .order_by(Listing.id)
            .with_for_update()
        )
    ).all()
    notice = await announce(
        tx,
        NoticeKind.FORCED_EXIT,
        params={"partner": organisation.name, "count": str(len(listings))},
        listing_ids=[listing.id for listing in listings],
        region=organisation.region,
        filing_id=filing_id,
        at=decided_at,
    )
    for listing in listings:
        listing.notice_id = notice.id
        await delist(
            tx,
            listing,
            filing_id=filing_id,
            decided_at=decided_at,
            kind=NoticeKind.FORCED_EXIT,
        )


_CAUSES = {
    NoticeKind.EMERGENCY_DELIST: Cause.EMERGENCY,
    NoticeKind.FORCED_EXIT: Cause.FORCED_EXIT,
}


async def delist(
    tx: Transaction,
    listing: Listing,
    *,
    filing_id: UUID,
    decided_at: datetime,
    kind: NoticeKind = NoticeKind.DELIST,
) -> None:
    """End a listing's public life; the notice is there before it is complete (A11.6)."""
    emergency = kind is NoticeKind.EMERGENCY_DELIST
    if listing.state == ListingState.DELISTED:
        return
    announced = kind is NoticeKind.FORCED_EXIT  # with all of the partner's others
    if not announced and (emergency or await limit(tx, "notice_on_delisting")):
        notice = await announce(
            tx,
            kind,
            params={"listing": listing.title},
            listing_ids=[listing.id],
            region=listing.region,
            filing_id=filing_id,
            at=decided_at,
        )
        listing.notice_id = notice.id
    if emergency:
        tx.emit(
            ListingSuspended(
                listing_id=listing.id, filing_id=filing_id, notice_id=listing.notice_id
            ),
            subject=f"listing:{listing.id}",
            region=listing.region,
        )
    move(tx, listing, ListingAction.DELIST)
    listing.decided_at = max(decided_at, listing.decided_at or decided_at)
    listing.delisted_at, listing.filing_id, listing.off_by = tx.now, filing_id, kind
    listing.goes_live_at = listing.next_version = None
    version = await tx.session.get(ListingVersion, (listing.id, listing.version))
    if version is not None:
        version.valid_to = tx.now
        cause = _CAUSES.get(kind, Cause.FILING)
        await write_public(tx, listing, version, cause=cause, cause_id=filing_id)
    tx.emit(
        ListingDelisted(
            listing_id=listing.id,
            filing_id=filing_id,
            emergency=emergency,
            forced_exit=announced,
            notice_id=listing.notice_id,
            delisted_at=tx.now,
        ),
        subject=f"listing:{listing.id}",
        region=listing.region,
    )


async def archive_old(tx: Transaction) -> None:
    """Take delisted listings out of the public's sight when the policy's days have passed."""
    days = await limit(tx, "listing_archived_after")
    old = await tx.session.scalars(
        select(Listing)
        .where(
            Listing.state == ListingState.DELISTED,
            Listing.delisted_at < tx.now - func.make_interval(0, 0, 0, int(days)),
        )
        .order_by(Listing.delisted_at)
        .limit(_BATCH)
        .with_for_update(skip_locked=True)
    )
    for listing in old.all():
        move(tx, listing, ListingAction.ARCHIVE)
        listing.epoch = await next_epoch(tx)
        if listing.number is not None:  # else it was never public
            await keep_appearance(
                tx, listing, cause=Cause.ARCHIVED, cause_id="listing_archived_after"
            )
        tx.emit(
            ListingArchived(listing_id=listing.id),
            subject=f"listing:{listing.id}",
            region=listing.region,
        )

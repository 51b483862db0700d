"""A new version of a technical norm flags what was tested by an older one (A6.3)."""

from sqlalchemy import select
from sqlalchemy.orm import aliased

from services.catalog.rules.listings import ListingState
from services.catalog.tables import Listing, Norm
from shared.clock import SHANGHAI
from shared.database import Transaction
from shared.events.catalog import ListingRecheckFlagged

_BATCH = 200
_SERVED = (ListingState.LISTED, ListingState.SUSPENDED)


async def flag_rechecks(tx: Transaction) -> None:
    """The clock's part: flag what was tested by older versions of a norm in effect, in parts."""
    norm = await tx.session.scalar(
        select(Norm)
        .where(Norm.flagged_at.is_(None), Norm.effective_from <= tx.now.astimezone(SHANGHAI).date())
        .order_by(Norm.effective_from, Norm.version)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    if norm is None:
        return
    older = select(Norm.version).where(
        Norm.id == norm.id, Norm.effective_from < norm.effective_from
    )
    listings = (
        await tx.session.scalars(
            select(Listing)
            .where(
                Listing.norm_version.in_(older),
                Listing.state.in_(_SERVED),
                Listing.recheck_norm.is_distinct_from(norm.version),
            )
            .order_by(Listing.id)
            .limit(_BATCH)
            .with_for_update()
        )
    ).all()
    for listing in listings:
        _flag(tx, listing, norm.version)
    if len(listings) < _BATCH:
        norm.flagged_at = tx.now


async def compare_norm(tx: Transaction, listing: Listing, norm_version: str) -> None:
    """What goes live by the newest norm in effect needs no re-check any more; else it does."""
    listing.norm_version = norm_version
    mine, newer = aliased(Norm), aliased(Norm)
    newest = await tx.session.scalar(
        select(newer.version)
        .join(mine, mine.id == newer.id)
        .where(
            mine.version == norm_version,
            newer.effective_from > mine.effective_from,
            newer.effective_from <= tx.now.astimezone(SHANGHAI).date(),
        )
        .order_by(newer.effective_from.desc(), newer.version.desc())
        .limit(1)
    )
    if newest is None:
        listing.recheck_norm = listing.recheck_since = None
    elif listing.recheck_norm != newest:
        _flag(tx, listing, newest)


def _flag(tx: Transaction, listing: Listing, norm_version: str) -> None:
    listing.recheck_norm, listing.recheck_since = norm_version, tx.now
    tx.emit(
        ListingRecheckFlagged(
            listing_id=listing.id,
            organisation_id=listing.organisation_id,
            tested_by=listing.norm_version or "",
            norm_version=norm_version,
        ),
        subject=f"listing:{listing.id}",
        region=listing.region,
    )

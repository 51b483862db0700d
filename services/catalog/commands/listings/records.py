"""Listings and their filings as rows: found, locked, moved by the lifecycle."""

from uuid import UUID

from sqlalchemy import select

from services.catalog.errors import ListingUnknown
from services.catalog.rules.listings import LISTING, ListingAction, ListingState
from services.catalog.tables import Item, Listing, ListingFiling
from shared.database import Transaction
from shared.events.filing import FilingAccepted


async def lock(tx: Transaction, listing_id: UUID) -> Listing | None:
    listing: Listing | None = await tx.session.scalar(
        select(Listing).where(Listing.id == listing_id).with_for_update()
    )
    return listing


async def known_listing(tx: Transaction, listing_id: UUID) -> Listing:
    listing = await lock(tx, listing_id)
    if listing is None:
        raise ListingUnknown(str(listing_id))
    return listing


def move(tx: Transaction, listing: Listing, action: ListingAction) -> None:
    listing.state = LISTING.after(ListingState(listing.state), action, tx.actor.role)


async def filing_of(tx: Transaction, event: FilingAccepted, *, region: str) -> ListingFiling:
    """The filing's row; a decision without a submission (an order in an emergency) gets its own."""
    assert event.listing_id is not None  # noqa: S101 the caller looked
    filing = await tx.session.get(ListingFiling, event.filing_id)
    if filing is None:
        filing = ListingFiling(
            filing_id=event.filing_id,
            listing_id=event.listing_id,
            filing_type=event.filing_type,
            item_code=event.item_code,
            organisation_id=event.organisation_id,
            region=region,
            department=await department_of(tx, event.item_code),
            round=1,
            digest=event.digest,
            submitted_at=tx.now,
        )
        tx.session.add(filing)
    return filing


async def department_of(tx: Transaction, item_code: str | None) -> str | None:
    if item_code is None:
        return None
    department: str | None = await tx.session.scalar(
        select(Item.department).where(Item.code == item_code)
    )
    return department

"""Where listings stand: the hall that took theirs in, and their moving there (A5.3)."""

from sqlalchemy import select

from services.catalog.commands.listings.documents import write_public
from services.catalog.rules.listings import Cause, ListingState
from services.catalog.tables import Listing, ListingVersion
from shared.database import Transaction
from shared.events.catalog import ListingMoved


async def move_to_hall(tx: Transaction, *, hall_id: str, into: str) -> None:
    """Move everything that stands in a hall to another; what was filed stays as it is (C7)."""
    listings = await tx.session.scalars(
        select(Listing).where(Listing.hall_id == hall_id).order_by(Listing.id).with_for_update()
    )
    for listing in listings.all():
        listing.hall_id = into
        if listing.version == 0 or listing.state == ListingState.ARCHIVED:
            continue
        version = await tx.session.get_one(ListingVersion, (listing.id, listing.version))
        await write_public(tx, listing, version, cause=Cause.HALL_MERGED, cause_id=hall_id)
        tx.emit(
            ListingMoved(listing_id=listing.id, hall_id=into, previous_hall_id=hall_id),
            subject=f"listing:{listing.id}",
            region=listing.region,
        )

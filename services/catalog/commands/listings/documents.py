"""The public document of a listing, what it is found by, and its epoch."""

from sqlalchemy import select, text

from services.catalog.rules.halls import HallState
from services.catalog.rules.listings import Cause
from services.catalog.rules.search_terms import normalised, searchable, terms
from services.catalog.schemas.listings import ListingView
from services.catalog.tables import Hall, Item, Listing, ListingVersion, Organisation
from services.catalog.tables.listings import Found
from shared.database import Transaction
from shared.events.filing import ListingContent


async def retype(tx: Transaction, item_codes: list[str]) -> None:
    """Carry a changed item type into the public documents of the item's listings."""
    listings = await tx.session.scalars(
        select(Listing)
        .where(Listing.item_code.in_(item_codes), Listing.version > 0)
        .order_by(Listing.id)
        .with_for_update()
    )
    for listing in listings.all():
        item = listing.item_code
        version = await tx.session.get_one(ListingVersion, (listing.id, listing.version))
        await write_public(tx, listing, version, cause=Cause.ITEM_CHANGED, cause_id=item)


async def write_public(
    tx: Transaction, listing: Listing, version: ListingVersion, *, cause: Cause, cause_id: object
) -> None:
    """The public document, what it is found by, the number of this change and its cause."""
    content = ListingContent.model_validate(version.content)
    organisation = await tx.session.get_one(Organisation, content.organisation_id)
    item = await tx.session.get_one(Item, content.item_code)
    listing.item_code, listing.item_type = item.code, item.item_type
    listing.organisation_id, listing.region = content.organisation_id, content.region
    listing.kind, listing.title, listing.zone_id = content.kind, content.title, content.zone_id
    listing.hall_id = await open_hall(tx, content.hall_id)
    listing.audiences, listing.channels = content.audiences, content.channels
    listing.title_text = normalised(content.title)
    listing.search_text = searchable(content.title, content.summary, *content.keywords)
    listing.terms = sorted(terms(listing.search_text))
    listing.epoch = await next_epoch(tx)
    if listing.number is None:
        listing.number = listing.epoch
    shown = content.model_dump(exclude={"builder", "operations_contact", "data_scope"})
    listing.doc = ListingView(
        **{**shown, "hall_id": listing.hall_id},
        id=listing.id,
        state=listing.state,
        version=listing.version,
        item_type=item.item_type,
        organisation_name=organisation.name,
        digest=version.digest,
        filing_id=listing.filing_id or version.filing_id,
        listed_at=listing.listed_at or tx.now,
        delisted_at=listing.delisted_at,
        notice_id=listing.notice_id,
    ).model_dump_json()
    await keep_appearance(tx, listing, cause=cause, cause_id=cause_id)


_KEPT = ", ".join(["number", "epoch", *Found.__annotations__])
_APPEAR = f"""
with ended as (
    update listing_appearances set seen_to = greatest(seen_from, $2)
    where listing_id = $1 and seen_to is null returning seen_to
)
insert into listing_appearances (listing_id, seen_from, cause, cause_id, {_KEPT})
select id, coalesce((select seen_to from ended), $2), $3, $4, {_KEPT} from listings where id = $1
"""  # noqa: S608 our own columns


async def keep_appearance(
    tx: Transaction, listing: Listing, *, cause: Cause, cause_id: object
) -> None:
    """Keep what the public sees from now on, and why; what it saw until now ends (C4)."""
    await tx.session.flush()
    raw = await tx.raw()
    await raw.execute(_APPEAR, listing.id, tx.now, cause, str(cause_id))


async def open_hall(tx: Transaction, hall_id: str) -> str:
    """The hall itself, or the one that took it in; held unmerged until commit (A5.3)."""
    hall = await tx.session.scalar(
        select(Hall)
        .where(Hall.id == hall_id)
        .with_for_update(read=True)
        .execution_options(populate_existing=True)
    )
    if hall is None or hall.merged_into is None or hall.state != HallState.MERGED:
        return hall_id
    return await open_hall(tx, hall.merged_into)


async def next_epoch(tx: Transaction) -> int:
    """Count the change; the row stays locked until commit, so epochs are in commit order."""
    epoch: int = await tx.session.scalar(
        text("update search_epoch set epoch = epoch + 1 returning epoch")
    )
    return epoch

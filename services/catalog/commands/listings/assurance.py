"""What a listing's owner assures of its service and its protection (A7.2, A15.4, A22)."""

from uuid import UUID

from sqlalchemy import select

from services.catalog.commands.register import Wanted, load_known, refuse
from services.catalog.errors import ListingArchived, ListingNotFound
from services.catalog.rules.listings import ListingState
from services.catalog.schemas.assurance import AssuranceInput
from services.catalog.tables import Listing, ListingAssurance
from shared.database import Transaction
from shared.events.catalog import ListingAssuranceSet
from shared.security.access import Relation, check_relation
from shared.security.scope import visible


async def set_assurance(
    tx: Transaction, listing_id: UUID, given: AssuranceInput, *, relation: Relation
) -> None:
    """Set it for the first time or anew; version 0 is what holds before the first time."""
    listing = await tx.session.scalar(
        select(Listing)
        .where(
            Listing.id == listing_id,
            visible(tx.actor, region=Listing.region, organisation=Listing.organisation_id),
        )
        .with_for_update(key_share=True)
    )
    if listing is None:
        raise ListingNotFound(id=listing_id)
    check_relation(
        relation,
        tx.actor,
        organisation=listing.organisation_id,
        region=listing.region,
        clause="A7.2",
    )
    if listing.state == ListingState.ARCHIVED:
        raise ListingArchived(id=listing_id)
    assurance = await tx.session.get(ListingAssurance, listing_id)
    tx.expect(0 if assurance is None else assurance.version)
    known = await load_known(tx, [Wanted(organisations=(given.operations_office,))])
    refuse(list(known.organisation("operations_office", given.operations_office)))
    if assurance is None:
        assurance = ListingAssurance(listing_id=listing_id, version=0)
        tx.session.add(assurance)
    values = given.model_dump()
    for name, value in values.items():
        setattr(assurance, name, value)
    assurance.version += 1
    tx.emit(
        ListingAssuranceSet(
            listing_id=listing_id, organisation_id=listing.organisation_id, **values
        ),
        subject=f"listing:{listing_id}",
        region=listing.region,
    )
    await tx.session.flush()

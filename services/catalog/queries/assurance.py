"""What is assured of listings, for their owners and the authorities (A7.2, A15.4, A22)."""

from typing import Any
from uuid import UUID

from sqlalchemy import select

from services.catalog.errors import ListingNotFound
from services.catalog.schemas.assurance import AssuranceView
from services.catalog.tables import Listing, ListingAssurance
from shared.database import Transaction
from shared.http.pagination import PageRequest, cut, keyset
from shared.security.scope import visible


async def list_assurances(
    tx: Transaction,
    page: PageRequest,
    *,
    organisation: str,
    mlps_level: int | None,
    critical_infrastructure: bool | None,
) -> tuple[list[AssuranceView], str | None]:
    """What was set, of the listings that the actor may see."""
    statement = _assurances(tx).where(ListingAssurance.version.is_not(None))
    if organisation:
        statement = statement.where(Listing.organisation_id == organisation)
    if mlps_level is not None:
        statement = statement.where(ListingAssurance.mlps_level == mlps_level)
    if critical_infrastructure is not None:
        statement = statement.where(
            ListingAssurance.critical_infrastructure.is_(critical_infrastructure)
        )
    rows = await tx.session.execute(
        keyset(statement, page, columns=[ListingAssurance.listing_id], kinds=[UUID])
    )
    shown, cursor = cut(rows.all(), page, lambda row: (row.listing_id,))
    return [AssuranceView.model_validate(row) for row in shown], cursor


async def get_assurance(
    tx: Transaction, listing_id: UUID, *, availability_target: str, response_milliseconds: int
) -> AssuranceView:
    """What was set, or else the level by policy, kept by the listing's own unit (A4.2)."""
    row = (await tx.session.execute(_assurances(tx).where(Listing.id == listing_id))).one_or_none()
    if row is None:
        raise ListingNotFound(id=listing_id)
    if row.version is not None:
        return AssuranceView.model_validate(row)
    return AssuranceView(
        listing_id=listing_id,
        organisation_id=row.organisation_id,
        region=row.region,
        availability_target=availability_target,
        response_milliseconds=response_milliseconds,
        mlps_level=None,
        critical_infrastructure=False,
        operations_office=row.organisation_id,
        version=0,
    )


def _assurances(tx: Transaction) -> Any:
    statement: Any = (
        select(
            Listing.id.label("listing_id"),
            Listing.organisation_id,
            Listing.region,
            ListingAssurance.availability_target,
            ListingAssurance.response_milliseconds,
            ListingAssurance.mlps_level,
            ListingAssurance.critical_infrastructure,
            ListingAssurance.operations_office,
            ListingAssurance.version,
        )
        .outerjoin(ListingAssurance, ListingAssurance.listing_id == Listing.id)
        .where(visible(tx.actor, region=Listing.region, organisation=Listing.organisation_id))
    )
    return statement

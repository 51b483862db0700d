"""What is to be tested again by a newer norm (A6.3)."""

from typing import Any
from uuid import UUID

from sqlalchemy import select

from services.catalog.rules.cursors import word
from services.catalog.rules.listings import LIVE
from services.catalog.schemas.history import RecheckView
from services.catalog.tables import Listing
from shared.database import Transaction
from shared.http.pagination import PageRequest, cut, keyset
from shared.security.scope import visible


async def list_rechecks(
    tx: Transaction, page: PageRequest, *, organisation: str, norm: str
) -> tuple[list[RecheckView], str | None]:
    """Live listings that are flagged, among those the actor may see, norm by norm."""
    statement: Any = select(
        Listing.id.label("listing_id"),
        Listing.title,
        Listing.organisation_id,
        Listing.region,
        Listing.norm_version.label("tested_by"),
        Listing.recheck_norm.label("norm_version"),
        Listing.recheck_since.label("flagged_at"),
    ).where(
        Listing.recheck_norm.is_not(None),
        Listing.state.in_(LIVE),
        visible(tx.actor, region=Listing.region, organisation=Listing.organisation_id),
    )
    if organisation:
        statement = statement.where(Listing.organisation_id == organisation)
    if norm:
        statement = statement.where(Listing.recheck_norm == norm)
    rows = await tx.session.execute(
        keyset(statement, page, columns=[Listing.recheck_norm, Listing.id], kinds=[word, UUID])
    )
    shown, cursor = cut(rows.all(), page, lambda row: (row.norm_version, row.listing_id))
    return [RecheckView.model_validate(row) for row in shown], cursor

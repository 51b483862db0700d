"""The asset ledger as its owners and the authorities read it (A6.4)."""

from datetime import date
from uuid import UUID

from sqlalchemy import ColumnElement, func, or_, select

from services.catalog.errors import AssetNotFound
from services.catalog.schemas.assets import AssetView
from services.catalog.tables import Asset
from shared.database import Transaction
from shared.http.pagination import PageRequest, cut, keyset
from shared.security.identity import scope_prefix
from shared.security.scope import visible


async def list_assets(
    tx: Transaction,
    page: PageRequest,
    *,
    organisation: str,
    region: str,
    contract: str,
    listing: UUID | None,
    zone: str,
    in_service_on: date | None,
) -> tuple[list[AssetView], str | None, int]:
    """One page and the number of all that the actor may see; `region` finds all below it."""
    conditions = [_seen(tx)]
    if organisation:
        conditions.append(Asset.organisation_id == organisation)
    if region:
        conditions.append(Asset.region.startswith(scope_prefix(region), autoescape=True))
    if contract:
        conditions.append(Asset.contract_number == contract)
    if listing is not None:
        conditions.append(Asset.listing_ids.contains([listing]))
    if zone:
        conditions.append(Asset.zone_ids.contains([zone]))
    if in_service_on is not None:
        conditions.append(
            (Asset.in_service_from <= in_service_on)
            & or_(Asset.in_service_until.is_(None), Asset.in_service_until >= in_service_on)
        )
    total = await tx.session.scalar(select(func.count()).select_from(Asset).where(*conditions))
    rows = await tx.session.scalars(
        keyset(select(Asset).where(*conditions), page, columns=[Asset.id], kinds=[UUID])
    )
    shown, cursor = cut(rows.all(), page, lambda row: (row.id,))
    return [AssetView.model_validate(row) for row in shown], cursor, total or 0


async def get_asset(tx: Transaction, asset_id: UUID) -> AssetView:
    """An asset that the actor may see, or `asset_not_found` (404)."""
    asset = await tx.session.scalar(select(Asset).where(Asset.id == asset_id, _seen(tx)))
    if asset is None:
        raise AssetNotFound(id=asset_id)
    return AssetView.model_validate(asset)


def _seen(tx: Transaction) -> ColumnElement[bool]:
    return visible(tx.actor, region=Asset.region, organisation=Asset.organisation_id)

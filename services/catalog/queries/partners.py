"""Partners with the level that supervises them and their liaison pair (A15.1, A15.3)."""

from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import aliased

from services.catalog.errors import PartnerUnlisted
from services.catalog.rules.cursors import word
from services.catalog.rules.listings import LIVE
from services.catalog.schemas.partners import LiaisonView
from services.catalog.tables import Listing, Organisation, Partner, Region
from shared.database import Transaction
from shared.http.pagination import PageRequest, cut, keyset
from shared.security.scope import visible


async def list_liaisons(
    tx: Transaction, page: PageRequest, *, supervising: str
) -> tuple[list[LiaisonView], str | None]:
    statement = _partners(tx)
    if supervising:
        statement = statement.where(Partner.supervising_organisation == supervising)
    rows = await tx.session.execute(
        keyset(statement, page, columns=[Partner.organisation_id], kinds=[word])
    )
    shown, cursor = cut(rows.all(), page, lambda row: (row.partner_id,))
    return [LiaisonView.model_validate(row) for row in shown], cursor


async def get_liaison(tx: Transaction, partner_id: str) -> LiaisonView:
    row = (
        await tx.session.execute(_partners(tx).where(Partner.organisation_id == partner_id))
    ).one_or_none()
    if row is None:
        raise PartnerUnlisted(id=partner_id)
    return LiaisonView.model_validate(row)


def _partners(tx: Transaction) -> Select[Any]:
    supervisor = aliased(Organisation)
    live = (
        select(func.count())
        .select_from(Listing)
        .where(Listing.organisation_id == Partner.organisation_id, Listing.state.in_(LIVE))
        .scalar_subquery()
    )
    statement: Select[Any] = (
        select(
            Partner.organisation_id.label("partner_id"),
            Organisation.name,
            Partner.state,
            Partner.supervising_organisation,
            Region.level.label("supervising_level"),
            Partner.valid_until,
            Partner.partner_person_id,
            Partner.operator_person_id,
            live.label("live_listings"),
            Partner.forced_out_at,
            Partner.version,
        )
        .join(Organisation, Organisation.id == Partner.organisation_id)
        .outerjoin(supervisor, supervisor.id == Partner.supervising_organisation)
        .outerjoin(Region, Region.id == supervisor.region)
        .where(visible(tx.actor, region=Partner.region, organisation=Partner.organisation_id))
    )
    return statement

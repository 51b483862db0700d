"""What should be listed and is, unit by unit, and who answers for what is live (A8.1, C5, C6)."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, or_, select

from services.catalog.queries.persons import on_duty
from services.catalog.rules.cursors import word
from services.catalog.rules.listings import LIVE, ListingState
from services.catalog.rules.register import NEEDED_PERSONS, Domain
from services.catalog.schemas.listings import CoverageView
from services.catalog.tables import Listing, Organisation, PlanLine, ResponsiblePerson
from shared.clock import SHANGHAI
from shared.database import Transaction
from shared.http.pagination import PageRequest, cut, keyset
from shared.security.scope import visible

_FOUR_PLACES = Decimal("0.0001")


@dataclass(frozen=True, slots=True)
class Orphan:
    """A unit with live listings and nobody on duty for a domain."""

    organisation_id: str
    region: str
    domain: Domain
    live_listings: int


async def list_coverage(
    tx: Transaction, page: PageRequest, *, organisation: str, year: int | None
) -> tuple[list[CoverageView], str | None]:
    """Every unit that planned something or has something live, among those the actor may see."""
    statement = _units(tx.now.astimezone(SHANGHAI).date(), year).where(
        visible(tx.actor, region=Organisation.region, organisation=Organisation.id)
    )
    if organisation:
        statement = statement.where(Organisation.id == organisation)
    rows = await tx.session.execute(
        keyset(statement, page, columns=[Organisation.id], kinds=[word])
    )
    shown, cursor = cut(rows.all(), page, lambda row: (row.organisation_id,))
    return [_view(row) for row in shown], cursor


async def orphans(tx: Transaction) -> list[Orphan]:
    """The vacancies of today; empty when every unit with live listings has its persons (C5)."""
    units = _units(tx.now.astimezone(SHANGHAI).date(), None).subquery()
    rows = await tx.session.execute(
        select(units).where(units.c.live_listings > 0).order_by(units.c.organisation_id)
    )
    return [
        Orphan(row.organisation_id, row.region, domain, row.live_listings)
        for row in rows
        for domain in NEEDED_PERSONS
        if getattr(row, _person_column(domain)) is None
    ]


def _units(today: date, year: int | None) -> Select[Any]:
    planned = select(PlanLine.organisation_id, PlanLine.item_code)
    if year is not None:
        planned = planned.where(PlanLine.year == year)
    lines = planned.subquery("lines")
    listed = (
        select(Listing.id)
        .where(
            Listing.organisation_id == lines.c.organisation_id,
            Listing.item_code == lines.c.item_code,
            Listing.state == ListingState.LISTED,
        )
        .exists()
    )
    plan = (
        select(
            lines.c.organisation_id,
            func.count().label("planned"),
            func.count().filter(listed).label("listed"),
        )
        .group_by(lines.c.organisation_id)
        .subquery("plan")
    )
    live = (
        select(Listing.organisation_id, func.count().label("live"))
        .where(Listing.state.in_(LIVE))
        .group_by(Listing.organisation_id)
        .subquery("live")
    )
    units: Select[Any] = (
        select(
            Organisation.id.label("organisation_id"),
            Organisation.name,
            Organisation.region,
            func.coalesce(plan.c.planned, 0).label("planned"),
            func.coalesce(plan.c.listed, 0).label("listed"),
            func.coalesce(live.c.live, 0).label("live_listings"),
            *(_duty_person(domain, today) for domain in NEEDED_PERSONS),
        )
        .outerjoin(plan, plan.c.organisation_id == Organisation.id)
        .outerjoin(live, live.c.organisation_id == Organisation.id)
        .where(or_(plan.c.planned > 0, live.c.live > 0))
    )
    return units


def _duty_person(domain: Domain, today: date) -> ColumnElement[Any]:
    """The person on duty whose term began last."""
    return (
        select(ResponsiblePerson.id)
        .where(
            and_(
                ResponsiblePerson.organisation_id == Organisation.id,
                ResponsiblePerson.domain == domain,
            ),
            on_duty(today),
        )
        .order_by(ResponsiblePerson.valid_from.desc(), ResponsiblePerson.id)
        .limit(1)
        .scalar_subquery()
        .label(_person_column(domain))
    )


def _person_column(domain: Domain) -> str:
    return f"{domain.lower()}_person_id"


def _view(row: Any) -> CoverageView:
    ratio = (Decimal(row.listed) / row.planned).quantize(_FOUR_PLACES) if row.planned else None
    persons = {_person_column(each): getattr(row, _person_column(each)) for each in NEEDED_PERSONS}
    return CoverageView(
        organisation_id=row.organisation_id,
        name=row.name,
        region=row.region,
        planned=row.planned,
        listed=row.listed,
        ratio=ratio,
        live_listings=row.live_listings,
        **persons,
        orphan=row.live_listings > 0 and None in persons.values(),
    )

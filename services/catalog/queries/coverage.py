"""What should be listed and is, unit by unit, and who answers for what is live (A8.1, C5, C6)."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    case,
    func,
    literal_column,
    not_,
    or_,
    select,
    true,
)

from services.catalog.queries.persons import on_duty
from services.catalog.rules.coverage import CoverageState
from services.catalog.rules.cursors import word
from services.catalog.rules.listings import LIVE, ListingState
from services.catalog.rules.notices import NoticeKind
from services.catalog.rules.register import NEEDED_PERSONS, Domain, Post
from services.catalog.schemas.coverage import CoverageItemView, CoverageView, ExemptionView
from services.catalog.tables import (
    CoverageExemption,
    Item,
    Listing,
    Organisation,
    PlanLine,
    ResponsiblePerson,
)
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
    tx: Transaction,
    page: PageRequest,
    *,
    organisation: str,
    year: int | None,
    orphan: bool | None = None,
) -> tuple[list[CoverageView], str | None]:
    """Every unit that planned something or has something live, among those the actor may see.

    With `orphan` only those whose live listings nobody answers for, or only the others (C5).
    """
    today = _today(tx)
    statement = coverage_of_units(today, year).where(
        visible(tx.actor, region=Organisation.region, organisation=Organisation.id)
    )
    if organisation:
        statement = statement.where(Organisation.id == organisation)
    if orphan is not None:
        found = and_(_has_live(), _vacant(today))
        statement = statement.where(found if orphan else not_(found))
    rows = await tx.session.execute(
        keyset(statement, page, columns=[Organisation.id], kinds=[word])
    )
    shown, cursor = cut(rows.all(), page, lambda row: (row.organisation_id,))
    return [_view(row) for row in shown], cursor


async def list_coverage_items(
    tx: Transaction, page: PageRequest, *, organisation: str, year: int | None, state: str
) -> tuple[list[CoverageItemView], str | None]:
    """Each planned item among those the actor may see, with how far it has come."""
    best, exemption, found = _best(), _exemption(_today(tx)), _state_column()
    statement: Any = (
        select(
            PlanLine.organisation_id,
            PlanLine.item_code,
            Item.name.label("item_name"),
            PlanLine.year,
            found.label("state"),
            best.c.listing_id,
            best.c.goes_live_at,
            exemption.c.exemption_id,
            exemption.c.reason.label("exemption_reason"),
        )
        .outerjoin(Item, Item.code == PlanLine.item_code)
        .outerjoin(best, true())
        .outerjoin(exemption, true())
        .where(visible(tx.actor, region=PlanLine.region, organisation=PlanLine.organisation_id))
    )
    if organisation:
        statement = statement.where(PlanLine.organisation_id == organisation)
    if year is not None:
        statement = statement.where(PlanLine.year == year)
    if state:
        statement = statement.where(found == state)
    rows = await tx.session.execute(
        keyset(
            statement,
            page,
            columns=[PlanLine.organisation_id, PlanLine.item_code],
            kinds=[word, word],
        )
    )
    shown, cursor = cut(rows.all(), page, lambda row: (row.organisation_id, row.item_code))
    return [CoverageItemView.model_validate(row) for row in shown], cursor


async def list_exemptions(
    tx: Transaction, page: PageRequest, *, organisation: str
) -> tuple[list[ExemptionView], str | None]:
    statement = select(CoverageExemption).where(
        visible(
            tx.actor,
            region=CoverageExemption.region,
            organisation=CoverageExemption.organisation_id,
        )
    )
    if organisation:
        statement = statement.where(CoverageExemption.organisation_id == organisation)
    rows = await tx.session.scalars(
        keyset(statement, page, columns=[CoverageExemption.id], kinds=[UUID])
    )
    shown, cursor = cut(rows.all(), page, lambda row: (row.id,))
    return [ExemptionView.model_validate(row) for row in shown], cursor


async def orphans(tx: Transaction) -> list[Orphan]:
    """The vacancies of today; empty when every unit with live listings has its persons (C5).

    A closed unit answers for nothing, whoever was named for it.
    """
    today = _today(tx)
    units = (
        select(
            Organisation.id.label("organisation_id"),
            Organisation.region,
            _live().label("live_listings"),
            *(
                _duty_person(domain, today).label(_person_column(domain))
                for domain in NEEDED_PERSONS
            ),
        )
        .where(_has_live())
        .order_by(Organisation.id)
    )
    return [
        Orphan(row.organisation_id, row.region, domain, row.live_listings)
        for row in await tx.session.execute(units)
        for domain in NEEDED_PERSONS
        if getattr(row, _person_column(domain)) is None
    ]


def coverage_of_units(today: date, year: int | None) -> Select[Any]:
    """One row a unit; its lines are counted for the rows of the page alone."""
    planned = PlanLine.organisation_id == Organisation.id
    if year is not None:
        planned &= PlanLine.year == year
    state = _state_column()
    tally = (
        select(
            func.count().label("planned"),
            *(func.count().filter(state == each).label(each.lower()) for each in CoverageState),
        )
        .select_from(PlanLine)
        .outerjoin(_best(), true())
        .outerjoin(_exemption(today), true())
        .where(planned)
        .correlate(Organisation)
        .lateral("tally")
    )
    units: Select[Any] = (
        select(
            Organisation.id.label("organisation_id"),
            Organisation.name,
            Organisation.region,
            tally,
            _live().label("live_listings"),
            *(
                _duty_person(domain, today).label(_person_column(domain))
                for domain in NEEDED_PERSONS
            ),
        )
        .join(tally, true())
        .where(or_(select(PlanLine.item_code).where(planned).exists(), _has_live()))
    )
    return units


def _today(tx: Transaction) -> date:
    return tx.now.astimezone(SHANGHAI).date()


def _live() -> Any:
    return (
        select(func.count())
        .select_from(Listing)
        .where(Listing.organisation_id == Organisation.id, Listing.state.in_(LIVE))
        .scalar_subquery()
    )


def _has_live() -> ColumnElement[bool]:
    return (
        select(Listing.id)
        .where(Listing.organisation_id == Organisation.id, Listing.state.in_(LIVE))
        .exists()
    )


def _best() -> Any:
    """The listing of a planned item that has come furthest."""
    return (
        select(
            Listing.id.label("listing_id"),
            Listing.state.label("listing_state"),
            Listing.off_by,
            Listing.goes_live_at,
        )
        .where(
            Listing.organisation_id == PlanLine.organisation_id,
            Listing.item_code == PlanLine.item_code,
            Listing.state.in_(_RANK),
        )
        .order_by(case(_RANK, value=Listing.state), Listing.delisted_at.desc(), Listing.id)
        .limit(1)
        .correlate(PlanLine)
        .lateral("best")
    )


def _exemption(today: date) -> Any:
    return (
        select(CoverageExemption.id.label("exemption_id"), CoverageExemption.reason)
        .where(
            CoverageExemption.organisation_id == PlanLine.organisation_id,
            CoverageExemption.item_code == PlanLine.item_code,
            or_(CoverageExemption.until.is_(None), CoverageExemption.until >= today),
        )
        .correlate(PlanLine)
        .lateral("exemption")
    )


_RANK = {
    ListingState.LISTED: 0,
    ListingState.SUSPENDED: 1,
    ListingState.SCHEDULED: 2,
    ListingState.DELISTED: 3,
}


def _state_column() -> ColumnElement[str]:
    """A planned item's state by its best listing, else by its exemption (A8.1)."""
    listing: ColumnElement[str] = literal_column("best.listing_state")
    off_by: ColumnElement[str] = literal_column("best.off_by")
    live = (ListingState.LISTED, ListingState.SUSPENDED, ListingState.SCHEDULED)
    return case(
        (listing.in_(live), listing),
        (literal_column("exemption.exemption_id").is_not(None), CoverageState.EXEMPT),
        (listing.is_(None), CoverageState.MISSING),
        (off_by == NoticeKind.FORCED_EXIT, CoverageState.FORCED_EXIT),
        else_=CoverageState.DELISTED,
    )


def _duty_person(domain: Domain, today: date) -> ColumnElement[Any]:
    """The person on duty whose term began last."""
    return (
        select(ResponsiblePerson.id)
        .where(
            and_(
                ResponsiblePerson.organisation_id == Organisation.id,
                ResponsiblePerson.domain == domain,
                ResponsiblePerson.post == Post.RESPONSIBLE,
            ),
            Organisation.active,
            on_duty(today),
        )
        .order_by(ResponsiblePerson.valid_from.desc(), ResponsiblePerson.id)
        .limit(1)
        .correlate(Organisation)
        .scalar_subquery()
    )


def _vacant(today: date) -> ColumnElement[bool]:
    return or_(*(_duty_person(domain, today).is_(None) for domain in NEEDED_PERSONS))


def _person_column(domain: Domain) -> str:
    return f"{domain.lower()}_person_id"


def _view(row: Any) -> CoverageView:
    counted = row.planned - row.exempt
    persons = {_person_column(each): getattr(row, _person_column(each)) for each in NEEDED_PERSONS}
    return CoverageView(
        organisation_id=row.organisation_id,
        name=row.name,
        region=row.region,
        planned=row.planned,
        listed=row.listed,
        suspended=row.suspended,
        scheduled=row.scheduled,
        exempt=row.exempt,
        forced_exits=row.forced_exit,
        delisted=row.delisted,
        missing=row.missing,
        ratio=(Decimal(row.listed) / counted).quantize(_FOUR_PLACES) if counted else None,
        live_listings=row.live_listings,
        **persons,
        orphan=row.live_listings > 0 and None in persons.values(),
    )

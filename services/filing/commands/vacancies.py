"""Vacancies: a unit without a responsible person owes one, until catalog tells of one."""

from datetime import date
from uuid import UUID

from sqlalchemy import exists, func, or_, select
from sqlalchemy.dialects.postgresql import insert

from services.filing.commands import obligations
from services.filing.commands.obligations import Debt
from services.filing.commands.records import today
from services.filing.rules import NAMING, NEEDED_PERSONS, ClockKind
from services.filing.tables import KnownOrganisation, KnownPerson, Obligation
from shared.database import Transaction

OPENED_AT_ONCE = 200


async def know_person(
    tx: Transaction,
    person_id: UUID,
    *,
    organisation_id: str,
    domain: str,
    valid_from: date,
    valid_to: date | None,
) -> None:
    """Somebody is named; what was owed for the domain is paid if they are there today."""
    values = {
        "organisation_id": organisation_id,
        "domain": domain,
        "valid_from": valid_from,
        "valid_to": valid_to,
    }
    statement = insert(KnownPerson).values(id=person_id, **values)
    await tx.session.execute(statement.on_conflict_do_update(index_elements=["id"], set_=values))
    if valid_from <= today(tx) and (valid_to is None or valid_to >= today(tx)):
        await _pay(tx, organisation_id, domain)


async def chase_vacancies(tx: Transaction) -> int:
    """Open what a unit owes that has nobody named, and close it where somebody has come."""
    return sum([await _chase(tx, domain) for domain in NEEDED_PERSONS])


async def _chase(tx: Transaction, domain: str) -> int:
    day = today(tx)
    named = exists().where(
        KnownPerson.organisation_id == KnownOrganisation.id,
        KnownPerson.domain == domain,
        KnownPerson.valid_from <= day,
        or_(KnownPerson.valid_to.is_(None), KnownPerson.valid_to >= day),
    )
    chased = exists().where(
        Obligation.organisation_id == KnownOrganisation.id,
        Obligation.kind == ClockKind.RESPONSIBLE_PERSON,
        func.starts_with(Obligation.subject, _prefix(domain)),
        Obligation.fulfilled_at.is_(None),
    )
    units = select(KnownOrganisation).where(
        KnownOrganisation.active, KnownOrganisation.kind.in_(sorted(NAMING))
    )
    page = units.order_by(KnownOrganisation.id).limit(OPENED_AT_ONCE)
    filled = (await tx.session.scalars(page.where(named, chased))).all()
    for unit in filled:
        await _pay(tx, unit.id, domain)
    vacant = (await tx.session.scalars(page.where(~named, ~chased))).all()
    for unit in vacant:
        debt = Debt(
            kind=ClockKind.RESPONSIBLE_PERSON,
            organisation_id=unit.id,
            region=unit.region,
            clause=NEEDED_PERSONS[domain],
            policy="vacancy",
            subject=f"{_prefix(domain)}{tx.now.isoformat()}",
        )
        await obligations.owe(tx, debt)
    return len(filled) + len(vacant)


async def _pay(tx: Transaction, organisation_id: str, domain: str) -> None:
    rows = await tx.session.scalars(
        select(Obligation).where(
            Obligation.organisation_id == organisation_id,
            Obligation.kind == ClockKind.RESPONSIBLE_PERSON,
            func.starts_with(Obligation.subject, _prefix(domain)),
            Obligation.fulfilled_at.is_(None),
        )
    )
    for due in rows.all():
        await obligations.fulfil(tx, due, by=None)


def _prefix(domain: str) -> str:
    return f"person:{domain}:"

"""Vacancies: a unit without a responsible person owes one, until catalog tells of one."""

from sqlalchemy import exists, func, or_, select

from services.filing.commands import obligations
from services.filing.commands.obligations import Debt
from services.filing.commands.records import today
from services.filing.rules import NAMING, NEEDED_PERSONS, ClockKind, Post
from services.filing.tables import KnownOrganisation, KnownPerson, Obligation
from shared.database import Transaction
from shared.events.catalog import ResponsiblePersonNamed

OPENED_AT_ONCE = 200


async def end_vacancy(tx: Transaction, told: ResponsiblePersonNamed) -> None:
    """What was owed for the post is paid if whoever was named is there today."""
    in_time = told.valid_from <= today(tx) and (told.valid_to is None or told.valid_to >= today(tx))
    if told.post == Post.RESPONSIBLE and in_time:
        await _pay(tx, told.organisation_id, told.domain)


async def chase_vacancies(tx: Transaction) -> int:
    """Open what a unit owes that has nobody named, and close it where somebody has come."""
    return sum([await _chase(tx, domain) for domain in NEEDED_PERSONS])


async def _chase(tx: Transaction, domain: str) -> int:
    day = today(tx)
    named = exists().where(
        KnownPerson.organisation_id == KnownOrganisation.id,
        KnownPerson.domain == domain,
        KnownPerson.post == Post.RESPONSIBLE,
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

"""Renewals: what runs out soon is owed anew, so that no check or agreement ends unseen (A21.3)."""

from datetime import timedelta
from uuid import UUID

from sqlalchemy import String, cast, exists, func, select
from sqlalchemy.orm import aliased

from services.filing.commands import obligations
from services.filing.commands.obligations import Debt
from services.filing.commands.records import policies_now, today
from services.filing.rules import ClockKind, TermKind
from services.filing.tables import GrantedTerm, Obligation
from shared.database import Transaction

OPENED_AT_ONCE = 100
_RENEWED = (TermKind.CLEARANCE, TermKind.AGREEMENT)


async def chase_renewals(tx: Transaction) -> int:
    """Open what is owed for terms that end within the notice and have no successor yet."""
    last_day = today(tx) + timedelta(days=int((await policies_now(tx))["renewal_notice"].value))
    later = aliased(GrantedTerm)
    succeeded = exists().where(
        later.kind == GrantedTerm.kind,
        later.subject == GrantedTerm.subject,
        later.until > GrantedTerm.until,
        later.ended_at.is_(None),
    )
    chased = exists().where(
        Obligation.organisation_id == GrantedTerm.organisation_id,
        Obligation.kind == ClockKind.RENEWAL,
        Obligation.subject == func.concat(GrantedTerm.subject, ":", cast(GrantedTerm.id, String)),
    )
    rows = await tx.session.scalars(
        select(GrantedTerm)
        .where(
            GrantedTerm.kind.in_(_RENEWED),
            GrantedTerm.ended_at.is_(None),
            GrantedTerm.until.between(today(tx), last_day),
            ~succeeded,
            ~chased,
        )
        .order_by(GrantedTerm.until, GrantedTerm.id)
        .limit(OPENED_AT_ONCE)
    )
    found = rows.all()
    for term in found:
        debt = Debt(
            kind=ClockKind.RENEWAL,
            organisation_id=term.organisation_id,
            region=term.region,
            clause="A21.3",
            policy="renewal_due",
            subject=f"{term.subject}:{term.id}",
            filing_id=term.id,
        )
        await obligations.owe(tx, debt)
    return len(found)


async def pay_renewals(
    tx: Transaction, organisation_id: str, subject: str, *, by: UUID | None
) -> None:
    """A successor was filed, or the term was ended on purpose: its renewal is owed no more."""
    rows = await tx.session.scalars(
        select(Obligation).where(
            Obligation.organisation_id == organisation_id,
            Obligation.kind == ClockKind.RENEWAL,
            func.starts_with(Obligation.subject, f"{subject}:"),
            Obligation.fulfilled_at.is_(None),
        )
    )
    for due in rows.all():
        await obligations.fulfil(tx, due, by=by)

"""Obligations: what is owed by a date, fulfilled in time or late; a breach stays for ever (F8)."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import select

from services.filing.commands import clocks
from services.filing.commands.sweep import breach
from services.filing.rules import ClockKind, domain_of
from services.filing.tables import Obligation
from shared.database import Transaction
from shared.events.filing import ObligationFulfilled, ObligationOpened


@dataclass(frozen=True, slots=True)
class Debt:
    """What is owed by whom under which clause; `subject` names it, `policy` its limit."""

    kind: ClockKind
    organisation_id: str
    region: str
    clause: str
    policy: str
    subject: str | None = None
    filing_id: UUID | None = None


async def owe(tx: Transaction, debt: Debt, *, since: datetime | None = None) -> Obligation:
    """Open an obligation with its running clock, counted from now or from an earlier instant."""
    obligation_id = uuid4()
    running = await clocks.start_clock(
        tx,
        record="obligation",
        record_id=obligation_id,
        kind=debt.kind,
        policy=debt.policy,
        since=since,
    )
    due = running.due
    assert due is not None  # noqa: S101 a clock that has just started has a due date
    obligation = Obligation(
        id=obligation_id,
        kind=debt.kind,
        organisation_id=debt.organisation_id,
        region=debt.region,
        domain=domain_of(debt.kind, debt.subject),
        filing_id=debt.filing_id,
        subject=debt.subject,
        clause=debt.clause,
        opened_at=since or tx.now,
        due_at=due.at,
        provisional=due.provisional,
        late=False,
        version=1,
    )
    tx.session.add(obligation)
    tx.emit(
        ObligationOpened(
            obligation_id=obligation_id,
            kind=debt.kind,
            organisation_id=debt.organisation_id,
            filing_id=debt.filing_id,
            subject=debt.subject,
            due_at=due.at,
            provisional=due.provisional,
            clause=debt.clause,
        ),
        subject=f"obligation:{obligation_id}",
        region=debt.region,
    )
    return obligation


async def fulfil(tx: Transaction, obligation: Obligation, *, by: UUID | None) -> bool:
    """Pay what is owed, in time or late; False when it was paid before."""
    await tx.session.flush()
    running = (await clocks.open_clocks(tx, obligation.id)).get(ClockKind(obligation.kind))
    await tx.session.refresh(obligation)
    if running is None or obligation.fulfilled_at is not None:
        return False
    if running.late(tx):
        running.row.overdue_at = running.row.overdue_at or tx.now
        breach(tx, obligation)
    clocks.stop_clock(tx, running, reason=str(by) if by is not None else obligation.kind)
    obligation.fulfilled_at = tx.now
    obligation.fulfilled_by = by
    obligation.version += 1
    tx.emit(
        ObligationFulfilled(
            obligation_id=obligation.id,
            fulfilled_by=by,
            fulfilled_at=tx.now,
            late=obligation.late,
        ),
        subject=f"obligation:{obligation.id}",
        region=obligation.region,
    )
    return True


async def owed(
    tx: Transaction, organisation_id: str, *, kind: ClockKind, subject: str
) -> Obligation | None:
    """The obligation of this unit for this subject, paid or not."""
    return await tx.session.scalar(
        select(Obligation).where(
            Obligation.organisation_id == organisation_id,
            Obligation.kind == kind,
            Obligation.subject == subject,
        )
    )

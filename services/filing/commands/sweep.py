"""The sweep: what the clock causes, each reminder and each breach once, whoever sweeps (F5)."""

from sqlalchemy import select

from services.filing.commands import clocks
from services.filing.commands.ladder import fire_rung
from services.filing.commands.records import advance, drop_filed_lines, keep
from services.filing.commands.reopening import owe_again
from services.filing.rules import ESCALATIONS, Action, ClockKind, FilingKind
from services.filing.tables import Clock, Filing, Obligation
from shared import deadlines
from shared.database import Transaction
from shared.deadlines import Rung
from shared.events.filing import (
    FilingLapsed,
    FilingOverdue,
    FilingReminded,
    ObligationBreached,
)

SWEPT_AT_ONCE = 100


async def sweep_clocks(tx: Transaction) -> int:
    """Fire what is due now: each rung and each breach once, whoever else sweeps (F5)."""
    rows = await tx.session.scalars(
        select(Clock)
        .where(Clock.next_due_at <= tx.now)
        .order_by(Clock.next_due_at)
        .limit(SWEPT_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    found = rows.all()
    if not found:
        return 0
    timing = await clocks.load_timing(tx)
    return sum([await _fire(tx, await clocks.open_clock(tx, row, timing)) for row in found])


async def _fire(tx: Transaction, running: clocks.Running) -> int:
    row = running.row
    record = await _record(tx, row)
    if record is None:
        return 0
    due_rungs = deadlines.rungs_due(
        running.ledger,
        running.limit,
        running.ladder,
        running.calendar,
        now=tx.now,
        fired=frozenset(row.fired),
    )
    row.fired = [*row.fired, *(rung.name for rung in due_rungs)]
    for rung in due_rungs:
        if isinstance(record, Filing):
            _remind(tx, record, row, rung)
        elif rung.name not in ESCALATIONS:
            await fire_rung(tx, record, rung)
    became_late = row.overdue_at is None and running.late(tx)
    if became_late:
        row.overdue_at = tx.now
        if isinstance(record, Obligation):
            breach(tx, record)
        else:
            await _filing_is_late(tx, record, running)
    for rung in due_rungs:
        if isinstance(record, Obligation) and rung.name in ESCALATIONS:
            await fire_rung(tx, record, rung)
    clocks.settle(tx, running)
    return len(due_rungs) + became_late


async def _record(tx: Transaction, row: Clock) -> Filing | Obligation | None:
    """The clock's record, unless a command holds it: that one locks its clock after, so no wait."""
    if row.record == "filing":
        return await tx.session.scalar(
            select(Filing).where(Filing.id == row.record_id).with_for_update(skip_locked=True)
        )
    return await tx.session.scalar(
        select(Obligation).where(Obligation.id == row.record_id).with_for_update(skip_locked=True)
    )


def _remind(tx: Transaction, filing: Filing, row: Clock, rung: Rung) -> None:
    if row.due_at is None:
        return
    tx.emit(
        FilingReminded(
            filing_id=filing.id, waiting_for=row.kind, rung=rung.name, due_at=row.due_at
        ),
        subject=f"filing:{filing.id}",
        region=filing.region,
    )


def breach(tx: Transaction, obligation: Obligation) -> None:
    """Record the breach, once and for ever (F8)."""
    if obligation.breached_at is not None:
        return
    obligation.breached_at = tx.now
    obligation.late = True
    obligation.version += 1
    tx.emit(
        ObligationBreached(
            obligation_id=obligation.id,
            kind=obligation.kind,
            organisation_id=obligation.organisation_id,
            filing_id=obligation.filing_id,
            subject=obligation.subject,
            due_at=obligation.due_at,
            breached_at=tx.now,
        ),
        subject=f"obligation:{obligation.id}",
        region=obligation.region,
    )


async def _filing_is_late(tx: Transaction, filing: Filing, running: clocks.Running) -> None:
    """An answer that is late goes to the province, never counts as given; a correction lapses."""
    if running.row.kind == ClockKind.CORRECTION:
        filing.state = advance(tx, filing, Action.LAPSE, platform=True)
        filing.decided_at = tx.now
        for clock in (await clocks.open_clocks(tx, filing.id)).values():
            clocks.stop_clock(tx, clock, reason="lapsed")
        # The sweep settles its own view of the clock once more.
        running.ledger = (await clocks.open_clock(tx, running.row, running.timing)).ledger
        await drop_filed_lines(tx, filing)
        keep(tx, filing, Action.LAPSE)
        if filing.type == FilingKind.DOCUMENT:
            await owe_again(tx, filing)
        clocks.show_on_filing(filing, None)
        tx.emit(
            FilingLapsed(filing_id=filing.id, filing_type=filing.type),
            subject=f"filing:{filing.id}",
            region=filing.region,
        )
        return
    filing.overdue_at = tx.now
    tx.emit(
        FilingOverdue(
            filing_id=filing.id,
            filing_type=filing.type,
            waiting_for=running.row.kind,
            departments=filing.departments if running.row.kind == ClockKind.CONFIRMATION else [],
            due_at=filing.due_at or tx.now,
        ),
        subject=f"filing:{filing.id}",
        region=filing.region,
    )

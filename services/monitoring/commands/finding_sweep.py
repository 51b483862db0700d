"""The sweep of rectifications: each reminder, each escalation and each lateness once (F5)."""

from sqlalchemy import select

from services.monitoring.commands.finding_clocks import (
    Running,
    load_timing,
    open_clock,
    settle,
)
from services.monitoring.commands.finding_ladder import fire_rung
from services.monitoring.commands.overdue import note_lateness
from services.monitoring.rules.ladder import ESCALATIONS
from services.monitoring.tables import Finding, FindingClock
from shared import deadlines
from shared.database import Transaction

_AT_ONCE = 100


async def sweep_rectifications(tx: Transaction) -> int:
    """Fire what is due now, whoever else sweeps."""
    rows = await tx.session.scalars(
        select(FindingClock)
        .where(FindingClock.next_due_at <= tx.now)
        .order_by(FindingClock.next_due_at)
        .limit(_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    found = rows.all()
    if not found:
        return 0
    timing = await load_timing(tx)
    return sum([await _fire(tx, await open_clock(tx, row, timing)) for row in found])


async def _fire(tx: Transaction, running: Running) -> int:
    row = running.row
    finding = await tx.session.scalar(  # a command that holds it locks its clock after: no wait
        select(Finding).where(Finding.id == row.finding_id).with_for_update(skip_locked=True)
    )
    if finding is None:
        return 0
    due = deadlines.rungs_due(
        running.ledger,
        running.limit,
        running.timing.ladder,
        running.timing.calendar,
        now=tx.now,
        fired=frozenset(row.fired),
    )
    row.fired = [*row.fired, *(rung.name for rung in due)]
    for rung in due:
        if rung.name not in ESCALATIONS:
            await fire_rung(tx, finding, rung)
    late = note_lateness(tx, finding, running)
    for rung in due:
        if rung.name in ESCALATIONS:
            await fire_rung(tx, finding, rung)
    settle(tx, running)
    return len(due) + late

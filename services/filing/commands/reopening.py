"""What a document paid is owed again when the document lapses; the breach stays as it was (F8)."""

from sqlalchemy import func, select

from services.filing.commands import clocks
from services.filing.tables import Clock, ClockEntry, Filing, Obligation
from shared.database import Transaction
from shared.events.filing import ObligationReopened


async def owe_again(tx: Transaction, filing: Filing) -> None:
    """Open what this filing had paid, by the date that it always had.

    What was returned and never corrected bought no time; on a date that is past the next sweep
    records the breach, unless it stands already.
    """
    rows = await tx.session.scalars(
        select(Obligation)
        .where(Obligation.fulfilled_by == filing.id)
        .order_by(Obligation.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    for obligation in rows.all():
        running = await clocks.run_again(tx, await _last_clock(tx, obligation))
        obligation.due_at = running.row.due_at or obligation.due_at
        obligation.provisional = running.row.provisional
        obligation.fulfilled_at = obligation.fulfilled_by = None
        obligation.version += 1
        tx.emit(
            ObligationReopened(
                obligation_id=obligation.id,
                kind=obligation.kind,
                organisation_id=obligation.organisation_id,
                subject=obligation.subject,
                lapsed_filing_id=filing.id,
                due_at=obligation.due_at,
                provisional=obligation.provisional,
                late=obligation.late,
            ),
            subject=f"obligation:{obligation.id}",
            region=obligation.region,
        )


async def _last_clock(tx: Transaction, obligation: Obligation) -> Clock:
    """The clock that stood when it was paid: each time it is owed again has one of its own."""
    last = select(func.max(ClockEntry.number)).where(ClockEntry.clock_id == Clock.id)
    found = await tx.session.scalars(
        select(Clock)
        .where(Clock.record_id == obligation.id)
        .order_by(last.scalar_subquery().desc())
        .limit(1)
        .with_for_update()
    )
    return found.one()

"""Lateness: told once, dated, and never taken back (A16.2)."""

from services.monitoring.commands.finding_clocks import Running
from services.monitoring.commands.finding_records import keep, subject_of
from services.monitoring.tables import Finding
from shared.database import Transaction
from shared.events.monitoring import RectificationOverdue

OVERDUE = "OVERDUE"


def note_lateness(tx: Transaction, finding: Finding, running: Running) -> bool:
    """Record that a clock ran out, once for each clock; False when it did not, or was told."""
    row = running.row
    if row.overdue_at is not None or not running.late(tx) or finding.due_at is None:
        return False
    row.overdue_at = tx.now
    finding.overdue_at = finding.overdue_at or tx.now
    finding.version += 1
    keep(tx, finding, OVERDUE)
    tx.emit(
        RectificationOverdue(
            finding_id=finding.id,
            organisation_id=finding.organisation_id,
            due_at=finding.due_at,
            overdue_at=tx.now,
        ),
        subject=subject_of(finding),
        region=finding.region,
    )
    return True

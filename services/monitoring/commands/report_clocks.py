"""The clocks of reports that an incident is owed, from its detection on (A16.4, A20.1)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID, uuid4

from sqlalchemy import Select, select

from services.monitoring.commands.limits import policies_now
from services.monitoring.commands.timeline import note
from services.monitoring.rules.incidents import (
    ClockKind,
    IncidentKind,
    Severity,
    clocks_of,
    report_ladder,
)
from services.monitoring.tables import Incident, IncidentClock, IncidentClockEntry
from shared import deadlines
from shared.calendar import WorkingCalendar
from shared.database import Transaction
from shared.deadlines import ClockState, Limit, Rung, TimeUnit
from shared.events.filing import IncidentReported
from shared.events.monitoring import IncidentReportOverdue, IncidentReportReminded

REPORTED, DOWNGRADED = "REPORTED", "DOWNGRADED"
_AT_ONCE: Final = 200
_WALL_CLOCK: Final = WorkingCalendar(())  # minutes and hours ask no calendar


@dataclass(slots=True)
class _Running:
    """A clock with its ledger."""

    row: IncidentClock
    ledger: list[deadlines.ClockEntry]
    ladder: Sequence[Rung]

    @property
    def limit(self) -> Limit:
        return Limit(self.row.amount, TimeUnit(self.row.unit))

    def late(self, now: datetime) -> bool:
        return deadlines.is_late(self.ledger, self.limit, _WALL_CLOCK, now)


async def align(tx: Transaction, incident: Incident) -> None:
    """Start what clocks the severity asks for, and stop those that it asks for no longer."""
    await tx.session.flush()
    wanted = dict(
        clocks_of(
            IncidentKind(incident.kind), Severity(incident.severity), critical=incident.critical
        )
    )
    rows = (await tx.session.scalars(_of(incident.id).with_for_update())).all()
    running = {row.kind: row for row in rows if row.state == ClockState.RUNNING}
    done = {row.kind for row in rows if row.outcome == REPORTED}
    for kind, row in running.items():
        if kind not in wanted:
            await _stop(tx, row, outcome=DOWNGRADED, at=tx.now)
    for kind, policy in wanted.items():
        if kind not in running and kind not in done:
            await _start(tx, incident, kind, policy)


async def report_was_sent(tx: Transaction, told: IncidentReported) -> None:
    """Filing tells of the first report: its clock stops at the instant of the report."""
    incident = await tx.session.get(Incident, told.incident_id, with_for_update=True)
    if incident is None or told.stage != "FIRST" or incident.reported_at is not None:
        return
    incident.reported_at, incident.report_filing_id = told.reported_at, told.filing_id
    note(tx, incident, "REPORTED", at=told.reported_at, detail=str(told.filing_id))
    await stop_clock(tx, incident.id, ClockKind.FIRST_REPORT, at=told.reported_at)


async def stop_clock(tx: Transaction, incident_id: UUID, kind: ClockKind, *, at: datetime) -> bool:
    """The report was made; False when no such clock runs."""
    row = await tx.session.scalar(
        _of(incident_id)
        .where(IncidentClock.kind == kind, IncidentClock.state == ClockState.RUNNING)
        .with_for_update()
    )
    if row is not None:
        await _stop(tx, row, outcome=REPORTED, at=at)
    return row is not None


async def sweep_report_clocks(tx: Transaction) -> None:
    """The clock's part: each rung fires once, and being late is told once and stays."""
    due = await tx.session.scalars(
        select(IncidentClock)
        .where(IncidentClock.next_due_at <= tx.now)
        .order_by(IncidentClock.next_due_at)
        .limit(_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    for row in due.all():
        incident = await tx.session.get(
            Incident, row.incident_id, with_for_update={"skip_locked": True}
        )
        if incident is not None:
            await _fire(tx, incident, await _running(tx, row))


async def _fire(tx: Transaction, incident: Incident, running: _Running) -> None:
    row = running.row
    rungs = deadlines.rungs_due(
        running.ledger,
        running.limit,
        running.ladder,
        _WALL_CLOCK,
        now=tx.now,
        fired=frozenset(row.fired),
    )
    row.fired = [*row.fired, *(rung.name for rung in rungs)]
    for rung in rungs:
        note(tx, incident, "REPORT_REMINDED", at=tx.now, detail=f"{row.kind}: {rung.name}")
        tx.emit(
            IncidentReportReminded(
                incident_id=incident.id,
                organisation_id=incident.organisation_id,
                report=row.kind,
                rung=rung.name,
                due_at=row.due_at or tx.now,
            ),
            subject=f"incident:{incident.id}",
            region=incident.region,
        )
    if row.overdue_at is None and running.late(tx.now):
        _overdue(tx, incident, row)
    _settle(running, now=tx.now)


def _overdue(tx: Transaction, incident: Incident, row: IncidentClock) -> None:
    row.overdue_at = tx.now
    note(tx, incident, "REPORT_OVERDUE", at=tx.now, detail=row.kind)
    tx.emit(
        IncidentReportOverdue(
            incident_id=incident.id,
            organisation_id=incident.organisation_id,
            report=row.kind,
            due_at=row.due_at or tx.now,
        ),
        subject=f"incident:{incident.id}",
        region=incident.region,
    )


async def _start(tx: Transaction, incident: Incident, kind: ClockKind, policy: str) -> None:
    policies = await policies_now(tx)
    limit = policies[policy].limit()
    row = IncidentClock(
        id=uuid4(),
        incident_id=incident.id,
        kind=kind,
        policy=policy,
        policy_version=policies[policy].version,
        amount=limit.amount,
        unit=limit.unit,
        fired=[],
        state=ClockState.IDLE,
    )
    tx.session.add(row)
    await tx.session.flush()
    running = _Running(row, [], report_ladder(policies))
    started = deadlines.start([], at=incident.opened_at, by=tx.actor.subject)
    _enter(tx, running, started, now=tx.now)


async def _stop(tx: Transaction, row: IncidentClock, *, outcome: str, at: datetime) -> None:
    """In time or late: lateness that no sweep has seen yet is kept here."""
    running = await _running(tx, row)
    at = max(at, running.ledger[-1].at)
    if row.overdue_at is None and running.late(at):
        incident = await tx.session.get_one(Incident, row.incident_id)
        _overdue(tx, incident, row)
    row.outcome = outcome
    stopped = deadlines.stop(running.ledger, at=at, by=tx.actor.subject, reason=outcome)
    _enter(tx, running, stopped, now=tx.now)


async def _running(tx: Transaction, row: IncidentClock) -> _Running:
    entries = await tx.session.scalars(
        select(IncidentClockEntry)
        .where(IncidentClockEntry.clock_id == row.id)
        .order_by(IncidentClockEntry.number)
    )
    ledger = [
        deadlines.ClockEntry(deadlines.ClockKind(each.kind), each.at, each.by, each.reason)
        for each in entries
    ]
    return _Running(row, ledger, report_ladder(await policies_now(tx)))


def _enter(
    tx: Transaction, running: _Running, entry: deadlines.ClockEntry, *, now: datetime
) -> None:
    running.ledger.append(entry)
    tx.session.add(
        IncidentClockEntry(
            clock_id=running.row.id,
            kind=entry.kind,
            at=entry.at,
            by=entry.by,
            reason=entry.reason,
        )
    )
    _settle(running, now=now)


def _settle(running: _Running, *, now: datetime) -> None:
    """Write down what follows from the ledger; nothing here is a truth of its own."""
    row = running.row
    due = deadlines.due_at(running.ledger, running.limit, _WALL_CLOCK)
    row.state = deadlines.clock_state(running.ledger)
    row.due_at = due.at if due is not None else None
    row.next_due_at = deadlines.next_due_at(
        running.ledger,
        running.limit,
        running.ladder,
        _WALL_CLOCK,
        now=now,
        fired=frozenset(row.fired),
    )
    if row.state == ClockState.RUNNING and row.overdue_at is None and row.next_due_at is None:
        row.next_due_at = now  # it was late when it began: the next sweep tells it


def _of(incident_id: UUID) -> Select[IncidentClock]:
    return (
        select(IncidentClock)
        .where(IncidentClock.incident_id == incident_id)
        .order_by(IncidentClock.id)
    )

"""The clock of a rectification: its ledger, and what follows from it."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID, uuid4

from sqlalchemy import select, text

from services.monitoring.commands.policies import policies_now
from services.monitoring.rules.ladder import rungs
from services.monitoring.tables import Finding, FindingClock, FindingClockEntry
from shared import deadlines
from shared.calendar import CalendarDay, CalendarStatus, DayKind, Due, WorkingCalendar
from shared.database import Transaction
from shared.deadlines import ClockState, Limit, Rung, TimeUnit
from shared.policies import Policy

_TIMING = "finding_timing"


@dataclass(frozen=True, slots=True)
class Timing:
    """What every clock is read with: the calendar, the ladder, the limits."""

    calendar: WorkingCalendar
    ladder: tuple[Rung, ...]
    policies: Mapping[str, Policy]


@dataclass(slots=True)
class Running:
    """A clock with its ledger."""

    row: FindingClock
    ledger: list[deadlines.ClockEntry]
    timing: Timing

    @property
    def limit(self) -> Limit:
        return Limit(self.row.amount, TimeUnit(self.row.unit))

    @property
    def due(self) -> Due | None:
        return deadlines.due_at(self.ledger, self.limit, self.timing.calendar)

    def late(self, tx: Transaction) -> bool:
        return deadlines.is_late(self.ledger, self.limit, self.timing.calendar, tx.now)


async def load_timing(tx: Transaction) -> Timing:
    """Read once a transaction, which may order for many units."""
    found: Timing | None = tx.kept.get(_TIMING)
    if found is None:
        policies = await policies_now(tx)
        found = Timing(await load_calendar(tx), rungs(policies), policies)
        tx.kept[_TIMING] = found
    return found


async def load_calendar(tx: Transaction) -> WorkingCalendar:
    """The days that catalog's events have loaded; a year without a notice is provisional."""
    rows = await tx.session.execute(
        text(
            "select day, kind, coalesce(status, 'PROVISIONAL') as status, coalesce(version, 0)"
            " as version from calendar_days left join calendar_years"
            " on year = extract(year from day)"
        )
    )
    return WorkingCalendar(
        CalendarDay(row.day, DayKind(row.kind), CalendarStatus(row.status), f"v{row.version}")
        for row in rows
    )


async def start_clock(tx: Transaction, finding: Finding, *, policy: str) -> Running:
    """From now on, with the limit that this policy gives today; it shows on the finding."""
    timing = await load_timing(tx)
    limit = timing.policies[policy].limit()
    row = FindingClock(
        id=uuid4(),
        finding_id=finding.id,
        policy=policy,
        policy_version=timing.policies[policy].version,
        amount=limit.amount,
        unit=limit.unit,
        fired=[],
        state=ClockState.IDLE,
        due_at=None,
        local_date=None,
        provisional=False,
        calendar_version="",
        next_due_at=None,
        overdue_at=None,
    )
    tx.session.add(row)
    await tx.session.flush()
    running = Running(row, [], timing)
    enter(tx, running, deadlines.start([], at=tx.now, by=tx.actor.subject))
    show(finding, running)
    return running


async def clock_of(tx: Transaction, finding_id: UUID) -> Running | None:
    """The clock of a finding that has not stopped, locked."""
    row = await tx.session.scalar(
        select(FindingClock)
        .where(FindingClock.finding_id == finding_id, FindingClock.state != ClockState.STOPPED)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return await open_clock(tx, row, await load_timing(tx)) if row is not None else None


async def open_clock(tx: Transaction, row: FindingClock, timing: Timing) -> Running:
    """One clock with its ledger, whatever its state."""
    entries = await tx.session.scalars(
        select(FindingClockEntry)
        .where(FindingClockEntry.clock_id == row.id)
        .order_by(FindingClockEntry.number)
    )
    return Running(row, [_read(entry) for entry in entries], timing)


def stop_clock(tx: Transaction, running: Running, *, reason: str) -> None:
    at = max(tx.now, running.ledger[-1].at)
    enter(tx, running, deadlines.stop(running.ledger, at=at, by=tx.actor.subject, reason=reason))


def pause_clock(tx: Transaction, running: Running, *, reason: str) -> None:
    """Pause; a clock that has used up its time is stopped instead, so that lateness stays."""
    try:
        entry = deadlines.pause(
            running.ledger,
            running.limit,
            running.timing.calendar,
            at=tx.now,
            by=tx.actor.subject,
            reason=reason,
        )
    except deadlines.NothingLeftToPause:
        stop_clock(tx, running, reason=reason)
    else:
        enter(tx, running, entry)


def resume_clock(tx: Transaction, running: Running, *, reason: str) -> None:
    entry = deadlines.resume(running.ledger, at=tx.now, by=tx.actor.subject, reason=reason)
    enter(tx, running, entry)


def enter(tx: Transaction, running: Running, entry: deadlines.ClockEntry) -> None:
    """Append an entry to the ledger, and write down what follows."""
    running.ledger.append(entry)
    tx.session.add(
        FindingClockEntry(
            clock_id=running.row.id,
            kind=entry.kind,
            at=entry.at,
            by=entry.by,
            reason=entry.reason,
            amount=entry.amount,
            unit=entry.unit,
            asked_by=entry.asked_by,
        )
    )
    settle(tx, running)


def settle(tx: Transaction, running: Running) -> None:
    """Write down what follows from the ledger; nothing here is a truth of its own."""
    row, due = running.row, running.due
    row.state = deadlines.clock_state(running.ledger)
    row.due_at = due.at if due else None
    row.local_date = due.local_date if due else None
    row.provisional = due.provisional if due else False
    row.calendar_version = due.calendar_version if due else row.calendar_version
    row.next_due_at = deadlines.next_due_at(
        running.ledger,
        running.limit,
        running.timing.ladder,
        running.timing.calendar,
        now=tx.now,
        fired=frozenset(row.fired),
    )


def show(finding: Finding, running: Running) -> None:
    """Copy to the finding when it is due; while it waits for its verification it keeps the date."""
    if running.row.due_at is not None:
        finding.due_at = running.row.due_at
        finding.provisional = running.row.provisional


def _read(entry: FindingClockEntry) -> deadlines.ClockEntry:
    return deadlines.ClockEntry(
        deadlines.ClockKind(entry.kind),
        entry.at,
        entry.by,
        entry.reason,
        entry.amount,
        TimeUnit(entry.unit) if entry.unit else None,
        entry.asked_by,
    )

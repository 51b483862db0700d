"""Clocks: their ledgers, and what follows from them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID, uuid4

from sqlalchemy import select, text

from services.filing.commands.records import policies_now
from services.filing.rules import ClockKind, escalations, ladder_version, reminders
from services.filing.tables import Clock, ClockEntry, Filing
from shared import deadlines
from shared.calendar import CalendarDay, CalendarStatus, DayKind, Due, WorkingCalendar
from shared.database import Transaction
from shared.deadlines import ClockState, Limit, Rung, TimeUnit
from shared.policies import Policy


@dataclass(frozen=True, slots=True)
class Timing:
    """What every clock is read with: the calendar, the ladder by kind of record, the limits."""

    calendar: WorkingCalendar
    ladders: Mapping[str, tuple[Rung, ...]]
    policies: Mapping[str, Policy]

    @property
    def ladder_version(self) -> str:
        return ladder_version(self.policies)


@dataclass(slots=True)
class Running:
    """A clock with its ledger."""

    row: Clock
    ledger: list[deadlines.ClockEntry]
    timing: Timing

    @property
    def calendar(self) -> WorkingCalendar:
        return self.timing.calendar

    @property
    def ladder(self) -> tuple[Rung, ...]:
        return self.timing.ladders[self.row.record]

    @property
    def limit(self) -> Limit:
        return Limit(self.row.amount, TimeUnit(self.row.unit))

    @property
    def due(self) -> Due | None:
        return deadlines.due_at(self.ledger, self.limit, self.calendar)

    def late(self, tx: Transaction) -> bool:
        return deadlines.is_late(self.ledger, self.limit, self.calendar, tx.now)


async def load_timing(tx: Transaction) -> Timing:
    """The calendar and the policies of now; only what is owed climbs when it is late (K4)."""
    policies = await policies_now(tx)
    before = reminders(policies)
    ladders = {"filing": before, "obligation": before + escalations(policies)}
    return Timing(await load_calendar(tx), ladders, policies)


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


async def start_clock(
    tx: Transaction,
    *,
    record: str,
    record_id: UUID,
    kind: ClockKind,
    policy: str,
    since: datetime | None = None,
) -> Running:
    """Start a clock on a record, with the limit that this policy gives today.

    It counts from now, or from an earlier instant: a fault is reported from its detection on.
    """
    timing = await load_timing(tx)
    limit = timing.policies[policy].limit()
    row = Clock(
        id=uuid4(),
        record=record,
        record_id=record_id,
        kind=kind,
        policy=policy,
        policy_version=timing.policies[policy].version,
        amount=limit.amount,
        unit=limit.unit,
        fired=[],
        ladder_version=timing.ladder_version,
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
    _enter(tx, running, deadlines.start([], at=since or tx.now, by=tx.actor.subject))
    return running


async def run_again(tx: Transaction, stopped: Clock) -> Running:
    """A clock that goes on as if this one had not been stopped: same start, limit and rungs."""
    timing = await load_timing(tx)
    kept = {name: getattr(stopped, name) for name in _KEPT}
    row = Clock(id=uuid4(), **kept, ladder_version=timing.ladder_version, next_due_at=None)
    tx.session.add(row)
    await tx.session.flush()
    running = Running(row, [], timing)
    before = (await open_clock(tx, stopped, timing)).ledger
    for entry in before:
        if entry.kind != deadlines.ClockKind.STOPPED:
            _enter(tx, running, entry)
    return running


_KEPT: Final = (
    "record",
    "record_id",
    "kind",
    "policy",
    "policy_version",
    "amount",
    "unit",
    "fired",
    "state",
    "due_at",
    "local_date",
    "provisional",
    "calendar_version",
    "overdue_at",
)


async def open_clocks(tx: Transaction, record_id: UUID) -> dict[ClockKind, Running]:
    """The clocks of a record that have not stopped, locked, by what they wait for."""
    rows = await tx.session.scalars(
        select(Clock)
        .where(Clock.record_id == record_id, Clock.state != ClockState.STOPPED)
        .order_by(Clock.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    found = rows.all()
    if not found:
        return {}
    timing = await load_timing(tx)
    return {ClockKind(row.kind): await open_clock(tx, row, timing) for row in found}


async def open_clock(tx: Transaction, row: Clock, timing: Timing) -> Running:
    """One clock with its ledger, whatever its state."""
    entries = await tx.session.scalars(
        select(ClockEntry).where(ClockEntry.clock_id == row.id).order_by(ClockEntry.number)
    )
    return Running(row, [read_entry(entry) for entry in entries], timing)


def read_entry(entry: ClockEntry) -> deadlines.ClockEntry:
    """A stored entry as the ledger's arithmetic reads it."""
    return deadlines.ClockEntry(
        deadlines.ClockKind(entry.kind),
        entry.at,
        entry.by,
        entry.reason,
        entry.amount,
        TimeUnit(entry.unit) if entry.unit else None,
        entry.asked_by,
    )


def stop_clock(tx: Transaction, running: Running, *, reason: str) -> None:
    """Stop now; a command that waited for a lock may be older than the entry it then finds."""
    at = max(tx.now, running.ledger[-1].at)
    _enter(
        tx,
        running,
        deadlines.stop(running.ledger, at=at, by=tx.actor.subject, reason=reason),
    )


def pause_clock(tx: Transaction, running: Running, *, reason: str) -> None:
    """Pause; a clock that has used up its time is stopped instead, so that lateness stays."""
    try:
        entry = deadlines.pause(
            running.ledger,
            running.limit,
            running.calendar,
            at=tx.now,
            by=tx.actor.subject,
            reason=reason,
        )
    except deadlines.NothingLeftToPause:
        stop_clock(tx, running, reason=reason)
    else:
        _enter(tx, running, entry)


def resume_clock(tx: Transaction, running: Running, *, reason: str) -> None:
    _enter(
        tx,
        running,
        deadlines.resume(running.ledger, at=tx.now, by=tx.actor.subject, reason=reason),
    )


def _enter(tx: Transaction, running: Running, entry: deadlines.ClockEntry) -> None:
    running.ledger.append(entry)
    tx.session.add(
        ClockEntry(
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
    row.ladder_version = running.timing.ladder_version
    row.next_due_at = deadlines.next_due_at(
        running.ledger,
        running.limit,
        running.ladder,
        running.calendar,
        now=tx.now,
        fired=frozenset(row.fired),
    )


def show_on_filing(filing: Filing, running: Running | None) -> None:
    """Copy to the filing what its running clock says: when it is due, and who is waited for."""
    row = running.row if running is not None else None
    filing.due_at = row.due_at if row else None
    filing.due_for = row.kind if row else None
    filing.provisional = row.provisional if row else False
    filing.overdue_at = row.overdue_at if row else None

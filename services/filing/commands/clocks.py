"""Clocks: their ledgers, what follows from them, the sweep, and a calendar that arrives later."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import select, text

from services.filing.commands.records import advance, drop_filed_lines, keep, policies_now
from services.filing.rules import Action, ClockKind
from services.filing.tables import Clock, ClockEntry, Filing, Obligation
from shared import deadlines
from shared.calendar import CalendarDay, CalendarStatus, DayKind, Due, WorkingCalendar
from shared.database import Transaction
from shared.deadlines import ClockState, Limit, Rung, TimeUnit
from shared.events.filing import (
    DueDateRecomputed,
    FilingLapsed,
    FilingOverdue,
    FilingReminded,
    ObligationBreached,
    ObligationReminded,
)
from shared.policies import Policy

SWEPT_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Timing:
    """What every clock is read with: the calendar, the ladder of reminders, the limits."""

    calendar: WorkingCalendar
    ladder: tuple[Rung, ...]
    policies: Mapping[str, Policy]


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
    def limit(self) -> Limit:
        return Limit(self.row.amount, TimeUnit(self.row.unit))

    @property
    def due(self) -> Due | None:
        return deadlines.due_at(self.ledger, self.limit, self.calendar)

    def late(self, tx: Transaction) -> bool:
        return deadlines.is_late(self.ledger, self.limit, self.calendar, tx.now)


async def load_timing(tx: Transaction) -> Timing:
    """The calendar and the policies of now; reminders come in office hours (K4)."""
    policies = await policies_now(tx)
    ladder = tuple(
        Rung(name, fraction=Decimal(str(policies[name].value)), office_hours=True)
        for name in ("first_reminder", "second_reminder")
    )
    return Timing(await load_calendar(tx), ladder, policies)


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
    tx: Transaction, *, record: str, record_id: UUID, kind: ClockKind, policy: str
) -> Running:
    """Start a clock on a record, with the limit that this policy gives today."""
    timing = await load_timing(tx)
    limit = timing.policies[policy].limit()
    row = Clock(
        id=uuid4(),
        record=record,
        record_id=record_id,
        kind=kind,
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
    _enter(tx, running, deadlines.start([], at=tx.now, by=tx.actor.subject))
    return running


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
    return {ClockKind(row.kind): await _open(tx, row, timing) for row in found}


async def _open(tx: Transaction, row: Clock, timing: Timing) -> Running:
    entries = await tx.session.scalars(
        select(ClockEntry).where(ClockEntry.clock_id == row.id).order_by(ClockEntry.number)
    )
    ledger = [
        deadlines.ClockEntry(
            deadlines.ClockKind(entry.kind),
            entry.at,
            entry.by,
            entry.reason,
            entry.amount,
            TimeUnit(entry.unit) if entry.unit else None,
            entry.asked_by,
        )
        for entry in entries
    ]
    return Running(row, ledger, timing)


def stop_clock(tx: Transaction, running: Running, *, reason: str) -> None:
    _enter(
        tx,
        running,
        deadlines.stop(running.ledger, at=tx.now, by=tx.actor.subject, reason=reason),
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
    row.next_due_at = deadlines.next_due_at(
        running.ledger,
        running.limit,
        running.timing.ladder,
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


# --- the sweep -----------------------------------------------------------------------------------


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
    timing = await load_timing(tx)
    return sum([await _fire(tx, await _open(tx, row, timing)) for row in found])


async def _fire(tx: Transaction, running: Running) -> int:
    row = running.row
    record = await _record(tx, row)
    if record is None:
        return 0
    due_rungs = deadlines.rungs_due(
        running.ledger,
        running.limit,
        running.timing.ladder,
        running.calendar,
        now=tx.now,
        fired=frozenset(row.fired),
    )
    for rung in due_rungs:
        row.fired = [*row.fired, rung.name]
        _remind(tx, record, row, rung)
    became_late = row.overdue_at is None and running.late(tx)
    if became_late:
        row.overdue_at = tx.now
        if isinstance(record, Obligation):
            breach(tx, record)
        else:
            await _filing_is_late(tx, record, running)
    settle(tx, running)
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


def _remind(tx: Transaction, record: Filing | Obligation, row: Clock, rung: Rung) -> None:
    if row.due_at is None:
        return
    if isinstance(record, Obligation):
        tx.emit(
            ObligationReminded(obligation_id=record.id, rung=rung.name, due_at=row.due_at),
            subject=f"obligation:{record.id}",
            region=record.region,
        )
        return
    tx.emit(
        FilingReminded(
            filing_id=record.id, waiting_for=row.kind, rung=rung.name, due_at=row.due_at
        ),
        subject=f"filing:{record.id}",
        region=record.region,
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
            due_at=obligation.due_at,
            breached_at=tx.now,
        ),
        subject=f"obligation:{obligation.id}",
        region=obligation.region,
    )


async def _filing_is_late(tx: Transaction, filing: Filing, running: Running) -> None:
    """An answer that is late goes to the province, never counts as given; a correction lapses."""
    if running.row.kind == ClockKind.CORRECTION:
        filing.state = advance(tx, filing, Action.LAPSE, platform=True)
        filing.decided_at = tx.now
        for clock in (await open_clocks(tx, filing.id)).values():
            stop_clock(tx, clock, reason="lapsed")
        # The sweep settles its own view of the clock once more.
        running.ledger = (await _open(tx, running.row, running.timing)).ledger
        await drop_filed_lines(tx, filing)
        keep(tx, filing, Action.LAPSE)
        show_on_filing(filing, None)
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


# --- a calendar arrives --------------------------------------------------------------------------


async def import_calendar(
    tx: Transaction,
    *,
    year: int,
    status: str,
    source: str,
    version: int,
    days: list[tuple[date, str, str]],
) -> None:
    """Keep a year's table and recompute what was counted with the one before (F4)."""
    known = await tx.session.scalar(
        text("select version from calendar_years where year = :year"), {"year": year}
    )
    if known is not None and known >= version:
        return
    raw = await tx.raw()
    await raw.execute("delete from calendar_days where extract(year from day) = $1", year)
    await raw.execute(
        "insert into calendar_days (day, kind, name)"
        " select * from unnest($1::date[], $2::text[], $3::text[])"
        " on conflict (day) do update set kind = excluded.kind, name = excluded.name",
        [day for day, _, _ in days],
        [kind for _, kind, _ in days],
        [name for _, _, name in days],
    )
    await raw.execute(
        "insert into calendar_years (year, status, source, version) values ($1, $2, $3, $4)"
        " on conflict (year) do update set status = excluded.status, source = excluded.source,"
        " version = excluded.version",
        year,
        status,
        source,
        version,
    )
    await recompute_due_dates(tx, year=year)


async def recompute_due_dates(tx: Transaction, *, year: int) -> int:
    """Count again every clock that has not stopped and touches that year; tell each new date."""
    rows = await tx.session.scalars(
        select(Clock)
        .where(
            Clock.state != ClockState.STOPPED,
            Clock.overdue_at.is_(None),
            Clock.calendar_version.contains(f"{year}="),
        )
        .order_by(Clock.id)
        .with_for_update()
    )
    changed, timing = 0, await load_timing(tx)
    for row in rows.all():
        before = (row.due_at, row.provisional)
        running = await _open(tx, row, timing)
        settle(tx, running)
        if row.due_at is not None and (row.due_at, row.provisional) != before:
            await _tell_new_date(tx, row, previous=before[0])
            changed += 1
    return changed


async def _tell_new_date(tx: Transaction, row: Clock, *, previous: Any) -> None:
    assert row.due_at is not None  # noqa: S101 the caller has looked
    record: Filing | Obligation | None
    if row.record == "filing":
        record = await tx.session.get(Filing, row.record_id)
    else:
        record = await tx.session.get(Obligation, row.record_id)
    if record is None:
        return
    record.due_at = row.due_at
    record.provisional = row.provisional
    record.version += 1
    tx.emit(
        DueDateRecomputed(
            record_id=record.id,
            previous_due_at=previous or row.due_at,
            due_at=row.due_at,
            provisional=row.provisional,
            calendar_version=row.calendar_version,
        ),
        subject=f"{row.record}:{record.id}",
        region=record.region,
    )

"""The clock ledger: what was started, paused, resumed, extended and stopped is the only truth.

Every figure (consumed, remaining, due, the rungs of the ladder) is a pure function of the ledger,
of the limit that holds today and of the calendar; nothing is stored but the entries, so changing a
limit or loading a year's calendar changes the due date and keeps consumed and paused time.

How time is counted, by the limit's unit:

- HOURS and MINUTES run on the wall clock from the start, day and night.
- WORKING_HOURS run in office hours from the start.
- WORKING_DAYS run in office hours too, one day being one day's office time, from the day after the
  start. They are due at the end of the first working day at whose end they are used up and the
  clock runs: without a pause exactly the n-th working day (Civil Code art. 201 and 203).
- CALENDAR_DAYS run on the wall clock from the day after the start, and are due in the same way.
"""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum

from shared.calendar import DayEnd, Due, WorkingCalendar, local
from shared.clock import SHANGHAI
from shared.errors import Conflict, Forbidden, Invalid

_INSTANT = timedelta(microseconds=1)
_NOTHING = timedelta()


class ClockAlreadyStarted(Conflict):
    code = "clock_already_started"


class ClockNotRunning(Conflict):
    """The clock was not started, or has stopped."""

    code = "clock_not_running"


class ClockAlreadyPaused(Conflict):
    code = "clock_already_paused"


class ClockNotPaused(Conflict):
    code = "clock_not_paused"


class NothingLeftToPause(Conflict):
    """The time is used up: a pause would only hide that it is late."""

    code = "nothing_left_to_pause"


class ClockEntryOutOfOrder(Conflict):
    """Nothing is entered before the last entry: a ledger is not corrected backwards."""

    code = "clock_entry_out_of_order"


class ClockReasonMissing(Invalid):
    code = "clock_reason_missing"


class AlreadyExtended(Conflict):
    code = "already_extended"


class ExtensionAfterExpiry(Conflict):
    code = "extension_after_expiry"


class ExtensionWithoutApprover(Invalid):
    code = "extension_without_approver"


class ExtensionByAsker(Forbidden):
    """Who asks for more time does not grant it."""

    code = "extension_by_asker"


class ExtensionNotPositive(Invalid):
    code = "extension_not_positive"


class LimitUnitMismatch(Conflict):
    """An extension granted in one unit has no meaning under a limit in another."""

    code = "limit_unit_mismatch"


class TimeUnit(StrEnum):
    WORKING_DAYS = "working_days"
    CALENDAR_DAYS = "calendar_days"
    WORKING_HOURS = "working_hours"
    HOURS = "hours"
    MINUTES = "minutes"


_DAYS = frozenset({TimeUnit.WORKING_DAYS, TimeUnit.CALENDAR_DAYS})
_OFFICE = frozenset({TimeUnit.WORKING_DAYS, TimeUnit.WORKING_HOURS})


class ClockKind(StrEnum):
    STARTED = "STARTED"
    PAUSED = "PAUSED"
    RESUMED = "RESUMED"
    EXTENDED = "EXTENDED"
    STOPPED = "STOPPED"


class ClockState(StrEnum):
    IDLE = "IDLE"
    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    STOPPED = "STOPPED"


_AFTER: dict[ClockState, dict[ClockKind, ClockState]] = {
    ClockState.IDLE: {ClockKind.STARTED: ClockState.RUNNING},
    ClockState.RUNNING: {
        ClockKind.PAUSED: ClockState.PAUSED,
        ClockKind.EXTENDED: ClockState.RUNNING,
        ClockKind.STOPPED: ClockState.STOPPED,
    },
    ClockState.PAUSED: {
        ClockKind.RESUMED: ClockState.RUNNING,
        ClockKind.EXTENDED: ClockState.PAUSED,
        ClockKind.STOPPED: ClockState.STOPPED,
    },
    ClockState.STOPPED: {},
}


@dataclass(frozen=True, slots=True)
class ClockEntry:
    """One row of a ledger; `amount`, `unit` and `asked_by` belong to an extension alone."""

    kind: ClockKind
    at: datetime
    by: str
    reason: str = ""
    amount: int | None = None
    unit: TimeUnit | None = None
    asked_by: str | None = None


Ledger = Sequence[ClockEntry]
Runs = Sequence[tuple[datetime, datetime | None]]


@dataclass(frozen=True, slots=True)
class Limit:
    """How long a clock may run; a limit in days of 0 ends with the day on which it starts."""

    amount: int
    unit: TimeUnit
    ends: DayEnd = DayEnd.MIDNIGHT

    def __post_init__(self) -> None:
        if self.amount < 0:
            raise ValueError(f"a limit cannot be negative: {self.amount}")


@dataclass(frozen=True, slots=True)
class Rung:
    """A step of the ladder: at a fraction of the limit, or at an offset from the due instant.

    `fraction` lies between 0 and 1; `offset` is wall-clock time, negative before and zero at the
    due instant. With `office_hours` it waits for the office to open (K4).
    """

    name: str
    fraction: Decimal | None = None
    offset: timedelta | None = None
    office_hours: bool = False

    def __post_init__(self) -> None:
        if (self.fraction is None) is (self.offset is None):
            raise ValueError(f"rung {self.name} needs a fraction or an offset")
        if self.fraction is not None and not 0 < self.fraction < 1:
            raise ValueError(f"rung {self.name}: {self.fraction} is not between 0 and 1")


# --- the entries: each function refuses, or returns the one row to append ------------------------


def start(ledger: Ledger, *, at: datetime, by: str, reason: str = "") -> ClockEntry:
    """The first entry, or ClockAlreadyStarted."""
    if ledger:
        raise ClockAlreadyStarted(allowed=_allowed(ledger))
    return ClockEntry(ClockKind.STARTED, at, by, reason)


def pause(
    ledger: Ledger, limit: Limit, calendar: WorkingCalendar, *, at: datetime, by: str, reason: str
) -> ClockEntry:
    """A pause of a running clock, with a reason and while something is left (K3)."""
    if clock_state(ledger) is ClockState.PAUSED:
        raise ClockAlreadyPaused(allowed=_allowed(ledger))
    _require_running(ledger, at=at)
    _require_reason(reason)
    if _expired(ledger, limit, calendar, at) or remaining(ledger, limit, calendar, at) <= _NOTHING:
        raise NothingLeftToPause(allowed=_allowed(ledger, without=ClockKind.PAUSED))
    return ClockEntry(ClockKind.PAUSED, at, by, reason)


def resume(ledger: Ledger, *, at: datetime, by: str, reason: str = "") -> ClockEntry:
    """The end of a pause, or ClockNotPaused."""
    if clock_state(ledger) is not ClockState.PAUSED:
        raise ClockNotPaused(allowed=_allowed(ledger))
    _require_running(ledger, at=at)
    return ClockEntry(ClockKind.RESUMED, at, by, reason)


def extend(
    ledger: Ledger,
    limit: Limit,
    calendar: WorkingCalendar,
    *,
    amount: int,
    at: datetime,
    by: str,
    asked_by: str,
    reason: str,
) -> ClockEntry:
    """More time in the limit's unit: once, before expiry, granted `by` another than `asked_by`."""
    _require_running(ledger, at=at)
    if any(entry.kind == ClockKind.EXTENDED for entry in ledger):
        raise AlreadyExtended(allowed=_allowed(ledger, without=ClockKind.EXTENDED))
    if not by.strip():
        raise ExtensionWithoutApprover
    if by == asked_by:
        raise ExtensionByAsker
    _require_reason(reason)
    if amount <= 0:
        raise ExtensionNotPositive(amount=amount)
    if _expired(ledger, limit, calendar, at):
        raise ExtensionAfterExpiry(allowed=_allowed(ledger, without=ClockKind.EXTENDED))
    return ClockEntry(ClockKind.EXTENDED, at, by, reason, amount, limit.unit, asked_by)


def stop(ledger: Ledger, *, at: datetime, by: str, reason: str = "") -> ClockEntry:
    """The end of a clock, running or paused, in time or late."""
    _require_running(ledger, at=at)
    return ClockEntry(ClockKind.STOPPED, at, by, reason)


# --- the figures: pure functions of the ledger ---------------------------------------------------


def clock_state(ledger: Ledger) -> ClockState:
    """Where the clock stands; ValueError for a ledger that no sequence of entries can produce."""
    state = ClockState.IDLE
    last: datetime | None = None
    for entry in ledger:
        if entry.kind not in _AFTER[state]:
            raise ValueError(f"a clock that is {state} cannot be {entry.kind}")
        if last is not None and entry.at < last:
            raise ValueError(f"{entry.kind} at {entry.at} stands after {last}")
        state, last = _AFTER[state][entry.kind], entry.at
    return state


def consumed(ledger: Ledger, unit: TimeUnit, calendar: WorkingCalendar, now: datetime) -> timedelta:
    """The time used until now, in office time for the working units: no limit changes it (K3)."""
    return sum(
        (
            _ran(unit, calendar, begin, now if end is None else min(end, now))
            for begin, end in _runs(ledger, unit)
            if begin < now
        ),
        _NOTHING,
    )


def remaining(ledger: Ledger, limit: Limit, calendar: WorkingCalendar, now: datetime) -> timedelta:
    """Limit and extension less what is consumed; it stands still while paused or stopped.

    In office time for WORKING_DAYS and WORKING_HOURS, else wall-clock time. Limits in days are late
    only at the end of the last day (`due_at`), some hours after nothing remains.
    """
    return _budget(ledger, limit, calendar) - consumed(ledger, limit.unit, calendar, now)


def due_at(ledger: Ledger, limit: Limit, calendar: WorkingCalendar) -> Due | None:
    """When it is late, or None while nothing can become late (not started, or paused).

    A stopped clock keeps the due date that it had, so that `is_late` can still tell.
    """
    ledger = _without_stop(ledger)
    budget = _budget(ledger, limit, calendar)
    runs = _runs_under(ledger, limit, budget)
    if limit.unit in _DAYS:
        days = _last_days(runs, budget, limit, calendar)
        if days is None:
            return None
        used_up, last = days
        working = limit.unit == TimeUnit.WORKING_DAYS
        counted = _years(runs, last) if working else {used_up.year, last.year}
        return calendar.due(calendar.day_end(last, limit.ends), last, counted=counted)
    exact = _reached(runs, budget, limit.unit, calendar)
    if exact is None:
        return None
    last = local(exact).date()
    return calendar.due(exact, last, counted=_years(runs, last) if limit.unit in _OFFICE else ())


def is_late(ledger: Ledger, limit: Limit, calendar: WorkingCalendar, now: datetime) -> bool:
    """Whether the due instant came while the clock ran: by now, or before it was stopped."""
    due = due_at(ledger, limit, calendar)
    stopped = clock_state(ledger) is ClockState.STOPPED
    return due is not None and due.at <= (min(ledger[-1].at, now) if stopped else now)


def rungs_due(
    ledger: Ledger,
    limit: Limit,
    ladder: Sequence[Rung],
    calendar: WorkingCalendar,
    *,
    now: datetime,
    fired: AbstractSet[str],
) -> tuple[Rung, ...]:
    """The rungs to fire now, the earliest first; none while paused or stopped."""
    waiting = _waiting(ledger, limit, ladder, calendar, now=now, fired=fired)
    return tuple(rung for at, rung in waiting if at <= now)


def next_due_at(
    ledger: Ledger,
    limit: Limit,
    ladder: Sequence[Rung],
    calendar: WorkingCalendar,
    *,
    now: datetime,
    fired: AbstractSet[str],
) -> datetime | None:
    """When the sweep must look again: the next unfired rung or the due instant still ahead.

    None when the clock is idle, paused or stopped, or when it is late and every rung has fired.
    """
    if clock_state(ledger) is not ClockState.RUNNING:
        return None
    due = due_at(ledger, limit, calendar)
    ahead = [at for at, _ in _waiting(ledger, limit, ladder, calendar, now=now, fired=fired)]
    if due is not None and due.at > now:
        ahead.append(due.at)
    return min(ahead, default=None)


def _waiting(
    ledger: Ledger,
    limit: Limit,
    ladder: Sequence[Rung],
    calendar: WorkingCalendar,
    *,
    now: datetime,
    fired: AbstractSet[str],
) -> list[tuple[datetime, Rung]]:
    """The unfired rungs of a running clock with their instants, in order."""
    if clock_state(ledger) is not ClockState.RUNNING:
        return []
    waiting = []
    for rung in ladder:
        at = None if rung.name in fired else _rung_at(rung, ledger, limit, calendar)
        if at is not None and rung.office_hours:
            at = calendar.next_office_moment(max(at, now))
        if at is not None:
            waiting.append((at, rung))
    return sorted(waiting, key=lambda pair: pair[0])


def _expired(ledger: Ledger, limit: Limit, calendar: WorkingCalendar, at: datetime) -> bool:
    due = due_at(ledger, limit, calendar)
    if due is None:
        return remaining(ledger, limit, calendar, at) <= _NOTHING
    return at >= due.at


def _rung_at(
    rung: Rung, ledger: Ledger, limit: Limit, calendar: WorkingCalendar
) -> datetime | None:
    if rung.fraction is not None:
        budget = _budget(ledger, limit, calendar)
        share = int(budget // _INSTANT * rung.fraction) * _INSTANT
        return _reached(_runs_under(ledger, limit, budget), share, limit.unit, calendar)
    due = due_at(ledger, limit, calendar)
    return None if due is None or rung.offset is None else due.at + rung.offset


def _spans(ledger: Ledger) -> Runs:
    """When the clock ran, entry by entry; the last span may be open."""
    spans: list[tuple[datetime, datetime | None]] = []
    begin: datetime | None = None
    clock_state(ledger)
    for entry in ledger:
        if entry.kind in {ClockKind.STARTED, ClockKind.RESUMED}:
            begin = entry.at
        elif entry.kind in {ClockKind.PAUSED, ClockKind.STOPPED} and begin is not None:
            spans.append((begin, entry.at))
            begin = None
    return spans if begin is None else [*spans, (begin, None)]


def _runs(ledger: Ledger, unit: TimeUnit) -> Runs:
    """The spans as the unit counts them: days count from the day after the start."""
    spans = _spans(ledger)
    if not spans or unit not in _DAYS:
        return spans
    counted = _midnight_after(ledger[0].at)
    return [(max(a, counted), b) for a, b in spans if b is None or b > counted]


def _runs_under(ledger: Ledger, limit: Limit, budget: timedelta) -> Runs:
    """A limit of no time at all ends with the day of the start itself."""
    return _runs(ledger, limit.unit) if budget else _spans(ledger)


def _midnight_after(at: datetime) -> datetime:
    return datetime.combine(local(at).date() + timedelta(days=1), time(), SHANGHAI)


def _without_stop(ledger: Ledger) -> Ledger:
    return ledger[:-1] if ledger and ledger[-1].kind == ClockKind.STOPPED else ledger


def _budget(ledger: Ledger, limit: Limit, calendar: WorkingCalendar) -> timedelta:
    unit = {
        TimeUnit.WORKING_DAYS: calendar.hours.length,
        TimeUnit.CALENDAR_DAYS: timedelta(days=1),
        TimeUnit.WORKING_HOURS: timedelta(hours=1),
        TimeUnit.HOURS: timedelta(hours=1),
        TimeUnit.MINUTES: timedelta(minutes=1),
    }[limit.unit]
    amount = limit.amount
    for entry in ledger:
        if entry.kind == ClockKind.EXTENDED:
            if entry.unit != limit.unit:
                raise LimitUnitMismatch(unit=limit.unit, extended_in=entry.unit)
            amount += entry.amount or 0
    return unit * amount


def _ran(unit: TimeUnit, calendar: WorkingCalendar, begin: datetime, end: datetime) -> timedelta:
    return calendar.working_time_between(begin, end) if unit in _OFFICE else end - begin


def _advance(
    unit: TimeUnit, calendar: WorkingCalendar, begin: datetime, amount: timedelta
) -> datetime:
    return calendar.add_working_time(begin, amount).at if unit in _OFFICE else begin + amount


def _reached(
    runs: Runs, amount: timedelta, unit: TimeUnit, calendar: WorkingCalendar
) -> datetime | None:
    """The first instant by which the clock has run for that long, or None if it stands before."""
    for begin, end in runs:
        ran = None if end is None else _ran(unit, calendar, begin, end)
        if ran is None or ran >= amount:
            return _advance(unit, calendar, begin, amount)
        amount -= ran
    return None


def _last_days(
    runs: Runs, budget: timedelta, limit: Limit, calendar: WorkingCalendar
) -> tuple[date, date] | None:
    """The day on which the budget is used up, and the first working day from it at whose end the
    clock runs."""
    for begin, end in runs:
        reached = _advance(limit.unit, calendar, begin, budget)
        used_up = local(reached - _INSTANT if reached > begin else reached).date()
        last = calendar.last_day(used_up, limit.ends, after=begin)
        if end is None or calendar.day_end(last, limit.ends) <= end:
            return used_up, last
        budget = max(budget - _ran(limit.unit, calendar, begin, end), _NOTHING)
    return None


def _years(runs: Runs, until: date) -> set[int]:
    """The years of every day that was counted while the clock ran."""
    return {
        year
        for begin, end in runs
        for last in [until if end is None else min(local(end).date(), until)]
        for year in range(local(begin).year, last.year + 1)
    }


def _allowed(ledger: Ledger, *, without: ClockKind | None = None) -> list[ClockKind]:
    extended = any(entry.kind == ClockKind.EXTENDED for entry in ledger)
    return [
        kind
        for kind in _AFTER[clock_state(ledger)]
        if kind is not without and not (extended and kind is ClockKind.EXTENDED)
    ]


def _require_running(ledger: Ledger, *, at: datetime) -> None:
    if clock_state(ledger) not in {ClockState.RUNNING, ClockState.PAUSED}:
        raise ClockNotRunning(allowed=_allowed(ledger))
    if at < ledger[-1].at:
        raise ClockEntryOutOfOrder(at=at, last=ledger[-1].at)


def _require_reason(reason: str) -> None:
    if not reason.strip():
        raise ClockReasonMissing

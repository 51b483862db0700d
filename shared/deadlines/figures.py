"""The figures of a clock: pure functions of ledger, limit and calendar."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from datetime import date, datetime, time, timedelta

from shared.calendar import Due, WorkingCalendar, local
from shared.clock import SHANGHAI
from shared.deadlines.errors import LimitUnitMismatch
from shared.deadlines.model import (
    DAYS,
    OFFICE,
    ClockKind,
    ClockState,
    Ledger,
    Limit,
    Rung,
    Runs,
    TimeUnit,
    clock_state,
)

_INSTANT = timedelta(microseconds=1)
_NOTHING = timedelta()


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
    if limit.unit in DAYS:
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
    return calendar.due(exact, last, counted=_years(runs, last) if limit.unit in OFFICE else ())


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


def expired(ledger: Ledger, limit: Limit, calendar: WorkingCalendar, at: datetime) -> bool:
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
    if not spans or unit not in DAYS:
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
    return calendar.working_time_between(begin, end) if unit in OFFICE else end - begin


def _advance(
    unit: TimeUnit, calendar: WorkingCalendar, begin: datetime, amount: timedelta
) -> datetime:
    return calendar.add_working_time(begin, amount).at if unit in OFFICE else begin + amount


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

"""Periods of what recurs: a day, a week, a month, a quarter, half a year, a year. Pure."""

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from enum import StrEnum


class Period(StrEnum):
    DAY = "DAY"
    WEEK = "WEEK"
    MONTH = "MONTH"
    QUARTER = "QUARTER"
    HALF_YEAR = "HALF_YEAR"
    YEAR = "YEAR"

    def holding(self, day: date) -> str:
        """The name of the period in which a day lies: 2026-03-02, 2026-W10, 2026-03, 2026-Q1."""
        match self:
            case Period.DAY:
                return day.isoformat()
            case Period.WEEK:
                year, week, _ = day.isocalendar()
                return f"{year}-W{week:02d}"
            case Period.MONTH:
                return f"{day.year}-{day.month:02d}"
            case Period.QUARTER:
                return f"{day.year}-Q{(day.month + 2) // 3}"
            case Period.HALF_YEAR:
                return f"{day.year}-H{1 if day.month <= 6 else 2}"
            case Period.YEAR:
                return f"{day.year}"

    def ends_with(self, day: date) -> bool:
        return self.holding(day) != self.holding(day + timedelta(days=1))

    def first_day(self, day: date) -> date:
        """The first day of the period in which a day lies."""
        while self.holding(day - timedelta(days=1)) == self.holding(day):
            day -= timedelta(days=1)
        return day


def period_of(value: object) -> Period:
    """A policy's words as a period; words that are none mean once a year, so nothing gets lost."""
    return Period.__members__.get(str(value), Period.YEAR)


def ended(
    period: Period,
    *,
    after: date,
    before: date,
    counts: Callable[[date], bool] = lambda _day: True,
) -> Iterator[date]:
    """The last days of the periods that ended after one day and before another, in their order.

    Of days only those that count: on a holiday no office is open to inspect anything.
    """
    day = after + timedelta(days=1)
    while day < before:
        if period.ends_with(day) and (period is not Period.DAY or counts(day)):
            yield day
        day += timedelta(days=1)


def days_of(period: Period, name: str, *, today: date) -> tuple[date, date] | None:
    """The first and last day of a period of that name, of this year or the two before; else None.

    It may still go on.
    """
    first = period.first_day(today)
    while first.year >= today.year - 2:
        if period.holding(first) == name:
            return first, _last_day(period, first)
        first = period.first_day(first - timedelta(days=1))
    return None


def last_ended(period: Period, *, today: date) -> tuple[str, date]:
    """The period that was over last before a day, and its last day."""
    last = period.first_day(today) - timedelta(days=1)
    return period.holding(last), last


def _last_day(period: Period, day: date) -> date:
    while not period.ends_with(day):
        day += timedelta(days=1)
    return day

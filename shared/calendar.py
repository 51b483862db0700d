"""Working days and office hours of mainland China, from the yearly State Council notices.

Counting follows the Civil Code: the first day is not counted (art. 201), and the last day ends at
24:00 or at close of office and moves on from a holiday to the next working day (art. 203). A year
without an official table is computed as Monday to Friday minus the provisional holidays that are
known, and says so: a due date is never an error and never silently wrong.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from itertools import pairwise

from shared.clock import SHANGHAI

_DAY = timedelta(days=1)
_SATURDAY = 5
_FIXED_HOLIDAYS = ((1, 1), (5, 1), (10, 1))


class DayKind(StrEnum):
    HOLIDAY = "HOLIDAY"
    WORKDAY = "WORKDAY"


class CalendarStatus(StrEnum):
    OFFICIAL = "OFFICIAL"
    PROVISIONAL = "PROVISIONAL"


class DayEnd(StrEnum):
    """When the last day of a period is over (Civil Code art. 203)."""

    MIDNIGHT = "MIDNIGHT"
    CLOSE_OF_OFFICE = "CLOSE_OF_OFFICE"


@dataclass(frozen=True, slots=True)
class CalendarDay:
    """A day on which a notice departs from Monday to Friday, and that notice's version."""

    day: date
    kind: DayKind
    status: CalendarStatus
    version: str


@dataclass(frozen=True, slots=True)
class OfficeHours:
    """The spans of a working day in local time, in order; ValueError when they overlap."""

    spans: tuple[tuple[time, time], ...] = (
        (time(9), time(12)),
        (time(13, 30), time(17, 30)),
    )

    def __post_init__(self) -> None:
        edges = [edge for span in self.spans for edge in span]
        if not edges or any(a >= b for a, b in pairwise(edges)):
            raise ValueError(f"office hours are not in order: {edges}")

    @property
    def close(self) -> time:
        return self.spans[-1][1]

    @property
    def length(self) -> timedelta:
        """The office time of one working day."""
        spans = self.on(date(2025, 1, 1))
        return sum((end - begin for begin, end in spans), timedelta())

    def on(self, day: date) -> list[tuple[datetime, datetime]]:
        """The spans of that day as local instants."""
        return [
            (datetime.combine(day, a, SHANGHAI), datetime.combine(day, b, SHANGHAI))
            for a, b in self.spans
        ]


OFFICE_HOURS = OfficeHours()


@dataclass(frozen=True, slots=True)
class Due:
    """The instant (UTC) from which it is late, its last local day, and the tables that say so.

    `calendar_version` names each year that was counted, as `2026=v1;2027=none`; it is empty where
    no calendar was needed.
    """

    at: datetime
    local_date: date
    provisional: bool
    calendar_version: str


class WorkingCalendar:
    """The days of every loaded year; ValueError when the rows contradict each other."""

    def __init__(self, rows: Iterable[CalendarDay], hours: OfficeHours = OFFICE_HOURS) -> None:
        self.hours = hours
        self._kinds: dict[date, DayKind] = {}
        self._statuses: dict[int, CalendarStatus] = {}
        self._versions: dict[int, set[str]] = {}
        for row in rows:
            year = row.day.year
            if row.day in self._kinds:
                raise ValueError(f"{row.day} stands twice in the calendar")
            if self._statuses.setdefault(year, row.status) != row.status:
                raise ValueError(f"{year} is both official and provisional")
            self._kinds[row.day] = row.kind
            self._versions.setdefault(year, set()).add(row.version)
        for year, status in self._statuses.items():
            self._refuse_fragment(year, status)

    def is_working_day(self, day: date) -> bool:
        kind = self._kinds.get(day)
        return day.weekday() < _SATURDAY if kind is None else kind == DayKind.WORKDAY

    def is_official(self, year: int) -> bool:
        """Whether the State Council's notice for that year is loaded."""
        return self._statuses.get(year) == CalendarStatus.OFFICIAL

    def day_end(self, day: date, ends: DayEnd) -> datetime:
        """The instant (UTC) at which that local day is over."""
        if ends == DayEnd.CLOSE_OF_OFFICE:
            return datetime.combine(day, self.hours.close, SHANGHAI).astimezone(UTC)
        return datetime.combine(day + _DAY, time(), SHANGHAI).astimezone(UTC)

    def last_day(self, day: date, ends: DayEnd, *, after: datetime) -> date:
        """The first working day from that day on which ends after that instant (art. 203)."""
        while not self.is_working_day(day) or self.day_end(day, ends) <= after:
            day += _DAY
        return day

    def due(self, at: datetime, local_date: date, *, counted: Iterable[int]) -> Due:
        """A due instant with what is known about the years that were counted for it."""
        years = sorted(set(counted))
        versions = {year: "+".join(sorted(self._versions.get(year, {"none"}))) for year in years}
        return Due(
            at=at.astimezone(UTC),
            local_date=local_date,
            provisional=not all(map(self.is_official, years)),
            calendar_version=";".join(f"{year}={version}" for year, version in versions.items()),
        )

    def add_working_days(
        self, start: datetime, days: int, *, ends: DayEnd = DayEnd.MIDNIGHT
    ) -> Due:
        """The end of the n-th working day after start's own day; 0 ends with that day itself."""
        _refuse_negative(days)
        first = local(start).date() + _DAY * bool(days)
        last = self.last_day(first, ends, after=start)
        for _ in range(1, days):
            last = self.last_day(last + _DAY, ends, after=start)
        return self.due(self.day_end(last, ends), last, counted=range(first.year, last.year + 1))

    def add_calendar_days(
        self, start: datetime, days: int, *, ends: DayEnd = DayEnd.MIDNIGHT
    ) -> Due:
        """The end of the n-th day after start's own day, moved on from a holiday."""
        _refuse_negative(days)
        nominal = local(start).date() + _DAY * days
        last = self.last_day(nominal, ends, after=start)
        return self.due(self.day_end(last, ends), last, counted=range(nominal.year, last.year + 1))

    def add_working_time(self, start: datetime, amount: timedelta) -> Due:
        """The first instant by which that much office time has passed."""
        _refuse_negative(amount)
        begin = at = local(start)
        left = amount
        day = begin.date()
        while left:
            for opening, closing in self._office(day, after=begin):
                ran = min(closing - opening, left)
                left -= ran
                at = opening + ran
                if not left:
                    break
            day += _DAY
        return self.due(at, at.date(), counted=range(begin.year, at.year + 1))

    def working_time_between(self, a: datetime, b: datetime) -> timedelta:
        """The office time from a to b, exactly; negative when b is the earlier."""
        if b < a:
            return -self.working_time_between(b, a)
        begin, end = local(a), local(b)
        total = timedelta()
        day = begin.date()
        while day <= end.date():
            for opening, closing in self._office(day, after=begin):
                total += max(min(closing, end) - opening, timedelta())
            day += _DAY
        return total

    def working_minutes_between(self, a: datetime, b: datetime) -> int:
        """The whole minutes of office time from a to b, rounded towards zero."""
        return int(self.working_time_between(a, b) / timedelta(minutes=1))

    def next_office_moment(self, t: datetime) -> datetime:
        """That instant (UTC) when the office is open (from opening until before closing), else the
        next opening."""
        begin = local(t)
        day = begin.date()
        while True:
            for opening, _ in self._office(day, after=begin):
                return opening.astimezone(UTC)
            day += _DAY

    def _office(self, day: date, *, after: datetime) -> Iterator[tuple[datetime, datetime]]:
        if self.is_working_day(day):
            for opening, closing in self.hours.on(day):
                if closing > after:
                    yield max(opening, after), closing

    def _refuse_fragment(self, year: int, status: CalendarStatus) -> None:
        """A notice may also name days of its neighbour year; they alone make no official year."""
        if status == CalendarStatus.OFFICIAL:
            for month, day in _FIXED_HOLIDAYS:
                if self._kinds.get(date(year, month, day)) != DayKind.HOLIDAY:
                    raise ValueError(f"{year} cannot be official without {month:02}-{day:02}")


def local(at: datetime) -> datetime:
    """The instant on Shanghai's clock; ValueError for a datetime without a zone."""
    if at.tzinfo is None:
        raise ValueError(f"{at} has no time zone")
    return at.astimezone(SHANGHAI)


def _refuse_negative(amount: float | timedelta) -> None:
    if timedelta(0) > (amount if isinstance(amount, timedelta) else timedelta(amount)):
        raise ValueError(f"a period cannot be negative: {amount}")

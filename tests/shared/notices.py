"""The State Council's notices for 2025 and 2026, written out as holidays and make-up days."""

from collections.abc import Iterable
from datetime import date, timedelta

from shared.calendar import CalendarDay, CalendarStatus, DayKind

NOTICES = {
    2025: (
        ["01-01", "01-28..02-04", "04-04..04-06", "05-01..05-05", "05-31..06-02", "10-01..10-08"],
        ["01-26", "02-08", "04-27", "09-28", "10-11"],
    ),
    2026: (
        [
            "01-01..01-03",
            "02-15..02-23",
            "04-04..04-06",
            "05-01..05-05",
            "06-19..06-21",
            "09-25..09-27",
            "10-01..10-07",
        ],
        ["01-04", "02-14", "02-28", "05-09", "09-20", "10-10"],
    ),
}


def notice(
    year: int,
    *,
    holidays: Iterable[str],
    workdays: Iterable[str] = (),
    status: CalendarStatus = CalendarStatus.OFFICIAL,
    version: str = "v1",
) -> list[CalendarDay]:
    """The rows of one year; a span is written `02-15..02-23`."""
    return [
        CalendarDay(day, kind, status, version)
        for kind, spans in ((DayKind.HOLIDAY, holidays), (DayKind.WORKDAY, workdays))
        for span in spans
        for day in _days(year, span)
    ]


def official(*years: int) -> list[CalendarDay]:
    return [
        row
        for year in years
        for row in notice(year, holidays=NOTICES[year][0], workdays=NOTICES[year][1])
    ]


def _days(year: int, span: str) -> list[date]:
    first, _, last = span.partition("..")
    begin = date.fromisoformat(f"{year}-{first}")
    end = date.fromisoformat(f"{year}-{last or first}")
    return [begin + timedelta(days=n) for n in range((end - begin).days + 1)]

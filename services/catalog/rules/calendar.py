"""A year of the working calendar as catalog keeps it (F4)."""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class CalendarYear:
    """The days of a year that differ from Monday to Friday: (day, kind, name) in order."""

    year: int
    status: str
    source: str
    version: int
    days: tuple[tuple[date, str, str], ...]

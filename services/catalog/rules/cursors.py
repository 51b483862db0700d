"""The parts of a cursor as a caller may send them back: anything else is `cursor_invalid`."""

import re
from datetime import datetime
from typing import Any

_WORD = re.compile(r"[A-Za-z0-9._-]{1,64}")
_YEARS = range(2000, 2101)


def word(part: Any) -> str:
    """An id; ValueError for what no id of the catalog looks like."""
    if not isinstance(part, str) or _WORD.fullmatch(part) is None:
        raise ValueError("not an id")
    return part


def count(part: Any) -> int:
    """A number from 0 that fits the database's integer; ValueError."""
    number = int(part)
    if number not in range(2**31):
        raise ValueError("not a number of a record")
    return number


def moment(part: Any) -> datetime:
    """An instant with an offset, from 2000 to 2100; ValueError."""
    instant = datetime.fromisoformat(part)
    if instant.tzinfo is None or instant.year not in _YEARS:
        raise ValueError("not an instant of a record")
    return instant

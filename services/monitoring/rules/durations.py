"""Lengths of time as conditions write them: `48h`, `1h30m`, `500ms`."""

import re
from typing import Final

_PART: Final = re.compile(r"(\d{1,12}(?:\.\d{1,9})?)(ms|s|m|h)")
_UNITS: Final = {"ms": 1.0, "s": 1_000.0, "m": 60_000.0, "h": 3_600_000.0}


def milliseconds(text: str) -> float | None:
    """None where the text is no duration."""
    total, at = 0.0, 0
    while at < len(text):
        part = _PART.match(text, at)
        if part is None:
            return None
        total += float(part.group(1)) * _UNITS[part.group(2)]
        at = part.end()
    return total if text else None


def spell(value: int) -> str:
    """Milliseconds in whole hours, minutes and seconds, without what is zero: `48h`, `1h30m`."""
    sign, seconds = "-" if value < 0 else "", abs(value) // 1000
    hours, minutes, rest = seconds // 3600, seconds // 60 % 60, seconds % 60
    told = "".join(
        f"{amount}{unit}" for amount, unit in ((hours, "h"), (minutes, "m"), (rest, "s")) if amount
    )
    return f"{sign}{told}" if told else "0s"

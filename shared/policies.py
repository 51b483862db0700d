"""Policies: every limit, threshold and weight with its unit, its source and its first day.

The measures name no number, so each one is data: defaults stand in a service's `policies.toml`,
and a service keeps its later versions beside them. This module only reads and chooses.
"""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from importlib.resources import files
from typing import Any

from shared.calendar import DayEnd
from shared.deadlines import Limit, TimeUnit
from shared.errors import NotFound

NO_OFFICIAL_SOURCE = "no official source"

Value = int | Decimal | bool | str


class Unit(StrEnum):
    """What a value counts; the first five are the units of a clock's limit."""

    WORKING_DAYS = "working_days"
    CALENDAR_DAYS = "calendar_days"
    WORKING_HOURS = "working_hours"
    HOURS = "hours"
    MINUTES = "minutes"
    SECONDS = "seconds"
    COUNT = "count"
    RATIO = "ratio"
    PERCENT = "percent"
    POINTS = "points"
    FLAG = "flag"
    CHOICE = "choice"
    TEXT = "text"


_DECIMAL = frozenset({Unit.RATIO, Unit.PERCENT, Unit.POINTS})
_WORDS = frozenset({Unit.CHOICE, Unit.TEXT})
_FIELDS = frozenset({"value", "unit", "source", "clause", "effective_from"})


class PolicyNotFound(NotFound):
    """No version of this policy was in force on that day."""

    code = "policy_not_found"


@dataclass(frozen=True, slots=True)
class Policy:
    """One version of one policy."""

    key: str
    value: Value
    unit: Unit
    source: str
    clause: str
    effective_from: date
    version: int = 1

    def limit(self, *, ends: DayEnd = DayEnd.MIDNIGHT) -> Limit:
        """This policy as a clock's limit; ValueError when its unit is not a clock's."""
        return Limit(int(self.value), TimeUnit(self.unit), ends=ends)


def read_defaults(package: str) -> bytes:
    """The `policies.toml` that lies in a package."""
    return files(package).joinpath("policies.toml").read_bytes()


def load_defaults(toml: bytes) -> tuple[Policy, ...]:
    """The policies of a `policies.toml`, one table each; ValueError names the key that is wrong."""
    tables = tomllib.loads(toml.decode())
    return tuple(_read(key, table) for key, table in tables.items())


def effective(policies: Iterable[Policy], key: str, at: date) -> Policy:
    """The version in force on that day, or PolicyNotFound."""
    in_force = [p for p in policies if p.key == key and p.effective_from <= at]
    if not in_force:
        raise PolicyNotFound(key=key, at=at)
    return max(in_force, key=lambda p: (p.effective_from, p.version))


def last_version(policies: Iterable[Policy], key: str) -> Policy:
    """The version that was set last, whenever it holds; what a change names, or PolicyNotFound."""
    found = [policy for policy in policies if policy.key == key]
    if not found:
        raise PolicyNotFound(key=key)
    return max(found, key=lambda policy: policy.version)


def parse_value(raw: object, unit: Unit) -> Value:
    """A value as TOML or JSON carry it (decimals are strings); ValueError if the unit is another's.

    A float is refused: 0.95 would not be the number that was written.
    """
    match raw:
        case bool() if unit is Unit.FLAG:
            return raw
        case str() if unit in _WORDS and raw:
            return raw
        case str() if unit in _DECIMAL:
            return _decimal(raw)
        case int() if not isinstance(raw, bool) and unit in _DECIMAL:
            return Decimal(raw)
        case int() if not isinstance(raw, bool) and raw >= 0 and unit not in _WORDS | {Unit.FLAG}:
            return raw
    raise ValueError(f"{raw!r} is not a value in {unit}")


def _read(key: str, table: Any) -> Policy:
    try:
        return _policy(key, table)
    except ValueError as wrong:
        raise ValueError(f"policy {key}: {wrong}") from wrong


def _policy(key: str, table: Any) -> Policy:
    if not isinstance(table, Mapping):
        raise ValueError("is not a table")  # noqa: TRY004  the one error that the loader promises
    missing = _FIELDS - table.keys()
    unknown = table.keys() - _FIELDS - {"version"}
    if missing or unknown:
        raise ValueError(f"lacks {sorted(missing)}, does not know {sorted(unknown)}")
    start, version = table["effective_from"], table.get("version", 1)
    if type(start) is not date:
        raise ValueError("effective_from is not a date")
    if not isinstance(version, int) or version < 1:
        raise ValueError("version is not a positive number")
    if not all(isinstance(table[name], str) and table[name] for name in ("source", "clause")):
        raise ValueError(f"source and clause are words (or the source is {NO_OFFICIAL_SOURCE!r})")
    unit = Unit(table["unit"])
    return Policy(
        key=key,
        value=parse_value(table["value"], unit),
        unit=unit,
        source=table["source"],
        clause=table["clause"],
        effective_from=start,
        version=version,
    )


def _decimal(raw: str) -> Decimal:
    try:
        value = Decimal(raw)
    except InvalidOperation:
        raise ValueError(f"{raw!r} is not a decimal number") from None
    if not value.is_finite():
        raise ValueError(f"{raw!r} is not a finite number")
    return value

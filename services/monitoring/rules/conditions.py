"""The condition language of probes: `[STATUS] == 200`, `len([BODY].data) > 0` (M1).

The words are those that Gatus documents, so that its configurations can be read. Where Gatus lets a
mistake pass and the condition then never holds, this parser refuses it and says where it stands.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any, Final

from services.monitoring.rules.durations import milliseconds, spell

_OPERATORS: Final = re.compile(r" (==|!=|<=|>=|<|>) ")
_STRAY: Final = re.compile(r"[=!<>]=?")
_FUNCTION: Final = re.compile(r"([A-Za-z]+)\(")
_STEP: Final = re.compile(r"\.([^.\[\]\s()]+)|\[(\d{1,6})\]")
_BASES: Final = {"0x": 16, "0o": 8, "0b": 2}
_SHOWN_OF_PATTERN = 25
_SHOWN = 200
EQUAL, UNEQUAL = "==", "!="


class ConditionUnreadable(ValueError):
    """Why a condition cannot be read, and at which character (from 0)."""

    def __init__(self, reason: str, position: int) -> None:
        super().__init__(f"{reason} at {position}")
        self.reason = reason
        self.position = position


@dataclass(frozen=True)
class Observation:
    """What a probe saw; times in milliseconds, what it did not see is empty or 0."""

    connected: bool = False
    status: int = 0
    ip: str = ""
    response_time: float = 0.0
    certificate_expires_in: float = 0.0
    dns_rcode: str = ""
    body: bytes = b""

    @cached_property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace").strip()

    @cached_property
    def document(self) -> Any:
        """The body as JSON, or None where it is none."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None


_PLACEHOLDERS: Final[Mapping[str, Any]] = {
    "STATUS": lambda seen: str(seen.status),
    "IP": lambda seen: seen.ip,
    "RESPONSE_TIME": lambda seen: str(round(seen.response_time)),
    "CONNECTED": lambda seen: "true" if seen.connected else "false",
    "CERTIFICATE_EXPIRATION": lambda seen: str(int(seen.certificate_expires_in)),
    "DNS_RCODE": lambda seen: seen.dns_rcode,
}


@dataclass(frozen=True, slots=True)
class Operand:
    """One side: as it was written, and how its value is found; None is a value that is not there.

    A literal has no `find`; of a pattern or a list only `options` count.
    """

    written: str
    find: Any = None
    pattern: bool = False
    options: tuple[str, ...] = ()
    expiry: bool = False

    @property
    def matches(self) -> bool:
        return bool(self.options)

    def value(self, seen: Observation) -> str | None:
        found: str | None = self.written if self.find is None else self.find(seen)
        return found


@dataclass(frozen=True, slots=True)
class Condition:
    """`left operator right`, ready to be held against what a probe saw."""

    text: str
    left: Operand
    operator: str
    right: Operand
    _orders: bool = field(default=False)

    def failure(self, seen: Observation) -> str | None:
        """None when the condition holds, else its text with the values that were found."""
        left, right = self.left.value(seen), self.right.value(seen)
        if left is None or right is None:
            holds = False
        elif self._orders:
            return self._order(left, right)
        else:
            holds = _equal(self.left, left, self.right, right) is (self.operator == EQUAL)
        return None if holds else self._tell(left, right)

    def _order(self, left: str, right: str) -> str | None:
        first, second = quantity(left), quantity(right)
        if first is None or second is None:
            return self._tell(left, right)
        holds = {
            "<": first < second,
            "<=": first <= second,
            ">": first > second,
            ">=": first >= second,
        }[self.operator]
        return None if holds else self._tell(left, right)

    def _tell(self, left: str | None, right: str | None) -> str:
        sides = (
            _shown(self.left, left, beside=self.right),
            _shown(self.right, right, beside=self.left),
        )
        return f"{sides[0]} {self.operator} {sides[1]}"


def failures(conditions: Sequence[Condition], seen: Observation) -> list[str]:
    """The failure text of each condition that does not hold, in their order."""
    return [told for each in conditions if (told := each.failure(seen)) is not None]


@lru_cache(maxsize=4096)
def parse(text: str) -> Condition:
    """Read one condition; `ConditionUnreadable` says what is wrong and where."""
    found = _OPERATORS.search(text)
    if found is None:
        stray = _STRAY.search(text)
        raise ConditionUnreadable("operator_missing", stray.start() if stray else len(text))
    operator, at = found.group(1), found.end()
    left, right = _operand(text, 0, found.start()), _operand(text, at, len(text))
    if left.find is None and right.find is None:
        raise ConditionUnreadable("nothing_observed", 0)
    orders = operator not in (EQUAL, UNEQUAL)
    for side, position in ((left, 0), (right, at)):
        if orders and side.matches:
            raise ConditionUnreadable("pattern_has_no_order", position)
        if orders and side.find is None and quantity(side.written) is None:
            raise ConditionUnreadable("not_a_number", position)
    return Condition(text, left, operator, right, orders)


def read_value(text: str) -> Operand:
    """One side alone, such as `[BODY].data.id`; `ConditionUnreadable` for what finds nothing."""
    operand = _operand(text, 0, len(text))
    if operand.find is None:
        raise ConditionUnreadable("nothing_observed", 0)
    return operand


def _operand(text: str, start: int, end: int) -> Operand:
    written = text[start:end].strip()
    start += len(text[start:end]) - len(text[start:end].lstrip())
    end = start + len(written)
    if not written:
        raise ConditionUnreadable("operand_missing", start)
    if written.startswith("["):
        return _placeholder(written, start)
    function = _FUNCTION.match(written)
    if function is None:
        return Operand(written)
    if not written.endswith(")"):
        raise ConditionUnreadable("parenthesis_missing", end)
    inner, place = written[function.end() : -1], start + function.end()
    match function.group(1):
        case "pat":
            return Operand(written, pattern=True, options=(inner,))
        case "any":
            return Operand(written, options=tuple(each.strip() for each in inner.split(",")))
        case "len" | "has" as name:
            if not inner.startswith("[BODY]"):
                raise ConditionUnreadable("body_expected", place)
            steps = _path(inner, 6, place)
            finder = _length if name == "len" else _has
            return Operand(written, find=lambda seen: finder(seen, steps))
        case _:
            raise ConditionUnreadable("function_unknown", start)


def _placeholder(written: str, start: int) -> Operand:
    name, bracket, _ = written[1:].partition("]")
    if not bracket:
        raise ConditionUnreadable("bracket_missing", start + len(written))
    if name == "BODY":
        steps = _path(written, 6, start)
        return Operand(written, find=lambda seen: _body(seen, steps))
    if name not in _PLACEHOLDERS:
        raise ConditionUnreadable("placeholder_unknown", start)
    if len(written) != len(name) + 2:
        raise ConditionUnreadable("text_after_placeholder", start + len(name) + 2)
    return Operand(written, find=_PLACEHOLDERS[name], expiry=name == "CERTIFICATE_EXPIRATION")


def _path(written: str, at: int, start: int) -> tuple[str | int, ...]:
    steps: list[str | int] = []
    while at < len(written):
        step = _STEP.match(written, at)
        if step is None:
            raise ConditionUnreadable("path_unreadable", start + at)
        steps.append(step.group(1) if step.group(1) is not None else int(step.group(2)))
        at = step.end()
    return tuple(steps)


def _at(seen: Observation, steps: tuple[str | int, ...]) -> Any:
    """What stands there; None when nothing does, as for JSON's null."""
    found = seen.document
    for step in steps:
        if isinstance(step, str) and isinstance(found, dict):
            found = found.get(step)
        elif isinstance(step, int) and isinstance(found, list) and step < len(found):
            found = found[step]
        else:
            return None
    return found


def _body(seen: Observation, steps: tuple[str | int, ...]) -> str | None:
    if not steps:
        return seen.text
    return _spoken(_at(seen, steps))


def _spoken(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _length(seen: Observation, steps: tuple[str | int, ...]) -> str | None:
    found = _at(seen, steps)
    if isinstance(found, (list, dict, str)):
        return str(len(found))
    spoken = _body(seen, steps)
    return None if spoken is None else str(len(spoken))


def _has(seen: Observation, steps: tuple[str | int, ...]) -> str:
    there = _at(seen, steps) is not None if steps else bool(seen.text)
    return "true" if there else "false"


def _equal(left: Operand, first: str, right: Operand, second: str) -> bool:
    if left.matches or right.matches:
        matcher, value = (left, second) if left.matches else (right, first)
        if matcher.pattern:
            return _fits(matcher.options[0], value)
        return any(_same(option, value) for option in matcher.options)
    return _same(first, second)


def _same(first: str, second: str) -> bool:
    if first == second:
        return True
    one, other = _whole(first), _whole(second)
    return one is not None and one == other


def _fits(pattern: str, value: str) -> bool:
    """`*` stands for any text; each part is sought once from left to right, so this is linear."""
    first, *parts = pattern.split("*")
    if not parts:
        return pattern == value
    *parts, last = parts
    if len(value) < len(first) + len(last):
        return False
    if not (value.startswith(first) and value.endswith(last)):
        return False
    at, end = len(first), len(value) - len(last)
    for part in parts:
        at = value.find(part, at, end)
        if at < 0:
            return False
        at += len(part)
    return True


def _whole(text: str) -> int | None:
    """A whole number, also one written with 0x, 0o or 0b."""
    text = text.strip()
    base = _BASES.get(text.lstrip("+-")[:2].lower(), 10)
    try:
        return int(text, base) if len(text) <= 32 else None
    except ValueError:
        return None


def quantity(text: str) -> float | None:
    """A number, or a duration in milliseconds: `500`, `0x1F`, `1.5`, `48h`, `1h30m`."""
    whole = _whole(text)
    if whole is not None:
        return float(whole)
    duration = milliseconds(text)
    if duration is not None:
        return duration
    try:
        number = float(text)
    except ValueError:
        return None
    return number if abs(number) < float("inf") else None


def _shown(side: Operand, value: str | None, *, beside: Operand) -> str:
    if value is None:
        return f"{side.written} (INVALID)"
    if side.find is None:
        return side.written
    if side.expiry:
        return f"{side.written} ({spell(int(value))})"
    limit = _SHOWN_OF_PATTERN if beside.pattern else _SHOWN
    shown = value if len(value) <= limit else f"{value[:limit]}...(truncated)"
    return f"{side.written} ({shown})"

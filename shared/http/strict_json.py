"""JSON that has one meaning: what two parsers could read differently is refused.

A repeated key, NaN or a lone surrogate changes what a signature or a digest stands for
(reliability.md §5), so the body is refused instead of repaired.
"""

import json
import math
import re
from itertools import accumulate
from typing import Any, Final, NoReturn

from shared.errors import BadRequest

MAX_DEPTH: Final = 32
MAX_DIGITS: Final = 19
_INT64: Final = range(-(2**63), 2**63)
_HIGH, _LOW = range(0xD800, 0xDC00), range(0xDC00, 0xE000)  # halves of a surrogate pair

_STRING = r'"[^"\\]*(?:\\.[^"\\]*)*"'
_STRINGS = re.compile(_STRING, re.DOTALL)
_TOKENS = re.compile(rf"({_STRING})(\s*:)?|([\[{{])|([\]}}])", re.DOTALL)
_NUMBER = re.compile(r"-?(?:NaN|Infinity|[0-9][0-9.eE+-]*)")
_ESCAPES = re.compile(r"\\(?:u([0-9a-fA-F]{4})|.)", re.DOTALL)
_STEPS = {"[": 1, "{": 1, "]": -1, "}": -1}
_NOT_BRACKETS = re.compile(r"[^\[\]{}]+")


class MalformedJson(BadRequest):
    """`position` counts characters from 0; `reason` is a stable word."""

    code = "malformed_json"

    def __init__(self, reason: str, position: int) -> None:
        super().__init__(reason=reason, position=position)
        self.reason = reason
        self.position = position


class _Found(Exception):
    """The scanner's hooks know what is wrong, not where."""

    def __init__(self, reason: str, literal: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.literal = literal


def loads(data: bytes) -> Any:
    """Parse UTF-8 JSON (RFC 8259); refuse duplicates, NaN, overflow, depth > 32, ints > 64 bit."""
    if data.startswith(b"\xef\xbb\xbf"):
        raise MalformedJson("byte_order_mark", 0)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedJson("not_utf8", error.start) from None
    if text.count("[") + text.count("{") > MAX_DEPTH and _depth(text) > MAX_DEPTH:
        raise MalformedJson("too_deep", _position(text, "too_deep"))
    if "\\u" in text:
        _check_escapes(text)
    try:
        return _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise MalformedJson("syntax", error.pos) from None
    except _Found as found:
        raise MalformedJson(found.reason, _position(text, found.reason, found.literal)) from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _Found("duplicate_key")
    return members


def _integer(literal: str) -> int:
    if len(literal) > MAX_DIGITS + 1 or (number := int(literal)) not in _INT64:
        raise _Found("number_too_large", literal)
    return number


def _float(literal: str) -> float:
    number = float(literal)
    if math.isinf(number):
        raise _Found("number_too_large", literal)
    return number


def _constant(literal: str) -> NoReturn:
    raise _Found("not_a_number", literal)


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_float, parse_constant=_constant
)


def _depth(text: str) -> int:
    """The deepest nesting; strings are taken out first, so that their brackets do not count."""
    brackets = _NOT_BRACKETS.sub("", _STRINGS.sub("", text))
    return max(accumulate(map(_STEPS.__getitem__, brackets)), default=0)


def _check_escapes(text: str) -> None:
    """Refuse a surrogate without its other half, and NUL, which no text column can hold."""
    high_at = -1  # where a high surrogate waits for its low one
    for match in _ESCAPES.finditer(text):
        unit = int(match[1], 16) if match[1] else -1
        low = unit in _LOW
        if low != (high_at >= 0 and high_at + 6 == match.start()):
            raise MalformedJson("lone_surrogate", match.start() if low else high_at)
        high_at = match.start() if unit in _HIGH else -1
        if unit == 0:
            raise MalformedJson("nul_character", match.start())
    if high_at >= 0:
        raise MalformedJson("lone_surrogate", high_at)


def _position(text: str, reason: str, literal: str = "") -> int:
    """Where it went wrong; walked only for a refusal."""
    if literal:
        blank = _STRINGS.sub(lambda string: " " * len(string[0]), text)
        return next((m.start() for m in _NUMBER.finditer(blank) if m[0] == literal), 0)
    open_objects: list[set[str]] = []
    for match in _TOKENS.finditer(text):
        string, colon, opened, closed = match.groups()
        if opened:
            open_objects.append(set())
            if reason == "too_deep" and len(open_objects) > MAX_DEPTH:
                return match.start()
        elif closed and open_objects:
            open_objects.pop()
        elif string and colon and open_objects:
            key = json.loads(string)
            if reason == "duplicate_key" and key in open_objects[-1]:
                return match.start()
            open_objects[-1].add(key)
    return 0

"""Mock transactions: ordered steps that hand values on, and a clean-up that always follows (M2).

`{{name}}` stands for a value that an earlier step captured, `{{secret.name}}` for one that the
owner keeps here and nobody is shown.
"""

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

from services.monitoring.rules.conditions import (
    ConditionUnreadable,
    Observation,
    parse,
    read_value,
)
from services.monitoring.rules.targets import Scheme, TargetUnreadable, read_target
from shared.errors import FieldError

_PLACE: Final = re.compile(r"\{\{\s*((?:secret\.)?[a-z][a-z0-9_]{0,39})\s*\}\}")
_FIELD_VALUE: Final = re.compile(r"[\t -~]*")
_FRAMING: Final = frozenset(
    {
        "connection",
        "content-length",
        "expect",
        "host",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
_KEYS: Final = frozenset({"authorization", "cookie", "x-api-key"})
_HIDDEN: Final = "***"
_LONG_ENOUGH: Final = 8  # letters of a captured value that could let somebody in
OF_OWNER: Final = "secret."


class ValueUnusable(ValueError):
    """A value that is not there, or that cannot stand where it is wanted; `name` is its name."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


@dataclass(frozen=True, slots=True)
class Step:
    """One request of a walk; `captures` name what of its answer later steps are given."""

    name: str
    url: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str | None = None
    conditions: Sequence[str] = ()
    captures: Mapping[str, str] = field(default_factory=dict)

    def names(self) -> set[str]:
        """The values that it needs."""
        texts = (self.url, *self.headers.values(), self.body or "")
        return {name for text in texts for name in _PLACE.findall(text)}


@dataclass(frozen=True, slots=True)
class Walk:
    """Steps and clean-up, with the owner's secrets as they are sealed."""

    steps: tuple[Step, ...]
    cleanup: tuple[Step, ...]
    sealed: str | None


@dataclass(frozen=True, slots=True)
class Request:
    """A step with its values filled in."""

    url: str
    method: str
    headers: Mapping[str, str]
    body: bytes


def fill(step: Step, values: Mapping[str, str]) -> Request:
    """What is sent: percent-encoded in the URL, escaped in a JSON body; `ValueUnusable`."""
    headers = {name: _filled(text, values, str) for name, text in step.headers.items()}
    for name in step.headers:
        if _FIELD_VALUE.fullmatch(headers[name]) is None:
            raise ValueUnusable(name)
    body = step.body or ""
    escape = _in_json if body.lstrip()[:1] in ("{", "[") else str
    return Request(
        url=_filled(step.url, values, lambda value: quote(value, safe="")),
        method=step.method,
        headers=headers,
        body=_filled(body, values, escape).encode("utf-8", "replace"),
    )


def capture(step: Step, seen: Observation) -> dict[str, str]:
    """What the answer gives to later steps; `ValueUnusable` for what is not in it."""
    found: dict[str, str] = {}
    for name, text in step.captures.items():
        value = read_value(text).value(seen)
        if value is None:
            raise ValueUnusable(name)
        found[name] = value
    return found


def hide(text: str, values: Mapping[str, str]) -> str:
    """The text without secrets, and without captured values that could be a key to something."""
    hidden = [
        value
        for name, value in values.items()
        if value and (name.startswith(OF_OWNER) or len(value) >= _LONG_ENOUGH)
    ]
    for value in sorted(hidden, key=len, reverse=True):
        text = text.replace(value, _HIDDEN)
    return text


def walk_flaws(
    steps: Sequence[Step], cleanup: Sequence[Step], *, secrets: Collection[str]
) -> Iterator[FieldError]:
    """What keeps a walk from being carried out, with its place in the body."""
    known = {OF_OWNER + name for name in secrets}
    for list_name, rows in (("steps", steps), ("cleanup", cleanup)):
        for place, step in enumerate(rows):
            at = f"/{list_name}/{place}"
            yield from _step_flaws(step, at)
            for name in sorted(step.names() - known):
                yield FieldError(at, "walk.value_unknown", {"name": name})
            known |= set(step.captures)


def _step_flaws(step: Step, at: str) -> Iterator[FieldError]:
    yield from _url_flaws(step.url, f"{at}/url")
    for place, text in enumerate(step.conditions):
        try:
            parse(text)
        except ConditionUnreadable as error:
            yield _unreadable(f"{at}/conditions/{place}", error)
    for name, text in step.captures.items():
        try:
            read_value(text)
        except ConditionUnreadable as error:
            yield _unreadable(f"{at}/captures/{name}", error)
    for name, text in step.headers.items():
        if name.lower() in _FRAMING:
            yield FieldError(f"{at}/headers/{name}", "walk.header_refused")
        elif name.lower() in _KEYS and not _PLACE.search(text):
            yield FieldError(f"{at}/headers/{name}", "walk.secret_in_clear")
        elif _FIELD_VALUE.fullmatch(text) is None:
            yield FieldError(f"{at}/headers/{name}", "target.characters")
    if step.body is not None and step.method in ("GET", "HEAD"):
        yield FieldError(f"{at}/body", "walk.body_refused")


def _unreadable(at: str, error: ConditionUnreadable) -> FieldError:
    return FieldError(at, f"condition.{error.reason}", {"position": error.position})


def _url_flaws(url: str, at: str) -> Iterator[FieldError]:
    """A value may stand in path and query, never in what says where the request goes."""
    try:
        target, twin = (read_target(_PLACE.sub(each, url)) for each in ("a", "b"))
    except TargetUnreadable as error:
        yield FieldError(at, f"target.{error.reason}")
        return
    if target.scheme not in (Scheme.HTTP, Scheme.HTTPS):
        yield FieldError(at, "walk.http_only")
    elif (target.host, target.port) != (twin.host, twin.port):
        yield FieldError(at, "walk.host_not_fixed")


def _filled(text: str, values: Mapping[str, str], encode: Any) -> str:
    def value(match: re.Match[str]) -> str:
        name = match.group(1)
        if name not in values:
            raise ValueUnusable(name)
        return str(encode(values[name]))

    return _PLACE.sub(value, text)


def _in_json(value: str) -> str:
    return json.dumps(value)[1:-1]


def read_walk(kept: str | None, sealed: str | None) -> Walk | None:
    """A walk as it is kept: JSON with two lists of steps."""
    if kept is None:
        return None
    document = json.loads(kept)
    steps, cleanup = (tuple(Step(**row) for row in document[e]) for e in ("steps", "cleanup"))
    return Walk(steps, cleanup, sealed)


def fixed_url(step: Step) -> str:
    """The URL of a step with its values left out: what says where the walk goes."""
    return _PLACE.sub("x", step.url)

"""Configurations of Gatus and blackbox_exporter, read as probes; what cannot be is named."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

import yaml

from services.monitoring.rules.durations import milliseconds
from services.monitoring.rules.targets import TargetUnreadable, read_target
from shared.errors import FieldError

ENTRIES: Final = 500
_NAME_LETTERS: Final = 100
_KEPT: Final = frozenset({"name", "group", "url", "method", "interval", "conditions", "enabled"})
_ASKS_OTHERWISE: Final = frozenset({"body", "headers", "graphql", "ssh"})
_RULES_OF_HTTP: Final = frozenset(
    {
        "method",
        "valid_status_codes",
        "no_follow_redirects",
        "follow_redirects",
        "fail_if_not_ssl",
        "fail_if_body_not_matches_regexp",
    }
)
_HARMLESS_IN_HTTP: Final = frozenset(
    {"preferred_ip_protocol", "ip_protocol_fallback", "valid_http_versions", "compression"}
)
_EXPRESSION: Final = re.compile(r"[*+?^$|(){}\[\]\\.]")  # conditions know none
_DEEPEST: Final = 30
_FOLLOWED: Final = 10  # redirects, of both tools


class Format(StrEnum):
    """Whose configuration it is."""

    GATUS = "GATUS"
    BLACKBOX = "BLACKBOX"


class DocumentUnreadable(ValueError):
    """It is no YAML, has aliases, nests too deeply, or is not of the form that it says."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Planned:
    """A probe that would be created; `place` is where it stands in the document."""

    place: str
    name: str
    url: str
    method: str
    conditions: list[str]
    interval_seconds: int
    timeout_seconds: int
    redirects: int
    paused: bool


@dataclass(slots=True)
class Reading:
    """What a document says: probes, what is wrong and where, and what is left behind."""

    probes: list[Planned] = field(default_factory=list)
    errors: list[FieldError] = field(default_factory=list)
    left: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Asked:
    """What blackbox_exporter is told by its caller: a target and the module to probe it with."""

    module: str
    target: str


class _EntryWrong(Exception):
    def __init__(self, place: str, code: str, **params: Any) -> None:
        super().__init__(code)
        self.error = FieldError(place, code, params)


def read_document(text: str) -> Mapping[str, Any]:
    """`DocumentUnreadable`; an alias is refused, since a few of them make millions of entries."""
    try:
        depth = 0
        for event in yaml.parse(text, yaml.CSafeLoader):
            if isinstance(event, yaml.AliasEvent):
                raise DocumentUnreadable("alias")
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            if depth > _DEEPEST:
                raise DocumentUnreadable("depth")
        found = yaml.load(text, yaml.CSafeLoader)  # what safe_load does, in libyaml's time
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        if isinstance(error, DocumentUnreadable):
            raise
        raise DocumentUnreadable("yaml") from error
    if not isinstance(found, dict) or not all(isinstance(each, str) for each in found):
        raise DocumentUnreadable("form")
    return found


# --- Gatus ----------------------------------------------------------------------------------------


def read_gatus(document: Mapping[str, Any], *, interval: int) -> Reading:
    """Its endpoints; `interval` is today's own default in seconds."""
    found = Reading(left=[f"/{name}" for name in document if name != "endpoints"])
    for place, entry in enumerate(_list(document.get("endpoints"))):
        at = f"/endpoints/{place}"
        _take(found, at, entry, lambda rest, at=at: _endpoint(rest, at, interval, found))
    return found


def _endpoint(entry: dict[str, Any], at: str, interval: int, found: Reading) -> Planned:
    client = _mapping(entry.pop("client", {}), f"{at}/client")
    dns = _mapping(entry.pop("dns", {}), f"{at}/dns")
    for name in sorted(_ASKS_OTHERWISE & entry.keys()):
        raise _EntryWrong(f"{at}/{name}", "import.asks_otherwise")
    if client.pop("insecure", False):
        raise _EntryWrong(f"{at}/client/insecure", "import.asks_otherwise")
    url = _text(entry.get("url"), f"{at}/url")
    if dns:
        kind = dns.pop("query-type", "A")
        url = f"dns://{url}/{_text(dns.pop('query-name', None), f'{at}/dns')}?type={kind}"
    redirects = 0 if client.pop("ignore-redirect", False) else _FOLLOWED
    timeout = _seconds(client.pop("timeout", "10s"), f"{at}/client/timeout")
    group = f"{entry['group']}/" if entry.get("group") else ""
    found.left += [f"{at}/{name}" for name in entry if name not in _KEPT]
    found.left += [f"{at}/client/{name}" for name in client]
    found.left += [f"{at}/dns/{name}" for name in dns]
    is_web = url.startswith("http")
    return Planned(
        place=at,
        name=f"{group}{_text(entry.get('name'), f'{at}/name')}"[:_NAME_LETTERS],
        url=url,
        method=str(entry.get("method") or "GET"),
        conditions=[_text(each, f"{at}/conditions") for each in _list(entry.get("conditions"))],
        interval_seconds=_seconds(entry.get("interval", f"{interval}s"), f"{at}/interval"),
        timeout_seconds=timeout,
        redirects=redirects if is_web else 0,
        paused=entry.get("enabled", True) is False,
    )


# --- blackbox_exporter ----------------------------------------------------------------------------


def read_blackbox(document: Mapping[str, Any], asked: Sequence[Asked], *, interval: int) -> Reading:
    """Its modules for the targets that are asked for; a module that nobody asks for is left."""
    found = Reading(left=[f"/{name}" for name in document if name != "modules"])
    modules = _mapping(document.get("modules") or {}, "/modules")
    used = {each.module for each in asked}
    found.left += [f"/modules/{name}" for name in modules if name not in used]
    for place, each in enumerate(asked):
        at = f"/modules/{each.module}"
        if each.module not in modules:
            found.errors.append(FieldError(f"?targets/{place}", "import.module_unknown"))
            continue
        first = all(before.module != each.module for before in asked[:place])
        left: list[str] = found.left if first else []
        _take(
            found,
            at,
            modules[each.module],
            lambda rest, at=at, each=each, left=left: _module(
                rest, at, each, interval=interval, left=left
            ),
        )
    return found


def _module(
    module: dict[str, Any], at: str, asked: Asked, *, interval: int, left: list[str]
) -> Planned:
    prober = module.pop("prober", None)
    timeout = _seconds(module.pop("timeout", "10s"), f"{at}/timeout")
    rules = _mapping(module.pop(str(prober), None) or {}, f"{at}/{prober}")
    left += [f"{at}/{name}" for name in module]
    match prober:
        case "http":
            url, method, redirects = _http_target(asked.target, rules, f"{at}/http")
            conditions = _http_conditions(rules, f"{at}/http", left)
        case "tcp":
            _nothing_else(rules, set(), f"{at}/tcp", left)
            url, method, redirects = f"tcp://{asked.target}", "GET", 0
            conditions = ["[CONNECTED] == true"]
        case "dns":
            url, method, redirects = _dns_target(asked.target, rules, f"{at}/dns"), "GET", 0
            conditions = _dns_conditions(rules, f"{at}/dns", left)
        case _:
            raise _EntryWrong(f"{at}/prober", "import.prober_unknown")
    return Planned(
        place=at,
        name=f"{asked.module}/{asked.target}"[:_NAME_LETTERS],
        url=url,
        method=method,
        conditions=conditions,
        interval_seconds=interval,
        timeout_seconds=timeout,
        redirects=redirects,
        paused=False,
    )


def _http_target(target: str, rules: Mapping[str, Any], at: str) -> tuple[str, str, int]:
    url = target if "://" in target else f"http://{target}"
    if rules.get("fail_if_not_ssl") and not url.startswith("https:"):
        raise _EntryWrong(f"{at}/fail_if_not_ssl", "import.never_holds")
    follows = rules.get("follow_redirects", True) and not rules.get("no_follow_redirects", False)
    return url, str(rules.get("method") or "GET"), _FOLLOWED if follows else 0


def _http_conditions(rules: Mapping[str, Any], at: str, left: list[str]) -> list[str]:
    _nothing_else(rules, _RULES_OF_HTTP, at, left, harmless=_HARMLESS_IN_HTTP)
    codes = [str(each) for each in _list(rules.get("valid_status_codes"))]
    wanted = [f"[STATUS] == any({', '.join(codes)})"] if codes else []
    found = wanted or ["[STATUS] >= 200", "[STATUS] < 300"]
    for place, text in enumerate(_list(rules.get("fail_if_body_not_matches_regexp"))):
        if _EXPRESSION.search(str(text)):
            raise _EntryWrong(f"{at}/fail_if_body_not_matches_regexp/{place}", "import.expression")
        found.append(f"[BODY] == pat(*{text}*)")
    return found


def _dns_target(target: str, rules: Mapping[str, Any], at: str) -> str:
    name = _text(rules.get("query_name"), f"{at}/query_name")
    return f"dns://{target}/{name.rstrip('.')}?type={rules.get('query_type') or 'A'}"


def _dns_conditions(rules: Mapping[str, Any], at: str, left: list[str]) -> list[str]:
    _nothing_else(rules, {"query_name", "query_type", "valid_rcodes"}, at, left)
    codes = [str(each) for each in _list(rules.get("valid_rcodes"))] or ["NOERROR"]
    return [f"[DNS_RCODE] == any({', '.join(codes)})"]


def _nothing_else(
    rules: Mapping[str, Any],
    carried: Iterable[str],
    at: str,
    left: list[str],
    *,
    harmless: Iterable[str] = (),
) -> None:
    """A rule that would be asked otherwise, or not at all, is an error; taste is left behind."""
    for name, value in rules.items():
        if name in harmless:
            left.append(f"{at}/{name}")
        elif name not in carried and value not in (None, False, [], {}):
            raise _EntryWrong(f"{at}/{name}", "import.asks_otherwise")


# --- what both are made of ------------------------------------------------------------------------


def _take(found: Reading, at: str, entry: Any, read: Any) -> None:
    """One entry; the others are read whatever it is."""
    if len(found.probes) + len(found.errors) >= ENTRIES:
        found.left.append(at)
        return
    try:
        planned = read(dict(_mapping(entry, at)))
        _check_url(planned)
        found.probes.append(planned)
    except _EntryWrong as wrong:
        found.errors.append(wrong.error)


def _check_url(planned: Planned) -> None:
    try:
        read_target(planned.url)
    except TargetUnreadable as error:
        raise _EntryWrong(f"{planned.place}/url", f"target.{error.reason}") from error


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _mapping(value: Any, at: str) -> dict[str, Any]:
    if not isinstance(value, dict) or not all(isinstance(each, str) for each in value):
        raise _EntryWrong(at, "import.form")
    return dict(value)


def _text(value: Any, at: str) -> str:
    if not isinstance(value, str) or not value.strip() or not value.isprintable():
        raise _EntryWrong(at, "import.form")
    return value


def _seconds(value: Any, at: str) -> int:
    found = milliseconds(value) if isinstance(value, str) else None
    if found is None or not 1_000 <= found <= 86_400_000 or found % 1_000:
        raise _EntryWrong(at, "import.duration")
    return int(found // 1_000)


def flaw_places(flaws: Iterator[FieldError], at: str) -> Iterator[FieldError]:
    """The same flaws with their places in the document."""
    for each in flaws:
        yield FieldError(f"{at}{each.pointer}", each.code, each.params)

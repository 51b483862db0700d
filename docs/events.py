"""docs/events.md and the JSON Schema of each event: contracts that others rely on (CON5)."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from docs.markdown import GENERATED, table
from docs.sources import ROOT, modules
from shared.events.envelope import REGISTRY, STREAM, Event

SNAPSHOTS = ROOT / "tests" / "architecture" / "event_schemas"

_HEAD = f"""# Events

One stream, `{STREAM}`. Each event is CloudEvents 1.0 as structured JSON: `source` is `/<service>`,
`subject` is the aggregate, `sequence` counts the events of that aggregate from 1 without a gap, and
`region` is a region id of the organisation tree (`36` is the whole province). A consumer tolerates
members and types that it does not know. A new optional member is free; anything else is a new type
with a new major version, and the old one goes on. No event holds personal data.

What is older than the stream is read from the publisher: `GET /v1/<service>/events?after=`.

"""
_AGGREGATE = re.compile(r"Aggregate (?P<names>`[^`]+`(?: or `[^`]+`)*)(?P<rest>.*)", re.DOTALL)


def registry() -> dict[str, type[Event]]:
    """Every event type of the suite, ordered by publisher and declaration."""
    contracts = {module.__name__ for module in modules("shared.events")}
    own = {name: event for name, event in REGISTRY.items() if event.__module__ in contracts}
    return dict(sorted(own.items(), key=lambda item: item[1].source))


def schema(event: type[Event]) -> dict[str, Any]:
    """The JSON Schema of an event's data, as it is served at its `dataschema`."""
    return event.model_json_schema()


def snapshot(event: type[Event]) -> str:
    return json.dumps(schema(event), ensure_ascii=False, indent=2) + "\n"


def breaking(before: Mapping[str, Any], now: Mapping[str, Any], at: str = "") -> Iterator[str]:
    """What a reader of `before` would miss or misread in `now`."""
    yield from _breaking(_inlined(before), _inlined(now), at)


def broken_contracts() -> list[str]:
    """Changes of a told contract that its readers would not survive, against the snapshots."""
    types, found = registry(), []
    for file in sorted(SNAPSHOTS.glob("*.json")):
        if file.stem not in types:
            found.append(f"{file.stem} is no longer declared")
            continue
        before = json.loads(file.read_text("utf-8"))
        found += [f"{file.stem}: {what}" for what in breaking(before, schema(types[file.stem]))]
    return found


def page() -> str:
    parts = [GENERATED, _HEAD]
    source = ""
    for name, event in registry().items():
        if event.source != source:
            source = event.source
            parts.append(f"## {source}\n\n")
        aggregate, told = _described(event)
        parts.append(f"### {name}\n\n{told}\n\n")
        subject = f"events.{event.source}.{event.fact}.v{event.major}.<region>"
        link = f"../tests/architecture/event_schemas/{name}.json"
        parts.append(f"NATS subject `{subject}`, aggregate {aggregate}, [schema]({link}).\n\n")
        parts.append(table(("member", "type", ""), _members(event)) + "\n")
    return "".join(parts).rstrip("\n") + "\n"


def _described(event: type[Event]) -> tuple[str, str]:
    found = _AGGREGATE.match(" ".join((event.__doc__ or "").split()))
    if found is None:
        raise ValueError(f"{event.__name__}: its docstring begins with Aggregate `<kind>:<id>`")
    told = found["rest"].lstrip(" :;.").strip()
    if not told or told.startswith("("):
        told = f"{event.fact.replace('_', ' ')} {told}".rstrip(" .") + "."
    return found["names"], told[0].upper() + told[1:]


def _members(event: type[Event]) -> Iterator[tuple[str, str, str]]:
    made = schema(event)
    required = {name for name, field in event.model_fields.items() if field.is_required()}
    for name, described in made.get("properties", {}).items():
        yield f"`{name}`", _kind(described), "" if name in required else "optional"


def _kind(described: Mapping[str, Any]) -> str:
    if "anyOf" in described:
        return " or ".join(_kind(option) for option in described["anyOf"])
    if "$ref" in described:
        return str(described["$ref"]).rpartition("/")[2]
    kind = str(described.get("type", "any"))
    inside = _kind(described["items"]) if "items" in described else described.get("format", "")
    return f"{kind} ({inside})" if inside else kind


def _inlined(document: Mapping[str, Any]) -> Any:
    definitions = document.get("$defs", {})

    def walk(node: Any) -> Any:
        match node:
            case {"$ref": reference}:
                return walk(definitions[str(reference).rpartition("/")[2]])
            case dict():
                return {key: walk(each) for key, each in node.items() if key != "$defs"}
            case list():
                return [walk(each) for each in node]
        return node

    return walk(document)


def _breaking(before: Any, now: Any, at: str) -> Iterator[str]:
    if not isinstance(before, dict) or not isinstance(now, dict):
        return
    known, offered = before.get("properties", {}), now.get("properties", {})
    for name, described in known.items():
        if name not in offered:
            yield f"{at}{name} is gone"
            continue
        if _shape(described) != _shape(offered[name]):
            yield f"{at}{name} is now {_kind(offered[name])}, was {_kind(described)}"
        for one, other in zip(_objects(described), _objects(offered[name]), strict=False):
            yield from _breaking(one, other, f"{at}{name}.")
    was, required = set(before.get("required", ())), set(now.get("required", ()))
    yield from (f"{at}{name} is newly required" for name in sorted(required - was))
    yield from (
        f"{at}{name} is no longer required" for name in sorted((was - required) & set(offered))
    )


def _shape(described: Any) -> Any:
    """A member's type without its words, and without the insides of objects (compared apart)."""
    if isinstance(described, list):
        return [_shape(each) for each in described]
    if not isinstance(described, dict):
        return described
    if "properties" in described:
        return {"type": "object"}
    dropped = {"title", "description", "default", "examples"}
    return {key: _shape(each) for key, each in described.items() if key not in dropped}


def _objects(described: Any) -> Iterator[dict[str, Any]]:
    if isinstance(described, list):
        for each in described:
            yield from _objects(each)
    elif isinstance(described, dict):
        if "properties" in described:
            yield described
        else:
            for each in described.values():
                yield from _objects(each)

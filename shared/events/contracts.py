"""Every event type that exists, and its JSON Schema: what `dataschema` names (CON1)."""

from typing import Any

from shared.events import catalog, filing, gateway, monitoring
from shared.events.envelope import REGISTRY, Event

PUBLISHERS = (gateway, catalog, filing, monitoring)


def event_types() -> tuple[type[Event], ...]:
    """All types, by name; importing this module has registered them."""
    return tuple(REGISTRY[name] for name in sorted(REGISTRY))


def schema_of(event_type: str) -> dict[str, Any] | None:
    """The JSON Schema of an event's data, or None when there is no such type."""
    found = REGISTRY.get(event_type)
    return None if found is None else found.model_json_schema()

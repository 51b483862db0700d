"""docs/lifecycles.md: the state machines as they are checked, drawn from their own tables."""

from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any

from docs.markdown import GENERATED, table
from docs.sources import modules
from shared.lifecycle import Lifecycle, Step, mermaid

_HEAD = """# Lifecycles

Each machine is one table in a service's `rules`: it checks a move, offers `allowed_actions` in
answers and draws itself here. A move that the table does not hold is refused with `illegal_step`
(409), a move of another role with `step_forbidden` (403); both name what may be done instead.

"""


def lifecycles() -> dict[str, Lifecycle[Any, Any]]:
    """Every Lifecycle of the services' rules, by `<service>.<name>`; module level or in a table."""
    found: dict[str, Lifecycle[Any, Any]] = {}
    for module in modules("services"):
        _, service, layer, *_ = *module.__name__.split("."), "", ""
        if layer == "rules":
            for lifecycle in _declared(module):
                found[f"{service}.{lifecycle.name.removeprefix(f'{service}.')}"] = lifecycle
    return dict(sorted(found.items()))


def page() -> str:
    parts = [GENERATED, _HEAD]
    for name, lifecycle in lifecycles().items():
        parts.append(f"## {name}\n\n```mermaid\n{mermaid(lifecycle, {})}```\n\n")
        parts.append(
            table(("action", "from", "to", "roles", "clause"), _rows(lifecycle)) + "\n",
        )
    return "".join(parts).rstrip("\n") + "\n"


def _declared(module: ModuleType) -> Iterator[Lifecycle[Any, Any]]:
    for value in vars(module).values():
        for each in value.values() if isinstance(value, Mapping) else (value,):
            if isinstance(each, Lifecycle):
                yield each


def _rows(lifecycle: Lifecycle[Any, Any]) -> Iterator[tuple[str, str, str, str, str]]:
    for step in lifecycle.steps:
        yield _row(lifecycle, step)


def _row(lifecycle: Lifecycle[Any, Any], step: Step[Any, Any]) -> tuple[str, str, str, str, str]:
    sources = [state for state in lifecycle.states if state in step.sources]
    return (
        f"`{step.action}`",
        ", ".join(sources),
        str(step.target),
        ", ".join(sorted(step.roles)),
        step.clause or "",
    )

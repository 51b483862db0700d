"""State machines as tables: one table checks a move, offers the next ones and draws itself.

FILING = Lifecycle(
    name="filing",
    initial=State.DRAFT,
    steps=(
        Step(Action.SUBMIT, {State.DRAFT}, State.SUBMITTED, {Role.CITY}, clause="A11.3"),
        Step(Action.ACCEPT, {State.SUBMITTED}, State.ACCEPTED, {Role.PROVINCE}, clause="A11.3"),
    ),
    terminal={State.ACCEPTED},
)
filing.state = FILING.after(filing.state, Action.ACCEPT, actor.role)
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Generic, TypeVar

from shared.errors import Conflict, Forbidden

StateT = TypeVar("StateT", bound=StrEnum)
ActionT = TypeVar("ActionT", bound=StrEnum)


class IllegalStep(Conflict):
    """No step with this action leads out of this state, whoever asks."""

    code = "illegal_step"


class StepForbidden(Forbidden):
    """The step exists from this state, but not for this role."""

    code = "step_forbidden"


@dataclass(frozen=True)
class Step(Generic[ActionT, StateT]):
    """One row: `roles` may do `action` in any of `sources`, which leads to `target`."""

    action: ActionT
    sources: AbstractSet[StateT]
    target: StateT
    roles: AbstractSet[StrEnum]
    clause: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "sources", frozenset(self.sources))
        object.__setattr__(self, "roles", frozenset(self.roles))


@dataclass(frozen=True)
class Lifecycle(Generic[StateT, ActionT]):
    """A validated table of steps; ValueError at construction when the table contradicts itself."""

    name: str
    initial: StateT
    steps: Sequence[Step[ActionT, StateT]]
    terminal: AbstractSet[StateT]
    _moves: Mapping[StateT, Mapping[ActionT, Sequence[Step[ActionT, StateT]]]] = field(
        init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        moves: dict[StateT, dict[ActionT, list[Step[ActionT, StateT]]]] = {}
        for step in self.steps:
            for source in step.sources:
                moves.setdefault(source, {}).setdefault(step.action, []).append(step)
        object.__setattr__(self, "_moves", moves)
        object.__setattr__(self, "terminal", frozenset(self.terminal))
        flaws = "; ".join(self._flaws())
        if flaws:
            raise ValueError(f"lifecycle {self.name}: {flaws}")

    @property
    def states(self) -> tuple[StateT, ...]:
        """Every state that the table names, the initial one first, in the order of the table."""
        named = [self.initial]
        for step in self.steps:
            named += [*(s for s in type(step.target) if s in step.sources), step.target]
        return tuple(dict.fromkeys([*named, *sorted(self.terminal)]))

    def after(self, state: StateT, action: ActionT, role: StrEnum) -> StateT:
        """The state that the action leads to, or IllegalStep or StepForbidden with what may be."""
        return self.step(state, action, role).target

    def step(self, state: StateT, action: ActionT, role: StrEnum) -> Step[ActionT, StateT]:
        """The row that allows the move, for its clause; raises as `after` does."""
        rows = self._moves.get(state, {}).get(action, ())
        for row in rows:
            if role in row.roles:
                return row
        allowed = self.actions(state, role)
        if not rows:
            raise IllegalStep(lifecycle=self.name, state=state, action=action, allowed=allowed)
        raise StepForbidden(
            lifecycle=self.name,
            state=state,
            action=action,
            role=role,
            clause=rows[0].clause,
            allowed=allowed,
        )

    def actions(self, state: StateT, role: StrEnum) -> tuple[ActionT, ...]:
        """What this role may do now, in the order of the table."""
        moves = self._moves.get(state, {})
        return tuple(
            action for action, rows in moves.items() if any(role in row.roles for row in rows)
        )

    def _flaws(self) -> Iterator[str]:
        for step in self.steps:
            if not step.sources or not step.roles:
                yield f"{step.action} has no source or no role"
        for source, moves in self._moves.items():
            for action, rows in moves.items():
                if len({row.target for row in rows}) > 1:
                    yield f"{action} leads from {source} to more than one state"
            if source in self.terminal:
                yield f"{source} is terminal but has exits"
        reached = self._reachable()
        for state in self.states:
            if state not in reached:
                yield f"{state} is unreachable"
            if state not in self._moves and state not in self.terminal:
                yield f"{state} has no exit and is not terminal"

    def _reachable(self) -> set[StateT]:
        reached: set[StateT] = set()
        ahead = [self.initial]
        while ahead:
            state = ahead.pop()
            if state not in reached:
                reached.add(state)
                ahead += [
                    row.target for rows in self._moves.get(state, {}).values() for row in rows
                ]
        return reached


def mermaid(lifecycle: Lifecycle[StateT, ActionT], labels: Mapping[str, str]) -> str:
    """A stateDiagram-v2 of the table; `labels` names states and actions, else their own values."""
    lines = [
        "stateDiagram-v2",
        *(f'    state "{_text(labels.get(s, s))}" as {_id(s)}' for s in lifecycle.states),
        f"    [*] --> {_id(lifecycle.initial)}",
    ]
    arrows: dict[str, None] = {}
    for step in lifecycle.steps:
        clause = f" ({_text(step.clause)})" if step.clause else ""
        label = f"{_text(labels.get(step.action, step.action))}{clause}"
        for source in lifecycle.states:
            if source in step.sources:
                arrows[f"    {_id(source)} --> {_id(step.target)}: {label}"] = None
    lines += arrows
    lines += [
        f"    {_id(state)} --> [*]" for state in lifecycle.states if state in lifecycle.terminal
    ]
    return "\n".join(lines) + "\n"


def _id(state: str) -> str:
    return re.sub(r"\W", "_", state)


def _text(label: str) -> str:
    """Mermaid ends a label at these characters, so they are written as its entity codes."""
    return re.sub(r'["#;:\n]', lambda found: f"#{ord(found[0])};", label)

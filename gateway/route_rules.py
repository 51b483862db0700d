"""What the province sets for a route at run time: narrower than the policy table, never wider.

A rule may first only log: it reports whom it would refuse, and has a day from which it refuses.
From that day it does, and neither a start nor a change of routes goes on until somebody has
decided (G1, G4).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final, Self

from shared.errors import DomainError, FieldError, Forbidden
from shared.security.access import ENTRY, OPERATIONS, Effect, Operation
from shared.security.identity import Actor, Role

# a rule on one of these could shut out whoever takes it away again
_KEYS_TO_THE_HOUSE: Final = frozenset(
    {"listRoutes", "listRouteVersions", "getRouteVersion", "changeRoutes", "restoreRoutes"}
)
RULABLE: Final[Mapping[str, Operation]] = {**OPERATIONS, ENTRY.id: ENTRY}


class RouteClosed(Forbidden):
    """The route's rule leaves out the caller's role."""

    code = "route_closed"


class RouteScopeMissing(Forbidden):
    """The route's rule asks for a further scope."""

    code = "route_scope_missing"


@dataclass(frozen=True, slots=True)
class RouteRule:
    """`roles` are those of the row's that may still call; `scope` is asked for beside its own.

    With `enforce_from` it only logs until that day.
    """

    roles: frozenset[Role] | None = None
    scope: str | None = None
    enforce_from: date | None = None

    @classmethod
    def read(cls, stored: Mapping[str, Any]) -> Self:
        day = stored["enforce_from"]
        return cls(
            None if stored["roles"] is None else frozenset(map(Role, stored["roles"])),
            stored["scope"],
            None if day is None else date.fromisoformat(day),
        )

    def dump(self) -> dict[str, Any]:
        return {
            "roles": None if self.roles is None else sorted(self.roles),
            "scope": self.scope,
            "enforce_from": self.enforce_from and self.enforce_from.isoformat(),
        }

    def enforced(self, today: date) -> bool:
        return self.enforce_from is None or self.enforce_from <= today

    def refusal(self, operation: Operation, actor: Actor) -> DomainError | None:
        """What the rule has against this caller, if anything."""
        if self.roles is not None and actor.role not in self.roles:
            return RouteClosed(operation=operation.id, role=actor.role, clause="A4.1")
        if self.scope is not None and self.scope not in actor.scopes:
            return RouteScopeMissing(operation=operation.id, scope=self.scope)
        return None


Rules = Mapping[str, RouteRule]


def overdue(rules: Rules, today: date) -> list[str]:
    """Routes that were to refuse by now, and whose rule nobody has decided on."""
    return sorted(
        operation
        for operation, rule in rules.items()
        if rule.enforce_from is not None and rule.enforced(today)
    )


def faults(rules: Rules, *, today: date, longest: timedelta) -> list[FieldError]:
    """Everything that is wrong with new rules, so that no table with it ever serves."""
    return [
        FieldError(f"/rules/{operation}{place}", code)
        for operation, rule in rules.items()
        for place, code in _faults(RULABLE.get(operation), rule, today, today + longest)
    ]


def carried(rules: Rules) -> dict[str, RouteRule]:
    """The rules that go on over a release: of routes that are still there, for roles they allow."""
    return {
        operation: RouteRule(
            None if rule.roles is None else rule.roles & set(RULABLE[operation].allow),
            rule.scope,
            rule.enforce_from,
        )
        for operation, rule in rules.items()
        if operation in RULABLE
    }


def known_scopes() -> frozenset[str]:
    return frozenset(row.scope for row in RULABLE.values() if row.scope is not None)


def without(rules: Rules, gone: Iterable[str]) -> dict[str, RouteRule]:
    left = set(gone)
    return {operation: rule for operation, rule in rules.items() if operation not in left}


def _faults(
    operation: Operation | None, rule: RouteRule, today: date, last: date
) -> Iterator[tuple[str, str]]:
    if operation is None:
        yield "", "route_unknown"
        return
    if operation.effect is Effect.OPEN:
        yield "", "route_open"
    if operation.id in _KEYS_TO_THE_HOUSE:
        yield "", "route_locks_out"
    if rule.roles is None and rule.scope is None:
        yield "", "route_rule_empty"
    if rule.roles is not None and not rule.roles <= set(operation.allow):
        yield "/roles", "route_role_wider"
    if rule.scope is not None and rule.scope not in known_scopes():
        yield "/scope", "scope_unknown"
    if rule.enforce_from is not None and not today < rule.enforce_from <= last:
        yield "/enforce_from", "enforce_from_range"

"""Which call belongs to which service, as data: default deny, versioned, found by method and path.

The rows come from the policy table; the schema `gateway` keeps every version that ever served.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Any, Final

from gateway.route_rules import Rules
from shared.errors import MethodNotAllowed, NotFound
from shared.security.access import OPERATIONS, Effect, Operation
from shared.security.canonical import digest

ENTRY_PREFIX: Final = "/v1/entry/"

# what anybody with a token may read, and so may be answered from the cache
PUBLIC: Final = frozenset(row.id for row in OPERATIONS.values() if row.effect is Effect.PUBLIC_READ)
ROUTES: Final = tuple(sorted(OPERATIONS.values(), key=lambda row: (row.service, row.path, row.id)))


class RouteUnknown(NotFound):
    code = "not_found"


def as_rows(rules: Rules, routes: Iterable[Operation] = ROUTES) -> list[dict[str, Any]]:
    """The table as JSON: what a route version stores and `GET /v1/routes` shows."""
    return [
        {
            "operation": route.id,
            "method": route.method,
            "path": route.path,
            "service": route.service,
            "effect": route.effect.value,
            "scope": route.scope,
            "roles": sorted(route.allow),
            "deprecated": route.deprecated and route.deprecated.isoformat(),
            "sunset": route.sunset and route.sunset.isoformat(),
            "rule": rules[route.id].dump() if route.id in rules else None,
        }
        for route in routes
    ]


def table_digest(rows: list[dict[str, Any]]) -> str:
    return digest(rows)


@dataclass(slots=True)
class _Node:
    exact: dict[str, "_Node"]
    any: "_Node | None"
    routes: dict[str, Operation]


class RouteTable:
    """Finds the operation of a request; a template segment matches one non-empty segment.

    `rules` are those of the version that serves, `enforced` the routes whose rule refuses by now,
    `public` what every token may read without a look at a rule.
    """

    def __init__(
        self,
        routes: Iterable[Operation] = ROUTES,
        *,
        rules: Rules = MappingProxyType({}),
        version: int = 0,
        today: date = date.min,
    ) -> None:
        self.rules, self.version, self.today = rules, version, today
        self.enforced = frozenset(id_ for id_, rule in rules.items() if rule.enforced(today))
        self.public = PUBLIC - rules.keys()
        self._root = _Node({}, None, {})
        for route in routes:
            node = self._root
            for segment in route.path.strip("/").split("/"):
                if segment.startswith("{"):
                    node.any = node.any or _Node({}, None, {})
                    node = node.any
                else:
                    node = node.exact.setdefault(segment, _Node({}, None, {}))
            if route.method in node.routes:
                raise ValueError(f"{route.method} {route.path} is routed twice")
            node.routes[route.method] = route

    def find(self, method: str, path: str) -> Operation:
        """The operation; `not_found` (404) or `method_not_allowed` (405) for all else."""
        routes = self._routes_at(path)
        if not routes:
            raise RouteUnknown
        route = routes.get("GET" if method == "HEAD" else method)
        if route is None:
            raise MethodNotAllowed(allowed=sorted(routes))
        return route

    def _routes_at(self, path: str) -> Mapping[str, Operation]:
        nodes = [self._root]
        for segment in path.removeprefix("/").split("/"):
            # An exact segment comes first: /v1/listing-plans/template is no plan's id.
            nodes = [
                following
                for node in nodes
                for following in (node.exact.get(segment), node.any if segment else None)
                if following is not None
            ]
        for node in nodes:
            if node.routes:
                return node.routes
        return {}

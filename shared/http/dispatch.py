"""Finds the operation of a request at once, by its path's segments.

Everything else (probes, documents, 404, 405, redirects) goes FastAPI's ordinary way, where every
route is asked in turn; so would an operation, with the same answer at several times the cost.
"""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from fastapi.routing import iter_route_contexts
from opentelemetry import trace
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from shared.http.operations import OperationRoute

Refusal = Callable[[Request, Exception], Awaitable[Response]]


@dataclass(slots=True)
class _Segment:
    """One place in the tree of paths: what may follow, and what is called here by method."""

    literals: dict[str, "_Segment"] = field(default_factory=dict)
    parameter: "_Segment | None" = None
    routes: dict[str, OperationRoute] = field(default_factory=dict)


class Dispatch:
    """The innermost ASGI layer."""

    def __init__(self, app: ASGIApp, *, routes: Iterable[BaseRoute]) -> None:
        self._app = app
        self._root = _Segment()
        for context in iter_route_contexts(list(routes)):
            if isinstance(context.original_route, OperationRoute):
                self._add(context.original_route)

    def _add(self, route: OperationRoute) -> None:
        here = self._root
        for segment in route.path.split("/")[1:]:
            if not segment.startswith("{"):
                here = here.literals.setdefault(segment, _Segment())
            else:
                here.parameter = here.parameter or _Segment()
                here = here.parameter
        here.routes[route.operation.method] = route

    def find(self, method: str, path: str) -> tuple[OperationRoute, dict[str, str]] | None:
        here: _Segment | None = self._root
        values: list[str] = []
        for segment in path.split("/")[1:]:
            if here is None:
                return None
            literal = here.literals.get(segment)
            if literal is None and segment:
                values.append(segment)
                literal = here.parameter
            here = literal
        route = here.routes.get(method) if here is not None else None
        if route is None:
            return None
        return route, dict(zip(route.param_convertors, values, strict=True))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = self.find(scope["method"], scope["path"]) if scope["type"] == "http" else None
        if found is None:
            await self._app(scope, receive, send)
            return
        scope["route"], scope["path_params"] = found
        if "fastapi.telemetry" in scope:
            _name_span(found[0])
        request = Request(scope, receive, send)
        try:
            response = await found[0].call(request)
        except Exception as error:
            refuse = _refusal(scope, error)
            if refuse is None:
                raise
            response = await refuse(request, error)
        await response(scope, receive, send)


def _refusal(scope: Scope, error: Exception) -> Refusal | None:
    """The app's own handler of this kind of error; a fault of ours has none, and rises."""
    handlers: dict[Any, Refusal] = scope["app"].exception_handlers
    for kind in type(error).__mro__:
        if kind is not Exception and kind in handlers:
            return handlers[kind]
    return None


def _name_span(route: OperationRoute) -> None:
    span = trace.get_current_span()
    span.update_name(f"{route.operation.method} {route.path}")
    span.set_attribute("http.route", route.path)

"""What an operator watches: request counts and times by route, never by person or record."""

import time
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

REGISTRY = CollectorRegistry()
REQUESTS = Counter(
    "gft_http_requests_total",
    "HTTP requests",
    ("service", "method", "operation", "status"),
    registry=REGISTRY,
)
DURATIONS = Histogram(
    "gft_http_request_seconds",
    "Time until the answer was complete",
    ("service", "operation"),
    registry=REGISTRY,
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)


class Measured:
    """ASGI layer that counts and times by operation id, so that paths cannot explode it."""

    def __init__(self, app: ASGIApp, *, service: str) -> None:
        self._app = app
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = "500"
        started = time.perf_counter()

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = str(message["status"])
            await send(message)

        try:
            await self._app(scope, receive, watched)
        finally:
            operation = _operation(scope)
            REQUESTS.labels(self._service, scope["method"], operation, status).inc()
            DURATIONS.labels(self._service, operation).observe(time.perf_counter() - started)


def _operation(scope: Scope) -> str:
    """The operation of this service's route, or of the service that the gateway asked."""
    route: Any = scope.get("route")
    found: str | None = getattr(route, "operation_id", None) or scope.get("operation")
    return found or "unknown"


async def metrics_endpoint(_request: Request) -> Response:
    return Response(generate_latest(REGISTRY), media_type="text/plain; version=0.0.4")

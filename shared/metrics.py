"""What an operator watches: request counts and times by route, never by person or record.

Requests are counted as plain numbers, which become Prometheus's forms when somebody looks: its
labels and locks would cost more than the gateway's cheapest answer.
"""

import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from itertools import accumulate
from typing import Any, Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_BOUNDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)  # seconds
_BUCKETS: Final = (*map(str, _BOUNDS), "+Inf")


class Times:
    """The times of one operation, in seconds."""

    __slots__ = ("counts", "total")

    def __init__(self) -> None:
        self.counts = [0] * len(_BUCKETS)
        self.total = 0.0

    def observe(self, seconds: float) -> None:
        self.counts[bisect_left(_BOUNDS, seconds)] += 1
        self.total += seconds


class RequestMetrics(Collector):
    """Requests by service, method, operation and status, and their times by operation."""

    def __init__(self) -> None:
        self._requests: Counter[tuple[str, str, str, str]] = Counter()
        self._times: dict[tuple[str, str], Times] = {}

    def times(self, service: str, operation: str) -> Times:
        """Where the times of an operation are noted; the same object each time."""
        return self._times.get((service, operation)) or self._times.setdefault(
            (service, operation), Times()
        )

    def note(
        self, service: str, method: str, operation: str, status: int, *, seconds: float
    ) -> None:
        """One request whose answer is complete."""
        self._requests[service, method, operation, str(status)] += 1
        self.times(service, operation).observe(seconds)

    def collect(self) -> Iterator[Metric]:
        requests = CounterMetricFamily(
            "gft_http_requests_total",
            "HTTP requests",
            labels=("service", "method", "operation", "status"),
        )
        for labels, count in self._requests.items():
            requests.add_metric(labels, count)
        yield requests
        durations = HistogramMetricFamily(
            "gft_http_request_seconds",
            "Time until the answer was complete",
            labels=("service", "operation"),
        )
        for names, times in self._times.items():
            buckets = list(zip(_BUCKETS, accumulate(times.counts), strict=True))
            durations.add_metric(names, buckets, times.total)
        yield durations


REGISTRY = CollectorRegistry()
REQUESTS = RequestMetrics()
REGISTRY.register(REQUESTS)


class Measured:
    """ASGI layer that counts and times by operation id, so that paths cannot explode it."""

    def __init__(self, app: ASGIApp, *, service: str) -> None:
        self._app = app
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 500
        started = time.perf_counter()

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watched)
        finally:
            seconds = time.perf_counter() - started
            operation = _operation(scope)
            REQUESTS.note(self._service, scope["method"], operation, status, seconds=seconds)


def _operation(scope: Scope) -> str:
    """The operation of this service's route, or of the service that the gateway asked."""
    route: Any = scope.get("route")
    found: str | None = getattr(route, "operation_id", None) or scope.get("operation")
    return found or "unknown"


async def metrics_endpoint(_request: Request) -> Response:
    return Response(generate_latest(REGISTRY), media_type="text/plain; version=0.0.4")

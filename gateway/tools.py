"""What a running gateway holds for its calls, whichever way they go."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gateway.access_log import AccessLog
from gateway.breaker import BreakerState
from gateway.cache import ResponseCache
from gateway.entry_calls import EntryCalls
from gateway.limits import Limiter, Plan
from gateway.proxy import Upstream
from gateway.routes import RouteTable
from gateway.standing import Standing
from gateway.tallies import Tallies
from gateway.upstream import Pool
from shared.security.verifier import Verifier


@dataclass(slots=True)
class Service:
    """The replicas of one service; one that fails is passed over while another answers."""

    replicas: Sequence[Upstream]
    _turn: "itertools.cycle[int]" = field(init=False)

    def __post_init__(self) -> None:
        self._turn = itertools.cycle(range(len(self.replicas)))

    @classmethod
    def at(cls, name: str, urls: str) -> "Service":
        """`http://host:port` or `unix:/path`, several with commas."""
        return cls(
            [
                Upstream(name, Pool(url.removeprefix("http://").rstrip("/")))
                for url in urls.split(",")
            ]
        )

    def choose(self) -> Upstream:
        start = next(self._turn)
        first = self.replicas[start]
        if first.breaker.state is BreakerState.CLOSED:
            return first
        inturn = [*self.replicas[start:], *self.replicas[:start]]
        for upstream in inturn:
            if upstream.breaker.state is BreakerState.CLOSED:
                return upstream
        return min(inturn, key=lambda upstream: upstream.breaker.retry_after)

    def close(self) -> None:
        for upstream in self.replicas:
            upstream.pool.close()


@dataclass(slots=True)
class Tools:
    """Made once at the start; the plans follow their policies, the routes their versions."""

    routes: RouteTable
    verifier: Verifier
    strangers: Limiter
    clients: Limiter
    stranger_plan: Plan
    client_plan: Plan
    cache: ResponseCache
    services: Mapping[str, Service]
    entries: EntryCalls
    budget: float
    log: AccessLog
    tallies: Tallies
    standing: Standing

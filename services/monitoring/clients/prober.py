"""One probe of one target, whatever its scheme: its outcome, never an exception of its own."""

import asyncio
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import Self

from services.monitoring.clients.names import ask_server
from services.monitoring.clients.outcome import Limits, Outcome, Phase, PhaseTimeout, ProbeError
from services.monitoring.clients.resolving import Resolve
from services.monitoring.clients.web import WebClient, connect_within, resolve_within
from services.monitoring.rules.addresses import Allowed
from services.monitoring.rules.conditions import Observation
from services.monitoring.rules.targets import Scheme, Target


@dataclass(slots=True)
class Prober:
    """Probes with one resolver, one allow-list and one set of trusted authorities."""

    resolve: Resolve
    allowed: Sequence[Allowed]
    tls: ssl.SSLContext
    _web: WebClient = field(init=False)

    def __post_init__(self) -> None:
        self._web = WebClient(self.resolve, self.allowed, self.tls)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._web.close()

    async def probe(
        self,
        target: Target,
        *,
        limits: Limits,
        method: str = "GET",
        fresh: bool = True,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> Outcome:
        """What came of it; `fresh` takes a new connection, with a new resolution and handshake.

        Of HTTP alone `headers` and `body` are sent.
        """
        outcome = Outcome()
        try:
            match target.scheme:
                case Scheme.HTTP | Scheme.HTTPS:
                    await self._web.probe(
                        target,
                        method=method,
                        limits=limits,
                        fresh=fresh,
                        outcome=outcome,
                        headers=headers,
                        body=body,
                    )
                case Scheme.TCP:
                    await self._knock(target, limits, outcome)
                case Scheme.DNS:
                    await self._ask(target, limits, outcome)
        except ProbeError as error:
            outcome.error = error.code
        return outcome

    async def _knock(self, target: Target, limits: Limits, outcome: Outcome) -> None:
        started = perf_counter()
        deadline = asyncio.get_running_loop().time() + limits.total
        address = await resolve_within(
            target, self.resolve, self.allowed, limits=limits, deadline=deadline, outcome=outcome
        )
        (
            await connect_within(
                address, target.port, limits=limits, deadline=deadline, outcome=outcome
            )
        ).close()
        outcome.seen = _seen(str(address), started)

    async def _ask(self, target: Target, limits: Limits, outcome: Outcome) -> None:
        loop = asyncio.get_running_loop()
        started = perf_counter()
        deadline = loop.time() + limits.total
        address = await resolve_within(
            target, self.resolve, self.allowed, limits=limits, deadline=deadline, outcome=outcome
        )
        begun = perf_counter()
        try:
            async with asyncio.timeout_at(min(loop.time() + limits.of(Phase.FIRST_BYTE), deadline)):
                rcode, values = await ask_server(
                    str(address), target.port, target.name, target.record
                )
        except TimeoutError as error:
            raise PhaseTimeout(Phase.FIRST_BYTE) from error
        outcome.phases[Phase.FIRST_BYTE] = (perf_counter() - begun) * 1000
        body = "\n".join(sorted(values)).encode()
        outcome.seen = replace(_seen(str(address), started), dns_rcode=rcode, body=body)


def _seen(address: str, started: float) -> Observation:
    elapsed = (perf_counter() - started) * 1000
    return Observation(connected=True, ip=address, response_time=elapsed)

"""The way through: one request to the service behind, streamed both ways, within its time.

What a client says about who it is, where it comes from or how to be connected does not pass (G1).
A request is asked twice only if that is harmless: safe or with an idempotency key, its body at
hand, nothing of an answer sent, and within the retry budget (G3).
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic
from typing import Final, NamedTuple

from starlette.types import Message, Receive, Scope, Send

from gateway.breaker import Breaker, RetryBudget, Ticket
from gateway.connection import Connection, Head, Lost, Saturated, UpstreamFailure
from gateway.page import Filled
from gateway.passed_fields import (
    BUDGET_FIELD,
    Headers,
    answer_fields,
    asked_budget,
    context_lines,
    request_fields,
    unconditional,
)
from gateway.uplink import Gone, Uplink
from gateway.upstream import Pool
from shared.http.context import continued, traceparent
from shared.http.edge import Problem, problem, problem_answer, request_id_from

ATTEMPTS: Final = 3
CLIENT_LEFT: Final = 499  # no answer was sent: for logs and metrics alone
PAUSE_SECONDS: Final = 0.025  # before the second attempt; doubled before the third
STALL_SECONDS: Final = 30.0  # between two pieces of an answer
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_FAILED: Final = frozenset({502, 503, 504})  # the upstream's own word that it cannot


@dataclass(slots=True)
class Upstream:
    """One service behind the gateway, with what is known of its health."""

    name: str
    pool: Pool
    breaker: Breaker = field(default_factory=lambda: Breaker(monotonic))
    retries: RetryBudget = field(default_factory=RetryBudget)
    host: bytes = b""  # Host field; the address where empty

    def __post_init__(self) -> None:
        if not self.host:
            unix = self.pool.address.startswith("unix:")
            self.host = b"localhost" if unix else self.pool.address.encode()


class Begun(NamedTuple):
    """A request that is with the upstream already (`gateway.passage`)."""

    connection: Connection
    ticket: Ticket
    deadline: float


async def forward(
    scope: Scope,
    receive: Receive,
    send: Send,
    *,
    upstream: Upstream,
    headers: Headers = (),
    target: bytes | None = None,
    without: frozenset[bytes] = frozenset(),
    budget_seconds: float = 10.0,
    say: Problem = problem,
    on_retry: Callable[[str], None] = lambda _name: None,
    begun: Begun | None = None,
) -> int:
    """Pass one request on and its answer back; the status, or 499 when the client left.

    `headers` are the fields that the gateway sets in the caller's name, `without` those that do
    not pass beside the usual ones, `target` a path instead of the request's. The budget (seconds,
    or less if the caller says so) runs until the answer's head, from when the body is with the
    upstream; an answer that flows may take longer, with at most 30 s between two pieces. The first
    attempt may have `begun`.
    """
    if target is not None:
        scope = {**scope, "raw_path": target}
    fields = request_fields(scope["headers"], own=headers, without=without)
    exchange = _Exchange(scope, Uplink(receive, scope), send, upstream, fields, budget_seconds)
    if begun is not None:
        exchange.continue_with(begun)
    try:
        await exchange.uplink.open()
        if begun is None:
            upstream.retries.deposit()
        while True:
            try:
                return await exchange.attempt()
            except UpstreamFailure as failure:
                if not exchange.may_repeat(failure):
                    raise
            on_retry(upstream.name)
            await asyncio.sleep(PAUSE_SECONDS * 2**exchange.attempts)
    except Gone:
        return CLIENT_LEFT
    except (TimeoutError, UpstreamFailure) as failure:
        if exchange.started:
            return exchange.status  # half an answer is out: returning cuts the connection
        return await _refuse(scope, send, say, failure)


async def _refuse(scope: Scope, send: Send, say: Problem, failure: Exception) -> int:
    code, status, more = "bad_gateway", 502, list[tuple[bytes, bytes]]()
    if isinstance(failure, TimeoutError):
        code, status = "gateway_timeout", 504
    elif isinstance(failure, Saturated):
        code, status = "unavailable", 503
        more = [(b"retry-after", b"%d" % failure.retry_after)]
    body, headers = problem_answer(say, code, status, dict(scope["headers"]))
    headers += more
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
    return status


class _Exchange:
    """One request between a client and an upstream."""

    def __init__(  # noqa: PLR0917 private, and called once
        self,
        scope: Scope,
        uplink: Uplink,
        send: Send,
        upstream: Upstream,
        fields: Headers,
        budget: float,
    ) -> None:
        self._incoming = incoming = dict(scope["headers"])
        self.uplink = uplink
        self.attempts = 0
        self.started = False
        self.status = 0
        self._scope, self._send, self._upstream, self._fields = scope, send, upstream, fields
        self._method: str = scope["method"]
        self._repeatable = self._method in _SAFE or b"idempotency-key" in incoming
        self._request_id = request_id_from(incoming.get(b"x-request-id"))
        sent = incoming.get(b"traceparent", b"").decode("latin-1")
        self._trace = traceparent.get() or continued(sent or None)
        self._loop = asyncio.get_running_loop()
        self._budget = min(budget, asked_budget(incoming.get(BUDGET_FIELD)) or budget)
        self._deadline = self._loop.time() + self._budget
        self._stale = False
        self._begun: Begun | None = None

    def continue_with(self, begun: Begun) -> None:
        """Let the first attempt be this one."""
        self._begun, self._deadline = begun, begun.deadline

    async def attempt(self) -> int:
        """Ask the upstream once; the status when its answer is with the client."""
        begun, self._begun = self._begun, None
        ticket = begun.ticket if begun is not None else self._enter()
        self._stale = False
        self.attempts += 1
        with ticket:
            try:
                connection = begun.connection if begun is not None else await self._begin()
                return await self._exchange(connection, ticket)
            except Saturated:
                raise
            except (TimeoutError, UpstreamFailure):
                if not self._stale:  # a kept connection may end at any time
                    ticket.settle(ok=False)
                raise

    def _enter(self) -> Ticket:
        breaker = self._upstream.breaker
        ticket = breaker.enter()
        if ticket is None:
            raise Saturated(max(1, round(breaker.retry_after)))
        return ticket

    async def _begin(self) -> Connection:
        async with asyncio.timeout_at(self._deadline):
            connection = await self._upstream.pool.acquire(fresh=self.attempts > 1)
        connection.begin(self._request(), bodyless=self._method == "HEAD")
        return connection

    def may_repeat(self, failure: UpstreamFailure) -> bool:
        """A kept connection that the upstream had closed already costs no budget, once."""
        if isinstance(failure, Saturated) or self.started or self.attempts >= ATTEMPTS:
            return False
        if not self._repeatable or not self.uplink.replayable:
            return False
        return self._stale or self._upstream.retries.withdraw()

    async def _exchange(self, connection: Connection, ticket: Ticket) -> int:
        clean = False
        watching: asyncio.Task[None] | None = None
        try:
            streaming = not self.uplink.whole
            watching = self._loop.create_task(self.uplink.run(connection))
            if streaming:
                await self.uplink.sent_or(connection.head)
                self._deadline = self._loop.time() + self._budget
            async with asyncio.timeout_at(self._deadline):
                head = await connection.head
            ticket.settle(ok=head.status not in _FAILED)
            await self._pass_back(connection, head)
            clean = self.uplink.whole
        except Lost:
            if self.uplink.gone:
                raise Gone from None
            if self.uplink.refusal is not None:
                raise self.uplink.refusal from None
            self._stale = connection.used > 1 and not connection.answered
            raise
        finally:
            if watching is not None:
                watching.cancel()
            self._upstream.pool.release(connection, clean=clean)
        return self.status

    async def _pass_back(self, connection: Connection, head: Head) -> None:
        self.started, self.status = True, head.status
        headers = answer_fields(head.headers)
        await self._send({"type": "http.response.start", "status": head.status, "headers": headers})
        while True:
            async with asyncio.timeout(STALL_SECONDS):
                piece = await connection.read()
            ended = connection.drained
            await self._send({"type": "http.response.body", "body": piece, "more_body": not ended})
            if ended:
                return

    def _request(self) -> bytes:
        scope = self._scope
        lines = [f"{self._method} ".encode(), scope["raw_path"]]
        if scope["query_string"]:
            lines += [b"?", scope["query_string"]]
        lines.append(b" HTTP/1.1\r\n")
        for name, value in (
            (b"host", self._upstream.host),
            *self._fields,
            *self.uplink.framing(),
        ):
            lines += [name, b": ", value, b"\r\n"]
        client = scope.get("client")
        context = context_lines(
            self._incoming,
            address=client[0] if client else "unknown",
            scheme=scope["scheme"],
            request_id=self._request_id,
            trace=self._trace,
            left=self._deadline - self._loop.time(),
        )
        return b"".join([*lines, context, b"\r\n", self.uplink.frame(self.uplink.first)])


async def fetch(
    scope: Scope, *, upstream: Upstream, headers: Headers = (), budget_seconds: float = 10.0
) -> Filled:
    """One whole answer for the cache: without conditions, ranges or codings; `Lost` if cut."""
    status, complete = 0, False
    answer: list[tuple[bytes, bytes]] = []
    body = bytearray()

    async def never() -> Message:
        await asyncio.get_running_loop().create_future()
        raise AssertionError("nobody sets it")  # pragma: no cover

    async def collect(message: Message) -> None:
        nonlocal status, answer, complete
        if message["type"] == "http.response.start":
            status, answer = message["status"], list(message["headers"])
        else:
            body.extend(message.get("body", b""))
            complete = not message.get("more_body", False)

    await forward(
        {**scope, "method": "GET", "headers": unconditional(scope["headers"])},
        never,
        collect,
        upstream=upstream,
        headers=headers,
        budget_seconds=budget_seconds,
    )
    if not complete:
        raise Lost
    return Filled(status, answer, bytes(body))

"""The way through: one request to the service behind, streamed both ways, within its time.

What a client says about who it is, where it comes from or how to be connected does not pass (G1).
A request is asked twice only if that is harmless: safe or with an idempotency key, its body at
hand, nothing of an answer sent, and within the retry budget (G3).
"""

import asyncio
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Final

from starlette.types import Message, Receive, Scope, Send

from gateway.breaker import Breaker, RetryBudget, Ticket
from gateway.page import Filled
from gateway.upstream import Connection, Head, Lost, Pool, Saturated, UpstreamFailure
from shared.http.context import continued, traceparent
from shared.http.edge import Problem, problem, problem_headers, request_id_from
from shared.http.language import negotiate

BUDGET_FIELD: Final = b"x-time-budget-ms"
REPLAYABLE_BYTES: Final = 64 * 1024
ATTEMPTS: Final = 3
PAUSE_SECONDS: Final = 0.025  # before the second attempt; doubled before the third
STALL_SECONDS: Final = 30.0  # between two pieces of an answer
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_FAILED: Final = frozenset({502, 503, 504})  # the upstream's own word that it cannot

_HOP_BY_HOP: Final = frozenset(
    b"connection keep-alive proxy-connection proxy-authenticate proxy-authorization te trailer"
    b" transfer-encoding upgrade http2-settings expect".split()
)
# whatever a service might take for our word on identity, origin, method or path
_OURS: Final = (
    b"x-forwarded", b"x-real-", b"x-client-", b"x-user", b"x-role", b"x-actor", b"x-subject",
    b"x-org", b"x-region", b"x-scope", b"x-tenant", b"x-auth", b"x-identity", b"x-principal",
    b"x-gft-", b"x-internal-", b"x-remote-", b"x-original-", b"x-rewrite-", b"x-envoy-",
    b"x-http-method", b"x-method-override", b"x-ssl-", b"ssl-client", b"x-cert", b"x-consumer",
    b"x-credential", b"x-authenticated",
)  # fmt: skip
_OUR_NAMES: Final = frozenset(
    {b"forwarded", b"via", b"proxy", b"host", b"remote-user", b"true-client-ip", b"x-request-id"}
    | {b"traceparent", b"tracestate", BUDGET_FIELD, b"cf-connecting-ip", b"client-ip"}
)
_ANSWER_DROPPED: Final = _HOP_BY_HOP | {b"server", b"date", b"via"}
_CONDITIONS: Final = frozenset(
    b"if-none-match if-modified-since if-range range accept-encoding".split()
)
_UNSAFE_VALUE: Final = re.compile(rb"[\r\n\0]")

Headers = Sequence[tuple[bytes, bytes]]


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


class _Gone(Exception):  # noqa: N818 a signal
    """The client has hung up."""


class _Uplink:
    """The request's body on its way up, then the watch for a client that hangs up."""

    def __init__(self, receive: Receive, *, has_body: bool) -> None:
        self._receive = receive
        self.first = b""
        self.whole = not has_body  # nothing is left to send
        self.chunked = False
        self.gone = False

    async def open(self) -> None:
        """Read the first piece: most bodies are whole with it, and can be sent again."""
        if not self.whole:
            message = await self._next()
            self.first = message.get("body", b"")
            self.whole = not message.get("more_body", False)

    @property
    def replayable(self) -> bool:
        return self.whole and len(self.first) <= REPLAYABLE_BYTES

    async def run(self, connection: Connection, sent: asyncio.Future[None]) -> None:
        try:
            while not self.whole:
                message = await self._next()
                piece = message.get("body", b"")
                self.whole = not message.get("more_body", False)
                await connection.send(self.frame(piece))
            if not sent.done():
                sent.set_result(None)
            while True:
                await self._next()
        except _Gone:
            self.gone = True
            connection.abort()
        except Exception:
            connection.abort()  # the body was refused on its way in: the edge answers that
            raise
        finally:
            if not sent.done():
                sent.set_result(None)

    def frame(self, piece: bytes) -> bytes:
        if not self.chunked:
            return piece
        return (b"%x\r\n%b\r\n" % (len(piece), piece) if piece else b"") + (
            b"0\r\n\r\n" if self.whole else b""
        )

    async def _next(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise _Gone
        return message


async def forward(
    scope: Scope,
    receive: Receive,
    send: Send,
    *,
    upstream: Upstream,
    headers: Headers = (),
    budget_seconds: float = 10.0,
    say: Problem = problem,
    on_retry: Callable[[str], None] = lambda _name: None,
) -> int:
    """Pass one request on and its answer back; the status, or 499 when the client left.

    `headers` are the fields that the gateway sets in the caller's name. The budget (seconds, or
    less if the caller says so) runs until the answer's head, from when the body is with the
    upstream; an answer that flows may take longer, with at most 30 s between two pieces.
    """
    exchange = _Exchange(scope, receive, send, upstream, headers, budget_seconds, say)
    try:
        await exchange.uplink.open()
    except _Gone:
        return CLIENT_LEFT
    upstream.retries.deposit()
    for attempt in range(1, ATTEMPTS + 1):
        ticket = upstream.breaker.enter()
        if ticket is None:
            wait = max(1, round(upstream.breaker.retry_after))
            return await exchange.refuse("unavailable", 503, retry_after=wait)
        with ticket:
            try:
                return await exchange.attempt(ticket, fresh=attempt > 1)
            except _Gone:
                return CLIENT_LEFT
            except Saturated:
                return await exchange.refuse("unavailable", 503, retry_after=1)
            except TimeoutError:
                ticket.settle(ok=False)
                return await exchange.refuse("gateway_timeout", 504)
            except UpstreamFailure as failure:
                ticket.settle(ok=exchange.stale)
                if attempt == ATTEMPTS or not exchange.may_repeat(failure):
                    return await exchange.refuse("bad_gateway", 502)
        on_retry(upstream.name)
        await asyncio.sleep(PAUSE_SECONDS * (2 ** (attempt - 1)))
    raise AssertionError("the last attempt returns")  # pragma: no cover


CLIENT_LEFT: Final = 499


class _Exchange:
    """One request between a client and an upstream."""

    def __init__(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        upstream: Upstream,
        headers: Headers,
        budget: float,
        say: Problem,
    ) -> None:
        self._scope, self._send, self._say = scope, send, say
        self._upstream = upstream
        self._own = headers
        incoming = self._incoming = dict(scope["headers"])
        self._method: str = scope["method"]
        self._length = incoming.get(b"content-length")
        has_body = self._length not in (None, b"0") or b"transfer-encoding" in incoming
        self.uplink = _Uplink(receive, has_body=has_body)
        self._loop = asyncio.get_running_loop()
        self._budget = min(budget, asked_budget(incoming.get(BUDGET_FIELD)) or budget)
        self._deadline = self._loop.time() + self._budget
        self._repeatable = self._method in _SAFE or b"idempotency-key" in incoming
        self._request_id = request_id_from(incoming.get(b"x-request-id"))
        self.stale = False
        self.started = False

    async def attempt(self, ticket: Ticket, *, fresh: bool) -> int:
        self.stale = False
        async with asyncio.timeout_at(self._deadline):
            connection = await self._upstream.pool.acquire(fresh=fresh)
        clean = False
        watching: asyncio.Task[None] | None = None
        sent: asyncio.Future[None] = self._loop.create_future()
        try:
            streaming = not self.uplink.whole
            connection.begin(self._request(), bodyless=self._method == "HEAD")
            watching = self._loop.create_task(self.uplink.run(connection, sent))
            if streaming:
                await asyncio.wait({sent, connection.head}, return_when=asyncio.FIRST_COMPLETED)
                self._deadline = self._loop.time() + self._budget
            async with asyncio.timeout_at(self._deadline):
                head = await connection.head
            ticket.settle(ok=head.status not in _FAILED)
            await self._pass_back(connection, head)
            clean = self.uplink.whole
        except Lost:
            if self.uplink.gone:
                raise _Gone from None
            if watching is not None and watching.done() and watching.exception() is not None:
                raise watching.exception() or Lost from None
            self.stale = connection.used > 1 and not connection.head.done()
            raise
        finally:
            if watching is not None:
                watching.cancel()
            self._upstream.pool.release(connection, clean=clean)
        return head.status

    def may_repeat(self, failure: UpstreamFailure) -> bool:
        """A kept connection that the upstream had closed already costs no budget, once."""
        if not self._repeatable or not self.uplink.replayable or self.started:
            return False
        if isinstance(failure, Lost) and self.stale:
            return True
        return self._upstream.retries.withdraw()

    async def refuse(self, code: str, status: int, *, retry_after: int | None = None) -> int:
        if self.started:
            return status  # half an answer is out: returning cuts the connection
        accepted = self._incoming.get(b"accept-language", b"").decode("latin-1")
        language = negotiate(accepted)
        body = self._say(code, status, self._request_id.decode(), language)
        headers = problem_headers(body, self._request_id, language)
        if retry_after is not None:
            headers.append((b"retry-after", b"%d" % retry_after))
        await self._send({"type": "http.response.start", "status": status, "headers": headers})
        await self._send({"type": "http.response.body", "body": body})
        return status

    async def _pass_back(self, connection: Connection, head: Head) -> None:
        headers = end_to_end(head.headers, _ANSWER_DROPPED)
        self.started = True
        await self._send(
            {"type": "http.response.start", "status": head.status, "headers": headers}
        )
        while True:
            async with asyncio.timeout(STALL_SECONDS):
                piece = await connection.read()
            ended = connection.drained
            await self._send(
                {"type": "http.response.body", "body": piece, "more_body": not ended}
            )
            if ended:
                return

    def _request(self) -> bytes:
        lines = [f"{self._method} ".encode(), self._scope["raw_path"]]
        if self._scope["query_string"]:
            lines += [b"?", self._scope["query_string"]]
        lines.append(b" HTTP/1.1\r\n")
        for name, value in self._fields():
            lines += [name, b": ", value, b"\r\n"]
        lines += [b"\r\n", self.uplink.frame(self.uplink.first)]
        return b"".join(lines)

    def _fields(self) -> list[tuple[bytes, bytes]]:
        own = {name for name, _ in self._own}
        fields = [(b"host", self._upstream.host)]
        fields += [
            field
            for field in end_to_end(self._scope["headers"], _HOP_BY_HOP | _OUR_NAMES | own)
            if not field[0].startswith(_OURS)
        ]
        self.uplink.chunked = False
        if not self.uplink.whole and self._length is None:
            self.uplink.chunked = True
            fields.append((b"transfer-encoding", b"chunked"))
        elif self.uplink.whole and self.uplink.first and self._length is None:
            fields.append((b"content-length", b"%d" % len(self.uplink.first)))
        for name, value in self._own:
            if _UNSAFE_VALUE.search(value):
                raise ValueError(f"the value of {name.decode()} would end its line")
            fields.append((name, value))
        return fields + self._context()

    def _context(self) -> list[tuple[bytes, bytes]]:
        """Where the request comes from, what it is called and how much time is left."""
        client = self._scope.get("client")
        trace = self._incoming.get(b"traceparent", b"").decode("latin-1")
        ours = traceparent.get() or continued(trace or None)
        left = max(1, int((self._deadline - self._loop.time()) * 1000))
        fields = [
            (b"x-forwarded-for", client[0].encode() if client else b"unknown"),
            (b"x-forwarded-proto", self._scope["scheme"].encode()),
            (b"x-forwarded-host", self._incoming.get(b"host", b"")),
            (b"x-request-id", self._request_id),
            (b"traceparent", ours.encode()),
            (BUDGET_FIELD, b"%d" % left),
        ]
        state = self._incoming.get(b"tracestate")
        if state is not None and trace[3:35] == ours[3:35]:
            fields.append((b"tracestate", state))
        return fields


def end_to_end(headers: Headers, dropped: frozenset[bytes] | set[bytes]) -> list[tuple[bytes, bytes]]:
    """Without what was meant for one connection, and what its Connection field names."""
    named = {
        token.strip().lower()
        for name, value in headers
        if name.lower() == b"connection"
        for token in value.split(b",")
    }
    return [
        (name, value)
        for name, value in headers
        if name.lower() not in dropped and name.lower() not in named
    ]


def asked_budget(value: bytes | None) -> float | None:
    """Seconds that the caller gives, from milliseconds; None where it says nothing sensible."""
    if value is None or not value.isdigit() or len(value) > 9 or int(value) == 0:
        return None
    return int(value) / 1000


async def fetch(
    scope: Scope, *, upstream: Upstream, headers: Headers = (), budget_seconds: float = 10.0
) -> Filled:
    """One whole answer for the cache: without conditions, ranges or codings; `Lost` if cut."""
    plain = [field for field in scope["headers"] if field[0] not in _CONDITIONS]
    status, answer, body, complete = 0, [], bytearray(), False

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
        {**scope, "method": "GET", "headers": plain},
        never,
        collect,
        upstream=upstream,
        headers=headers,
        budget_seconds=budget_seconds,
    )
    if not complete:
        raise Lost
    return Filled(status, answer, bytes(body))

"""uvicorn's httptools protocol with bounds: time, header size, framing, Host, one connection each.

llhttp frames every request; this class decides what may go on to the app, and answers the rest
itself in the order in which requests came. One sweep per server looks at all deadlines, so that a
request costs no timer (performance.md §7).
"""

import asyncio
from time import perf_counter
from typing import Any, ClassVar, Final, Literal, NoReturn, cast

import httptools
from uvicorn.protocols.http.flow_control import service_unavailable
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from shared.http.edge.forwarded import forwarded_client, without_forwarded
from shared.http.edge.policy import ANY_HOST, EdgePolicy, Problem
from shared.http.edge.problem import problem, problem_answer
from shared.http.edge.sweeper import NEVER, watch
from shared.http.edge.target import framing_accepted, host_name, target_accepted

IDLE: Final = 0  # between requests
HEAD: Final = 1  # a request line or a header section is arriving
BODY: Final = 2  # the header section is complete, the message is not

Scheme = Literal["http", "https"]

_KNOWN_HOSTS = 256
_VERSIONS = ("1.1", "1.0")


class Refused(Exception):
    """Raised inside a parser callback: this request ends here."""

    def __init__(self, code: str, status: int) -> None:
        super().__init__(code)
        self.code = code
        self.status = status


class LingeringClose:
    """The transport of a request whose body still comes: closing it lets the answer be read."""

    __slots__ = ("_protocol",)

    def __init__(self, protocol: "EdgeProtocol") -> None:
        self._protocol = protocol

    def write(self, data: bytes) -> None:
        self._protocol.transport.write(data)

    def is_closing(self) -> bool:
        return self._protocol.transport.is_closing()

    def close(self) -> None:
        protocol = self._protocol
        if protocol.phase == BODY and protocol.cycle.response_complete:
            protocol.close_when_read()
        else:
            protocol.transport.close()


class EdgeProtocol(HttpToolsProtocol):
    """One connection; subclasses made by `edge_protocol` carry their policy as class attributes."""

    policy: ClassVar[EdgePolicy] = EdgePolicy()
    say: ClassVar[Problem] = staticmethod(problem)
    known_hosts: ClassVar[set[bytes]] = set()

    phase = IDLE
    deadline = NEVER
    stalled_since = NEVER
    early = False  # the request in hand needs no scope
    early_bytes: bytes | None = None  # the last read, where it was one such request and no more
    early_fields: dict[bytes, bytes] | None = None
    refused = False  # nothing that still arrives is read
    refusal: bytes | None = None  # waits until the requests before it are answered
    cause: Refused | None = None
    chunked = False
    begun = 0  # requests so far
    dropped = 0  # fields that were not kept
    chunk = 0  # bytes of the read in hand
    arrived = 0  # bytes read since this request began, or a little more
    continued = 0  # bytes read without the end of a phase or a byte of body
    received = 0  # bytes of body
    body_since = 0.0
    began_at = 0.0  # perf_counter at the first byte of the request in hand
    linger_left = 0
    linger_until = 0.0

    # --- the connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's
        super().connection_made(transport)
        self.deadline = self.loop.time() + self.policy.header_seconds
        watch(self.server_state, self.loop, self.policy.sweep_seconds)

    def data_received(self, data: bytes) -> None:
        if self.refused:
            self._discard(len(data))
            return
        if data == self.early_bytes and self._answered_again():
            return
        before = (self.phase, self.begun, self.received)
        self.chunk = len(data)
        self.arrived += self.chunk
        try:
            while True:
                try:
                    self.parser.feed_data(data)
                except httptools.HttpParserUpgrade as upgrade:
                    data = data[upgrade.args[0] :]  # nothing is upgraded: a next request follows
                    if data:
                        continue
                break
        except httptools.HttpParserError:
            cause, self.cause = self.cause, None
            self._refuse(*((cause.code, cause.status) if cause else ("malformed_request", 400)))
            return
        if self.phase != IDLE:
            self._still_arriving(before)
        alone = before[0] == self.phase == IDLE and self.begun == before[1] + 1
        self.early_bytes = data if alone and self.early else None

    def _answered_again(self) -> bool:
        """Whether the last request, come again byte by byte, was answered without being parsed.

        Who polls, or reads one page for many, repeats its bytes; they mean what they meant. Token,
        limits and page are looked at each time.
        """
        if self._unfinished() or self.early_fields is None:
            return False
        self.began_at = perf_counter()
        if not self.answer_early(self.early_fields):
            return False
        self.begun += 1
        self._await_next()
        return True

    def _await_next(self) -> None:
        """The connection may rest, unless an answer is on its way."""
        self.deadline = NEVER if self._unfinished() else self.loop.time() + self.policy.idle_seconds

    def _still_arriving(self, before: tuple[int, int, int]) -> None:
        """Bound what the parser holds unseen: a field, trailer or chunk extension without end."""
        if before == (self.phase, self.begun, self.received):
            self.continued += self.chunk
            if self.continued > self.policy.header_bytes:
                self._refuse("headers_too_large", 431)
            return
        self.continued = 0
        if self.phase == HEAD:
            self.deadline = self.loop.time() + self.policy.header_seconds

    def _discard(self, size: int) -> None:
        """After a refusal: hold back what comes until it is written, then read on for a moment."""
        if self.refusal is not None:
            self.flow.pause_reading()
            return
        self._linger_on(size)

    def check(self, now: float) -> None:
        """Called by the sweep: end what has run past its time."""
        if self.flow.read_paused:
            self.deadline += self.policy.sweep_seconds  # we are slow, not the client
        if not self.flow.write_paused:
            self.stalled_since = NEVER
        elif self.stalled_since == NEVER:
            self.stalled_since = now
        elif now - self.stalled_since > self.policy.send_stall_seconds:
            self.transport.abort()
            return
        if self.transport.is_closing() and self.deadline == NEVER:
            self.deadline = now + self.policy.linger_seconds
        if now < self.deadline:
            return
        if self.refused or self.transport.is_closing():
            self.transport.abort()
        elif self.phase == IDLE or (self.phase == BODY and self.cycle.response_complete):
            self.transport.close()
            self.deadline = now + self.policy.linger_seconds
        else:
            self._refuse("request_timeout", 408)

    # --- parser callbacks

    def on_message_begin(self) -> None:
        # No scope yet: a request that is answered early never needs one.
        self.url = b""
        self.headers = []
        self.expect_100_continue = False
        self.begun += 1
        self.dropped = 0
        self.arrived = self.chunk
        self.phase = HEAD
        self.began_at = perf_counter()

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.phase == BODY or b"_" in name:
            # Trailers would join the header list of a request that already runs; `a_b` is `a-b`
            # to many readers (reliability.md §5).
            self.dropped += 1
            if self.dropped > self.policy.header_fields:
                self._stop("headers_too_large", 431)
            return
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        headers = self.headers
        fields = dict(headers)
        policy = self.policy
        if len(headers) + self.dropped > policy.header_fields or (
            self.arrived > policy.header_bytes and self._oversized()
        ):
            self._stop("headers_too_large", 431)
        host = fields.get(b"host")
        if len(fields) != len(headers) and [name for name, _ in headers].count(b"host") > 1:
            host = None
        if host not in self.known_hosts and not self._host_served(host):
            self._stop("host_refused", 400)
        self.early = not self._unfinished() and self.answer_early(fields)
        if self.early:
            self.early_fields = fields
        else:
            self._check_request()
            self._build_scope(fields)
            super().on_headers_complete()
            if b"content-length" in fields or b"transfer-encoding" in fields:
                self.cycle.transport = cast("asyncio.Transport", LingeringClose(self))
            self.received = 0
            self.body_since = self.loop.time()
            self.deadline = self.body_since + self._body_seconds(fields)
        self.dropped = 0
        self.phase = BODY

    def answer_early(self, _fields: dict[bytes, bytes]) -> bool:
        """Whether this request is answered without the app; the gateway's fast path is here."""
        return False

    def on_body(self, body: bytes) -> None:
        self.received += len(body)
        if self.cycle.response_complete:
            self._linger_on(len(body))
            return
        if self.chunked:
            self.deadline = (
                self.body_since
                + self.policy.body_seconds
                + self.received / self.policy.body_bytes_per_second
            )
        super().on_body(body)

    def on_message_complete(self) -> None:
        self.phase = IDLE
        if not self.early:
            super().on_message_complete()
        self._await_next()

    # --- answers

    def on_response_complete(self) -> None:
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            cycle, app = self.pipeline.pop()
            self._start_asgi_task(cycle, app)
        elif self.refusal is not None:
            self._write_last(self.refusal)
        elif self.phase == IDLE:
            self.deadline = self.loop.time() + self.policy.idle_seconds
        elif self.phase == BODY:
            self._linger()  # answered before the body was in

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        super()._start_asgi_task(cycle, self._busy if app is service_unavailable else app)

    async def _busy(self, scope: Any, _receive: Any, send: Any) -> None:
        """uvicorn's concurrency limit, as a problem."""
        body, headers = problem_answer(type(self).say, "unavailable", 503, dict(scope["headers"]))
        headers += [(b"retry-after", b"1"), (b"connection", b"close")]
        await send({"type": "http.response.start", "status": 503, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _unfinished(self) -> bool:
        cycle = self.cycle
        # uvicorn types it as always there, and sets it with the first request
        return cycle is not None and not cycle.response_complete  # type: ignore[redundant-expr]

    def _stop(self, code: str, status: int) -> NoReturn:
        """Leave the parser; `data_received` then answers with this."""
        self.cause = Refused(code, status)
        raise self.cause

    def _refuse(self, code: str, status: int) -> None:
        """Answer the request in hand with a problem, in its turn, and read nothing more."""
        self.refused = True
        waiting = self._unfinished()
        if self.phase == BODY:  # the last cycle is the one at fault
            if self.pipeline and self.pipeline[0][0] is self.cycle:
                self.pipeline.popleft()
            else:
                waiting = False
                self.cycle.disconnected = True
                self.cycle.message_event.set()
                if self.cycle.response_started:
                    self.transport.close()
                    return
        body, headers = problem_answer(type(self).say, code, status, dict(self.headers))
        if code == "method_not_allowed":
            headers.append((b"allow", b", ".join(self.policy.methods)))
        lines = [STATUS_LINE[status]]
        for name, value in (*self.server_state.default_headers, *headers):
            lines += [name, b": ", value, b"\r\n"]
        answer = b"".join([*lines, b"connection: close\r\n\r\n", body])
        if waiting:
            self.refusal = answer
            self.deadline = NEVER
        else:
            self._write_last(answer)

    def _write_last(self, answer: bytes) -> None:
        self.refusal = None
        self.transport.write(answer)
        self.close_when_read()

    def close_when_read(self) -> None:
        """Close our side, and wait for the client's while it reads; nothing more is looked at."""
        self.refused = True
        self._linger()
        self.flow.resume_reading()
        if self.transport.can_write_eof():
            self.transport.write_eof()
        else:
            self.transport.close()

    def _linger(self) -> None:
        """Read on for a while, so that no reset for unread bytes eats the answer."""
        now = self.loop.time()
        self.deadline = now + self.policy.linger_seconds
        self.linger_until = now + self.policy.linger_longest_seconds
        self.linger_left = self.policy.linger_bytes

    def _linger_on(self, size: int) -> None:
        more = size / self.policy.body_bytes_per_second
        self.deadline = min(self.deadline + more, self.linger_until)
        self.linger_left -= size
        if self.linger_left < 0:
            self.transport.abort()

    # --- what is accepted

    def _oversized(self) -> bool:
        """Counted exactly, where all that was read since this request began is too much."""
        size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        return size > self.policy.header_bytes

    def _host_served(self, value: bytes | None) -> bool:
        name = None if value is None else host_name(value)
        if value is None or name is None:
            return False
        if ANY_HOST not in self.policy.hosts and name not in self.policy.hosts:
            return False
        if len(self.known_hosts) < _KNOWN_HOSTS:
            self.known_hosts.add(value)
        return True

    def _check_request(self) -> None:
        if self.parser.get_method() not in self.policy.methods:
            self._stop("method_not_allowed", 405)
        if not target_accepted(self.url):
            self._stop("target_refused", 400)
        version = self.parser.get_http_version()
        if version not in _VERSIONS or not framing_accepted(self.headers, version):
            self._stop("malformed_request", 400)
        framed = any(name in (b"content-length", b"transfer-encoding") for name, _ in self.headers)
        if self.parser.should_upgrade() and framed:
            self._stop("malformed_request", 400)  # llhttp would take its body for a new request
        if len(self.pipeline) >= self.policy.pipelined:
            self._stop("bad_request", 400)

    def _should_upgrade_to_ws(self) -> bool:
        return False

    def _body_seconds(self, fields: dict[bytes, bytes]) -> float:
        self.chunked = b"transfer-encoding" in fields
        size = int(fields.get(b"content-length", b"0"))
        return self.policy.body_seconds + size / self.policy.body_bytes_per_second

    def _build_scope(self, fields: dict[bytes, bytes]) -> None:
        url, headers = self.url, self.headers
        super().on_message_begin()
        self.url = url
        self.headers = self.scope["headers"] = without_forwarded(headers)
        self.expect_100_continue = fields.get(b"expect", b"").lower() == b"100-continue"
        self.scope["client"], self.scope["scheme"] = self.origin(headers)

    def origin(self, headers: list[tuple[bytes, bytes]]) -> "tuple[tuple[str, int] | None, Scheme]":
        """Whom a request comes from and by which scheme; a configured ingress is believed."""
        client: tuple[str, int] | None = self.client
        scheme = cast("Scheme", self.scheme)
        if (client[0] if client else "unix") in self.policy.ingress:
            address, said = forwarded_client(headers)
            if address is not None:
                client = (address, 0)
            scheme = cast("Scheme", said or scheme)
        return client, scheme


def edge_protocol(
    policy: EdgePolicy, *, say: Problem = problem, base: type[EdgeProtocol] = EdgeProtocol
) -> type[EdgeProtocol]:
    """The protocol class of one listener, for `uvicorn.Config(http=...)`."""
    own = {"policy": policy, "say": staticmethod(say), "known_hosts": set()}
    return type(base.__name__, (base,), own)

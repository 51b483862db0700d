"""One HTTP/1.1 connection of the prober and the one exchange that is on it.

uvloop moves the bytes, `ssl` the TLS records, httptools reads the answer; the limits are ours.
"""

import asyncio
import ssl
import zlib
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Final, cast

import httptools

from services.monitoring.clients.outcome import Limits, Phase, PhaseTimeout, ProbeError

_HEAD_BYTES: Final = 64 * 1024
_FRAMING: Final = 8  # bytes on the wire for one of the body, where its chunks are tiny
_INTERIM_ANSWERS: Final = 8
_FINAL: Final = 200
_WITHOUT_BODY: Final = frozenset({204, 304})
_PACKED: Final = frozenset({b"gzip", b"x-gzip", b"deflate"})


class Lost(ProbeError):
    """The other side hung up; `answered` when something had come before."""

    def __init__(self, *, answered: bool) -> None:
        super().__init__("connection_lost")
        self.answered = answered


@dataclass(slots=True)
class Answer:
    """A whole answer; times are of `perf_counter`: uvloop's own clock steps by milliseconds."""

    status: int
    location: bytes
    body: bytes
    first_byte_at: float
    ended_at: float


class Connection(asyncio.Protocol):
    """Keeps itself within the limits: a fault of the other side is a `ProbeError`, never more."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._parser: httptools.HttpResponseParser | None = None
        self._done: asyncio.Future[Answer] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.address = ""
        self.certificate_expires_at = 0.0
        self.idle_since = 0.0
        self.closed = False
        self.reusable = False

    def ask(
        self, request: bytes, *, bodyless: bool, limits: Limits, deadline: float
    ) -> "asyncio.Future[Answer]":
        """Send a request; the answer, or the `ProbeError` that ended it."""
        self._done = self._loop.create_future()
        self._parser = httptools.HttpResponseParser(self)
        self._bodyless, self._limits, self._deadline = bodyless, limits, deadline
        self._interim, self._received, self._size = 0, 0, 0
        self._in_head, self._framed, self.reusable = True, False, False
        self._first_byte_at = 0.0
        self._fields: dict[bytes, bytes] = {}
        self._body: list[bytes] = []
        self._unpacker: Any = None
        if self.closed or self._transport is None:
            self._fail(Lost(answered=False))
        else:
            self._limit(Phase.FIRST_BYTE)
            self._transport.write(request)
        return self._done

    def close(self) -> None:
        """Cut it; nothing more is expected of the other side."""
        if self._transport is not None:
            self._transport.abort()
        self.connection_lost(None)

    # --- the transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        tls: ssl.SSLObject | None = transport.get_extra_info("ssl_object")
        if tls is not None:
            certificate = tls.getpeercert() or {}
            self.certificate_expires_at = ssl.cert_time_to_seconds(str(certificate["notAfter"]))

    def data_received(self, data: bytes) -> None:
        if self._done is None or self._done.done() or self._parser is None:
            self.close()  # what nobody asked for could be taken for the next answer
            return
        first = not self._first_byte_at
        if first:
            self._first_byte_at = perf_counter()
        self._received += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._fail(ProbeError("answer_invalid"))
        if self._in_head and self._received > _HEAD_BYTES:
            self._fail(ProbeError("head_too_large"))
        elif self._received > _HEAD_BYTES + _FRAMING * self._limits.body:
            self._fail(ProbeError("body_too_large"))
        if first and not self._done.done():  # most answers are whole by now
            self._limit(Phase.TRANSFER)

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        if self.closed:
            return
        self.closed, self.reusable = True, False
        if self._done is None or self._done.done():
            return
        if exc is None and not self._in_head and not self._framed:
            self._end()  # a body without a length ends with the connection
        else:
            self._fail(Lost(answered=bool(self._first_byte_at)))

    # --- the parser

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_head:  # otherwise a trailer
            self._fields[name.lower()] = value

    def on_headers_complete(self) -> None:
        if self._parser is None:
            return
        status = self._parser.get_status_code()
        if status < _FINAL:
            self._interim += 1
            self._fields.clear()
            if status == 101 or self._interim > _INTERIM_ANSWERS:
                self._fail(ProbeError("answer_invalid"))
            return
        self._in_head = False
        self._framed = b"content-length" in self._fields or b"transfer-encoding" in self._fields
        if self._fields.get(b"content-encoding", b"").strip().lower() in _PACKED:
            self._unpacker = zlib.decompressobj(zlib.MAX_WBITS | 32)
        if self._bodyless or status in _WITHOUT_BODY:
            self._framed = True
            self._end()

    def on_body(self, body: bytes) -> None:
        if self._done is None or self._done.done():
            return
        limit = self._limits.body
        if self._unpacker is not None:
            try:
                body = self._unpacker.decompress(body, limit - self._size + 1)
            except zlib.error:
                self._fail(ProbeError("body_corrupt"))
                return
        self._size += len(body)
        if self._size > limit:
            self._fail(ProbeError("body_too_large"))
        else:
            self._body.append(body)

    def on_message_complete(self) -> None:
        if not self._in_head:
            self._end()

    # --- the end

    def _end(self) -> None:
        done, parser = self._done, self._parser
        if done is None or parser is None or done.done():
            return
        self._stop_timer()
        self.reusable = not self.closed and self._framed and bool(parser.should_keep_alive())
        done.set_result(
            Answer(
                status=parser.get_status_code(),
                location=self._fields.get(b"location", b""),
                body=b"".join(self._body),
                first_byte_at=self._first_byte_at,
                ended_at=perf_counter(),
            )
        )

    def _fail(self, error: ProbeError) -> None:
        if self._done is None or self._done.done():
            return
        self._stop_timer()
        self._done.set_exception(error)
        if self._transport is not None and not self.closed:
            self.close()

    def _limit(self, phase: Phase) -> None:
        self._stop_timer()
        at = min(self._loop.time() + self._limits.of(phase), self._deadline)
        self._timer = self._loop.call_at(at, self._expire, phase)

    def _expire(self, phase: Phase) -> None:
        self._fail(PhaseTimeout(phase))

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

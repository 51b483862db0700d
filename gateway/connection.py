"""Connections to one service behind: kept alive, framed by llhttp, with backpressure both ways."""

import asyncio
import socket
from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple, cast

import httptools

HIGH_WATER: Final = 64 * 1024  # bytes of an answer that wait for the client
HEAD_BYTES: Final = 64 * 1024
_SWITCHING, _FINAL = 101, 200


class UpstreamFailure(Exception):
    """The service gave no answer that can be passed on."""


class Unreachable(UpstreamFailure):
    """No connection was made: nothing was sent."""


class Lost(UpstreamFailure):
    """The connection ended before the answer did."""


class InvalidAnswer(UpstreamFailure):
    """What came is no HTTP answer to what was asked."""


class Saturated(UpstreamFailure):
    """It is left alone: its breaker is open, or enough requests wait for it; nothing was sent."""

    def __init__(self, retry_after: int = 1) -> None:
        super().__init__()
        self.retry_after = retry_after


class Head(NamedTuple):
    """An answer's status and fields, their names in lower case; `fields` has the last of each."""

    status: int
    headers: list[tuple[bytes, bytes]]
    fields: dict[bytes, bytes]


class Connection(asyncio.Protocol):
    """One connection and the one exchange that is on it; a new parser for each answer."""

    def __init__(self, on_lost: "Callable[[Connection], None]") -> None:
        self._loop = asyncio.get_running_loop()
        self._on_lost = on_lost
        self._parser: httptools.HttpResponseParser | None = None
        self._writable = asyncio.Event()
        self._writable.set()
        self._in_head = False
        self.closed = False
        self.on_news: Callable[[], None] | None = None
        self.used = 0
        self.idle_since = 0.0

    # --- the exchange

    def begin(
        self, data: bytes, *, bodyless: bool, on_news: Callable[[], None] | None = None
    ) -> None:
        """Send a request; `bodyless` says that the answer has no body (HEAD).

        `on_news` is called once: when the answer is whole, when it is clear that it is long, or
        when it has failed. Without it `head` and `read` are waited for.
        """
        self.used += 1
        self.on_news = on_news
        self._bodyless = bodyless
        self._parser = httptools.HttpResponseParser(self)
        self.head: asyncio.Future[Head] = self._loop.create_future()
        self._headers: list[tuple[bytes, bytes]] = []
        self._head_bytes = 0
        self._in_head = True
        self._interim = False
        self._framed = False
        self._short = False
        self._chunks: deque[bytes] = deque()
        self._buffered = 0
        self._more: asyncio.Future[None] | None = None
        self._failure: UpstreamFailure | None = None
        self.answered = False
        self.ended = False
        self.reusable = False
        if self.closed:
            self._fail(Lost())
        else:
            self._transport.write(data)

    async def send(self, data: bytes) -> None:
        """Send more of the request's body; waits while the service does not read."""
        await self._writable.wait()
        if not self.closed:
            self._transport.write(data)

    async def read(self) -> bytes:
        """The next piece of the answer's body; empty at its end."""
        while not self._chunks:
            if self._failure is not None:
                raise self._failure
            if self.ended:
                return b""
            self._more = self._loop.create_future()
            await self._more
        return self.taken()

    def taken(self) -> bytes:
        """What of the body is here and was not taken yet."""
        piece = self._chunks.popleft() if len(self._chunks) == 1 else b"".join(self._chunks)
        self._chunks.clear()
        if self._buffered > HIGH_WATER and not self.closed:
            self._transport.resume_reading()
        self._buffered = 0
        return piece

    @property
    def drained(self) -> bool:
        """Whether everything of the answer has been read."""
        return self.ended and not self._chunks

    def abort(self) -> None:
        if not self.closed:
            self._transport.abort()
            self.connection_lost(None)

    # --- the transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        bare = transport.get_extra_info("socket")
        if bare is not None and bare.family != socket.AF_UNIX:
            bare.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def data_received(self, data: bytes) -> None:
        if self._parser is None:
            self.abort()  # nobody has asked: what follows could be taken for another's answer
            return
        self.answered = True
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._refuse()
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES:
                self._refuse()
        self._tell()

    def connection_lost(self, exc: Exception | None) -> None:
        if self.closed:
            return
        self.closed = True
        self._writable.set()
        if self._parser is not None and not self.ended:
            if exc is None and self.head.done() and not self._framed:
                self._end(reusable=False)  # a body without length ends with the connection
            else:
                self._fail(Lost())
            self._tell()
        self._on_lost(self)

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    # --- the parser

    def on_message_begin(self) -> None:
        if self.ended:
            raise InvalidAnswer  # a second answer to one request

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_head:  # otherwise a trailer
            self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        if self._parser is None or not self._in_head:
            return
        status = self._parser.get_status_code()
        if status < _FINAL:
            if status == _SWITCHING:
                raise InvalidAnswer
            self._interim, self._headers = True, []
            return
        fields = dict(self._headers)
        length = fields.get(b"content-length")
        self._framed = length is not None or b"transfer-encoding" in fields
        self._short = length is not None and int(length) <= HIGH_WATER
        self._in_head = False
        self.head.set_result(Head(status, self._headers, fields))
        if self._bodyless:
            self._end(reusable=self._parser.should_keep_alive())

    def on_body(self, body: bytes) -> None:
        if self.ended:
            raise InvalidAnswer
        self._chunks.append(body)
        before, self._buffered = self._buffered, self._buffered + len(body)
        if before <= HIGH_WATER < self._buffered and not self.closed:
            self._transport.pause_reading()
        self._wake()

    def on_message_complete(self) -> None:
        if self._interim:
            self._interim = False
        elif not self.ended and self._parser is not None:
            self._end(reusable=self._parser.should_keep_alive())

    def _end(self, *, reusable: bool) -> None:
        self.ended = True
        self.reusable = reusable
        self._parser = None
        self._wake()

    def _fail(self, failure: UpstreamFailure) -> None:
        self.reusable = False
        if self._failure is None and not self.ended:
            self._failure = failure
        if not self.head.done():
            self.head.set_exception(failure)
            self.head.exception()  # a request that has given up does not look
        self._wake()

    def _refuse(self) -> None:
        self._fail(InvalidAnswer())
        self.abort()

    def _tell(self) -> None:
        """Outside of the parser: whoever hears of an end may use the connection again at once."""
        if self.on_news is None:
            return
        if self.ended or self._failure is not None or (self.head.done() and not self._short):
            on_news, self.on_news = self.on_news, None
            on_news()

    def _wake(self) -> None:
        if self._more is not None and not self._more.done():
            self._more.set_result(None)

"""Connections to one service behind: kept alive, framed by llhttp, with backpressure both ways."""

import asyncio
import socket
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, NamedTuple, cast

import httptools

HIGH_WATER: Final = 64 * 1024  # bytes of an answer that wait for the client
HEAD_BYTES: Final = 64 * 1024
_SWITCHING, _FINAL = 101, 200


class UpstreamFailure(Exception):  # noqa: N818 the names below say what failed
    """The service gave no answer that can be passed on."""


class Unreachable(UpstreamFailure):
    """No connection was made: nothing was sent."""


class Lost(UpstreamFailure):
    """The connection ended before the answer did."""


class InvalidAnswer(UpstreamFailure):
    """What came is no HTTP answer to what was asked."""


class Saturated(UpstreamFailure):
    """Every connection is in use and enough requests wait already."""


class Head(NamedTuple):
    status: int
    headers: list[tuple[bytes, bytes]]


class Connection(asyncio.Protocol):
    """One connection and the one exchange that is on it; a new parser for each answer."""

    def __init__(self, on_lost: "Callable[[Connection], None]") -> None:
        self._loop = asyncio.get_running_loop()
        self._on_lost = on_lost
        self._parser: httptools.HttpResponseParser | None = None
        self._writable = asyncio.Event()
        self._writable.set()
        self.closed = False
        self.used = 0
        self.idle_since = 0.0

    # --- the exchange

    def begin(self, data: bytes, *, bodyless: bool) -> None:
        """Send a request; `bodyless` says that the answer has no body (HEAD)."""
        self.used += 1
        self._bodyless = bodyless
        self._parser = httptools.HttpResponseParser(self)
        self.head: asyncio.Future[Head] = self._loop.create_future()
        self._headers: list[tuple[bytes, bytes]] = []
        self._head_bytes = 0
        self._interim = False
        self._framed = False
        self._chunks: deque[bytes] = deque()
        self._buffered = 0
        self._more: asyncio.Future[None] | None = None
        self._failure: UpstreamFailure | None = None
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
        piece = self._chunks.popleft() if len(self._chunks) == 1 else b"".join(self._chunks)
        self._chunks.clear()
        if self._buffered > HIGH_WATER and not self.closed:
            self._transport.resume_reading()
        self._buffered = 0
        return piece

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
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._fail(InvalidAnswer())
            self.abort()

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
        self._head_bytes += len(name) + len(value)
        if self._head_bytes > HEAD_BYTES:
            raise InvalidAnswer
        if self.head.done():
            return  # a trailer
        name = name.lower()
        if name in (b"content-length", b"transfer-encoding"):
            self._framed = True
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        if self._parser is None:
            return
        status = self._parser.get_status_code()
        if status < _FINAL:
            if status == _SWITCHING:
                raise InvalidAnswer
            self._interim, self._headers, self._framed = True, [], False
            return
        if not self.head.done():
            self.head.set_result(Head(status, self._headers))
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

    def _wake(self) -> None:
        if self._more is not None and not self._more.done():
            self._more.set_result(None)


@dataclass(slots=True)
class Pool:
    """Connections to `host:port` or `unix:/path`, last used first; bounded in number and in queue."""

    address: str
    most: int = 128
    most_waiting: int = 256
    idle_seconds: float = 10.0  # well below the 30 s after which the edge of a service hangs up
    connect_seconds: float = 2.0
    open: int = 0
    _waiting: int = 0
    _idle: list[Connection] = field(default_factory=list)
    _free: asyncio.Semaphore | None = None

    async def acquire(self, *, fresh: bool = False) -> Connection:
        """A connection of one's own; `fresh` takes none that was used before."""
        if self._free is None:
            self._free = asyncio.Semaphore(self.most)
        if self._free.locked() and self._waiting >= self.most_waiting:
            raise Saturated
        self._waiting += 1
        try:
            await self._free.acquire()
        finally:
            self._waiting -= 1
        try:
            return self._reuse(fresh=fresh) or await self._connect()
        except BaseException:
            self._free.release()
            raise

    def release(self, connection: Connection, *, clean: bool) -> None:
        """Give it back; it is kept only if its exchange came to a clean end on both sides."""
        if self._free is not None:
            self._free.release()
        if clean and connection.reusable and not connection.closed:
            connection.idle_since = asyncio.get_running_loop().time()
            self._idle.append(connection)
        else:
            connection.abort()

    def close(self) -> None:
        while self._idle:
            self._idle.pop().abort()

    def _reuse(self, *, fresh: bool) -> Connection | None:
        oldest = asyncio.get_running_loop().time() - self.idle_seconds
        while self._idle and self._idle[0].idle_since < oldest:
            self._idle.pop(0).abort()
        return self._idle.pop() if self._idle and not fresh else None

    async def _connect(self) -> Connection:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self.connect_seconds):
                if self.address.startswith("unix:"):
                    _, made = await loop.create_unix_connection(
                        lambda: Connection(self._lost), self.address.removeprefix("unix:")
                    )
                else:
                    host, _, port = self.address.rpartition(":")
                    _, made = await loop.create_connection(
                        lambda: Connection(self._lost), host.strip("[]"), int(port)
                    )
        except TimeoutError as error:
            raise Unreachable from error
        except OSError as error:
            raise Unreachable from error
        self.open += 1
        return made

    def _lost(self, connection: Connection) -> None:
        self.open -= 1
        if connection in self._idle:
            self._idle.remove(connection)

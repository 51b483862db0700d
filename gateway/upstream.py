"""The connections to one service that are open: the last used is used first."""

import asyncio
import ssl
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from gateway.connection import (
    Connection,
    InvalidAnswer,
    Lost,
    Saturated,
    Unreachable,
    UpstreamFailure,
)

__all__ = [
    "Connection",
    "InvalidAnswer",
    "Lost",
    "Pool",
    "Saturated",
    "Unreachable",
    "UpstreamFailure",
]


@dataclass(slots=True)
class Pool:
    """Connections to `host:port` or `unix:/path`, last used first; bounded, and so is the queue.

    `connect` replaces the way to the address, where it must be checked first.
    """

    address: str
    most: int = 128
    most_waiting: int = 256
    idle_seconds: float = 10.0  # well below the 30 s after which the edge of a service hangs up
    connect_seconds: float = 2.0
    tls: ssl.SSLContext | None = None
    connect: Callable[[Callable[[], Connection]], Awaitable[Connection]] | None = None
    open: int = 0
    _lent: int = 0
    _waiting: deque[asyncio.Future[None]] = field(default_factory=deque)
    _idle: list[Connection] = field(default_factory=list)

    @property
    def ready(self) -> bool:
        """Whether `take` has a connection to give."""
        if self._lent >= self.most:
            return False
        self._drop_old()
        return bool(self._idle)

    def take(self) -> Connection:
        """A kept connection without waiting; only while the pool is `ready`."""
        self._lent += 1
        return self._idle.pop()

    async def acquire(self, *, fresh: bool = False) -> Connection:
        """A connection of one's own; `fresh` takes none that was used before."""
        if self._lent < self.most:
            self._lent += 1
        else:
            await self._wait()
        try:
            self._drop_old()
            return self._idle.pop() if self._idle and not fresh else await self._connect()
        except BaseException:
            self._hand_on()
            raise

    def release(self, connection: Connection, *, clean: bool) -> None:
        """Give it back; it is kept only if its exchange came to a clean end on both sides."""
        if clean and connection.reusable and not connection.closed:
            connection.idle_since = asyncio.get_running_loop().time()
            self._idle.append(connection)
        else:
            connection.abort()
        self._hand_on()

    def close(self) -> None:
        while self._idle:
            self._idle.pop().abort()

    async def _wait(self) -> None:
        """Until somebody hands a place on."""
        if len(self._waiting) >= self.most_waiting:
            raise Saturated
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():
                self._hand_on()  # its turn had just come
            elif turn in self._waiting:
                self._waiting.remove(turn)
            raise

    def _hand_on(self) -> None:
        """A place goes to whoever has waited longest, or becomes free."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._lent -= 1

    def _drop_old(self) -> None:
        oldest = asyncio.get_running_loop().time() - self.idle_seconds
        while self._idle and self._idle[0].idle_since < oldest:
            self._idle.pop(0).abort()

    async def _connect(self) -> Connection:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self.connect_seconds):
                if self.connect is not None:
                    made = await self.connect(lambda: Connection(self._lost))
                elif self.address.startswith("unix:"):
                    _, made = await loop.create_unix_connection(
                        lambda: Connection(self._lost), self.address.removeprefix("unix:")
                    )
                else:
                    host, _, port = self.address.rpartition(":")
                    _, made = await loop.create_connection(
                        lambda: Connection(self._lost),
                        host.strip("[]"),
                        int(port),
                        ssl=self.tls,
                    )
        except OSError as error:  # TimeoutError is one
            raise Unreachable from error
        self.open += 1
        return made

    def _lost(self, connection: Connection) -> None:
        self.open -= 1
        if connection in self._idle:
            self._idle.remove(connection)

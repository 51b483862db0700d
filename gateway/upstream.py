"""The connections to one service that are open: the last used is used first."""

import asyncio
import ssl
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

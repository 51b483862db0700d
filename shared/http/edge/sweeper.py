"""One look at all connections of a server, a few times a second, instead of a timer per request."""

import asyncio
import math
from typing import Protocol
from weakref import WeakSet

from uvicorn.server import ServerState

NEVER = math.inf

_watched: WeakSet[ServerState] = WeakSet()


class Watched(Protocol):
    def check(self, now: float) -> None: ...


def watch(state: ServerState, loop: asyncio.AbstractEventLoop, seconds: float) -> None:
    """Start the sweep of a server unless it runs; it ends by itself with the last connection."""
    if state not in _watched:
        _watched.add(state)
        loop.call_later(seconds, _sweep, state, loop, seconds)


def _sweep(state: ServerState, loop: asyncio.AbstractEventLoop, seconds: float) -> None:
    now = loop.time()
    for connection in list(state.connections):
        connection.check(now)  # type: ignore[union-attr] # every connection here is an EdgeProtocol
    if state.connections:
        loop.call_later(seconds, _sweep, state, loop, seconds)
    else:
        _watched.discard(state)

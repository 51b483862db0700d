"""One resolution for each hop of a probe, and the address that may be connected to."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from services.monitoring.clients.outcome import ADDRESS_REFUSED, ProbeError
from services.monitoring.rules.addresses import Address, Allowed, may_connect, plain
from services.monitoring.rules.targets import Scheme, Target

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
_DNS_PORTS = frozenset({53})
_THREADS = 32  # a name server that never answers holds one of them, not the event loop's own


class SystemResolver:
    """The machine's resolver; those who ask for one name at the same time share the answer."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_THREADS, "resolve")
        self._asked: dict[tuple[str, int], asyncio.Future[list[str]]] = {}

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        running = self._asked.get((host, port))
        if running is None:
            loop = asyncio.get_running_loop()
            running = loop.run_in_executor(self._threads, _look_up, host, port)
            self._asked[host, port] = running
            running.add_done_callback(lambda _done: self._asked.pop((host, port), None))
        return await asyncio.shield(running)

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


def _look_up(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


async def checked_address(
    target: Target, *, resolve: Resolve, allowed: Sequence[Allowed]
) -> Address:
    """Resolve once and check every address; the first is the one to connect to.

    One forbidden address refuses all: a name that points inside and outside at once is a trick.
    """
    found = literal(target) or await _resolved(target, resolve)
    ports = {"public_ports": _DNS_PORTS} if target.scheme is Scheme.DNS else {}
    if not all(may_connect(each, target.port, allowed=allowed, **ports) for each in found):
        raise ProbeError(ADDRESS_REFUSED)
    return found[0]


def literal(target: Target) -> list[Address]:
    """The address that is written in place of a name, if one is."""
    try:
        return [plain(target.host)] if target.host[-1:].isdigit() or ":" in target.host else []
    except ValueError:
        return []


async def _resolved(target: Target, resolve: Resolve) -> list[Address]:
    try:
        found = [plain(each) for each in await resolve(target.host, target.port)]
    except (OSError, UnicodeError) as error:
        raise ProbeError("name_unknown") from error
    if not found:
        raise ProbeError("name_unknown")
    return found

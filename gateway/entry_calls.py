"""Calls to a listed service's own entry: forwarded while it is listed, told why when it is not.

An entry's host was accepted in a filing, which does not make it safe: private and loopback
addresses are refused unless allow-listed, on the address that is connected to (decisions: HTTP).
"""

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Callable, Collection
from functools import partial
from typing import Final
from urllib.parse import urlsplit

from starlette.types import Message, Receive, Scope, Send

from gateway.entries import Entries
from gateway.errors import EntryAddressRefused, EntryUnknown
from gateway.proxy import Upstream, forward
from gateway.routes import ENTRY_PREFIX
from gateway.upstream import Connection, Pool, Unreachable
from shared.http.edge import Problem

MOST_UPSTREAMS: Final = 1024
_OURS: Final = frozenset({b"authorization", b"cookie", b"idempotency-key", b"if-match"})
_EMBEDDED: Final = tuple(
    map(ipaddress.ip_network, ("100.64.0.0/10", "64:ff9b::/96", "2002::/16", "fec0::/10"))
)


class EntryCalls:
    """Forwards to entries; keeps one upstream, with its breaker, for each host."""

    def __init__(self, entries: Entries, *, allowed: Collection[str], budget: float) -> None:
        self._entries = entries
        self._allowed = frozenset(allowed)
        self._budget = budget
        self._upstreams: dict[tuple[str, str, int], Upstream] = {}

    async def call(self, scope: Scope, receive: Receive, send: Send, *, say: Problem) -> int:
        """Forward `/v1/entry/{listing_id}/…`; 404, 503 or 410 with the notice when it is closed.

        The access token stays here: it is for this platform alone. Nor does a department's system
        set cookies in the platform's name.
        """
        listing_id, _, rest = scope["path"].removeprefix(ENTRY_PREFIX).partition("/")
        entry = self._entries.find(listing_id)
        target = urlsplit(entry.url)
        if target.hostname is None or ".." in rest.split("/"):
            raise EntryUnknown(listing_id=listing_id)
        base = target.path.rstrip("/")
        raw = scope["raw_path"].split(b"/", 4)
        tail = b"/" + raw[4] if len(raw) > 4 else b""
        outgoing = {
            **scope,
            "raw_path": base.encode("ascii") + tail or b"/",
            "headers": [field for field in scope["headers"] if field[0] not in _OURS],
        }

        async def without_cookies(message: Message) -> None:
            if message["type"] == "http.response.start":
                kept = [field for field in message["headers"] if field[0].lower() != b"set-cookie"]
                message = {**message, "headers": kept}
            await send(message)

        return await forward(
            outgoing,
            receive,
            without_cookies,
            upstream=self._upstream(target.scheme, target.hostname, target.port),
            headers=[(b"x-listing-id", listing_id.encode("ascii", "replace"))],
            budget_seconds=self._budget,
            say=say,
        )

    def close(self) -> None:
        for upstream in self._upstreams.values():
            upstream.pool.close()

    def _upstream(self, scheme: str, host: str, port: int | None) -> Upstream:
        number = port or (443 if scheme == "https" else 80)
        name, key = f"{host}:{number}", (scheme, host, number)
        found = self._upstreams.get(key)
        if found is None:
            if len(self._upstreams) >= MOST_UPSTREAMS:
                self._upstreams.pop(next(iter(self._upstreams))).pool.close()
            pool = Pool(
                name,
                most=32,
                connect=partial(_connect, scheme, host, number, known=name in self._allowed),
            )
            found = self._upstreams[key] = Upstream(f"entry:{host}", pool)
        return found


async def _connect(
    scheme: str, host: str, port: int, make: Callable[[], Connection], *, known: bool
) -> Connection:
    """Resolve once, check every address, connect to a checked one."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = [str(address[0]) for *_, address in found]
    if not known and (port not in (80, 443) or not all(map(is_public, addresses))):
        raise EntryAddressRefused(host=host)
    if not addresses:
        raise Unreachable
    tls = ssl.create_default_context() if scheme == "https" else None
    _, connection = await loop.create_connection(
        make, addresses[0], port, ssl=tls, server_hostname=host if tls else None
    )
    return connection


def is_public(address: str) -> bool:
    """Whether an address is out in the world, and does not hold another that is not."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    if any(parsed.version == net.version and parsed in net for net in _EMBEDDED):
        return False
    return parsed.is_global and not parsed.is_multicast and not parsed.is_reserved

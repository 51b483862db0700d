"""Probes over HTTP and HTTPS: resolve, check, connect, ask, and follow only where allowed to."""

import asyncio
import resource
import socket
import ssl
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import IPv6Address
from time import perf_counter
from typing import Final

from services.monitoring.clients.connection import Answer, Connection, Lost
from services.monitoring.clients.outcome import (
    Limits,
    Outcome,
    Phase,
    PhaseTimeout,
    ProbeError,
)
from services.monitoring.clients.resolving import Resolve, checked_address, literal
from services.monitoring.rules.addresses import Address, Allowed
from services.monitoring.rules.conditions import Observation
from services.monitoring.rules.targets import Target, TargetUnreadable, redirected

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_IDLE_SECONDS: Final = 120.0
_EXPIRED, _OF_ANOTHER_NAME = {10}, {62, 64}  # X509_V_ERR_…: HAS_EXPIRED, HOSTNAME and IP_ADDRESS


def client_context(ca_file: str | None = None) -> ssl.SSLContext:
    """Certificates are verified, name included; `ca_file` stands beside no other authority."""
    context = ssl.create_default_context(cafile=ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


@dataclass(slots=True)
class WebClient:
    """Asks one target at a time; connections that ended cleanly are kept for the next round.

    Of the files that the process may open half are left for all else.
    """

    resolve: Resolve
    allowed: Sequence[Allowed]
    tls: ssl.SSLContext
    most_idle: int = field(default_factory=lambda: _files() // 2)
    _idle: dict[tuple[bool, str, int], Connection] = field(default_factory=dict)

    async def probe(
        self,
        target: Target,
        *,
        method: str,
        limits: Limits,
        fresh: bool,
        outcome: Outcome,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> None:
        """Fill `outcome`; raises `ProbeError` where there is no whole answer.

        A redirect is followed without `headers` and `body`: they were meant for the first target.
        """
        started = perf_counter()
        deadline = asyncio.get_running_loop().time() + limits.total
        request = _request(target, method, headers or {}, body)
        while True:
            connection, answer = await self._exchange(
                target, request, limits=limits, deadline=deadline, fresh=fresh, outcome=outcome,
                bodyless=method == "HEAD",
            )  # fmt: skip
            expires_at = connection.certificate_expires_at
            outcome.seen = Observation(
                connected=True,
                status=answer.status,
                ip=connection.address,
                response_time=(perf_counter() - started) * 1000,
                certificate_expires_in=(expires_at - time.time()) * 1000 if expires_at else 0.0,
                body=answer.body,
            )
            self._put_back(target, connection)
            if not (limits.redirects and answer.status in _REDIRECTS and answer.location):
                return
            if outcome.hops == limits.redirects:
                raise ProbeError("redirects_exceeded")
            outcome.hops += 1
            target = _next(target, answer)
            request = _request(target, method, {}, b"")

    def close(self) -> None:
        for connection in self._idle.values():
            connection.close()
        self._idle.clear()

    async def _exchange(
        self, target: Target, request: bytes, *, bodyless: bool, limits: Limits, deadline: float,
        fresh: bool, outcome: Outcome,
    ) -> tuple[Connection, Answer]:  # fmt: skip
        """On a kept connection, and once more on a new one where that had been hung up."""
        kept = self._kept(target, fresh=fresh)
        connection = kept or await self._connect(target, limits, deadline, outcome)
        while True:
            asked = perf_counter()
            try:
                answer = await connection.ask(
                    request, bodyless=bodyless, limits=limits, deadline=deadline
                )
            except Lost as error:
                if connection is not kept or error.answered:
                    raise
                connection = await self._connect(target, limits, deadline, outcome)
                continue
            except BaseException:
                connection.close()
                raise
            outcome.reused = connection is kept
            _count(outcome, Phase.FIRST_BYTE, answer.first_byte_at - asked)
            _count(outcome, Phase.TRANSFER, answer.ended_at - answer.first_byte_at)
            return connection, answer

    def _kept(self, target: Target, *, fresh: bool) -> Connection | None:
        connection = self._idle.pop((target.secure, target.host, target.port), None)
        if connection is None or connection.closed:
            return None
        if fresh or connection.idle_since < asyncio.get_running_loop().time() - _IDLE_SECONDS:
            connection.close()
            return None
        return connection

    def _put_back(self, target: Target, connection: Connection) -> None:
        key = (target.secure, target.host, target.port)
        if connection.reusable and key not in self._idle and len(self._idle) < self.most_idle:
            connection.idle_since = asyncio.get_running_loop().time()
            self._idle[key] = connection
        else:
            connection.close()

    async def _connect(
        self, target: Target, limits: Limits, deadline: float, outcome: Outcome
    ) -> Connection:
        address = await resolve_within(
            target, self.resolve, self.allowed, limits=limits, deadline=deadline, outcome=outcome
        )
        if target.secure:
            bare = await connect_within(
                address, target.port, limits=limits, deadline=deadline, outcome=outcome
            )
            connection = await self._speak(bare, target, limits, deadline, outcome)
        else:
            connection = await _connect_plainly(address, target.port, limits, deadline, outcome)
        connection.address = str(address)
        return connection

    async def _speak(
        self, bare: socket.socket, target: Target, limits: Limits, deadline: float, outcome: Outcome
    ) -> Connection:
        loop = asyncio.get_running_loop()
        begun = perf_counter()
        try:
            async with _within(Phase.TLS, limits, deadline):
                _, connection = await loop.create_connection(
                    Connection,
                    sock=bare,
                    ssl=self.tls,
                    server_hostname=target.host,
                )
        except ssl.SSLCertVerificationError as error:
            raise ProbeError(_certificate_fault(error)) from error
        except TimeoutError as error:
            raise PhaseTimeout(Phase.TLS) from error
        except OSError as error:  # ssl.SSLError is one
            raise ProbeError("tls_failed") from error
        _count(outcome, Phase.TLS, perf_counter() - begun)
        return connection


async def resolve_within(
    target: Target, resolve: Resolve, allowed: Sequence[Allowed], *, limits: Limits,
    deadline: float, outcome: Outcome,
) -> Address:  # fmt: skip
    """The checked address of a target, in the time that the phase has."""
    if literal(target):  # nothing is waited for
        outcome.phases[Phase.DNS] = outcome.phases.get(Phase.DNS, 0.0)
        return await checked_address(target, resolve=resolve, allowed=allowed)
    begun = perf_counter()
    try:
        async with _within(Phase.DNS, limits, deadline):
            address = await checked_address(target, resolve=resolve, allowed=allowed)
    except TimeoutError as error:
        raise PhaseTimeout(Phase.DNS) from error
    _count(outcome, Phase.DNS, perf_counter() - begun)
    return address


async def _connect_plainly(
    address: Address, port: int, limits: Limits, deadline: float, outcome: Outcome
) -> Connection:
    """In one call of the loop, which costs less than a socket of our own; nothing is looked up."""
    begun = perf_counter()
    loop = asyncio.get_running_loop()
    try:
        async with _within(Phase.CONNECT, limits, deadline):
            _, connection = await loop.create_connection(Connection, str(address), port)
    except TimeoutError as error:
        raise PhaseTimeout(Phase.CONNECT) from error
    except ConnectionRefusedError as error:
        raise ProbeError("connection_refused") from error
    except OSError as error:
        raise ProbeError("unreachable") from error
    _count(outcome, Phase.CONNECT, perf_counter() - begun)
    return connection


async def connect_within(
    address: Address, port: int, *, limits: Limits, deadline: float, outcome: Outcome
) -> socket.socket:
    """A TCP connection to the very address that was checked."""
    begun = perf_counter()
    family = socket.AF_INET6 if isinstance(address, IPv6Address) else socket.AF_INET
    bare = socket.socket(family, socket.SOCK_STREAM)
    try:
        bare.setblocking(False)
        bare.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        async with _within(Phase.CONNECT, limits, deadline):
            await asyncio.get_running_loop().sock_connect(bare, (str(address), port))
    except BaseException as error:
        bare.close()
        if isinstance(error, TimeoutError):
            raise PhaseTimeout(Phase.CONNECT) from error
        if isinstance(error, ConnectionRefusedError):
            raise ProbeError("connection_refused") from error
        if isinstance(error, OSError):
            raise ProbeError("unreachable") from error
        raise
    _count(outcome, Phase.CONNECT, perf_counter() - begun)
    return bare


def _files() -> int:
    """How many files the process may have open."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def _within(phase: Phase, limits: Limits, deadline: float) -> asyncio.Timeout:
    now = asyncio.get_running_loop().time()
    return asyncio.timeout_at(min(now + limits.of(phase), deadline))


def _count(outcome: Outcome, phase: Phase, seconds: float) -> None:
    """Phases of several hops add up."""
    outcome.phases[phase] = outcome.phases.get(phase, 0.0) + seconds * 1000


def _request(target: Target, method: str, headers: Mapping[str, str], body: bytes) -> bytes:
    if not headers and not body:
        return _bare_request(target, method)
    return _head(target, method, headers, body) + body


@lru_cache(maxsize=16_384)
def _bare_request(target: Target, method: str) -> bytes:
    """What most probes send, each time the same."""
    return _head(target, method, {}, b"")


def _head(target: Target, method: str, headers: Mapping[str, str], body: bytes) -> bytes:
    fields = {
        "User-Agent": "ganfutong-monitoring",
        "Accept": "*/*",
        "Accept-Encoding": "gzip",
        **headers,
    }
    if body or method not in ("GET", "HEAD"):
        fields["Content-Length"] = str(len(body))
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    start = f"{method} {target.path} HTTP/1.1\r\nHost: {target.authority}\r\n"
    return f"{start}{head}\r\n".encode("ascii")


def _next(target: Target, answer: Answer) -> Target:
    try:
        return redirected(target, answer.location.decode("ascii"))
    except (TargetUnreadable, UnicodeDecodeError) as error:
        raise ProbeError("redirect_unreadable") from error


def _certificate_fault(error: ssl.SSLCertVerificationError) -> str:
    if error.verify_code in _EXPIRED:
        return "certificate_expired"
    if error.verify_code in _OF_ANOTHER_NAME:
        return "certificate_of_another_name"
    return "certificate_untrusted"

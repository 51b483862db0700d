"""What the edge lets in: limits of size, number and time, and the hosts that are served."""

from collections.abc import Callable
from dataclasses import dataclass

from shared.settings import Profile, Settings

# (code, status, request id, language) -> the body of an application/problem+json answer
Problem = Callable[[str, int, str, str], bytes]

ANY_HOST = "*"


@dataclass(frozen=True, slots=True)
class EdgePolicy:
    """Limits of one listener; seconds, bytes and counts (reliability.md §5).

    Who is answered while the body still comes reads the answer only if we read on (RFC 9112 §9.6):
    `linger_seconds` and more for what comes at the body's own rate, up to the `linger_…` bounds.
    `hosts` are names without port; `ingress` are the exact peer addresses (or `unix`) whose
    X-Forwarded-For and X-Forwarded-Proto are believed.
    """

    hosts: frozenset[str] = frozenset({ANY_HOST})
    production: bool = False
    ingress: frozenset[str] = frozenset()
    header_seconds: float = 5.0
    header_bytes: int = 16 * 1024
    header_fields: int = 64
    body_seconds: float = 5.0
    body_bytes_per_second: int = 16 * 1024
    body_bytes: int = 1024 * 1024
    idle_seconds: float = 30.0
    send_stall_seconds: float = 30.0
    linger_seconds: float = 2.0
    linger_longest_seconds: float = 30.0
    linger_bytes: int = 32 * 1024 * 1024
    sweep_seconds: float = 0.25
    pipelined: int = 256
    methods: tuple[bytes, ...] = (
        b"GET",
        b"HEAD",
        b"POST",
        b"PUT",
        b"PATCH",
        b"DELETE",
        b"OPTIONS",
    )

    def __post_init__(self) -> None:
        if not self.hosts:
            raise ValueError("hosts: name at least one host that is served")
        if self.production and ANY_HOST in self.hosts:
            raise ValueError("hosts: production names the hosts that it serves")


def edge_policy(settings: Settings) -> EdgePolicy:
    """The edge of one component as its operator has set it."""
    return EdgePolicy(
        hosts=frozenset(host.lower() for host in settings.allowed_hosts),
        production=settings.profile is Profile.PRODUCTION,
        ingress=frozenset(settings.ingress_addresses),
    )

"""How probes are named, checked, spread over time and shared among replicas."""

import math
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from uuid import UUID

from services.monitoring.rules.conditions import ConditionUnreadable, parse
from services.monitoring.rules.targets import Scheme, TargetUnreadable, read_target
from shared.errors import FieldError

SHARDS: Final = 32
_OPENING: Final = 10.0  # seconds over which first probes are spread


class Purpose(StrEnum):
    """ENTRY comes with the listing; its owner may add EXTRA ones, WALKs of several steps, and
    HEARTBEATs, which are not asked but tell."""

    ENTRY = "ENTRY"
    EXTRA = "EXTRA"
    WALK = "WALK"
    HEARTBEAT = "HEARTBEAT"


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a probe may ask for, from today's policies."""

    shortest: int
    longest_timeout: int


def flaws(
    *,
    url: str,
    method: str,
    conditions: Sequence[str],
    interval: int,
    timeout: int,
    redirects: int,
    bounds: Bounds,
) -> Iterator[FieldError]:
    """What keeps a probe from being carried out, with its place in the body."""
    try:
        scheme = read_target(url).scheme
    except TargetUnreadable as error:
        yield FieldError("/url", "target." + error.reason)
    else:
        if scheme not in (Scheme.HTTP, Scheme.HTTPS) and (redirects or method != "GET"):
            yield FieldError("/method" if method != "GET" else "/redirects", "target.http_only")
    for place, text in enumerate(conditions):
        try:
            parse(text)
        except ConditionUnreadable as error:
            yield FieldError(
                f"/conditions/{place}", "condition." + error.reason, {"position": error.position}
            )
    if interval < bounds.shortest:
        yield FieldError("/interval_seconds", "probe.too_often", {"shortest": bounds.shortest})
    if timeout > min(bounds.longest_timeout, interval):
        yield FieldError(
            "/timeout_seconds",
            "probe.timeout_too_long",
            {"longest": min(bounds.longest_timeout, interval)},
        )


def entry_conditions(url: str, *, certificate_days: int) -> list[str]:
    """What a listing's entry must answer until its owner says more."""
    certificate = [f"[CERTIFICATE_EXPIRATION] > {certificate_days * 24}h"]
    return ["[STATUS] < 400", *(certificate if url.startswith("https:") else ())]


def shard_of(host: str) -> int:
    """All probes of a host are in one shard: one replica at a time speaks to it."""
    return zlib.crc32(host.encode("ascii")) % SHARDS


def fair_share(replicas: int) -> int:
    """How many shards a replica may hold where so many are alive."""
    return math.ceil(SHARDS / max(replicas, 1))


def first_due(probe: UUID, now: float) -> float:
    """Soon, though not all at once."""
    return now + _fraction(probe) * _OPENING


def next_due(probe: UUID, interval: float, after: float) -> float:
    """The next instant of the probe's own phase: it does not drift, whoever computes it."""
    phase = _fraction(probe) * interval
    return (math.floor((after - phase) / interval) + 1) * interval + phase


def _fraction(probe: UUID) -> float:
    return (probe.int & 0xFFFFFFFF) / 2**32

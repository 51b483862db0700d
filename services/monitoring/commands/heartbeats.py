"""Heartbeats: a system tells that it runs, and a beat that does not come is a failed probe."""

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from secrets import token_urlsafe
from uuid import UUID

from services.monitoring.commands.dependencies import lock_dependencies
from services.monitoring.commands.limits import ProbeLimits, limits_now
from services.monitoring.commands.probes import (
    add_probe,
    change_running,
    live_listing,
    new_probe,
    own_probe,
)
from services.monitoring.errors import BeatUnknown, HeartbeatNotFound, ProbeInvalid, ProbeNotFound
from services.monitoring.rules.probing import Purpose
from services.monitoring.rules.targets import HEARTBEAT
from services.monitoring.tables import KnownListing, Probe
from shared.database import Transaction
from shared.errors import FieldError
from shared.security.access import Relation

BEAT_MISSED = "beat_missed"
_TOKEN_BYTES = 32
_BEAT = """
    update probes set beat_at = $2 where beat_digest = $1 and listed and not paused
    returning id, interval_seconds
"""


@dataclass(frozen=True, slots=True)
class HeartbeatEntry:
    """What an owner says of a heartbeat; a beat may be `grace_seconds` late."""

    name: str
    interval_seconds: int
    grace_seconds: int
    parents: list[UUID]
    paused: bool


async def create_heartbeat(
    tx: Transaction, listing_id: UUID, given: HeartbeatEntry, *, relation: Relation
) -> tuple[Probe, str]:
    """A heartbeat of a live listing and the token that its beats carry; kept as a digest alone.

    `listing_unwatched` (404), `probe_invalid` (422). The first beat is due an interval from now.
    """
    await lock_dependencies(tx, given.parents)
    listing = await live_listing(tx, listing_id, relation=relation)
    limits = await limits_now(tx)
    _check(given, limits)
    probe = await new_probe(tx, listing, limits, purpose=Purpose.HEARTBEAT)
    probe.url, probe.method, probe.conditions = f"{HEARTBEAT}{probe.id}", "GET", []
    probe.timeout_seconds, probe.redirects, probe.vantages = 1, 0, 1
    _write(probe, given)
    token = _issue(probe)
    probe.beat_at = tx.now
    await add_probe(tx, probe, given.parents)
    return probe, token


async def change_heartbeat(
    tx: Transaction, heartbeat_id: UUID, given: HeartbeatEntry, *, relation: Relation
) -> Probe:
    """Change how often it must beat, or pause it; `heartbeat_not_found` (404)."""
    await lock_dependencies(tx, given.parents)
    listing, probe = await _own_heartbeat(tx, heartbeat_id, relation=relation)
    tx.expect(probe.version)
    limits = await limits_now(tx)
    _check(given, limits)
    ran = probe.listed and not probe.paused
    _write(probe, given)
    if not ran and not probe.paused:
        probe.beat_at = tx.now  # nobody could beat meanwhile
    await change_running(tx, listing, probe, limits, ran=ran, parents=given.parents)
    return probe


async def renew_token(
    tx: Transaction, heartbeat_id: UUID, *, relation: Relation
) -> tuple[Probe, str]:
    """A new token; the one before is worth nothing from now on."""
    _, probe = await _own_heartbeat(tx, heartbeat_id, relation=relation)
    token = _issue(probe)
    tx.audit("renew_heartbeat_token", subject=f"probe:{probe.id}")
    return probe, token


async def take_beat(tx: Transaction, token: str) -> UUID:
    """It runs; `beat_unknown` (404) for a token of no heartbeat that the actor sees, or none."""
    row = await (await tx.raw()).fetchrow(_BEAT, _digest(token), tx.now)
    if row is None:
        raise BeatUnknown
    found: UUID = row["id"]
    return found


async def last_beat(tx: Transaction, heartbeat_id: UUID) -> datetime | None:
    found: datetime | None = await (await tx.raw()).fetchval(
        "select beat_at from probes where id = $1", heartbeat_id
    )
    return found


async def _own_heartbeat(
    tx: Transaction, heartbeat_id: UUID, *, relation: Relation
) -> tuple[KnownListing, Probe]:
    try:
        listing, probe = await own_probe(tx, heartbeat_id, relation=relation)
    except ProbeNotFound as error:
        raise HeartbeatNotFound(heartbeat_id=heartbeat_id) from error
    if probe.purpose != Purpose.HEARTBEAT:
        raise HeartbeatNotFound(heartbeat_id=heartbeat_id)
    return listing, probe


def _check(given: HeartbeatEntry, limits: ProbeLimits) -> None:
    if given.interval_seconds < limits.shortest:
        shortest = {"shortest": limits.shortest}
        error = FieldError("/interval_seconds", "probe.too_often", shortest)
        raise ProbeInvalid(errors=[error], clause="A17.3")


def _write(probe: Probe, given: HeartbeatEntry) -> None:
    probe.name, probe.paused = given.name, given.paused
    probe.interval_seconds, probe.grace_seconds = given.interval_seconds, given.grace_seconds


def _issue(probe: Probe) -> str:
    token = token_urlsafe(_TOKEN_BYTES)
    probe.beat_digest = _digest(token)
    return token


def _digest(token: str) -> str:
    """Of so many random bits a plain digest tells nothing."""
    return sha256(token.encode()).hexdigest()

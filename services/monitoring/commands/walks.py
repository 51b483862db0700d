"""Walks: set by their owner, run by a prober on an interval or when asked for (M2)."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from services.monitoring.commands.dependencies import lock_dependencies
from services.monitoring.commands.limits import ProbeLimits, limits_now
from services.monitoring.commands.probes import (
    add_probe,
    change_running,
    live_listing,
    new_probe,
    own_probe,
)
from services.monitoring.errors import (
    ProbeInvalid,
    ProbeNotFound,
    WalkNotFound,
    WalkNotRunning,
    WalkRunWaits,
)
from services.monitoring.rules.probing import Purpose
from services.monitoring.rules.walking import OF_OWNER, Step, fixed_url, walk_flaws
from services.monitoring.tables import KnownListing, Probe, WalkRun
from shared.database import Transaction
from shared.errors import FieldError
from shared.security.access import Relation
from shared.security.encryption import Keyring, decrypt, encrypt

REQUESTED, RUNNING, DONE = "REQUESTED", "RUNNING", "DONE"
_CLAIMED_FOR = timedelta(seconds=60)  # longer than a walk may take: then another may take it up
_CLAIM = """
    update walk_runs set state = 'RUNNING', claimed_at = $2
    where id in (
        select walk_runs.id from walk_runs join probes on probes.id = walk_id
        where walk_runs.state <> 'DONE' and probes.shard = any($1) and probes.listed
            and not probes.paused and (claimed_at is null or claimed_at < $3)
        for update of walk_runs skip locked
    )
    returning walk_id, id
"""
_KEEP = """
    insert into walk_runs (id, walk_id, listing_id, organisation_id, region, state, requested, at,
        vantage, ok, total, failed_step, cleaned, steps)
    select $1, id, listing_id, organisation_id, region, 'DONE', false, $3, $4, $5, $6, $7, $8,
        $9::text::jsonb
    from probes where id = $2
    on conflict (id) do update set state = 'DONE', at = excluded.at, vantage = excluded.vantage,
        ok = excluded.ok, total = excluded.total, failed_step = excluded.failed_step,
        cleaned = excluded.cleaned, steps = excluded.steps
    where walk_runs.state <> 'DONE'
"""


@dataclass(frozen=True, slots=True)
class WalkEntry:
    """What an owner says of a walk; a secret of null stays what it was."""

    name: str
    steps: list[Step]
    cleanup: list[Step]
    secrets: Mapping[str, str | None]
    interval_seconds: int
    timeout_seconds: int
    vantages: int | None
    parents: list[UUID]
    paused: bool


@dataclass(frozen=True, slots=True)
class Run:
    """What came of a walk, as it is kept; `total` in milliseconds."""

    id: UUID
    walk_id: UUID
    at: datetime
    ok: bool
    total: float
    failed_step: str | None
    cleaned: bool | None
    steps: list[dict[str, Any]] = field(default_factory=list)

    def row(self, vantage: str) -> tuple[object, ...]:
        return (
            self.id, self.walk_id, self.at, vantage, self.ok, self.total, self.failed_step,
            self.cleaned, json.dumps(self.steps, ensure_ascii=False),
        )  # fmt: skip


async def create_walk(
    tx: Transaction, listing_id: UUID, given: WalkEntry, *, keyring: Keyring, relation: Relation
) -> Probe:
    """A walk of a live listing; `listing_unwatched` (404), `probe_invalid` (422)."""
    await lock_dependencies(tx, given.parents)
    listing = await live_listing(tx, listing_id, relation=relation)
    limits = await limits_now(tx)
    walk = await new_probe(tx, listing, limits, purpose=Purpose.WALK)
    _write(walk, given, limits, keyring)
    await add_probe(tx, walk, given.parents)
    return walk


async def change_walk(
    tx: Transaction, walk_id: UUID, given: WalkEntry, *, keyring: Keyring, relation: Relation
) -> Probe:
    """Change what a walk does, or pause it; `walk_not_found` (404)."""
    await lock_dependencies(tx, given.parents)
    listing, walk = await _own_walk(tx, walk_id, relation=relation)
    tx.expect(walk.version)
    limits = await limits_now(tx)
    ran = walk.listed and not walk.paused
    _write(walk, given, limits, keyring)
    await change_running(tx, listing, walk, limits, ran=ran, parents=given.parents)
    return walk


async def request_run(tx: Transaction, walk_id: UUID, *, relation: Relation) -> WalkRun:
    """Let the next prober that looks run it; `walk_run_waits` (409) while one is outstanding."""
    _, walk = await _own_walk(tx, walk_id, relation=relation)
    if walk.paused or not walk.listed:
        raise WalkNotRunning(walk_id=walk_id)
    waiting = await (await tx.raw()).fetchval(
        "select id from walk_runs where walk_id = $1 and state <> 'DONE'", walk_id
    )
    if waiting is not None:
        raise WalkRunWaits(run_id=waiting)
    run = WalkRun(
        id=uuid4(),
        walk_id=walk_id,
        listing_id=walk.listing_id,
        organisation_id=walk.organisation_id,
        region=walk.region,
        state=REQUESTED,
        requested=True,
        at=tx.now,
        steps=[],
    )
    tx.session.add(run)
    tx.audit("request_walk_run", subject=f"probe:{walk_id}", details={"run_id": str(run.id)})
    return run


async def claim_runs(tx: Transaction, shards: Collection[int]) -> dict[UUID, UUID]:
    """Runs that were asked for of these shards' walks, by the walk; nobody else has them now."""
    rows = await (await tx.raw()).fetch(_CLAIM, list(shards), tx.now, tx.now - _CLAIMED_FOR)
    return {row["walk_id"]: row["id"] for row in rows}


async def keep_runs(tx: Transaction, runs: Sequence[Run], *, vantage: str) -> None:
    await (await tx.raw()).executemany(_KEEP, [each.row(vantage) for each in runs])


async def drop_runs(tx: Transaction, *, before: datetime) -> None:
    """What is older than the policy keeps goes."""
    await (await tx.raw()).execute("delete from walk_runs where at < $1", before)


def open_secrets(keyring: Keyring, walk_id: UUID, sealed: str | None) -> dict[str, str]:
    """The values that steps name with `secret.`."""
    if sealed is None:
        return {}
    kept: dict[str, str] = json.loads(decrypt(keyring, sealed, context=_place(walk_id)))
    return {OF_OWNER + name: value for name, value in kept.items()}


async def _own_walk(
    tx: Transaction, walk_id: UUID, *, relation: Relation
) -> tuple[KnownListing, Probe]:
    try:
        listing, walk = await own_probe(tx, walk_id, relation=relation)
    except ProbeNotFound as error:
        raise WalkNotFound(walk_id=walk_id) from error
    if walk.purpose != Purpose.WALK:
        raise WalkNotFound(walk_id=walk_id)
    return listing, walk


def _write(walk: Probe, given: WalkEntry, limits: ProbeLimits, keyring: Keyring) -> None:
    known = open_secrets(keyring, walk.id, walk.secrets_sealed)
    secrets = {
        name: known.get(OF_OWNER + name) if value is None else value
        for name, value in given.secrets.items()
    }
    found = list(walk_flaws(given.steps, given.cleanup, secrets=secrets.keys()))
    found += [
        FieldError(f"/secrets/{name}", "walk.secret_missing")
        for name, value in secrets.items()
        if value is None
    ]
    if given.interval_seconds < limits.walk_shortest:
        shortest = {"shortest": limits.walk_shortest}
        found.append(FieldError("/interval_seconds", "probe.too_often", shortest))
    if given.timeout_seconds > limits.timeout:
        longest = {"longest": limits.timeout}
        found.append(FieldError("/timeout_seconds", "probe.timeout_too_long", longest))
    if found:
        raise ProbeInvalid(errors=found, clause="A17.3")
    walk.name, walk.method = given.name, given.steps[0].method
    walk.url, walk.conditions = fixed_url(given.steps[0]), []
    walk.interval_seconds, walk.timeout_seconds = given.interval_seconds, given.timeout_seconds
    walk.redirects, walk.vantages, walk.paused = 0, given.vantages, given.paused
    walk.walk = {
        "steps": [asdict(each) for each in given.steps],
        "cleanup": [asdict(each) for each in given.cleanup],
        "secrets": sorted(secrets),
    }
    sealed = json.dumps(secrets, ensure_ascii=False)
    walk.secrets_sealed = encrypt(keyring, sealed, context=_place(walk.id)) if secrets else None


def _place(walk_id: UUID) -> str:
    return f"probes|secrets_sealed|{walk_id}"

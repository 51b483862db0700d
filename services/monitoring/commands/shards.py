"""Shards of probes, held by one replica of a vantage point at a time (M4), and what nobody has
watched (M7)."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from services.monitoring.rules.hysteresis import ProbeState, Standing
from services.monitoring.rules.probing import SHARDS, fair_share
from services.monitoring.rules.walking import Walk, read_walk
from shared.database import Transaction

# Nothing was stored of these probes for more than two intervals: what was known of them ends there.
_UNWATCHED_HERE = """
    update vantage_standings as standing
    set state = 'UNKNOWN', since = $2, failures = 0, successes = 0, run_since = null
    from probes
    where probes.id = standing.probe_id and probes.shard = $1 and standing.vantage = $4
        and standing.state <> 'UNKNOWN'
        and $3 - $2::timestamptz > make_interval(secs => 2 * probes.interval_seconds)
"""
_UNWATCHED = """
    with gone as (
        update probe_standings as standing set state = 'UNKNOWN', since = $2
        from probes
        where probes.id = standing.probe_id and probes.shard = $1
            and standing.state <> 'UNKNOWN'
            and $3 - $2::timestamptz > make_interval(secs => 2 * probes.interval_seconds)
        returning standing.probe_id, standing.since
    )
    insert into state_changes (probe_id, at, state) select probe_id, since, 'UNKNOWN' from gone
"""
_LOAD = """
    select probes.id, listing_id, url, method, conditions, interval_seconds, timeout_seconds,
        redirects, shard, changed_at, listed and not paused as running, vantages,
        walk::text as walk, secrets_sealed, grace_seconds,
        whole.state = 'UP' and not whole.incident_open as settled,
        own.state, own.since, coalesce(own.failures, 0) as failures,
        coalesce(own.successes, 0) as successes, own.run_since,
        coalesce(own.faulty, false) as faulty, coalesce(own.seen, false) as seen
    from probes
    join probe_standings as whole on whole.probe_id = probes.id
    left join vantage_standings as own on own.probe_id = probes.id and own.vantage = $3
    where shard = any($1) and changed_at > $2
"""


@dataclass(frozen=True, slots=True)
class Lease:
    """A shard that this replica holds; `until` is when it ends unless it is renewed."""

    shard: int
    token: int
    until: datetime


@dataclass(frozen=True, slots=True)
class Watched:
    """A probe as its holder carries it out, and how it stood from this vantage point when read.

    `settled` while the target is up for all vantage points together; `vantages` null is by policy.
    """

    id: UUID
    listing_id: UUID
    url: str
    method: str
    conditions: tuple[str, ...]
    interval: int
    timeout: int
    redirects: int
    vantages: int | None
    shard: int
    changed_at: datetime
    running: bool
    seen: bool
    settled: bool
    standing: Standing
    walk: Walk | None = None
    grace: int | None = None  # of a heartbeat

    @property
    def quiet(self) -> bool:
        """Whether another passing result would change nothing."""
        own = self.standing
        return self.seen and self.settled and own.state is ProbeState.UP and not own.failures


async def hold_shards(
    tx: Transaction, name: str, *, vantage: str, lease: int, idle: Collection[int]
) -> tuple[list[Lease], list[int]]:
    """Renew what is held, give up of `idle` what is more than a fair share, take what is free.

    Replicas of one vantage point share its shards. The second answer names those taken anew.
    """
    raw = await tx.raw()
    until = tx.now + timedelta(seconds=lease)
    await raw.execute(
        "insert into replicas (name, vantage, seen_at) values ($1, $2, $3)"
        " on conflict (name) do update set seen_at = $3",
        name,
        vantage,
        tx.now,
    )
    await raw.execute("delete from replicas where seen_at <= $1", tx.now - timedelta(seconds=lease))
    await raw.execute(
        "insert into shard_leases (shard, vantage, token)"
        " select shard, $1, 0 from generate_series(0, $2 - 1) as shard"
        " where not exists (select from shard_leases where vantage = $1) on conflict do nothing",
        vantage,
        SHARDS,
    )
    share = fair_share(
        await raw.fetchval("select count(*) from replicas where vantage = $1", vantage)
    )
    held = await raw.fetch(
        "update shard_leases set until = $2 where holder = $1 and until > $3 and vantage = $4"
        " returning shard, token, until",
        name,
        until,
        tx.now,
        vantage,
    )
    kept = [Lease(**each) for each in held]
    surplus = [each.shard for each in kept if each.shard in idle][: max(len(kept) - share, 0)]
    if surplus:
        await release_shards(tx, name, surplus)
        kept = [each for each in kept if each.shard not in surplus]
    taken = await raw.fetch(
        "update shard_leases as lease set holder = $1, until = $2, token = lease.token + 1"
        " from (select shard, watched_until from shard_leases"
        "   where vantage = $5 and (holder is null or until <= $3) order by shard limit $4"
        "   for update skip locked) as free"
        " where free.shard = lease.shard and lease.vantage = $5"
        " returning lease.shard, lease.token, lease.until, free.watched_until",
        name,
        until,
        tx.now,
        max(share - len(kept), 0),
        vantage,
    )
    for row in taken:
        await _end_unwatched(tx, row["shard"], vantage=vantage, here_until=row["watched_until"])
        kept.append(Lease(row["shard"], row["token"], row["until"]))
    return kept, [row["shard"] for row in taken]


async def _end_unwatched(
    tx: Transaction, shard: int, *, vantage: str, here_until: datetime | None
) -> None:
    """What this vantage point knew ends where its gap began; what all knew, where nobody looked."""
    raw = await tx.raw()
    if here_until is not None:
        await raw.execute(_UNWATCHED_HERE, shard, here_until, tx.now, vantage)
    anywhere = await raw.fetchval(
        "select max(watched_until) from shard_leases where shard = $1", shard
    )
    if anywhere is not None:
        await raw.execute(_UNWATCHED, shard, anywhere, tx.now)


async def release_shards(tx: Transaction, name: str, shards: Collection[int]) -> None:
    """Others may take them at once."""
    await (await tx.raw()).execute(
        "update shard_leases set holder = null, until = null where holder = $1 and shard = any($2)",
        name,
        list(shards),
    )


async def leave(tx: Transaction, name: str, shards: Collection[int]) -> None:
    """A replica that stops hands everything on."""
    await release_shards(tx, name, shards)
    await (await tx.raw()).execute("delete from replicas where name = $1", name)


async def load_probes(
    tx: Transaction, shards: Collection[int], *, vantage: str, since: datetime
) -> list[Watched]:
    """The probes of these shards that were changed after an instant, stopped ones too."""
    rows = await (await tx.raw()).fetch(_LOAD, list(shards), since, vantage)
    return [
        Watched(
            id=row["id"],
            listing_id=row["listing_id"],
            url=row["url"],
            method=row["method"],
            conditions=tuple(row["conditions"]),
            interval=row["interval_seconds"],
            timeout=row["timeout_seconds"],
            redirects=row["redirects"],
            vantages=row["vantages"],
            shard=row["shard"],
            changed_at=row["changed_at"],
            running=row["running"],
            seen=row["seen"],
            settled=row["settled"],
            standing=Standing(
                state=ProbeState(row["state"] or ProbeState.UNKNOWN),
                since=row["since"],
                failures=row["failures"],
                successes=row["successes"],
                run_since=row["run_since"],
                incident_open=row["faulty"],
            ),
            walk=read_walk(row["walk"], row["secrets_sealed"]),
            grace=row["grace_seconds"],
        )
        for row in rows
    ]

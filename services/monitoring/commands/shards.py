"""Shards of probes, held by one replica at a time (M4), and what nobody has watched (M7)."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from services.monitoring.rules.hysteresis import ProbeState, Standing
from services.monitoring.rules.probing import fair_share
from shared.database import Transaction

# Nothing was stored of these probes for more than two intervals: what was known of them ends there.
_UNWATCHED = """
    with gap as (select $1::int as shard, $2::timestamptz as since, $3::timestamptz as until),
    gone as (
        update probe_standings as standing
        set state = 'UNKNOWN', since = gap.since, failures = 0, successes = 0, run_since = null
        from probes, gap
        where probes.id = standing.probe_id and probes.shard = gap.shard
            and standing.state <> 'UNKNOWN'
            and gap.until - gap.since > make_interval(secs => 2 * probes.interval_seconds)
        returning standing.probe_id, standing.since
    )
    insert into state_changes (probe_id, at, state) select probe_id, since, 'UNKNOWN' from gone
"""
_LOAD = """
    select probes.id, listing_id, url, method, conditions, interval_seconds, timeout_seconds,
        redirects, shard, changed_at, listed and not paused as running,
        state, since, failures, successes, run_since, incident_id, incident_open, closed_at, seen
    from probes join probe_standings on probe_id = probes.id
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
    """A probe as its holder carries it out, and where it stood when it was read."""

    id: UUID
    listing_id: UUID
    url: str
    method: str
    conditions: tuple[str, ...]
    interval: int
    timeout: int
    redirects: int
    shard: int
    changed_at: datetime
    running: bool
    seen: bool
    incident_id: UUID | None
    standing: Standing

    @property
    def quiet(self) -> bool:
        """Whether another passing result would change nothing."""
        own = self.standing
        return self.seen and own.state is ProbeState.UP and not own.failures


async def hold_shards(
    tx: Transaction, name: str, *, vantage: str, lease: int, idle: Collection[int]
) -> tuple[list[Lease], list[int]]:
    """Renew what is held, give up of `idle` what is more than a fair share, take what is free.

    The second answer names the shards that were taken anew.
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
    share = fair_share(await raw.fetchval("select count(*) from replicas"))
    held = await raw.fetch(
        "update shard_leases set until = $2 where holder = $1 and until > $3"
        " returning shard, token, until",
        name,
        until,
        tx.now,
    )
    kept = [Lease(**each) for each in held]
    surplus = [each.shard for each in kept if each.shard in idle][: max(len(kept) - share, 0)]
    if surplus:
        await release_shards(tx, name, surplus)
        kept = [each for each in kept if each.shard not in surplus]
    taken = await raw.fetch(
        "update shard_leases as lease set holder = $1, until = $2, token = lease.token + 1"
        " from (select shard, watched_until from shard_leases"
        "   where holder is null or until <= $3 order by shard limit $4"
        "   for update skip locked) as free"
        " where free.shard = lease.shard"
        " returning lease.shard, lease.token, lease.until, free.watched_until",
        name,
        until,
        tx.now,
        max(share - len(kept), 0),
    )
    for row in taken:
        if row["watched_until"] is not None:
            await raw.execute(_UNWATCHED, row["shard"], row["watched_until"], tx.now)
        kept.append(Lease(row["shard"], row["token"], row["until"]))
    return kept, [row["shard"] for row in taken]


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
    tx: Transaction, shards: Collection[int], *, since: datetime
) -> list[Watched]:
    """The probes of these shards that were changed after an instant, stopped ones too."""
    rows = await (await tx.raw()).fetch(_LOAD, list(shards), since)
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
            shard=row["shard"],
            changed_at=row["changed_at"],
            running=row["running"],
            seen=row["seen"],
            incident_id=row["incident_id"],
            standing=Standing(
                state=ProbeState(row["state"]),
                since=row["since"],
                failures=row["failures"],
                successes=row["successes"],
                run_since=row["run_since"],
                incident_open=row["incident_open"],
                closed_at=row["closed_at"],
            ),
        )
        for row in rows
    ]

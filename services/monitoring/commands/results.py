"""Results of probes: samples by COPY, and what they change in standings and incidents (M3, M7).

No object is mapped on this way unless a result turns something.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from uuid import UUID

from services.monitoring.commands.findings import probe_was_seen
from services.monitoring.commands.outages import (
    Evidence,
    Whole,
    keep_wholes,
    lock_wholes,
    weigh,
)
from services.monitoring.commands.shards import Lease, Watched
from services.monitoring.commands.walks import Run, keep_runs
from services.monitoring.rules.hysteresis import Thresholds, judge
from shared.database import Transaction

CONDITIONS = "conditions"
_COLUMNS = (
    "probe_id",
    "at",
    "vantage",
    "ok",
    "evidence",
    "reused",
    "lag",
    "total",
    "dns",
    "connect",
    "tls",
    "first_byte",
    "transfer",
    "status",
    "error",
    "failure",
)
_KEEP = """
    insert into vantage_standings (probe_id, vantage, state, since, failures, successes, run_since,
        faulty, seen, failure)
    values ($1, $2, $3, $4, $5, $6, $7, $8, true, $9)
    on conflict (probe_id, vantage) do update set state = excluded.state, since = excluded.since,
        failures = excluded.failures, successes = excluded.successes,
        run_since = excluded.run_since, faulty = excluded.faulty, seen = true,
        failure = excluded.failure
"""


@dataclass(frozen=True, slots=True)
class Result:
    """One result; without `evidence` it says nothing of the target. Times in milliseconds."""

    probe_id: UUID
    shard: int
    version: datetime
    at: datetime
    ok: bool
    evidence: bool
    reused: bool
    lag: float
    total: float
    phases: tuple[float | None, float | None, float | None, float | None, float | None]
    status: int | None
    error: str | None
    failure: str | None
    run: Run | None = None

    def row(self, vantage: str) -> tuple[object, ...]:
        return (
            self.probe_id, self.at, vantage, self.ok, self.evidence, self.reused, self.lag,
            self.total, *self.phases, self.status, self.error, self.failure,
        )  # fmt: skip


async def store_results(
    tx: Transaction,
    results: Sequence[Result],
    *,
    holder: str,
    vantage: str,
    leases: Mapping[int, Lease],
    watched: Mapping[UUID, Watched],
    thresholds: Thresholds,
) -> dict[UUID, Watched]:
    """Store what this replica may still store; gives the probes that stand anew.

    A result of a shard that another took meanwhile is dropped: it has its own.
    """
    raw = await tx.raw()
    rows = await raw.fetch(
        "update shard_leases set watched_until = $3 where holder = $1 and vantage = $4"
        " and until > $3 and shard = any($2) returning shard, token",
        holder,
        list(leases),
        tx.now,
        vantage,
    )
    ours = {row["shard"] for row in rows if leases[row["shard"]].token == row["token"]}
    kept = [each for each in results if each.shard in ours]
    if kept:
        await raw.copy_records_to_table(
            "samples",
            schema_name="monitoring",
            columns=_COLUMNS,
            records=[each.row(vantage) for each in kept],
        )
    runs = [each.run for each in kept if each.run is not None]
    if runs:
        await keep_runs(tx, runs, vantage=vantage)
    batch = _Batch(tx, vantage, thresholds, await _lock_turning(tx, kept, watched))
    for result in kept:
        probe = batch.changed.get(result.probe_id) or watched.get(result.probe_id)
        if probe is None or not result.evidence or result.probe_id not in batch.wholes:
            continue
        await batch.judge(probe, result)
    await batch.write()
    return batch.changed


async def _lock_turning(
    tx: Transaction, results: Sequence[Result], watched: Mapping[UUID, Watched]
) -> dict[UUID, Whole]:
    """The probes that these results may change, held as their owner last left them.

    Most results pass where the last one passed, and touch no row.
    """
    asked: dict[UUID, datetime] = {}
    for result in results:
        probe = watched.get(result.probe_id)
        if probe is None or not result.evidence or (result.ok and probe.quiet):
            continue
        asked[probe.id] = result.version
    if not asked:
        return {}
    raw = await tx.raw()
    unseen = [watched[each].listing_id for each in asked if not watched[each].seen]
    await raw.execute(
        "select from known_listings where id = any($1) order by id for update", unseen
    )
    rows = await raw.fetch(
        "select id, changed_at from probes where id = any($1) order by id for share", list(asked)
    )
    current = [row["id"] for row in rows if row["changed_at"] == asked[row["id"]]]
    return await lock_wholes(tx, current) if current else {}


@dataclass(slots=True)
class _Batch:
    """Results of one vantage point on their way into standings."""

    tx: Transaction
    vantage: str
    thresholds: Thresholds
    wholes: dict[UUID, Whole]
    changed: dict[UUID, Watched] = field(default_factory=dict)
    _last: dict[UUID, Result] = field(default_factory=dict)

    async def judge(self, probe: Watched, result: Result) -> None:
        """Carry a result into what this vantage point knows, and into what all of them say."""
        whole = self.wholes[probe.id]
        own, turn = judge(probe.standing, ok=result.ok, at=result.at, thresholds=self.thresholds)
        if not whole.seen:
            await probe_was_seen(self.tx, probe.listing_id)
            whole.seen = True
        if own.incident_open and not whole.standing.incident_open:
            await self.write()  # it may turn, and looks for its parents' failures
        after = replace(probe, standing=own, seen=True)
        self._last[probe.id] = result
        await weigh(
            self.tx,
            after,
            whole,
            vantage=self.vantage,
            turn=turn,
            evidence=Evidence(
                at=result.at,
                ok=result.ok,
                cause=result.error or CONDITIONS,
                detail=result.failure or result.error,
            ),
            thresholds=self.thresholds,
        )
        self.changed[probe.id] = replace(after, settled=whole.settled)

    async def write(self) -> None:
        """Write what was judged since the last time."""
        raw = await self.tx.raw()
        last, self._last = self._last, {}
        await raw.executemany(
            _KEEP, [_row(self.changed[id_], self.vantage, each) for id_, each in last.items()]
        )
        await keep_wholes(self.tx, {id_: self.wholes[id_] for id_ in last})


def _row(probe: Watched, vantage: str, last: Result) -> tuple[object, ...]:
    own = probe.standing
    return (
        probe.id, vantage, own.state, own.since, own.failures, own.successes, own.run_since,
        own.incident_open, last.failure or last.error,
    )  # fmt: skip


async def keep_days(tx: Transaction, days: set[datetime], *, oldest: datetime) -> None:
    """Partitions for these days of UTC; those that ended before `oldest` go with their samples."""
    raw = await tx.raw()
    for day in sorted(days):
        await raw.execute("select keep_sample_day($1::date)", day.astimezone(UTC).date())
    await raw.execute("select drop_sample_days($1::date)", oldest.astimezone(UTC).date())

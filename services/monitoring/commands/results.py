"""Results of probes: samples by COPY, and what they change in standings and incidents (M3, M7).

No object is mapped on this way unless a result turns something.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import UUID

from services.monitoring.commands.findings import probe_was_seen
from services.monitoring.commands.incidents import turn_incident
from services.monitoring.commands.shards import Lease, Watched
from services.monitoring.rules.hysteresis import Thresholds, Turn, judge
from services.monitoring.tables import Probe
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
    update probe_standings set state = $2, since = $3, failures = $4, successes = $5,
        run_since = $6, incident_id = $7, incident_open = $8, closed_at = $9, seen = true,
        failure = $10
    where probe_id = $1
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
        "update shard_leases set watched_until = $3"
        " where holder = $1 and until > $3 and shard = any($2) returning shard, token",
        holder,
        list(leases),
        tx.now,
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
    current = await _lock_turning(tx, kept, watched)
    changed: dict[UUID, Watched] = {}
    last: dict[UUID, Result] = {}
    for result in kept:
        probe = changed.get(result.probe_id) or watched.get(result.probe_id)
        if probe is None or not result.evidence or result.probe_id not in current:
            continue
        last[probe.id] = result
        changed[probe.id] = await _judged(tx, probe, result, thresholds)
    await raw.executemany(_KEEP, [_row(probe, last[id_]) for id_, probe in changed.items()])
    return changed


async def _lock_turning(
    tx: Transaction, results: Sequence[Result], watched: Mapping[UUID, Watched]
) -> set[UUID]:
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
        return set()
    raw = await tx.raw()
    unseen = [watched[each].listing_id for each in asked if not watched[each].seen]
    await raw.execute(
        "select from known_listings where id = any($1) order by id for update", unseen
    )
    rows = await raw.fetch(
        "select id, changed_at from probes where id = any($1) order by id for share", list(asked)
    )
    return {row["id"] for row in rows if row["changed_at"] == asked[row["id"]]}


async def _judged(
    tx: Transaction, probe: Watched, result: Result, thresholds: Thresholds
) -> Watched:
    before = probe.standing
    after, turn = judge(before, ok=result.ok, at=result.at, thresholds=thresholds)
    if not probe.seen:
        await probe_was_seen(tx, probe.listing_id)
    incident_id = probe.incident_id
    if turn is not None:
        incident_id = await _turn(tx, probe, turn, result, started_at=after.since or result.at)
    if after.state is not before.state:
        await (await tx.raw()).execute(
            "insert into state_changes (probe_id, at, state) values ($1, $2, $3)",
            probe.id,
            after.since,
            after.state,
        )
    return replace(probe, standing=after, seen=True, incident_id=incident_id)


async def _turn(
    tx: Transaction, probe: Watched, turn: Turn, result: Result, *, started_at: datetime
) -> UUID | None:
    return await turn_incident(
        tx,
        await tx.session.get_one(Probe, probe.id),
        turn,
        incident_id=probe.incident_id,
        cause=result.error or CONDITIONS,
        detail=result.failure or result.error,
        started_at=started_at,
        at=result.at,
    )


def _row(probe: Watched, last: Result) -> tuple[object, ...]:
    own = probe.standing
    return (
        probe.id, own.state, own.since, own.failures, own.successes, own.run_since,
        probe.incident_id, own.incident_open, own.closed_at, last.failure or last.error,
    )  # fmt: skip


async def keep_days(tx: Transaction, days: set[datetime], *, oldest: datetime) -> None:
    """Partitions for these days of UTC; those that ended before `oldest` go with their samples."""
    raw = await tx.raw()
    for day in sorted(days):
        await raw.execute("select keep_sample_day($1::date)", day.astimezone(UTC).date())
    await raw.execute("select drop_sample_days($1::date)", oldest.astimezone(UTC).date())

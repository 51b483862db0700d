"""What the vantage points see together, and what that makes of a probe's incident (M5, M6)."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from services.monitoring.commands.incidents import turn_incident
from services.monitoring.commands.shards import Watched
from services.monitoring.rules.dependencies import Ancestor, cause
from services.monitoring.rules.hysteresis import ProbeState, Standing, Thresholds, Turn
from services.monitoring.rules.vantages import Sight, decide, verdict
from services.monitoring.tables import Incident, IncidentEntry, Probe
from shared.database import Transaction
from shared.events.monitoring import IncidentDetached

_WHOLE = """
    select standing.probe_id, standing.state, since, incident_open, standing.closed_at,
        incident_id, seen, failure,
        (select incidents.parent_incident_id from incidents where id = incident_id
            and standing.incident_open) as parent_incident_id
    from probe_standings as standing where probe_id = any($1) order by probe_id for update
"""
_SIGHTS = """
    select probes.id, lease.vantage, own.state, own.since,
        $2 - lease.watched_until <= make_interval(secs => 2 * interval_seconds) as watching
    from probes
    join shard_leases as lease on lease.shard = probes.shard
    left join vantage_standings as own
        on own.probe_id = probes.id and own.vantage = lease.vantage
    where probes.id = any($1) and lease.watched_until is not null
"""
_ANCESTORS = """
    with recursive above (id) as (
        select parent_id from probe_parents where probe_id = $1
        union
        select parent_id from probe_parents join above on probe_id = above.id
    )
    select incidents.id as incident_id, parent_incident_id is not null as suppressed, opened_at,
        exists (select from vantage_standings as own where own.probe_id = above.id
            and own.failures > 0 and not own.faulty) as failing
    from above
    join probes on probes.id = above.id
    left join incidents on incidents.probe_id = above.id and incidents.closed_at is null
        and incidents.resolved_at is null
    where probes.listed and not probes.paused
"""
_ADVISE = """
    insert into advisories (id, probe_id, listing_id, organisation_id, region, vantage, cause,
        detail, started_at, opened_at)
    select $1, id, listing_id, organisation_id, region, $3, $4, $5, $6, $7
    from probes where id = $2
    on conflict (probe_id, vantage) where closed_at is null do nothing
"""
_CLEAR = """
    update advisories set closed_at = $3
    where probe_id = $1 and vantage = $2 and closed_at is null
"""
_JOIN = """
    update advisories set incident_id = $2
    where probe_id = $1 and closed_at is null and incident_id is null
"""
_FAULTLESS = """
    update vantage_standings set faulty = false, since = $2
    from probes where probes.id = probe_id and listing_id = $1 and faulty
"""
_CLEAR_ALL = "update advisories set closed_at = $2 where listing_id = $1 and closed_at is null"
_KEEP = """
    update probe_standings set state = $2, since = $3, incident_id = $4, incident_open = $5,
        closed_at = $6, seen = true, failure = $7
    where probe_id = $1
"""


@dataclass(slots=True)
class Whole:
    """A probe's standing, locked, and how each vantage point stands to it."""

    standing: Standing
    incident_id: UUID | None
    parent_incident_id: UUID | None
    seen: bool
    failure: str | None
    sights: dict[str, Sight]

    @property
    def settled(self) -> bool:
        return self.standing.state is ProbeState.UP and not self.standing.incident_open


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one result showed: `cause` is a code, `detail` the failed conditions with values."""

    at: datetime
    ok: bool
    cause: str
    detail: str | None


async def lock_wholes(tx: Transaction, probes: Collection[UUID]) -> dict[UUID, Whole]:
    """The standings of these probes, in their order, so that one replica at a time decides."""
    raw = await tx.raw()
    found = {
        row["probe_id"]: Whole(
            standing=Standing(
                state=ProbeState(row["state"]),
                since=row["since"],
                incident_open=row["incident_open"],
                closed_at=row["closed_at"],
            ),
            incident_id=row["incident_id"],
            parent_incident_id=row["parent_incident_id"],
            seen=row["seen"],
            failure=row["failure"],
            sights={},
        )
        for row in await raw.fetch(_WHOLE, list(probes))
    }
    for row in await raw.fetch(_SIGHTS, list(probes), tx.now):
        state = ProbeState(row["state"] or ProbeState.UNKNOWN)
        found[row["id"]].sights[row["vantage"]] = Sight(state, row["since"], row["watching"])
    return found


async def weigh(
    tx: Transaction,
    probe: Watched,
    whole: Whole,
    *,
    vantage: str,
    turn: Turn | None,
    evidence: Evidence,
    thresholds: Thresholds,
) -> None:
    """Decide anew after a result of one vantage point; `probe.standing` is how it stands now."""
    own = probe.standing
    whole.sights[vantage] = Sight(own.state, own.since, watching=True)
    before = whole.standing
    after, decided = decide(
        before,
        verdict(whole.sights.values(), needed=probe.vantages or thresholds.vantages),
        at=evidence.at,
        hold=thresholds.hold,
    )
    parent = None
    if decided in (Turn.OPENED, Turn.REOPENED):
        ancestors = await _ancestors(tx, probe.id)
        parent = cause(ancestors)
        if parent is None and _must_wait(probe, after, ancestors, evidence, thresholds):
            return
    if decided is not None:
        whole.parent_incident_id = parent
        whole.incident_id = await turn_incident(
            tx,
            await tx.session.get_one(Probe, probe.id),
            decided,
            incident_id=whole.incident_id,
            cause=evidence.cause,
            detail=evidence.detail,
            started_at=after.since or evidence.at,
            at=evidence.at,
            parent_incident_id=parent,
        )
    elif whole.parent_incident_id is not None and not evidence.ok:
        await _detach(tx, probe.id, whole, at=evidence.at)
    whole.standing = after
    whole.failure = None if after.state is ProbeState.UP else evidence.detail or whole.failure
    await _advise(tx, probe, whole, vantage=vantage, turn=turn, evidence=evidence)
    if after.state is not before.state:
        await (await tx.raw()).execute(
            "insert into state_changes (probe_id, at, state) values ($1, $2, $3)",
            probe.id,
            after.since,
            after.state,
        )
    if decided is not None:  # a child whose turn comes next looks for it
        await tx.session.flush()


async def keep_wholes(tx: Transaction, wholes: Mapping[UUID, Whole]) -> None:
    """Write the standings of these probes."""
    await (await tx.raw()).executemany(
        _KEEP,
        [
            (
                id_, each.standing.state, each.standing.since, each.incident_id,
                each.standing.incident_open, each.standing.closed_at, each.failure,
            )
            for id_, each in wholes.items()
        ],
    )  # fmt: skip


async def forget_faults(tx: Transaction, listing_id: UUID) -> None:
    """What is no longer listed has no fault from any vantage point."""
    raw = await tx.raw()
    for sql in (_FAULTLESS, _CLEAR_ALL):
        await raw.execute(sql, listing_id, tx.now)


def _must_wait(
    probe: Watched,
    after: Standing,
    ancestors: Collection[Ancestor],
    evidence: Evidence,
    thresholds: Thresholds,
) -> bool:
    """While a parent's failures are undecided, though not for longer than its own would take."""
    longest = 2 * thresholds.failures * probe.interval
    since = after.since or evidence.at
    return any(each.failing for each in ancestors) and (
        (evidence.at - since).total_seconds() <= longest
    )


async def _ancestors(tx: Transaction, probe_id: UUID) -> list[Ancestor]:
    rows: list[Any] = await (await tx.raw()).fetch(_ANCESTORS, probe_id)
    return [Ancestor(**row) for row in rows]


async def _detach(tx: Transaction, probe_id: UUID, whole: Whole, *, at: datetime) -> None:
    """Its parent passes again and it does not: the fault is its own, and is told of from now on."""
    parent = await tx.session.get(Incident, whole.parent_incident_id)
    over = (parent.resolved_at or parent.closed_at) if parent is not None else at
    if over is None or (parent is not None and at <= over):
        return
    another = cause(await _ancestors(tx, probe_id))
    incident = await tx.session.get(Incident, whole.incident_id, with_for_update=True)
    whole.parent_incident_id = another
    if incident is None:  # a filed window holds it back: it is an alert, not yet an incident
        return
    incident.parent_incident_id = another
    incident.version += 1
    if another is not None:
        return
    tx.session.add(IncidentEntry(incident_id=incident.id, at=at, action="DETACHED", detail=None))
    tx.emit(
        IncidentDetached(
            incident_id=incident.id,
            probe_id=incident.probe_id,
            listing_id=incident.listing_id,
            organisation_id=incident.organisation_id,
            cause=incident.cause,
            started_at=incident.started_at,
            detached_at=at,
        ),
        subject=f"incident:{incident.id}",
        region=incident.region,
    )


async def _advise(
    tx: Transaction,
    probe: Watched,
    whole: Whole,
    *,
    vantage: str,
    turn: Turn | None,
    evidence: Evidence,
) -> None:
    """One vantage point's fault that is no outage is written down with what it saw (M5)."""
    raw = await tx.raw()
    if turn is Turn.CLOSED:
        await raw.execute(_CLEAR, probe.id, vantage, evidence.at)
    elif turn is not None and whole.standing.incident_open:
        await raw.execute(_JOIN, probe.id, whole.incident_id)
    elif probe.standing.incident_open and not evidence.ok and not whole.standing.incident_open:
        since = probe.standing.since or evidence.at
        await raw.execute(
            _ADVISE,
            uuid4(),
            probe.id,
            vantage,
            evidence.cause,
            evidence.detail,
            since,
            evidence.at,
        )

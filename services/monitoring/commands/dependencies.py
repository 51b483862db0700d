"""Which probes a probe depends on: set by its owner, never in a circle (M6)."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import or_, select

from services.monitoring.errors import DependencyCircle, ProbeInvalid
from services.monitoring.rules.dependencies import circle
from services.monitoring.rules.probing import Purpose
from services.monitoring.tables import Probe
from shared.database import Transaction
from shared.errors import FieldError
from shared.security.scope import visible

_LOCK = "select pg_advisory_xact_lock(hashtextextended('monitoring|dependencies', 1))"
_ABOVE = """
    with recursive above (probe_id, parent_id) as (
        select probe_id, parent_id from probe_parents where probe_id = any($1)
        union
        select edge.probe_id, edge.parent_id from probe_parents as edge
        join above on edge.probe_id = above.parent_id
    )
    select probe_id, parent_id from above
"""


async def lock_dependencies(tx: Transaction, parents: Sequence[UUID]) -> None:
    """One at a time adds dependencies, before it locks anything else: two halves make a circle."""
    if parents:
        await (await tx.raw()).execute(_LOCK)


async def depend(tx: Transaction, probe: Probe, named: Sequence[UUID]) -> None:
    """These, and no others, are its parents; a listing stands for the probe of its entry.

    `probe_invalid` (422) for what the actor does not see, `dependency_circle` (409).
    """
    raw = await tx.raw()
    rows = await raw.fetch("select parent_id from probe_parents where probe_id = $1", probe.id)
    parents = await _found(tx, named, kept={row["parent_id"] for row in rows})
    known: dict[UUID, list[UUID]] = defaultdict(list)
    for row in await raw.fetch(_ABOVE, parents):
        known[row["probe_id"]].append(row["parent_id"])
    way = circle(probe.id, parents, known)
    if way is not None:
        raise DependencyCircle(circle=" → ".join(map(str, way)))
    await raw.execute("delete from probe_parents where probe_id = $1", probe.id)
    await raw.executemany(
        "insert into probe_parents (probe_id, parent_id) values ($1, $2)",
        [(probe.id, parent) for parent in parents],
    )


async def _found(tx: Transaction, named: Sequence[UUID], *, kept: Collection[UUID]) -> list[UUID]:
    """The probes that are meant, each once; `kept` were named before, maybe by the province."""
    if not named:
        return []
    rows = await tx.session.execute(
        select(Probe.id, Probe.listing_id, Probe.purpose).where(
            or_(Probe.id.in_(named), Probe.listing_id.in_(named)),
            visible(
                tx.actor,
                region=Probe.region.expression,
                organisation=Probe.organisation_id.expression,
            ),
        )
    )
    meant = {each: each for each in kept}
    for row in rows:
        meant[row.id] = row.id
        if row.purpose == Purpose.ENTRY:
            meant[row.listing_id] = row.id
    unknown = [place for place, each in enumerate(named) if each not in meant]
    if unknown:
        raise ProbeInvalid(
            errors=[FieldError(f"/parents/{place}", "probe.parent_unknown") for place in unknown],
            clause="A17.3",
        )
    return list(dict.fromkeys(meant[each] for each in named))

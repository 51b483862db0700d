"""Which probes depend on which: a tree of causes has no circle (M6)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Ancestor:
    """A probe that another depends on, directly or not, as it stands now.

    `incident_id` is that of its open incident; `failing` while a run of failures is undecided.
    """

    incident_id: UUID | None
    suppressed: bool
    opened_at: datetime | None
    failing: bool


def circle(
    probe: UUID, parents: Sequence[UUID], known: Mapping[UUID, Iterable[UUID]]
) -> list[UUID] | None:
    """The way from a probe back to itself, if it had these parents; None where there is none."""
    ways = [[probe, parent] for parent in parents]
    passed: set[UUID] = set()
    while ways:
        way = ways.pop()
        if way[-1] == probe:
            return way
        if way[-1] not in passed:
            passed.add(way[-1])
            ways += [[*way, parent] for parent in known.get(way[-1], ())]
    return None


def cause(ancestors: Iterable[Ancestor]) -> UUID | None:
    """The open incident that explains a fault below it: the oldest that has no cause of its own."""
    found = [
        (each.suppressed, each.opened_at, each.incident_id)
        for each in ancestors
        if each.incident_id is not None and each.opened_at is not None
    ]
    return min(found)[2] if found else None

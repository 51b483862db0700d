"""The gate of each aggregate, the inbox, and the plan that both make of a batch.

Each function works in its caller's transaction. Gates are always locked in one order, so that two
replicas never wait for each other.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Final

from shared.messaging.handling import Arrival

Aggregate = tuple[str, str]  # publisher and subject

# Every gate of a publisher moves to the last of its run here; where each stood is what it answers.
_STEP: Final = """
    with moved as (
        insert into sequence_gate as gate (consumer, source, subject, sequence)
        select $1, $2, s, q from unnest($3::text[], $4::bigint[]) as runs(s, q)
        on conflict (consumer, source, subject) do update set sequence = excluded.sequence
            where gate.sequence < excluded.sequence
        returning coalesce(old.sequence, 0) as before
    )
    select array_agg(before) from moved
"""
# A statement of its own: it sees what was parked before the gates could be locked.
_ENTER: Final = """
    with entered as (
        insert into inbox (consumer, event_id) select $1, e from unnest($2::uuid[]) as e
        on conflict do nothing returning 1
    )
    select (select count(*) from entered) = cardinality($2) as new,
        exists (select from dead_letters where consumer = $1 and state = 'PARKED') as parked
"""


class OutOfStep(Exception):
    """Not every event of the batch is new and its aggregate's next."""


@dataclass(slots=True)
class Run:
    """The numbers of one aggregate in a batch: from `first` to `last`, none missing."""

    first: int
    last: int


@dataclass(slots=True)
class Plan:
    """What is to be done with each event of a batch."""

    unreadable: list[Arrival] = field(default_factory=list)
    done: list[Arrival] = field(default_factory=list)
    next: list[Arrival] = field(default_factory=list)
    behind: list[Arrival] = field(default_factory=list)
    early: list[Arrival] = field(default_factory=list)


def runs_of(arrivals: Iterable[Arrival]) -> dict[Aggregate, Run] | None:
    """The runs of a batch; None when an event is unreadable, repeated or not in its order."""
    runs: dict[Aggregate, Run] = {}
    for each in arrivals:
        number = each.sequence
        run = runs.get(each.aggregate)
        if each.envelope is None:
            return None
        if run is None:
            runs[each.aggregate] = Run(number, number)
        elif number == run.last + 1:
            run.last = number
        else:
            return None
    return runs


async def step(
    connection: Any, arrivals: Sequence[Arrival], runs: dict[Aggregate, Run], *, consumer: str
) -> None:
    """Move gates and enter events that are all new and next.

    Raises `OutOfStep` when they are not; the transaction is then to be rolled back.
    """
    for source, some in groupby(sorted(runs.items(), key=_aggregate), key=_source):
        alike = list(some)
        before = await connection.fetchval(
            _STEP,
            consumer,
            source,
            [subject for (_, subject), _ in alike],
            [run.last for _, run in alike],
        )
        if before != [run.first - 1 for _, run in alike]:
            raise OutOfStep
    entered = await connection.fetchrow(_ENTER, consumer, [each.id for each in arrivals])
    if not entered["new"]:
        raise OutOfStep
    if entered["parked"] and await parked(connection, arrivals, consumer=consumer):
        raise OutOfStep


async def lock(
    connection: Any, arrivals: Iterable[Arrival], *, consumer: str
) -> dict[Aggregate, int]:
    """The last applied number of each aggregate, held against other replicas until commit."""
    aggregates = sorted({each.aggregate for each in arrivals})
    rows = await connection.fetch(
        "insert into sequence_gate (consumer, source, subject, sequence)"
        " select $1, s, a, 0 from unnest($2::text[], $3::text[]) as rows(s, a)"
        " on conflict (consumer, source, subject)"
        " do update set sequence = sequence_gate.sequence"
        " returning source, subject, sequence",
        consumer,
        [source for source, _ in aggregates],
        [subject for _, subject in aggregates],
    )
    return {(row["source"], row["subject"]): row["sequence"] for row in rows}


async def move(connection: Any, applied: Iterable[Arrival], *, consumer: str) -> None:
    """Open locked gates up to what was applied."""
    reached: dict[Aggregate, int] = {}
    for each in applied:
        reached[each.aggregate] = max(reached.get(each.aggregate, 0), each.sequence)
    if not reached:
        return
    await connection.execute(
        "update sequence_gate set sequence = greatest(sequence_gate.sequence, q)"
        " from unnest($2::text[], $3::text[], $4::bigint[]) as rows(s, a, q)"
        " where consumer = $1 and source = s and subject = a",
        consumer,
        [source for source, _ in reached],
        [subject for _, subject in reached],
        list(reached.values()),
    )


async def parked(
    connection: Any, arrivals: Iterable[Arrival], *, consumer: str
) -> dict[Aggregate, int]:
    """The first parked number of each aggregate that has one."""
    aggregates = {each.aggregate for each in arrivals}
    rows = await connection.fetch(
        "select source, subject, min(sequence) as sequence from dead_letters"
        " join unnest($2::text[], $3::text[]) as rows(s, a) on source = s and subject = a"
        " where consumer = $1 and state = 'PARKED' group by source, subject",
        consumer,
        [source for source, _ in aggregates],
        [subject for _, subject in aggregates],
    )
    return {(row["source"], row["subject"]): row["sequence"] for row in rows}


async def unseen(connection: Any, arrivals: Sequence[Arrival], *, consumer: str) -> list[Arrival]:
    """Enter the events into the inbox; those that were not in it before, in their order."""
    rows = await connection.fetch(
        "insert into inbox (consumer, event_id) select $1, e from unnest($2::uuid[]) as e"
        " on conflict do nothing returning event_id",
        consumer,
        [each.id for each in arrivals],
    )
    fresh = {row["event_id"] for row in rows}
    found = []
    for each in arrivals:
        if each.id in fresh:
            fresh.discard(each.id)
            found.append(each)
    return found


def plan(
    arrivals: Iterable[Arrival],
    gates: dict[Aggregate, int],
    held: dict[Aggregate, int],
    *,
    faults: Collection[str] = (),
) -> Plan:
    """Pass over the batch until nothing more fits: a later event may be what opens the gate.

    `held` is the first parked number of an aggregate; `gates` moves on with what is planned.
    """
    made = Plan()
    waiting, progress = list(arrivals), True
    if "no_gate" in faults:
        made.next = waiting
        return made
    while waiting and progress:
        progress, rest = False, []
        for each in waiting:
            key = each.aggregate
            if each.envelope is None:
                made.unreadable.append(each)
            elif each.sequence <= gates[key]:
                (made.next if "no_inbox" in faults else made.done).append(each)
            elif key in held and held[key] <= each.sequence:
                made.behind.append(each)
            elif each.sequence == gates[key] + 1:
                gates[key] = each.sequence
                made.next.append(each)
                progress = True
            else:
                rest.append(each)
        waiting = rest
    made.early = waiting
    return made


def _aggregate(item: tuple[Aggregate, Run]) -> Aggregate:
    return item[0]


def _source(item: tuple[Aggregate, Run]) -> str:
    return item[0][0]

"""Each event has its effect once, in its aggregate's order, however it came (E3, CON8)."""

import asyncio
import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from shared.database import Transaction
from shared.messaging.dead_letters import redrive
from shared.messaging.handling import Arrival, Received, Together
from shared.messaging.inbox import Ack, Nak, Term
from shared.security.identity import system
from tests.shared.messaging.receiving import (
    OFFICER,
    ParcelRefused,
    effects,
    letters,
    offline,
)
from tests.shared.messaging.world import (
    ParcelLost,
    ParcelMoved,
    ParcelWeighed,
    World,
    arrival,
    note_place,
)


async def test_a_batch_is_applied_in_one_transaction_and_told_twice_has_one_effect(world: World):
    inbox = offline(world)
    batch = [arrival("p1", 1), arrival("p2", 1), arrival("p1", 2)]

    first = await inbox.receive(batch)
    second = await inbox.receive(batch)

    assert first == second == [Ack()] * 3
    assert await effects(world) == [("p1", 1), ("p2", 1), ("p1", 2)]


async def test_an_event_before_its_turn_waits_and_the_one_that_it_waited_for_opens_the_gate(
    world: World,
):
    inbox = offline(world)
    one, two, three = (arrival("p1", number) for number in (1, 2, 3))

    early = await inbox.receive([three])
    rest = await inbox.receive([two, three, one])

    assert [type(each) for each in early] == [Nak]
    assert rest == [Ack()] * 3
    assert await effects(world) == [("p1", 1), ("p1", 2), ("p1", 3)]


async def test_an_event_without_a_handler_only_opens_the_gate(world: World):
    inbox = offline(world)

    verdicts = await inbox.receive(
        [
            arrival("p1", 1),
            arrival("p1", 2, event=ParcelWeighed(grams=5)),
            arrival("p1", 3, data={"type": "unknown"}, event=ParcelLost()),
            arrival("p1", 4),
        ]
    )

    assert verdicts == [Ack()] * 4
    assert await effects(world) == [("p1", 1), ("p1", 4)]


async def note_places(tx: Transaction, told: Sequence[Received[ParcelMoved]]) -> None:
    """As one statement, which fails when one of them does."""
    if any(each.event.place == "九江" for each in told):
        raise ParcelRefused(place="九江")
    await (await tx.raw()).executemany(
        "insert into effects (event_id, subject, sequence, place) values ($1, $2, $3, $4)",
        [(each.id, each.subject, each.sequence, f"{each.event.place}{len(told)}") for each in told],
    )


async def test_events_of_one_type_that_came_in_a_row_may_be_handled_together(world: World):
    inbox = offline(world, {ParcelMoved: Together(note_places), ParcelLost: note_lost})

    verdicts = await inbox.receive(
        [
            arrival("p1", 1),
            arrival("p2", 1),
            arrival("p1", 2, event=ParcelLost(reason="雨")),
            arrival("p1", 3),
        ]
    )

    assert verdicts == [Ack()] * 4
    rows = await world.sql("catalog", "select subject, place from effects order by number")
    assert [tuple(row) for row in rows] == [
        ("p1", "南昌2"),
        ("p2", "南昌2"),
        ("p1", "雨"),
        ("p1", "南昌1"),
    ]


@pytest.mark.feature("E4")
async def test_what_fails_together_is_parked_alone(world: World):
    database = world.database("catalog")
    inbox = offline(world, {ParcelMoved: Together(note_places)})

    verdicts = await inbox.receive(
        [arrival(f"p{n}", 1, place="九江" if n == 5 else "南昌") for n in range(8)]
    )
    [letter] = await letters(database)
    async with database.transaction(OFFICER) as tx:
        await redrive(tx, letter.id, consumer="catalog", handlers={ParcelMoved: Together(keep_all)})

    assert verdicts == [*[Ack()] * 5, Term(), *[Ack()] * 2]
    assert sorted(await effects(world)) == [(f"p{n}", 1) for n in range(8)]


async def note_lost(tx: Transaction, received: Received[Any]) -> None:
    moved = ParcelMoved(place=received.event.reason)
    await note_place(tx, replace(received, event=moved))


async def keep_all(tx: Transaction, told: Sequence[Received[ParcelMoved]]) -> None:
    for each in told:
        await note_place(tx, each)


async def test_a_parked_event_holds_up_what_comes_after_it_though_the_gate_would_open(
    world: World,
):
    """As when the one before a gap came while the one behind it was being parked."""
    database = world.database("catalog")
    inbox = offline(world, gap_grace=0.0)
    one, two = arrival("p1", 1), arrival("p1", 2)
    await inbox.receive([two])

    verdicts = await inbox.receive([one, two])

    assert verdicts == [Ack(), Term()]
    assert await effects(world) == [("p1", 1)]
    [letter] = await letters(database)
    assert letter.event_id == two.id


@pytest.mark.feature("E3")
@pytest.mark.parametrize("seed", range(8))
async def test_three_copies_of_each_in_any_order_and_any_batches_end_in_the_same_state(
    world: World, seed: int
):
    chance = random.Random(seed)
    lengths = {f"p{n}": chance.randint(1, 12) for n in range(6)}
    each_once = [arrival(s, n + 1, place=f"{s}-{n}") for s, k in lengths.items() for n in range(k)]
    waiting = each_once * 3
    chance.shuffle(waiting)
    inboxes = [offline(world), offline(world)]  # two replicas of the service
    rounds = 0

    while waiting:
        rounds += 1
        assert rounds < 500
        size = chance.randint(1, 9)
        batch, waiting = waiting[:size], waiting[size:]
        half = len(batch) // 2
        left, right = await asyncio.gather(
            inboxes[0].receive(batch[:half]) if half else _nothing(),
            inboxes[1].receive(batch[half:]),
        )
        again = [
            one for one, verdict in zip(batch, [*left, *right], strict=True) if verdict != Ack()
        ]
        waiting += again

    applied = await effects(world)
    by_subject: dict[str, list[int]] = defaultdict(list)
    for subject, sequence in applied:
        by_subject[subject].append(sequence)
    assert by_subject == {subject: list(range(1, k + 1)) for subject, k in lengths.items()}


async def _nothing() -> list[Any]:
    return []


def test_an_arrival_knows_its_aggregate_by_publisher_and_subject():
    one: Arrival = arrival("p1", 4)

    assert one.aggregate == ("filing", "p1")
    assert system("catalog").client_id == "system:catalog"

"""What may pass is tried again, and what is early waits: neither for ever (E4)."""

import asyncio

import asyncpg
import pytest

from shared.database import DatabaseUnavailable, Transaction
from shared.messaging.dead_letters import redrive
from shared.messaging.errors import (
    DeadLetterBeforeItsTurn,
)
from shared.messaging.handling import Received
from shared.messaging.inbox import Ack, Nak, Term
from tests.shared.messaging.receiving import (
    OFFICER,
    effects,
    letters,
    offline,
)
from tests.shared.messaging.world import (
    HANDLERS,
    ParcelMoved,
    World,
    arrival,
)


@pytest.mark.feature("E4")
async def test_an_unknown_failure_is_tried_five_times_with_growing_delay_and_then_parked(
    world: World,
):
    async def fail(_tx: Transaction, _received: Received[ParcelMoved]) -> None:
        raise ZeroDivisionError

    inbox = offline(world, {ParcelMoved: fail})
    one = arrival("p1", 1)

    verdicts = [(await inbox.receive([one]))[0] for _ in range(6)]

    assert verdicts == [Nak(0.5), Nak(1.0), Nak(2.0), Nak(4.0), Term(), Term()]


@pytest.mark.parametrize(
    "error",
    [
        DatabaseUnavailable(),
        TimeoutError(),
        ConnectionResetError(),
        asyncpg.SerializationError("x"),
        asyncpg.DeadlockDetectedError("x"),
        asyncpg.LockNotAvailableError("x"),
        asyncpg.QueryCanceledError("x"),
        asyncpg.InternalClientError("x"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_a_failure_around_the_event_is_never_held_against_it(world: World, error: Exception):
    async def fail(_tx: Transaction, _received: Received[ParcelMoved]) -> None:
        raise error

    database = world.database("catalog")
    inbox = offline(world, {ParcelMoved: fail})

    verdicts = [
        (await inbox.receive([arrival("p1", 1, tries=tries), arrival("p2", 1, tries=tries)]))
        for tries in range(1, 9)
    ]

    assert all(type(each) is Nak for pair in verdicts for each in pair)
    delays = [pair[0].delay for pair in verdicts if isinstance(pair[0], Nak)]
    assert delays == [0.5, 1, 2, 4, 5, 5, 5, 5]
    assert await letters(database) == []


async def test_a_gap_that_does_not_close_is_parked_after_the_grace(world: World):
    database = world.database("catalog")
    inbox = offline(world, gap_grace=0.2)
    third, fourth = arrival("p1", 3), arrival("p1", 4)

    at_first = await inbox.receive([third])
    await asyncio.sleep(0.25)
    after_grace = await inbox.receive([third, fourth, arrival("p2", 1)])
    behind = await inbox.receive([fourth])
    [gap, _] = await letters(database)
    with pytest.raises(DeadLetterBeforeItsTurn):
        async with database.transaction(OFFICER) as tx:
            await redrive(tx, gap.id, consumer="catalog", handlers=HANDLERS)
    came_late = await inbox.receive([arrival("p1", 1), arrival("p1", 2)])
    async with database.transaction(OFFICER) as tx:
        done = await redrive(tx, gap.id, consumer="catalog", handlers=HANDLERS)

    assert [type(each) for each in at_first] == [Nak]
    assert [type(each) for each in after_grace] == [Term, Nak, Ack]
    assert behind == [Term()]
    assert gap.cause == "gap"
    assert came_late == [Ack(), Ack()]
    assert len(done.applied) == 2
    assert await effects(world) == [("p2", 1), ("p1", 1), ("p1", 2), ("p1", 3), ("p1", 4)]


async def test_what_is_behind_an_event_that_may_pass_is_no_gap(world: World):
    async def wait(_tx: Transaction, _received: Received[ParcelMoved]) -> None:
        raise DatabaseUnavailable

    inbox = offline(world, {ParcelMoved: wait}, gap_grace=2.0)
    first, second = arrival("p1", 1), arrival("p1", 2)
    verdicts = []
    for _ in range(4):
        verdicts += await inbox.receive([first])
        verdicts += await inbox.receive([second])
        await asyncio.sleep(0.8)  # in all longer than the grace

    assert [type(each) for each in verdicts] == [Nak] * 8

"""What cannot be applied parks its aggregate alone, until someone redrives or discards it (E4)."""

import json
from typing import Any

import pytest

from shared.database import Transaction
from shared.messaging.dead_letters import discard, get_dead_letter, redrive
from shared.messaging.errors import (
    DeadLetterBehind,
    DeadLetterNotFound,
    DeadLetterResolved,
    RedriveFailed,
)
from shared.messaging.handling import Handlers, Received, read_arrival
from shared.messaging.inbox import Ack, Term
from tests.shared.messaging.receiving import (
    OFFICER,
    ParcelRefused,
    effects,
    letters,
    offline,
    refuse_jiujiang,
)
from tests.shared.messaging.world import (
    HANDLERS,
    ParcelKept,
    ParcelMoved,
    World,
    arrival,
    note_place,
)


@pytest.mark.feature("E4")
@pytest.mark.feature("CON6")
async def test_a_poison_event_parks_its_aggregate_alone_and_a_redrive_heals_it(world: World):
    database = world.database("catalog")
    inbox = offline(world, {ParcelMoved: refuse_jiujiang})
    batch = [
        *(arrival("p1", n, place="九江" if n == 3 else "南昌") for n in range(1, 6)),
        *(arrival("p2", n) for n in range(1, 5)),
    ]

    verdicts = await inbox.receive(batch)
    later = await inbox.receive([arrival("p1", 6), arrival("p2", 5), batch[2]])
    parked = await letters(database)
    async with database.transaction(OFFICER) as tx:
        done = await redrive(tx, parked[0].id, consumer="catalog", handlers=HANDLERS)
    after = await inbox.receive([arrival("p1", 7)])

    assert verdicts == [Ack(), Ack(), Term(), Term(), Term(), *[Ack()] * 4]
    assert later == [Term(), Ack(), Term()]
    assert [(each.sequence, each.cause) for each in parked] == [
        (3, "ParcelRefused: parcel_refused"),
        (4, "behind"),
        (5, "behind"),
        (6, "behind"),
    ]
    assert len(done.applied) == 4
    assert done.failed is None
    assert (done.letter.state, done.letter.resolved_by) == ("REDRIVEN", "officer-1")
    assert after == [Ack()]
    assert await effects(world) == [
        ("p1", 1),
        ("p1", 2),
        *(("p2", n) for n in range(1, 6)),
        *(("p1", n) for n in range(3, 8)),
    ]
    audited = await world.sql("catalog", "select action, actor from audit_pending order by id")
    assert [tuple(row) for row in audited] == [("dead_letter.redriven", "officer-1")] * 4


@pytest.mark.feature("E4")
async def test_a_redrive_goes_on_to_the_next_failure_and_keeps_what_it_applied(world: World):
    database = world.database("catalog")
    await offline(world, {ParcelMoved: refuse_jiujiang}).receive(
        [arrival("p1", n, place="九江" if n in (1, 3) else "南昌") for n in range(1, 5)]
    )
    first, _, third, _ = await letters(database)
    healed_but_third = 0

    async def refuse_third(tx: Transaction, received: Received[ParcelMoved]) -> None:
        nonlocal healed_but_third
        await note_place(tx, received)
        kept = ParcelKept(place=received.event.place, number=received.event.number)
        tx.emit(kept, subject=received.subject, region=received.region)
        healed_but_third += 1
        if received.sequence == 3:
            raise ParcelRefused

    handlers: Handlers = {ParcelMoved: refuse_third}
    async with database.transaction(OFFICER) as tx:
        done = await redrive(tx, first.id, consumer="catalog", handlers=handlers)

    assert healed_but_third == 3
    assert (len(done.applied), done.failed) == (2, third.id)
    assert await effects(world) == [("p1", 1), ("p1", 2)]
    assert (await letters(database))[0].id == third.id
    told = await world.sql("catalog", "select 1 from outbox")
    assert len(told) == 2  # what the failed handler wanted to tell is not told


async def test_a_redrive_that_fails_at_once_changes_nothing(world: World):
    database = world.database("catalog")
    handlers: Handlers = {ParcelMoved: refuse_jiujiang}
    await offline(world, handlers).receive([arrival("p1", 1, place="九江")])
    [before] = await letters(database)

    with pytest.raises(RedriveFailed) as refusal:
        async with database.transaction(OFFICER) as tx:
            await redrive(tx, before.id, consumer="catalog", handlers=handlers)

    assert refusal.value.params == {"cause": "ParcelRefused: parcel_refused"}
    assert await letters(database) == [before]


@pytest.mark.feature("E4")
async def test_discarding_gives_up_the_first_and_leaves_the_rest_to_be_redriven(world: World):
    database = world.database("catalog")
    await offline(world, {ParcelMoved: refuse_jiujiang}).receive(
        [arrival("p1", n, place="九江" if n == 1 else "南昌") for n in (1, 2)]
    )
    first, second = await letters(database)

    with pytest.raises(DeadLetterBehind):
        async with database.transaction(OFFICER) as tx:
            await discard(tx, second.id, consumer="catalog")
    async with database.transaction(OFFICER) as tx:
        await discard(tx, first.id, consumer="catalog")
    with pytest.raises(DeadLetterResolved):
        async with database.transaction(OFFICER) as tx:
            await redrive(tx, first.id, consumer="catalog", handlers=HANDLERS)
    with pytest.raises(DeadLetterNotFound):
        async with database.transaction(OFFICER) as tx:
            await get_dead_letter(tx, first.id, consumer="filing")
    async with database.transaction(OFFICER) as tx:
        await redrive(tx, second.id, consumer="catalog", handlers=HANDLERS)

    assert await effects(world) == [("p1", 2)]
    assert await letters(database) == []
    actions = await world.sql("catalog", "select action from audit_pending order by id")
    assert [row["action"] for row in actions] == ["dead_letter.discarded", "dead_letter.redriven"]


async def test_data_that_does_not_fit_the_event_is_parked_without_its_values(world: World):
    database = world.database("catalog")
    inbox = offline(world)

    verdicts = await inbox.receive([arrival("p1", 1, data={"place": ["13800001234"]})])

    assert verdicts == [Term()]
    [letter] = await letters(database)
    assert letter.cause == "ValidationError: place: string_type"


async def test_what_is_no_envelope_parks_only_itself(world: World):
    database = world.database("catalog")
    inbox = offline(world)
    junk = [read_arrival(b"\xff\x00{", 7, 1), read_arrival(b'{"id": 1}', 8, 1)]

    verdicts = await inbox.receive([*junk, arrival("p1", 1)])
    again = await inbox.receive(junk)

    assert verdicts == [Term(), Term(), Ack()]
    assert again == [Term(), Term()]
    first, second = await letters(database)
    assert (first.subject, second.subject) == ("stream:7", "stream:8")
    with pytest.raises(RedriveFailed):
        async with database.transaction(OFFICER) as tx:
            await redrive(tx, first.id, consumer="catalog", handlers=HANDLERS)
    async with database.transaction(OFFICER) as tx:
        await discard(tx, first.id, consumer="catalog")


@pytest.mark.parametrize(
    "field", [{"subject": "p\0"}, {"type": "filing.x\0.v1"}, {"sequence": 2**63}]
)
async def test_an_envelope_that_no_column_takes_is_parked_like_one_that_cannot_be_read(
    world: World, field: dict[str, Any]
):
    inbox = offline(world)
    sound = arrival("p1", 1)
    odd = read_arrival(json.dumps({**json.loads(sound.raw), **field}).encode(), 7, 1)

    verdicts = await inbox.receive([odd, sound])

    assert verdicts == [Term(), Ack()]
    [letter] = await letters(world.database("catalog"))
    assert letter.subject == "stream:7"

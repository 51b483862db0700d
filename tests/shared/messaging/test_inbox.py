"""Each event has its effect once, in its aggregate's order, however it came (E3, E4, CON8)."""

import asyncio
import json
import random
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from deploy.local import nats
from shared.database import Database, DatabaseUnavailable, Transaction
from shared.errors import Conflict
from shared.events.envelope import STREAM
from shared.messaging.dead_letters import discard, get_dead_letter, list_dead_letters, redrive
from shared.messaging.errors import (
    DeadLetterBeforeItsTurn,
    DeadLetterBehind,
    DeadLetterNotFound,
    DeadLetterResolved,
    RedriveFailed,
)
from shared.messaging.handling import Arrival, Handlers, Received, Together, read_arrival
from shared.messaging.inbox import Ack, Inbox, Nak, Term
from shared.messaging.metrics import consumer_lag, parked_dead_letters
from shared.security.identity import Actor, Role, system
from tests.shared.messaging.world import (
    HANDLERS,
    ParcelKept,
    ParcelLost,
    ParcelMoved,
    ParcelWeighed,
    StrangerSeen,
    World,
    arrival,
    note_place,
    running,
)
from tests.suite import eventually

OFFICER = Actor(
    subject="officer-1",
    client_id="console",
    organisation="jx-zwfw",
    role=Role.PROVINCE,
    region="36",
    person=True,
)


class ParcelRefused(Conflict):
    code = "parcel_refused"


async def effects(world: World) -> list[tuple[str, int]]:
    """What was applied, in the order of applying."""
    rows = await world.sql("catalog", "select subject, sequence from effects order by number")
    return [(row["subject"], row["sequence"]) for row in rows]


def offline(world: World, handlers: Any = HANDLERS, **options: Any) -> Inbox:
    """An inbox that is handed its deliveries by the test."""
    return world.inbox(world.broker("catalog"), handlers, **options)


async def letters(database: Database, state: str = "PARKED") -> list[Any]:
    async with database.transaction(OFFICER) as tx:
        return await list_dead_letters(tx, consumer="catalog", states=(state,))


# --- once, and in order --------------------------------------------------------------------------


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


# --- what cannot be applied ----------------------------------------------------------------------


async def refuse_jiujiang(tx: Transaction, received: Received[ParcelMoved]) -> None:
    if received.event.place == "九江":
        raise ParcelRefused(place="九江")
    await note_place(tx, received)


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


# --- through the broker --------------------------------------------------------------------------


@pytest.mark.feature("CON8")
async def test_killed_between_commit_and_acknowledgement_has_no_second_effect(
    world: World, tmp_path: Path
):
    relay = world.relay(await world.connected("filing"))
    async with running(relay):
        await world.tell("p1", *(str(n) for n in range(20)))
        await eventually(
            lambda: world.sql("filing", "select 1 from outbox having count(sent_at) = 20")
        )
    user = world.nats.users["catalog"]
    described = {
        "url": user.url,
        "inbox_prefix": user.inbox_prefix,
        "dsn": world.dsn,
        "mark": str(tmp_path / "mark"),
    }

    died = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "tests.shared.messaging.process", "inbox", "committed"],
        input=json.dumps(described).encode(),
        stdout=subprocess.DEVNULL,
        timeout=30,
        check=False,
    )
    by_the_dead = await effects(world)
    broker = await world.connected("catalog")
    lag = await consumer_lag(broker, consumer="catalog")
    inbox = world.inbox(broker)
    # what was delivered and not acknowledged comes again after ack_wait: here at once
    await broker.jetstream.delete_consumer(STREAM, "catalog")
    async with running(inbox):
        await eventually(lambda: _drained(world))

    assert died.returncode == -signal.SIGKILL
    assert by_the_dead == [("p1", n) for n in range(1, len(by_the_dead) + 1)]
    assert len(by_the_dead) > 0
    assert lag is not None
    assert lag.unacknowledged >= len(by_the_dead)
    assert await effects(world) == [("p1", n) for n in range(1, 21)]


async def test_the_way_from_a_commit_to_another_services_table(world: World):
    relay = world.relay(await world.connected("filing"))
    inbox = world.inbox(await world.connected("catalog"))
    database = world.database("filing")
    database.committed = relay.nudge
    async with running(relay, inbox):
        await world.tell("p0", *("warm",) * 3, database=database)
        await eventually(lambda: _count(world, 3))
        started = asyncio.get_running_loop().time()
        await world.tell("p1", *(str(n) for n in range(600)), database=database)
        await eventually(lambda: _count(world, 603))
        taken = asyncio.get_running_loop().time() - started

    assert taken < 60  # generous: what is shown is that everything arrives, once
    assert await effects(world) == [
        *(("p0", n) for n in (1, 2, 3)),
        *(("p1", n) for n in range(1, 601)),
    ]


async def test_a_consumer_that_was_deleted_or_a_stream_that_was_wiped_is_made_again(world: World):
    relay = world.relay(await world.connected("filing"))
    inbox = world.inbox(await world.connected("catalog"))
    async with running(relay, inbox):
        await world.tell("p1", "南昌")
        await eventually(lambda: _count(world, 1))
        async with world.operator() as client:
            await client.jetstream().delete_consumer(STREAM, "catalog")
        await world.tell("p1", "九江")
        await eventually(lambda: _count(world, 2))
        await world.delete_stream()
        await world.tell("p1", "赣州")
        await eventually(lambda: _count(world, 3))

    assert await effects(world) == [("p1", 1), ("p1", 2), ("p1", 3)]


async def test_consuming_goes_on_after_the_broker_was_killed(world: World, tmp_path: Path):
    world.nats = nats.start(tmp_path / "nats")
    try:
        relay = world.relay(await world.connected("filing"))
        inbox = world.inbox(await world.connected("catalog"))
        async with running(relay, inbox):
            await world.tell("p1", "南昌")
            await eventually(lambda: _count(world, 1))
            world.nats.process.kill()
            world.nats.process.wait()
            await world.tell("p1", "九江")
            world.nats = nats.start(
                world.nats.folder, port=world.nats.port, monitor_port=world.nats.monitor_port
            )
            await eventually(lambda: _count(world, 2))
        applied = await effects(world)
        await world.close()
    finally:
        world.nats.stop()

    assert applied == [("p1", 1), ("p1", 2)]


async def test_a_publisher_that_is_followed_from_now_on_is_heard_from_its_beginning(world: World):
    relay = world.relay(await world.connected("filing"))
    broker = await world.connected("catalog")
    async with running(relay):
        await world.tell("p1", "南昌", "九江")
        await eventually(
            lambda: world.sql("filing", "select 1 from outbox having count(sent_at) = 2")
        )
    narrow = world.inbox(broker, {StrangerSeen: note_place})
    async with running(narrow):
        await asyncio.sleep(0.3)
    assert await effects(world) == []

    wide = world.inbox(broker, {**HANDLERS, StrangerSeen: note_place})
    async with running(wide):
        await eventually(lambda: _count(world, 2))

    assert await effects(world) == [("p1", 1), ("p1", 2)]


async def test_a_poison_event_is_a_metric_and_the_stream_flows_on(world: World):
    relay = world.relay(await world.connected("filing"))
    broker = await world.connected("catalog")
    inbox = world.inbox(broker, {ParcelMoved: refuse_jiujiang})
    database = world.database("catalog")
    async with running(relay, inbox):
        await world.tell("p1", "九江", "南昌")
        await world.tell("p2", "南昌", "赣州")
        await eventually(lambda: _count(world, 2))
        await eventually(lambda: _drained_all(broker))

    async with database.transaction(OFFICER) as tx:
        assert await parked_dead_letters(await tx.raw(), consumer="catalog") == 2
    assert await effects(world) == [("p2", 1), ("p2", 2)]


# --- controls: without the guard, the fault shows ------------------------------------------------


class Crashed(BaseException):
    """Stands for the end of the process."""


async def crash_at_applied(point: str) -> None:
    if point == "applied":
        raise Crashed


async def test_control_acknowledging_first_loses_what_the_crash_cuts_off(world: World):
    relay = world.relay(await world.connected("filing"))
    broker = await world.connected("catalog")
    faulty = world.inbox(broker, faults=("ack_first",), failpoint=crash_at_applied)
    sound = world.inbox(broker, failpoint=crash_at_applied)
    async with running(relay):
        await world.tell("p1", "南昌")
        await eventually(
            lambda: world.sql("filing", "select 1 from outbox having count(sent_at) = 1")
        )
    with pytest.raises(Crashed):
        await faulty.run()
    await broker.client.flush()
    after_faulty = await consumer_lag(broker, consumer="catalog")
    await broker.jetstream.delete_consumer(STREAM, "catalog")
    with pytest.raises(Crashed):
        await sound.run()
    await broker.client.flush()
    after_sound = await consumer_lag(broker, consumer="catalog")

    assert await effects(world) == []
    assert after_faulty is not None
    assert after_sound is not None
    assert (after_faulty.pending, after_faulty.unacknowledged) == (0, 0)  # nobody will bring it
    assert after_sound.unacknowledged == 1


async def test_control_without_an_inbox_a_repetition_has_a_second_effect(world: World):
    faulty = offline(world, faults=("no_inbox",))
    one = arrival("p1", 1)

    await faulty.receive([one])
    await faulty.receive([one])

    assert await effects(world) == [("p1", 1), ("p1", 1)]


async def test_control_without_a_gate_a_late_event_is_applied_out_of_order(world: World):
    faulty = offline(world, faults=("no_gate",))

    await faulty.receive([arrival("p1", 2)])
    await faulty.receive([arrival("p1", 1)])

    assert await effects(world) == [("p1", 2), ("p1", 1)]


async def _count(world: World, count: int) -> bool:
    return len(await effects(world)) == count


async def _drained(world: World) -> bool:
    return await _count(world, 20)


async def _drained_all(broker: Any) -> bool:
    lag = await consumer_lag(broker, consumer="catalog")
    return lag is not None and (lag.pending, lag.unacknowledged) == (0, 0)


def test_an_arrival_knows_its_aggregate_by_publisher_and_subject():
    one: Arrival = arrival("p1", 4)

    assert one.aggregate == ("filing", "p1")
    assert system("catalog").client_id == "system:catalog"

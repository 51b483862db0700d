"""Through the broker: from a stream to another service's rows, whoever dies meanwhile (CON8)."""

import asyncio
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.local import nats
from shared.events.envelope import STREAM
from shared.messaging.metrics import consumer_lag, parked_dead_letters
from tests.shared.messaging.receiving import (
    OFFICER,
    count_is,
    drained,
    effects,
    refuse_jiujiang,
)
from tests.shared.messaging.world import (
    HANDLERS,
    ParcelMoved,
    StrangerSeen,
    World,
    note_place,
    running,
)
from tests.suite import eventually


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
        await eventually(lambda: count_is(world, 20))

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
        await eventually(lambda: count_is(world, 3))
        started = asyncio.get_running_loop().time()
        await world.tell("p1", *(str(n) for n in range(600)), database=database)
        await eventually(lambda: count_is(world, 603))
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
        await eventually(lambda: count_is(world, 1))
        async with world.operator() as client:
            await client.jetstream().delete_consumer(STREAM, "catalog")
        await world.tell("p1", "九江")
        await eventually(lambda: count_is(world, 2))
        await world.delete_stream()
        await world.tell("p1", "赣州")
        await eventually(lambda: count_is(world, 3))

    assert await effects(world) == [("p1", 1), ("p1", 2), ("p1", 3)]


async def test_consuming_goes_on_after_the_broker_was_killed(world: World, tmp_path: Path):
    world.nats = nats.start(tmp_path / "nats")
    try:
        relay = world.relay(await world.connected("filing"))
        inbox = world.inbox(await world.connected("catalog"))
        async with running(relay, inbox):
            await world.tell("p1", "南昌")
            await eventually(lambda: count_is(world, 1))
            world.nats.process.kill()
            world.nats.process.wait()
            await world.tell("p1", "九江")
            world.nats = nats.start(
                world.nats.folder, port=world.nats.port, monitor_port=world.nats.monitor_port
            )
            await eventually(lambda: count_is(world, 2))
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
        await eventually(lambda: count_is(world, 2))

    assert await effects(world) == [("p1", 1), ("p1", 2)]


async def test_a_replica_of_the_version_before_takes_no_publisher_away(world: World):
    """As in a rolling update: it goes last, and has set the consumer back to what it follows."""
    relay = world.relay(await world.connected("filing"))
    before = world.inbox(await world.connected("catalog"), {StrangerSeen: note_place})
    after = world.inbox(
        await world.connected("catalog"), {**HANDLERS, StrangerSeen: note_place}, look_every=2.0
    )
    async with running(relay, after):
        async with running(before):
            await world.tell("p1", "南昌")
            await eventually(lambda: count_is(world, 1))
            await before.ensure_consumer()
        await world.tell("p1", "九江")
        await eventually(lambda: count_is(world, 2))

    assert await effects(world) == [("p1", 1), ("p1", 2)]


async def test_a_poison_event_is_a_metric_and_the_stream_flows_on(world: World):
    relay = world.relay(await world.connected("filing"))
    broker = await world.connected("catalog")
    inbox = world.inbox(broker, {ParcelMoved: refuse_jiujiang})
    database = world.database("catalog")
    async with running(relay, inbox):
        await world.tell("p1", "九江", "南昌")
        await world.tell("p2", "南昌", "赣州")
        await eventually(lambda: count_is(world, 2))
        await eventually(lambda: drained(broker))

    async with database.transaction(OFFICER) as tx:
        assert await parked_dead_letters(await tx.raw(), consumer="catalog") == 2
    assert await effects(world) == [("p2", 1), ("p2", 2)]

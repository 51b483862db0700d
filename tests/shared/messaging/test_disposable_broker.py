"""The broker is disposable: wiped, cut, full or away, it loses nothing (O5)."""

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.local import nats
from deploy.local.nats import RunningNats
from shared.events.envelope import STREAM
from shared.messaging.broker import Broker, BrokerNotDurable
from shared.messaging.metrics import outbox_backlog
from shared.messaging.publishing import Outgoing, publish
from shared.messaging.relay import Relay
from shared.security.identity import system
from tests.shared.messaging.outbox import all_sent, positions, stream_of
from tests.shared.messaging.world import World, running
from tests.suite import eventually


@pytest.fixture
def own_nats(tmp_path: Path) -> Iterator[list[RunningNats]]:
    """A server that a test may stop, damage and start again: the last of the list runs."""
    servers = [nats.start(tmp_path / "nats")]
    try:
        yield servers
    finally:
        servers[-1].stop()


def restart(servers: list[RunningNats]) -> None:
    old = servers[-1]
    old.process.kill()
    old.process.wait()
    servers.append(nats.start(old.folder, port=old.port, monitor_port=old.monitor_port))


async def test_a_wiped_stream_is_published_again(world: World):
    relay = world.relay(await world.connected("filing"))
    async with running(relay):
        await world.tell("p1", "南昌", "九江")
        await world.tell("p2", *(str(n) for n in range(300)))
        await eventually(lambda: all_sent(world, 302))
        before = await world.stream()

        await world.delete_stream()
        after = await eventually(lambda: stream_of(world, 302))

    assert after == before
    assert len(await world.sql("filing", "select distinct epoch from outbox")) == 1
    assert await positions(world) == list(range(1, 303))


async def test_a_purged_stream_is_published_again_once_it_has_forgotten_the_ids(
    world: World, own_nats: list[RunningNats]
):
    """The stream refuses ids that it saw in the last two minutes; a restart ends that sooner."""
    world.nats = own_nats[-1]
    relay = world.relay(await world.connected("filing"))
    async with running(relay):
        await world.tell("p1", "南昌", "九江")
        await eventually(lambda: all_sent(world, 2))
        before = await world.stream()
        async with world.operator() as client:
            await client.jetstream().purge_stream(STREAM)
        restart(own_nats)
        after = await eventually(lambda: stream_of(world, 2))

    assert after == before


async def test_a_tail_that_the_broker_lost_is_published_again_though_its_places_are_taken(
    world: World, own_nats: list[RunningNats]
):
    world.nats = own_nats[-1]
    relay = world.relay(await world.connected("filing"))
    async with running(relay):
        await world.tell("p1", *(str(n) for n in range(20)))
        await eventually(lambda: all_sent(world, 20))
    own_nats[-1].process.kill()
    own_nats[-1].process.wait()
    block = next((own_nats[-1].folder / "store").rglob("msgs/1.blk"))
    block.write_bytes(block.read_bytes()[:-1000])
    (block.parent / "index.db").unlink(missing_ok=True)
    own_nats.append(
        nats.start(
            own_nats[-1].folder,
            port=own_nats[-1].port,
            monitor_port=own_nats[-1].monitor_port,
        )
    )
    kept = len(await world.stream())
    stranger = await world.connected("catalog")
    await publish(
        stranger.client,
        [Outgoing("events.catalog.x.v1.36", f"other-{n}", b"{}") for n in range(30)],
    )

    second = world.relay(await world.connected("filing"))
    async with running(second):
        await eventually(lambda: holds_all(world, second, 20))

    assert 0 < kept < 20
    assert second.published < 20  # what was still there is not sent again


async def test_while_the_broker_is_away_writing_goes_on_and_nothing_is_lost(
    world: World, own_nats: list[RunningNats]
):
    world.nats = own_nats[-1]
    relay = world.relay(await world.connected("filing"))
    async with running(relay):
        await world.tell("p1", "南昌")
        await eventually(lambda: all_sent(world, 1))
        own_nats[-1].process.kill()
        own_nats[-1].process.wait()
        await world.tell("p1", "九江", "赣州")
        database = world.database("filing")
        async with database.transaction(system("filing")) as tx:
            backlog = await outbox_backlog(await tx.raw())
        restart(own_nats)
        await eventually(lambda: all_sent(world, 3))

    assert backlog.unsent == 2
    assert backlog.oldest_seconds >= 0
    assert [each.sequence for each in await world.stream()] == [1, 2, 3]


async def test_a_full_stream_keeps_events_in_the_outbox_until_there_is_room(world: World):
    broker = await world.connected("filing")
    async with world.operator() as client:
        jetstream = client.jetstream()
        config = (await jetstream.stream_info(STREAM)).config
        await jetstream.update_stream(config.evolve(max_msgs=2))
        relay = world.relay(broker)
        async with running(relay):
            await world.tell("p1", "南昌", "九江", "赣州")
            await asyncio.sleep(1.2)
            held = await world.sql("filing", "select 1 from outbox where sent_at is null")
            await jetstream.update_stream(config.evolve(max_msgs=-1))
            await eventually(lambda: all_sent(world, 3))

    assert len(held) == 3
    assert [each.sequence for each in await world.stream()] == [1, 2, 3]


async def test_a_broker_that_does_not_sync_is_refused_where_it_must(tmp_path: Path):
    folder = tmp_path / "lazy"
    lazy = nats.start(folder)
    try:
        lazy.stop()
        conf = folder / "nats.conf"
        conf.write_text(conf.read_text().replace('"always"', '"2m"'))
        process = await asyncio.create_subprocess_exec(
            str(Path(sys.prefix) / "bin" / "nats-server"),
            "--config",
            str(conf),
            stderr=asyncio.subprocess.DEVNULL,
        )
        user = lazy.users["filing"]
        options: dict[str, Any] = {
            "name": "filing",
            "inbox_prefix": user.inbox_prefix,
            "monitor_url": lazy.monitor_url,
        }
        strict, lenient = Broker(user.url, must_sync=True, **options), Broker(user.url, **options)
        with pytest.raises(BrokerNotDurable):
            await strict.start(patience=10)
        await lenient.start(patience=10)
        usable = lenient.usable
        await lenient.close()
        await strict.close()
    finally:
        process.terminate()
        await process.wait()

    assert usable


async def test_closing_while_the_broker_is_away_raises_nothing(
    world: World, own_nats: list[RunningNats]
):
    world.nats = own_nats[-1]
    broker = await world.connected("filing")
    own_nats[-1].process.kill()
    own_nats[-1].process.wait()
    await eventually(lambda: unusable(broker))

    await broker.close()

    assert not broker.usable
    restart(own_nats)


async def unusable(broker: Broker) -> bool:
    return not broker.usable


async def holds_all(world: World, relay: Relay, count: int) -> bool:
    await all_sent(world, count)
    rows = await world.sql("filing", "select event_id, stream_sequence from outbox")
    if any(row["stream_sequence"] is None for row in rows):
        return False
    broker = relay._broker
    held = [await broker.event_id_at(row["stream_sequence"]) for row in rows]
    return held == [str(row["event_id"]) for row in rows]

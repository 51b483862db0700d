"""Nothing committed is lost, whatever dies on the way to the stream (E2, CON8, O3 to O5)."""

import asyncio
import json
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from deploy.local import nats
from deploy.local.nats import RunningNats
from shared.events.envelope import STREAM, Envelope
from shared.messaging.archive import archive_events, read_events
from shared.messaging.broker import Broker, BrokerNotDurable
from shared.messaging.metrics import outbox_backlog
from shared.messaging.publishing import Outgoing, publish
from shared.messaging.relay import Relay, _Published
from shared.security.identity import system
from tests.shared.messaging.world import BASE, NANCHANG, ParcelMoved, World, running
from tests.suite import eventually

SUBJECT = f"events.filing.parcel_moved.v1.{NANCHANG}"


def messages(*names: str) -> list[Outgoing]:
    return [Outgoing(SUBJECT, name, b"{}") for name in names]


async def all_sent(world: World, count: int) -> list[Any]:
    return await world.sql(
        "filing", "select 1 from outbox having count(*) = $1 and count(sent_at) = $1", count
    )


def in_order(stream: list[Envelope[Any]]) -> bool:
    """Whether each aggregate's numbers run 1, 2, 3 … once repetitions of what was seen are gone."""
    last: dict[str, int] = defaultdict(int)
    for each in stream:
        if each.sequence > last[each.subject] + 1:
            return False
        last[each.subject] = max(last[each.subject], each.sequence)
    return True


# --- publishing ---------------------------------------------------------------------------------


async def test_a_batch_takes_consecutive_places_in_its_order(world: World):
    broker = await world.connected("filing")

    first = await publish(broker.client, messages(*(f"a{n}" for n in range(200))))
    second = await publish(broker.client, messages("b1", "b2"))

    assert first == list(range(1, 201))
    assert second == [201, 202]
    assert await broker.event_id_at(1) == "a0"
    assert await broker.event_id_at(200) == "a199"


async def test_a_batch_with_a_known_id_goes_one_by_one_and_names_the_old_place(world: World):
    broker = await world.connected("filing")
    await publish(broker.client, messages("a", "b"))

    places = await publish(broker.client, messages("c", "b", "d"))

    assert places == [3, 2, 4]


# --- the way of one event ------------------------------------------------------------------------


async def test_a_nudge_sends_an_event_long_before_the_poll(world: World):
    relay = world.relay(await world.connected("filing"))
    database = world.database("filing")
    database.committed = relay.nudge
    async with running(relay):
        await world.tell("p0", "warm", database=database)
        await eventually(lambda: all_sent(world, 1))
        started = asyncio.get_running_loop().time()
        for number in range(1, 6):
            await world.tell(f"p{number}", "南昌", database=database)
            while relay.published < number + 1:  # noqa: ASYNC110 the relay has no event to wait for
                await asyncio.sleep(0.002)
        taken = asyncio.get_running_loop().time() - started

    assert taken < 2.5  # five polls would be five seconds


async def test_a_rolled_back_change_tells_nothing(world: World):
    relay = world.relay(await world.connected("filing"))
    database = world.database("filing")

    with pytest.raises(RuntimeError):  # noqa: PT012 it is raised by this block's end
        async with database.transaction(system("filing")) as tx:
            tx.emit(ParcelMoved(place="南昌"), subject="p1", region=NANCHANG)
            await tx.flush()
            raise RuntimeError
    await world.tell("p2", "九江")
    async with running(relay):
        await eventually(lambda: all_sent(world, 1))

    assert [each.subject for each in await world.stream()] == ["p2"]


async def test_more_than_a_batch_arrives_whole_and_in_order(world: World):
    relay = world.relay(await world.connected("filing"))
    await world.tell("p1", *(str(n) for n in range(300)))
    await world.tell("p2", *("大" * 20_000 for _ in range(60)))  # 3.6 MB: several batches by size

    async with running(relay):
        await eventually(lambda: all_sent(world, 360))

    stream = await world.stream()
    assert [each.sequence for each in stream] == [*range(1, 301), *range(1, 61)]
    assert relay.published == 360


# --- who dies ------------------------------------------------------------------------------------


@pytest.mark.feature("CON8")
@pytest.mark.feature("E2")
@pytest.mark.parametrize("point", ["committed", "acknowledged"])
async def test_killed_before_or_after_publishing_loses_nothing(
    world: World, tmp_path: Path, point: str
):
    broker = await world.connected("filing")
    await world.tell("p1", "南昌", "九江", "赣州")
    user = world.nats.users["filing"]
    mark = tmp_path / "mark"
    described = {
        "url": user.url,
        "inbox_prefix": user.inbox_prefix,
        "dsn": world.dsn,
        "mark": str(mark),
    }

    died = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "tests.shared.messaging.process", "relay", point],
        input=json.dumps(described).encode(),
        stdout=subprocess.DEVNULL,
        timeout=30,
        check=False,
    )
    before = await world.sql("filing", "select sent_at from outbox")
    stored_by_the_dead = len(await world.stream())
    async with running(world.relay(broker)):
        await eventually(lambda: all_sent(world, 3))

    assert died.returncode == -signal.SIGKILL
    assert mark.read_text() == point
    assert [row["sent_at"] for row in before] == [None] * 3
    assert stored_by_the_dead == (3 if point == "acknowledged" else 0)
    assert [each.sequence for each in await world.stream()] == [1, 2, 3]


@pytest.mark.feature("E2")
async def test_the_standby_takes_over_and_the_order_of_each_aggregate_holds(world: World):
    first = world.relay(await world.connected("filing"))
    second = world.relay(await world.connected("filing"))
    database = world.database("filing")

    async def write(first_number: int) -> None:
        for number in range(first_number, first_number + 30):
            await world.tell(f"p{number % 4}", str(number), database=database)

    leading = asyncio.create_task(first.run())
    await eventually(lambda: _leads(first))
    async with running(second):
        await write(0)
        await eventually(lambda: all_sent(world, 30))
        while_first_led = second.published
        writing = asyncio.create_task(write(30))
        leading.cancel()  # as a crash: its session and with it the lock end
        await asyncio.gather(leading, return_exceptions=True)
        await writing
        await eventually(lambda: all_sent(world, 60))
        after = second.leading

    assert while_first_led == 0
    assert after
    assert second.published > 0
    stream = await world.stream()
    assert in_order(stream)
    assert {each.id for each in stream} == {
        row["event_id"] for row in await world.sql("filing", "select event_id from outbox")
    }
    assert await positions(world) == list(range(1, 61))


class Sleepwalker(Relay):
    """It lost its lock and does not know."""

    async def _elected(self, _connection: Any) -> bool:
        return True


async def test_two_relays_that_both_believe_to_lead_keep_order_and_count_each_event_once(
    world: World,
):
    first = world.relay(await world.connected("filing"))
    second = Sleepwalker(
        await world.connected("filing"),
        dsn=world.dsn,
        schema="filing",
        clock=world.clock,
        base=BASE,
    )
    database = world.database("filing")

    async with running(first, second):
        for number in range(80):
            await world.tell(f"p{number % 3}", str(number), database=database)
        await eventually(lambda: all_sent(world, 80))

    assert in_order(await world.stream())
    assert await positions(world) == list(range(1, 81))


async def test_what_another_relay_marked_meanwhile_leaves_no_gap(world: World):
    first = world.relay(await world.connected("filing"))
    second = world.relay(await world.connected("filing"))
    for number in range(4):
        await world.tell("p1", str(number))

    async with first._connected() as early, second._connected() as late:
        for relay, connection in ((first, early), (second, late)):
            await relay._compare(connection)
        behind = await first._read_batch(early)
        for number in range(4, 8):
            await world.tell("p1", str(number))
        ahead = await second._read_batch(late)
        places = await publish(first._broker.client, ahead.messages)
        await first._mark(early, _Published(behind, places[:4]))
        await second._mark(late, _Published(ahead, places))

    assert await positions(world) == list(range(1, 9))


async def test_stopping_gives_up_the_lock_at_once(world: World):
    relay = world.relay(await world.connected("filing"))
    async with running(relay):
        await eventually(lambda: _leads(relay))

    held = await world.sql("filing", "select 1 from pg_locks where locktype = 'advisory'")

    assert held == []
    assert not relay.leading


async def test_control_marking_before_publishing_loses_what_the_crash_cuts_off(world: World):
    class Crashed(BaseException):
        pass

    async def crash(point: str) -> None:
        if point == "marked":
            raise Crashed

    await world.tell("p1", "南昌")
    faulty = world.relay(await world.connected("filing"), faults=("mark_first",), failpoint=crash)

    with pytest.raises(Crashed):
        await faulty.run()
    async with running(world.relay(await world.connected("filing"))):
        await asyncio.sleep(2.2)  # two comparisons with the stream

    assert await world.stream() == []
    assert await all_sent(world, 1)


# --- the broker is disposable (O5) ---------------------------------------------------------------


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
        after = await eventually(lambda: _stream_of(world, 302))

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
        after = await eventually(lambda: _stream_of(world, 2))

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
        await eventually(lambda: _holds_all(world, second, 20))

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
    await eventually(lambda: _unusable(broker))

    await broker.close()

    assert not broker.usable
    restart(own_nats)


# --- the permanent record ------------------------------------------------------------------------


async def test_a_cursor_on_position_misses_nothing_when_a_lower_id_commits_late(world: World):
    relay = world.relay(await world.connected("filing"))
    database = world.database("filing")
    seen: list[str] = []

    async def read(after: int) -> int:
        async with database.transaction(system("filing")) as tx:
            told = await read_events(
                await tx.raw(), source="filing", base=BASE, after=after, limit=2
            )
        seen.extend(Envelope[Any].model_validate_json(each.envelope).subject for each in told)
        return told[-1].position if told else after

    async with running(relay):
        async with database.transaction(system("filing")) as slow:
            slow.emit(ParcelMoved(place="南昌"), subject="late", region=NANCHANG)
            await slow.flush()  # the outbox row with the lower id
            await world.tell("early", "九江", database=world.database("filing"))
            await eventually(lambda: all_sent_of_some(world, 1))
            cursor = await read(0)
        await eventually(lambda: all_sent(world, 2))
        cursor = await read(cursor)

    ids = await world.sql("filing", "select subject from outbox order by id")
    assert [row["subject"] for row in ids] == ["late", "early"]
    assert seen == ["early", "late"]
    assert cursor == 2


async def test_archived_events_stay_readable_byte_for_byte(world: World):
    relay = world.relay(await world.connected("filing"))
    database = world.database("filing")
    await world.tell("p1", *(str(n) for n in range(5)))
    async with running(relay):
        await eventually(lambda: all_sent(world, 5))
    await world.tell("p1", "unsent")
    async with database.transaction(system("filing")) as tx:
        before = await read_events(await tx.raw(), source="filing", base=BASE)

    async with database.transaction(system("filing")) as tx:
        connection = await tx.raw()
        too_early = await archive_events(connection, before=tx.now - timedelta(days=90))
        kept = await connection.fetchval("select count(*) from outbox")
        first = await archive_events(connection, before=tx.now, limit=3)
        rest = await archive_events(connection, before=tx.now, limit=3)
        left = await connection.fetchval("select count(*) from outbox")
    async with database.transaction(system("filing")) as tx:
        after = await read_events(await tx.raw(), source="filing", base=BASE)

    assert (too_early, kept) == (False, 6)
    assert (first, rest, left) == (True, False, 1)
    assert after == before
    assert [each.position for each in after] == [1, 2, 3, 4, 5]


async def test_positions_go_on_after_everything_was_archived(world: World):
    relay = world.relay(await world.connected("filing"), archive_after=timedelta(0))
    await world.tell("p1", "南昌", "九江")
    async with running(relay):
        await eventually(lambda: all_sent(world, 2))
    async with running(
        second := world.relay(await world.connected("filing"), archive_after=timedelta(0))
    ):
        await eventually(
            lambda: world.sql("filing", "select 1 from event_archive having count(*) = 2")
        )
        await world.tell("p1", "赣州")
        await eventually(lambda: all_sent(world, 1))

    assert await positions(world) == [3]
    assert second.published == 1


async def test_a_relay_needs_no_more_than_outbox_and_archive(world: World):
    role = f"relay_{uuid4().hex[:8]}"
    password = uuid4().hex
    for statement in (
        f"create role {role} login password '{password}'",
        f"grant usage on schema filing to {role}",
        f"grant select, update, delete on filing.outbox to {role}",
        f"grant select, insert on filing.event_archive to {role}",
    ):
        await world.sql("filing", statement)
    broker = await world.connected("filing")
    narrow = f"postgresql://{role}:{password}@{world.dsn.partition('@')[2]}"
    first, second = (
        Relay(
            broker,
            dsn=narrow,
            schema="filing",
            clock=world.clock,
            base=BASE,
            archive_after=timedelta(0),
        )
        for _ in range(2)
    )
    await world.tell("p1", "南昌")
    async with running(first):
        await eventually(lambda: all_sent(world, 1))
    async with running(second):
        await eventually(lambda: world.sql("filing", "select 1 from event_archive"))

    assert await world.sql("filing", "select 1 from outbox") == []
    await world.sql("filing", f"drop owned by {role}")
    await world.sql("filing", f"drop role {role}")


async def _leads(relay: Relay) -> bool:
    return relay.leading


async def _unusable(broker: Broker) -> bool:
    return not broker.usable


async def _stream_of(world: World, count: int) -> list[Envelope[Any]] | None:
    found = await world.stream()
    return found if len(found) == count else None


async def _holds_all(world: World, relay: Relay, count: int) -> bool:
    await all_sent(world, count)
    rows = await world.sql("filing", "select event_id, stream_sequence from outbox")
    if any(row["stream_sequence"] is None for row in rows):
        return False
    broker = relay._broker
    held = [await broker.event_id_at(row["stream_sequence"]) for row in rows]
    return held == [str(row["event_id"]) for row in rows]


async def all_sent_of_some(world: World, count: int) -> list[Any]:
    return await world.sql("filing", "select 1 from outbox having count(sent_at) >= $1", count)


async def positions(world: World) -> list[int]:
    rows = await world.sql(
        "filing", "select position from outbox where position is not null order by position"
    )
    return [row["position"] for row in rows]

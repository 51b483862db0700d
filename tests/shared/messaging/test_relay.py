"""Nothing committed is lost, whatever dies on the way to the stream (E2, CON8)."""

import asyncio
import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from shared.messaging.publishing import Outgoing, publish
from shared.messaging.relay import Relay, _Published
from shared.security.identity import system
from tests.shared.messaging.outbox import all_sent, in_order, leads, positions
from tests.shared.messaging.world import BASE, NANCHANG, ParcelMoved, World, running
from tests.suite import eventually

SUBJECT = f"events.filing.parcel_moved.v1.{NANCHANG}"


def messages(*names: str) -> list[Outgoing]:
    return [Outgoing(SUBJECT, name, b"{}") for name in names]


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


async def test_what_commits_late_with_a_lower_id_still_goes_before_what_follows_it(world: World):
    """Also where a batch is on its way when it commits, and the next one is read."""
    broker = await world.connected("filing")
    slow, quick = world.database("filing"), world.database("filing")
    opened = slow.transaction(system("filing"))
    tx = await opened.__aenter__()
    tx.emit(ParcelMoved(place="南昌"), subject="late", region=NANCHANG)
    await tx.flush()  # the outbox row with the lowest id
    await world.tell("other", *(str(n) for n in range(300)), database=quick)
    waiting = [opened]

    async def commit(point: str) -> None:
        if point == "committed" and waiting:
            await waiting.pop().__aexit__(None, None, None)
            await world.tell("late", "九江", database=quick)

    async with running(world.relay(broker, failpoint=commit)):
        await eventually(lambda: all_sent(world, 302))

    assert in_order(await world.stream())
    told = await world.sql(
        "filing", "select sequence from outbox where subject = 'late' order by position"
    )
    assert [row["sequence"] for row in told] == [1, 2]


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
    await eventually(lambda: leads(first))
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


@pytest.mark.parametrize(
    "error", [asyncpg.InternalClientError, asyncpg.ConnectionDoesNotExistError]
)
async def test_a_relay_whose_connection_ends_leads_again_on_a_new_one(
    world: World, error: type[Exception]
):
    """The server's farewell may be read before the end of its connection is."""
    farewells = [error("farewell")]

    async def part(point: str) -> None:
        if point == "committed" and farewells:
            raise farewells.pop()

    await world.tell("p1", "南昌")
    async with running(world.relay(await world.connected("filing"), failpoint=part)):
        await eventually(lambda: all_sent(world, 1))

    assert farewells == []


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
        await eventually(lambda: leads(relay))

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

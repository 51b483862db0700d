"""The permanent record: read by position, archived, and never renumbered."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from shared.events.envelope import Envelope
from shared.messaging.archive import _MOVE, archive_events, read_events
from shared.messaging.relay import Relay
from shared.security.identity import system
from tests.shared.messaging.outbox import all_sent, all_sent_of_some, positions
from tests.shared.messaging.world import BASE, NANCHANG, ParcelMoved, World, running
from tests.suite import eventually


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


async def test_archiving_looks_at_no_more_than_it_may_move(world: World):
    """It would otherwise read ninety days of events each hour, and the relay wait for it."""
    await world.sql(
        "filing",
        "insert into outbox (event_id, created_on, type, subject, sequence, region, occurred_at,"
        " data, sent_at, epoch, stream_sequence, position)"
        " select gen_random_uuid(), '2026-11-23', 'filing.parcel_moved.v1', 'p', n, '360100',"
        " '2026-11-23', '{}', '2026-11-23', 'e', n, n from generate_series(1, 5000) as n",
    )
    await world.sql("filing", "analyze outbox")

    [[plan]] = await world.sql(
        "filing",
        f"explain (analyze, format json) {_MOVE}",
        datetime(2026, 8, 1, tzinfo=UTC),
        100,
    )

    seen = [
        int(number)
        for number in re.findall(r'"(?:Actual Rows|Rows Removed by Filter)": (\d+)', plan)
    ]
    assert 0 < max(seen) <= 100


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

"""Group commit: what only adds rows shares a commit, and nothing else (ADR 0018)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from uuid import UUID, uuid4

import asyncpg
import pytest
from sqlalchemy import text

from shared.database import Database, DatabaseUnavailable, Transaction
from shared.errors import Conflict
from shared.events.filing import FilingWithdrawn
from shared.security.identity import Actor
from tests.suite import NANCHANG, PROVINCE, Suite

_REPORT = """
    insert into oral_reports (id, listing_id, organisation_id, region, reporter_office,
        receiver_office, channel, reported_at, summary, reason_class, recorded_by, recorded_at)
    values ($1, $1, $2, $3, '岗', '室', 'PHONE', now(), '报错', 'FAULT', 'x', now())
"""


@pytest.fixture
async def database(suite: Suite) -> AsyncIterator[Database]:
    opened = Database(
        suite.servers.dsn("filing_app", suite.database),
        schema="filing",
        clock=suite.clock,
        pool_size=4,
    )
    yield opened
    await opened.close()


def report(tx: Transaction, id_: UUID, *, region: str = "360100") -> None:
    tx.write(_REPORT, id_, "another-unit", region)


async def add(database: Database, id_: UUID, *, by: Actor = NANCHANG, region: str = "360100"):
    async with database.transaction(by, at_once=False) as tx:
        report(tx, id_, region=region)


async def stored(suite: Suite, *ids: UUID) -> list[asyncpg.Record]:
    rows = "select id, xmin::text as by from oral_reports where id = any($1)"
    found: list[asyncpg.Record] = await suite.sql("filing", rows, list(ids))
    return found


async def test_those_who_write_at_once_share_a_few_commits(suite, database):
    ids = [uuid4() for _ in range(40)]

    await asyncio.gather(*(add(database, id_) for id_ in ids))

    rows = await stored(suite, *ids)
    assert {row["id"] for row in rows} == set(ids)
    assert len({row["by"] for row in rows}) < 10
    assert database.engine.pool.checkedout() == 0


async def test_a_refusal_by_a_constraint_is_its_own_callers(suite, database):
    ids = [uuid4() for _ in range(12)]
    await add(database, ids[5])

    async def add_or_refuse(id_: UUID) -> None:
        async with database.transaction(NANCHANG, at_once=False) as tx:
            tx.refuse_on("pk_oral_reports", Conflict(retry_after=7))
            report(tx, id_)

    outcomes = await asyncio.gather(*map(add_or_refuse, ids), return_exceptions=True)

    assert [place for place, each in enumerate(outcomes) if each is not None] == [5]
    assert isinstance(outcomes[5], Conflict)
    assert outcomes[5].retry_after == 7
    assert len(await stored(suite, *ids)) == 12


async def test_row_level_security_holds_for_each_in_a_group(suite, database):
    own, foreign = [uuid4() for _ in range(6)], uuid4()

    outcomes = await asyncio.gather(
        *(add(database, id_) for id_ in own),
        add(database, foreign, region="360400"),
        add(database, uuid4(), by=PROVINCE, region="360400"),
        return_exceptions=True,
    )

    assert [type(each) for each in outcomes] == [
        *[type(None)] * 6,
        asyncpg.InsufficientPrivilegeError,
        type(None),
    ]
    assert {row["id"] for row in await stored(suite, *own, foreign)} == set(own)


async def test_what_was_begun_or_told_has_a_transaction_of_its_own(suite, database):
    ids = [uuid4() for _ in range(9)]

    async def look_and_add(id_: UUID) -> None:
        async with database.transaction(NANCHANG, at_once=False) as tx:
            await tx.session.execute(text("select 1"))
            report(tx, id_)

    async def tell_and_add(id_: UUID) -> None:
        async with database.transaction(NANCHANG, at_once=False) as tx:
            tx.emit(
                FilingWithdrawn(filing_id=id_, filing_type="LISTING"),
                subject=f"filing:{id_}",
                region="360100",
            )
            report(tx, id_)

    calls = (look_and_add, tell_and_add, lambda id_: add(database, id_))
    await asyncio.gather(*(calls[place % 3](id_) for place, id_ in enumerate(ids)))

    by = {row["id"]: row["by"] for row in await stored(suite, *ids)}
    alone = [by[id_] for place, id_ in enumerate(ids) if place % 3 < 2]
    assert len(set(alone)) == 6
    assert not set(alone) & {by[id_] for id_ in ids[2::3]}


async def test_what_was_raised_inside_is_written_by_no_group(suite, database):
    id_ = uuid4()

    async def add_and_fail() -> None:
        async with database.transaction(NANCHANG, at_once=False) as tx:
            report(tx, id_)
            raise Conflict

    with pytest.raises(Conflict):
        await add_and_fail()

    assert await stored(suite, id_) == []


async def test_a_lost_connection_fails_its_group_which_can_be_written_again(suite, database):
    first, *others = ids = [uuid4() for _ in range(4)]
    holder = await asyncpg.connect(suite.servers.dsn("filing_owner", suite.database))
    try:
        held = holder.transaction()
        await held.start()
        await holder.execute("set local app.scope = '36'")
        await holder.execute(_REPORT.replace("oral", "filing.oral"), first, "unit", "360100")
        group = asyncio.gather(*(add(database, id_) for id_ in ids), return_exceptions=True)
        killed: list[asyncpg.Record] = []
        while not killed and not group.done():  # or its lock timeout comes first: 503 as well
            killed = await suite.sql(
                "filing",
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where datname = current_database() and wait_event_type = 'Lock'",
            )
            await asyncio.sleep(0.01)
        outcomes = await group
        before = await stored(suite, *ids)
        await held.rollback()
    finally:
        await holder.close()

    await asyncio.gather(*(add(database, id_) for id_ in ids))

    assert {type(each) for each in outcomes} == {DatabaseUnavailable}
    assert before == []
    assert {row["id"] for row in await stored(suite, *ids)} == {first, *others}


async def test_who_survives_a_refused_begin_commits_nothing(suite, database):
    id_ = uuid4()

    async def refuse(_driver: object) -> None:
        raise Conflict

    async def survive() -> None:
        async with database.transaction(NANCHANG, at_once=False) as tx:
            tx.at_begin(refuse)
            report(tx, id_)
            with suppress(Conflict):
                await tx.raw()

    with pytest.raises(Conflict):
        await survive()

    assert await stored(suite, id_) == []
    assert database.engine.pool.checkedout() == 0


async def test_reads_of_many_are_answered_to_each(database):
    async def ask(number: int) -> int:
        async with database.transaction(NANCHANG, at_once=False) as tx:
            found: int = (await tx.look("select $1::int * 2 as double", number))["double"]
            return found

    answers = await asyncio.gather(*map(ask, range(50)))

    assert answers == [number * 2 for number in range(50)]


async def test_a_read_after_the_begin_sees_what_was_written_there(database):
    id_ = uuid4()
    count = "select count(*) as n from oral_reports where id = $1"

    async with database.transaction(PROVINCE, at_once=False) as tx:
        report(tx, id_)
        before = await tx.look(count, id_)
        await tx.flush()
        after = await tx.look(count, id_)

    assert (before["n"], after["n"]) == (0, 1)


async def test_a_connection_that_is_lost_in_a_command_is_told_as_such(suite, database):
    async def lose() -> None:
        async with database.transaction(NANCHANG, at_once=False) as tx:
            own = await tx.session.scalar(text("select pg_backend_pid()"))
            await suite.sql("filing", "select pg_terminate_backend($1)", own)
            await tx.session.execute(text("select 1"))

    for _ in range(5):
        with pytest.raises(DatabaseUnavailable):
            await lose()

    assert database.engine.pool.checkedout() == 0

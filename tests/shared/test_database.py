"""The unit of work: what commits together, what rolls back together, and who queues for whom."""

import asyncio
import itertools
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from shared.database import Database, DatabaseUnavailable, StaleVersion
from shared.events.gateway import ClientSuspended
from shared.sealing import seal
from shared.security.identity import system
from tests.suite import NANCHANG, PROVINCE, Suite


@pytest.fixture
async def database(suite: Suite) -> AsyncIterator[Database]:
    opened = Database(
        suite.servers.dsn("gateway_app", suite.database),
        schema="gateway",
        clock=suite.clock,
        pool_size=2,
    )
    yield opened
    await opened.close()


async def tell(database: Database, subject: str, *, fail: bool = False) -> None:
    async with database.transaction(PROVINCE) as tx:
        tx.emit(ClientSuspended(client_id="c"), subject=subject, region="36")
        await tx.flush()
        if fail:
            raise RuntimeError("the command failed")


async def sealed(database: Database) -> None:
    async with database.transaction(system("gateway")) as tx:
        await seal(tx)


async def count(suite: Suite, table: str, subject: str) -> int:
    rows = await suite.sql("gateway", f"select 1 from {table} where subject = $1", subject)  # noqa: S608 two fixed names
    return len(rows)


@pytest.mark.feature("E2")
async def test_state_outbox_and_audit_commit_together_or_not_at_all(suite, database):
    await tell(database, "kept")
    with pytest.raises(RuntimeError):
        await tell(database, "dropped", fail=True)

    seen = {
        (table, subject): await count(suite, table, subject)
        for table in ("outbox", "audit_pending")
        for subject in ("kept", "dropped")
    }

    assert seen == {
        ("outbox", "kept"): 1,
        ("audit_pending", "kept"): 1,
        ("outbox", "dropped"): 0,
        ("audit_pending", "dropped"): 0,
    }


@pytest.mark.feature("E6")
async def test_concurrent_writers_leave_one_gapless_chain_and_gapless_sequences(suite, database):
    await asyncio.gather(*(tell(database, f"aggregate-{n % 3}") for n in range(60)))
    await sealed(database)

    numbers = await suite.sql("gateway", "select number, previous, hash from audit_log order by 1")
    sequences = await suite.sql(
        "gateway",
        "select subject, array_agg(sequence order by id) as told from outbox"
        " where subject like 'aggregate-%' group by subject",
    )

    assert [row["number"] for row in numbers] == list(range(1, len(numbers) + 1))
    for earlier, later in itertools.pairwise(numbers):
        assert later["previous"] == earlier["hash"]
    assert {row["subject"]: row["told"] for row in sequences} == {
        f"aggregate-{n}": list(range(1, 21)) for n in range(3)
    }


async def test_two_events_of_one_aggregate_are_numbered_in_the_order_they_were_told(
    suite, database
):
    async with database.transaction(PROVINCE) as tx:
        for client in ("first", "second", "third"):
            tx.emit(ClientSuspended(client_id=client), subject="ordered", region="36")

    rows = await suite.sql(
        "gateway", "select sequence, data from outbox where subject = 'ordered' order by id"
    )

    assert [(row["sequence"], row["data"][14:19]) for row in rows] == [
        (1, "first"),
        (2, "secon"),
        (3, "third"),
    ]


async def test_a_transaction_sets_who_may_see_rows_and_forgets_it(database):
    async with database.transaction(NANCHANG) as tx:
        inside = (
            await tx.session.execute(
                text("select current_setting('app.scope'), current_setting('app.organisation')")
            )
        ).one()
    async with database.engine.connect() as connection:
        outside = await connection.scalar(text("select current_setting('app.scope', true)"))

    assert tuple(inside) == ("3601", "city-360100")
    assert outside in (None, "")


async def test_a_stale_version_is_refused(database):
    async with database.transaction(PROVINCE, expected_version=3) as tx:
        tx.expect(3)
        with pytest.raises(StaleVersion):
            tx.expect(4)


async def test_an_exhausted_pool_answers_503_within_a_second_or_so(database):
    entered, leave = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        async with database.transaction(system("gateway")):
            entered.set()
            await leave.wait()

    holders = [asyncio.create_task(hold()) for _ in range(2)]
    await entered.wait()
    await asyncio.sleep(0.2)

    with capture_logs() as lines, pytest.raises(DatabaseUnavailable) as refused:
        async with database.transaction(PROVINCE):
            pass
    leave.set()
    await asyncio.gather(*holders)

    assert refused.value.retry_after == 1
    assert [line["error_type"] for line in lines] == ["TimeoutError"]  # the pool's


async def test_the_log_says_why_the_database_was_unavailable(database):
    lock = text("select pg_advisory_xact_lock(4711)")

    async with database.transaction(PROVINCE) as tx:
        await tx.session.execute(lock)
        with capture_logs() as lines, pytest.raises(DatabaseUnavailable):
            async with database.transaction(PROVINCE) as other:
                await other.session.execute(lock)

    assert [(line["event"], line["reason"]) for line in lines] == [
        ("database unavailable", "55P03")
    ]


async def test_cancelled_work_leaks_no_connection(suite, database):
    for _ in range(40):
        task = asyncio.create_task(tell(database, "cancelled"))
        await asyncio.sleep(0.001)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    await tell(database, "after")

    assert await count(suite, "outbox", "after") == 1
    assert database.engine.pool.checkedout() == 0


async def test_the_relay_role_reads_the_outbox_and_nothing_else(suite):
    relay = Database(
        suite.servers.dsn("gateway_relay", suite.database), schema="gateway", clock=suite.clock
    )
    try:
        async with relay.engine.connect() as connection:
            await connection.execute(text("select count(*) from outbox"))
            with pytest.raises(Exception, match="permission denied"):
                await connection.execute(text("select count(*) from audit_log"))
    finally:
        await relay.close()


async def test_the_app_role_cannot_change_the_audit(database):
    for statement in (
        "update audit_log set actor = 'x'",
        "delete from audit_log",
        "update audit_pending set actor = 'x'",
    ):
        async with database.engine.connect() as connection:
            with pytest.raises(Exception, match="permission denied"):
                await connection.execute(text(statement))

"""The audit's chain is linked behind its writers, and nothing that was told can leave it unseen."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import structlog

from shared.database import Database
from shared.events.gateway import ClientSuspended
from shared.sealing import Sealer, seal, verify
from shared.security.audit import GENESIS, Fault, Head, Verdict
from shared.security.identity import system
from tests.suite import PROVINCE, Suite, eventually


@pytest.fixture
async def database(suite: Suite) -> AsyncIterator[Database]:
    """Of a schema whose chain begins anew, and is left so: nobody else meets what was forged."""
    await begin_anew(suite)
    opened = Database(
        suite.servers.dsn("gateway_app", suite.database), schema="gateway", clock=suite.clock
    )
    yield opened
    await opened.close()
    await begin_anew(suite)


async def begin_anew(suite: Suite) -> None:
    await suite.sql("gateway", "truncate audit_pending, audit_log, aggregates")
    await suite.sql("gateway", "update audit_head set number = 0, hash = $1", GENESIS)


async def tell(database: Database, subject: str, times: int = 1) -> None:
    async with database.transaction(PROVINCE) as tx:
        for _ in range(times):
            tx.emit(ClientSuspended(client_id="c"), subject=subject, region="36")


async def sealed(database: Database) -> int:
    async with database.transaction(system("gateway")) as tx:
        return await seal(tx)


async def verdict(database: Database, head: Head | None = None) -> tuple[Verdict, int]:
    async with database.transaction(PROVINCE) as tx:
        return await verify(tx, expected_head=head)


async def none_waits(database: Database) -> bool:
    return (await verdict(database))[1] == 0


@pytest.mark.feature("E6")
async def test_an_open_transaction_that_has_told_holds_up_no_other(suite, database):
    async with database.transaction(PROVINCE) as slow:
        slow.emit(ClientSuspended(client_id="c"), subject="slow", region="36")
        await slow.flush()
        await tell(database, "quick")
        first = await sealed(database)
    second = await sealed(database)

    rows = await suite.sql("gateway", "select subject from audit_log order by number")
    found, waiting = await verdict(database)

    assert (first, second) == (1, 1)
    assert [row["subject"] for row in rows] == ["quick", "slow"]
    assert (found.intact, found.checked, waiting) == (True, 2, 0)


async def test_two_sealers_at_once_leave_one_chain(database):
    for number in range(30):
        await tell(database, f"aggregate-{number % 4}")

    await asyncio.gather(*(sealed(database) for _ in range(4)))

    found, waiting = await verdict(database)
    assert (found.intact, found.checked, waiting) == (True, 30, 0)


@pytest.mark.feature("E6")
async def test_what_a_dead_process_left_is_sealed_by_the_next(database):
    await tell(database, "left behind", times=3)
    sealer = Sealer(database, structlog.get_logger())

    running = asyncio.create_task(sealer.run())
    try:
        await eventually(lambda: none_waits(database), within=30)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    found, _ = await verdict(database)
    assert (found.intact, found.checked) == (True, 3)


async def test_an_entry_that_waits_is_counted_and_checked(database):
    await tell(database, "sealed")
    await sealed(database)
    await tell(database, "waiting", times=2)

    found, waiting = await verdict(database)

    assert (found.intact, found.checked, waiting) == (True, 1, 2)


@pytest.mark.feature("E6")
@pytest.mark.parametrize(
    ("tamper", "fault"),
    [
        ("update {} set details = '{{}}' where subject_number = 2", Fault.EDITED),
        ("update {} set actor = 'someone' where subject_number = 3", Fault.EDITED),
        ("update {} set subject_number = 9 where subject_number = 3", Fault.ENTRY_MISSING),
        ("delete from {} where subject_number = 2", Fault.ENTRY_MISSING),
        ("delete from {} where subject_number = 3", Fault.ENTRY_MISSING),
        ("delete from {}", Fault.ENTRY_MISSING),
    ],
)
async def test_tampering_before_the_seal_is_found_before_it_and_after_it(
    suite, database, tamper, fault
):
    await tell(database, "told", times=3)

    await suite.sql("gateway", tamper.format("audit_pending"))
    before, _ = await verdict(database)
    await sealed(database)
    after, waiting = await verdict(database)

    assert (before.fault, before.first_bad) == (fault, 1)
    assert after.fault == fault
    assert waiting == 0


@pytest.mark.feature("E6")
async def test_tampering_after_the_seal_names_its_place(suite, database):
    await tell(database, "told", times=4)
    await sealed(database)
    good, _ = await verdict(database)

    await suite.sql("gateway", "update audit_log set subject_number = 7 where number = 2")
    edited, _ = await verdict(database)
    await suite.sql("gateway", "update audit_log set subject_number = 2 where number = 2")
    await suite.sql("gateway", "delete from audit_log where number = 4")
    cut, _ = await verdict(database, good.head)
    uncovered, _ = await verdict(database)

    assert good.intact
    assert (edited.first_bad, edited.fault) == (2, Fault.EDITED)
    assert (cut.first_bad, cut.fault) == (4, Fault.TAIL_MISSING)
    assert (uncovered.first_bad, uncovered.fault) == (4, Fault.ENTRY_MISSING)


async def test_an_entry_that_is_missing_between_others_is_missed_from_the_next_of_its_subject(
    suite, database
):
    await tell(database, "told")
    await sealed(database)
    await tell(database, "told")
    await tell(database, "other")
    await tell(database, "told")
    await suite.sql("gateway", "delete from audit_pending where subject_number = 2")
    await sealed(database)

    found, _ = await verdict(database)

    assert (found.first_bad, found.fault) == (3, Fault.ENTRY_MISSING)

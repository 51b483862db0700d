"""Whoever reaches past the service into its audit is located by the one question that is asked."""

from collections.abc import Sequence
from typing import Any

import asyncpg
import pytest

from shared.security.audit import GENESIS
from tests.filing.world import World
from tests.suite import LABOUR, NANCHANG, PROVINCE

# A row that somebody writes behind another, linked to it, with a hash of their own.
FORGE = """
    insert into audit_log
    select {at}, at, 'forged', client_id, organisation, operation, action, subject, subject_number,
        request_id, details, hash, 'sha-256:' || repeat('0', 64)
    from audit_log where number = {at} - 1
"""
MAKE_ROOM = (
    "update audit_log set number = -number where number >= 3",
    "update audit_log set number = 1 - number where number < 0",
)


async def three_entries(world: World) -> dict[str, Any]:
    """A chain that begins anew with the three entries of one filing; what vouches for its head."""
    await world.suite.sql("filing", "truncate audit_pending, audit_log")
    await world.suite.sql("filing", "delete from aggregates where subject like 'audit:%'")
    await world.suite.sql("filing", "update audit_head set number = 0, hash = $1", GENESIS)
    filing = await world.file(NANCHANG)
    await world.confirm(filing)
    await world.accept(filing)
    verdict = await verify(world)
    assert (verdict["intact"], verdict["checked"], verdict["unsealed"]) == (True, 3, 0)
    return verdict


async def verify(world: World, head: dict[str, Any] | None = None) -> dict[str, Any]:
    held = f"?head_number={head['head_number']}&head_hash={head['head_hash']}" if head else ""
    return await world.ok(PROVINCE, "GET", f"/v1/filing/audit/verification{held}")


@pytest.mark.feature("E6")
@pytest.mark.parametrize("later", [False, True], ids=["at once", "after more was told"])
@pytest.mark.parametrize(
    ("statements", "first_bad", "fault"),
    [
        (["update audit_log set details = '{}' where number = 2"], 2, "edited"),
        (["update audit_log set at = at - interval '1 day' where number = 1"], 1, "edited"),
        (["update audit_log set actor = 'someone' where number = 3"], 3, "edited"),
        (["delete from audit_log where number = 2"], 2, "out_of_sequence"),
        (
            [
                "update audit_log set number = -2 where number = 2",
                "update audit_log set number = 2 where number = 3",
                "update audit_log set number = 3 where number = -2",
            ],
            2,
            "unlinked",
        ),
        ([*MAKE_ROOM, FORGE.format(at=3)], 3, "edited"),
        ([FORGE.format(at=4)], 4, "edited"),
    ],
    ids=["details", "time", "last actor", "deleted", "reordered", "inserted", "appended"],
)
async def test_what_was_done_to_a_sealed_entry_is_named_with_its_place(
    world: World, statements: Sequence[str], first_bad: int, fault: str, later: bool
):
    await three_entries(world)

    for statement in statements:
        await world.suite.sql("filing", statement)
    if later:
        await world.file(LABOUR)

    found = await verify(world)
    assert (found["intact"], found["first_bad"], found["fault"]) == (False, first_bad, fault)


@pytest.mark.feature("E6")
async def test_a_cut_tail_is_seen_by_an_exported_head_and_by_what_each_subject_was_told(
    world: World,
):
    exported = await three_entries(world)

    await world.suite.sql("filing", "delete from audit_log where number = 3")

    held, alone = await verify(world, exported), await verify(world)
    assert (held["first_bad"], held["fault"]) == (3, "tail_missing")
    assert (alone["first_bad"], alone["fault"]) == (3, "entry_missing")


@pytest.mark.feature("E6")
async def test_only_an_exported_head_sees_a_cut_that_was_covered_up_everywhere(world: World):
    exported = await three_entries(world)

    await world.suite.sql("filing", "delete from audit_log where number = 3")
    await world.suite.sql(
        "filing",
        "update audit_head set number = 2, hash = (select hash from audit_log where number = 2)",
    )
    await world.suite.sql(
        "filing", "update aggregates set sequence = 2 where subject like 'audit:%' and sequence = 3"
    )

    held, alone = await verify(world, exported), await verify(world)
    assert (held["first_bad"], held["fault"]) == (3, "tail_missing")
    assert alone["intact"] is True


@pytest.mark.feature("E6")
@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ("update audit_pending set details = '{}'", "edited"),
        ("update audit_pending set actor = 'someone'", "edited"),
        ("delete from audit_pending", "entry_missing"),
    ],
    ids=["details", "actor", "deleted"],
)
async def test_what_was_done_before_the_seal_is_named_after_it(
    world: World, statement: str, fault: str
):
    await three_entries(world)
    connection = await asyncpg.connect(
        world.suite.servers.postgres.dsn,
        database=world.suite.database,
        server_settings={"search_path": "filing"},
    )

    try:
        async with connection.transaction():
            await connection.execute("select from audit_head for update")  # nobody seals meanwhile
            await world.file(LABOUR)
            touched = await connection.execute(statement)
    finally:
        await connection.close()

    found = await verify(world)
    assert touched.endswith(" 1")
    assert (found["intact"], found["first_bad"], found["fault"]) == (False, 4, fault)
    assert found["unsealed"] == 0

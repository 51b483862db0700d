"""Compiled reads: many at once in one round trip, each under its own scope (ADR 0020)."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import ColumnElement, Text, bindparam, select

from services.filing.tables import OralReport
from shared.database import Database
from shared.reads import compiled, page_of
from shared.security.identity import Actor
from tests.suite import JIUJIANG, NANCHANG, PROVINCE, Suite

REGION = OralReport.region.expression
SHOWN: list[ColumnElement[Any]] = [OralReport.recorded_at.expression, OralReport.id.expression]
OF_REGION = compiled(select(*SHOWN).where(bindparam("region", type_=Text) == REGION), guarded=True)


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


async def reported(suite: Suite, region: str) -> UUID:
    id_ = uuid4()
    await suite.sql(
        "filing",
        "insert into oral_reports (id, listing_id, organisation_id, region, reporter_office,"
        " receiver_office, channel, reported_at, summary, reason_class, recorded_by, recorded_at)"
        " values ($1, $1, 'a-unit', $2, '岗', '室', 'PHONE', now(), '报错', 'FAULT', 'x', now())",
        id_,
        region,
    )
    return id_


async def ids(database: Database, by: Actor, region: str) -> set[UUID]:
    async with database.transaction(by, at_once=False) as tx:
        return {row["id"] for row in await tx.rows(OF_REGION, region=region)}


async def test_many_at_once_each_get_their_own_rows(suite, database):
    made = {region: await reported(suite, region) for region in ("360101", "360102", "360103")}

    found = await asyncio.gather(*(ids(database, PROVINCE, each) for each in [*made] * 10))

    assert all(made[each] in rows for each, rows in zip([*made] * 10, found, strict=True))
    assert all(len(rows & {*made.values()}) == 1 for rows in found)
    assert database.engine.pool.checkedout() == 0


async def test_row_level_security_holds_for_each_scope_at_once(suite, database):
    own = await reported(suite, "360104")

    province, city, other = await asyncio.gather(
        *(ids(database, each, "360104") for each in (PROVINCE, NANCHANG, JIUJIANG))
    )

    assert own in province & city
    assert other == set()


async def test_a_transaction_that_has_begun_reads_what_it_wrote(suite, database):
    id_ = await reported(suite, "360105")

    async with database.transaction(PROVINCE, at_once=False) as tx:
        await (await tx.raw()).execute(
            "update oral_reports set region = '360106' where id = $1", id_
        )
        rows = await tx.rows(OF_REGION, region="360106")

    assert [row["id"] for row in rows] == [id_]


async def test_a_value_that_is_not_given_is_an_error_and_never_somebody_elses():
    with pytest.raises(KeyError, match="region"):
        OF_REGION.values({})


def test_a_list_in_the_text_is_refused_since_it_would_differ_from_call_to_call():
    statement = select(OralReport.id).where(REGION.in_(["360100", "360400"]))

    with pytest.raises(TypeError, match="ANY"):
        compiled(statement, guarded=True)


def test_the_limit_stands_in_the_text_and_the_place_is_given():
    page = page_of(select(*SHOWN), columns=SHOWN, continued=True, limit=20)

    read = compiled(page, guarded=True)

    assert read.sql.endswith("LIMIT 21")
    assert set(read.names) == {"after_0", "after_1", "ask"}

"""A connection that Postgres has ended is replaced before anybody notices."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text

from shared.database import Database
from tests.suite import PROVINCE, Suite


@pytest.fixture
async def database(suite: Suite) -> AsyncIterator[Database]:
    opened = Database(
        suite.servers.dsn("gateway_app", suite.database), schema="gateway", clock=suite.clock
    )
    yield opened
    await opened.close()


async def test_connections_that_the_server_ended_are_replaced_at_checkout(suite, database):
    async with database.transaction(PROVINCE) as tx:
        before = await tx.session.scalar(text("select pg_backend_pid()"))
    await suite.sql("gateway", "select pg_terminate_backend($1)", before)
    await asyncio.sleep(0.2)

    async with database.transaction(PROVINCE) as tx:
        after = await tx.session.scalar(text("select pg_backend_pid()"))

    assert after != before

"""A connection that Postgres has ended is replaced, and a start that it cut off begins again."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from fastapi import FastAPI
from sqlalchemy import text

from gateway import app as gateway_app
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


async def test_a_database_that_goes_away_during_a_start_is_waited_for(suite):
    app = gateway_app.build()
    app.state.settings = app.state.settings_class(**suite.values("gateway"))
    whole, told = app.state.on_start, list[str]()

    async def interrupted(app: FastAPI, stack: AsyncExitStack) -> None:
        told.append("begun")
        await whole(app, stack)
        stack.callback(told.append, "undone")
        if told == ["begun"]:
            async with app.state.database.transaction(PROVINCE) as tx:
                await tx.session.execute(text("select pg_terminate_backend(pg_backend_pid())"))

    app.state.on_start = interrupted
    async with app.router.lifespan_context(app):
        at_the_end_of_the_start = list(told)
        keys = app.state.key_holder.signing

    assert at_the_end_of_the_start == ["begun", "undone", "begun"]
    assert keys.jwks()["keys"]
    assert told[-1] == "undone"

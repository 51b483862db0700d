"""A connection that Postgres has ended is replaced, and a start that it cut off begins again."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from urllib.parse import urlsplit

import pytest
from fastapi import FastAPI
from sqlalchemy import text

from gateway import app as gateway_app
from shared.database import Database, DatabaseUnavailable, Transaction
from tests.suite import PROVINCE, Suite, eventually


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
        driver = await tx.raw()
    await suite.sql("gateway", "select pg_terminate_backend($1)", before)

    async def ended() -> bool:
        return bool(driver.is_closed())

    await eventually(ended)

    async with database.transaction(PROVINCE) as tx:
        after = await tx.session.scalar(text("select pg_backend_pid()"))

    assert after != before


async def _by_the_driver(tx: Transaction) -> None:
    await (await tx.raw()).fetchval("select 1")


async def _by_the_session(tx: Transaction) -> None:
    await tx.session.scalar(text("select 1"))


async def test_a_connection_that_the_server_has_only_told_to_end_is_given_up(suite):
    async with _through_farewells(suite) as (database, say_farewell):
        before = await _backend(database)
        await say_farewell()

        with pytest.raises(DatabaseUnavailable):
            await _backend(database)

        after = await _backend(database)
    assert after != before


@pytest.mark.parametrize("ask", [_by_the_driver, _by_the_session])
async def test_a_transaction_to_which_the_server_says_farewell_is_unavailable(suite, ask):
    async with _through_farewells(suite) as (database, say_farewell):

        async def told_in_between() -> None:
            async with database.transaction(PROVINCE) as tx:
                await say_farewell()
                await ask(tx)

        with pytest.raises(DatabaseUnavailable):
            await told_in_between()


async def _backend(database: Database) -> int:
    async with database.transaction(PROVINCE) as tx:
        return int(await (await tx.raw()).fetchval("select pg_backend_pid()"))


@asynccontextmanager
async def _through_farewells(
    suite: Suite,
) -> AsyncIterator[tuple[Database, Callable[[], Awaitable[None]]]]:
    """A database behind a relay, and what a stopping server says while the end is yet to come."""
    dsn = suite.servers.dsn("gateway_app", suite.database)
    at = urlsplit(dsn)
    clients = list[asyncio.StreamWriter]()

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        clients.append(writer)
        upstream_reader, upstream = await asyncio.open_connection(at.hostname, at.port)
        await asyncio.gather(_pour(reader, upstream), _pour(upstream_reader, writer))

    async def say_farewell() -> None:
        fields = b"SFATAL\0VFATAL\0C57P02\0Mterminating connection\0\0"
        for writer in clients:
            writer.write(b"E" + (len(fields) + 4).to_bytes(4, "big") + fields)
        await asyncio.sleep(0.2)  # the driver reads it while nothing is asked

    async with await asyncio.start_server(relay, "127.0.0.1") as server:
        port = server.sockets[0].getsockname()[1]
        user, _, _ = at.netloc.rpartition("@")
        behind = at._replace(netloc=f"{user}@127.0.0.1:{port}").geturl()
        database = Database(behind, schema="gateway", clock=suite.clock)
        try:
            yield database, say_farewell
        finally:
            await database.close()


async def _pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(65536):
        writer.write(chunk)
    writer.close()


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

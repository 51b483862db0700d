"""The servers that a launcher uses: its own again at the next start, or given ones."""

import asyncio
import time

import pytest

from deploy.local import nats, roles, servers, state
from deploy.local.process import is_alive
from deploy.local.state import LaunchError
from tests.deploy.programs import ask, one_line


def test_a_second_start_of_own_servers_keeps_addresses_passwords_and_data(tmp_path):
    here = state.open_state(tmp_path / "state")
    first = servers.start(here, environ={})
    try:
        asyncio.run(ask(first.database_urls["filing_owner"], "create table kept as select 7 as n"))
    finally:
        first.stop()
    began = time.monotonic()

    second = servers.start(here, environ={})

    try:
        assert time.monotonic() - began < 10
        assert second.database_urls == first.database_urls
        assert second.nats_urls == first.nats_urls
        assert len(set(second.database_urls.values())) == 18
        assert set(second.inbox_prefixes) == {*nats.SERVICES, "operator"}
        assert asyncio.run(ask(second.database_urls["filing_app"], "select n from kept")) == 7
    finally:
        second.stop()
    assert [bool(server and is_alive(server.pid)) for server in (second.postgres, second.nats)] == [
        False,
        False,
    ]


async def test_a_given_server_is_used_and_no_own_one_is_started(database, role_dsns, tmp_path):
    here = state.open_state(tmp_path / "state")
    firsts = {role: dsn.split("@")[0].rpartition(":")[2] for role, dsn in role_dsns.items()}
    environ = {"GFT_DATABASE_URL": database.dsn, "GFT_NATS_URL": "nats://broker.example:4222"}

    given = await asyncio.to_thread(servers.start, here, environ=environ)

    try:
        assert given.postgres is None
        assert given.nats is None
        assert set(given.nats_urls.values()) == {"nats://broker.example:4222"}
        assert await ask(given.database_urls["catalog_app"], "select current_user") == "catalog_app"
        assert not here.postgres.exists()
    finally:
        given.stop()
        await roles.ensure_roles(database.dsn, passwords=firsts)


def test_a_given_server_that_does_not_answer_is_one_clear_line(tmp_path):
    here = state.open_state(tmp_path / "state")
    gone = f"postgresql://postgres:x@127.0.0.1:{state.free_port()}/postgres"

    with pytest.raises(LaunchError, match="cannot reach the database") as error:
        servers.start(here, environ={"GFT_DATABASE_URL": gone, "GFT_NATS_URL": "nats://x"})

    assert one_line(error)

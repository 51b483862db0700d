"""A database for each test, cloned from one with the two schemas; one Postgres and one NATS."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

from deploy.local import nats, postgres
from deploy.local.nats import RunningNats
from tests.shared.messaging.world import World, create_schemas

TEMPLATE = "messaging_template"


@pytest.fixture(scope="session")
def postgres_dsn() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="gft-messaging-") as data:
        Path(data).chmod(0o755)  # Postgres runs as another user when we are root
        running = postgres.start(Path(data) / "postgres", settings={"fsync": "off"})
        try:
            yield running.dsn
        finally:
            running.stop()


@pytest.fixture(scope="session")
async def template(postgres_dsn: str) -> str:
    await _admin(postgres_dsn, f"create database {TEMPLATE}")
    await create_schemas(_with_database(postgres_dsn, TEMPLATE))
    return TEMPLATE


@pytest.fixture(scope="session")
def broker_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNats]:
    running = nats.start(tmp_path_factory.mktemp("nats"))
    try:
        yield running
    finally:
        running.stop()


@pytest.fixture
async def world(
    postgres_dsn: str, template: str, broker_server: RunningNats
) -> AsyncIterator[World]:
    name = f"messaging_{uuid4().hex[:12]}"
    await _admin(postgres_dsn, f"create database {name} template {template} strategy file_copy")
    made = World(_with_database(postgres_dsn, name), broker_server)
    try:
        yield made
    finally:
        await made.close()
        await _admin(postgres_dsn, f"drop database {name} with (force)")


def _with_database(dsn: str, name: str) -> str:
    return f"{dsn.rpartition('/')[0]}/{name}"


async def _admin(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statement)
    finally:
        await asyncio.wait_for(connection.close(), 5)

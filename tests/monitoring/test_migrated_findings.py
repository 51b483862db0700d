"""Findings of the release before keep their meaning, up and down again (OPS7)."""

import uuid
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from deploy.local import roles
from shared.migrations.run import downgrade, upgrade
from tests.suite import Servers

BEFORE = "0001_initial"


@pytest.fixture
async def database(servers: Servers) -> AsyncIterator[str]:
    name = f"findings_{uuid.uuid4().hex[:12]}"
    await roles.ensure_roles(servers.postgres.dsn, passwords=servers.passwords, database=name)
    yield name
    admin = await asyncpg.connect(servers.postgres.dsn)
    try:
        await admin.execute(f'drop database "{name}" with (force)')
    finally:
        await admin.close()


async def rows(servers: Servers, database: str, statement: str, *values: Any) -> list[Any]:
    """As the superuser, whom no row-level security stops."""
    connection = await asyncpg.connect(servers.postgres.dsn, database=database)
    try:
        return list(await connection.fetch(statement, *values))
    finally:
        await connection.close()


@pytest.mark.feature("OPS7")
async def test_findings_of_the_release_before_are_read_and_written_on(
    servers: Servers, database: str
):
    owner = servers.dsn("monitoring_owner", database)
    await upgrade("monitoring", owner, revision=BEFORE)
    old = (
        "insert into monitoring.findings (id, kind, listing_id, organisation_id, region, raised_at,"
        " closed_at) values ($1, 'PROBE_MISSING', $2, 'jx-rst', '36', now(), {})"
    )
    closed, open_one, later = uuid.uuid4(), uuid.uuid4(), uuid.uuid4()
    await rows(servers, database, old.format("now()"), closed, uuid.uuid4())
    await rows(servers, database, old.format("null"), open_one, uuid.uuid4())

    await upgrade("monitoring", owner)
    await rows(servers, database, old.format("null"), later, uuid.uuid4())  # old code still runs
    there = await rows(
        servers, database, "select id, state, source, retest, version from monitoring.findings"
    )
    await rows(
        servers,
        database,
        "insert into monitoring.findings (id, kind, organisation_id, region, raised_at)"
        " values ($1, 'CONTENT', 'jx-rst', '36', now())",
        uuid.uuid4(),
    )
    await downgrade("monitoring", owner, revision=BEFORE)
    left = await rows(servers, database, "select id from monitoring.findings")

    assert {row["id"]: row["state"] for row in there} == {
        closed: "CLOSED", open_one: "OPEN", later: "OPEN",
    }  # fmt: skip
    assert {(row["source"], row["retest"], row["version"]) for row in there} == {
        ("RULE", "PROBE", 1)
    }
    assert {row["id"] for row in left} == {closed, open_one, later}

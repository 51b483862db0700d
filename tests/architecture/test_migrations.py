"""Each schema's lineage says what its tables say, and leads down to nothing and up again (OPS7)."""

from collections.abc import AsyncIterator
from uuid import uuid4

import asyncpg
import pytest

from deploy.local import roles
from shared.migrations.lineage import head
from shared.migrations.run import check, downgrade, upgrade
from tests.architecture.components import COMPONENTS
from tests.suite import Servers


@pytest.fixture
async def database(servers: Servers) -> AsyncIterator[str]:
    """An empty database with the schemas and roles of every component."""
    name = f"migrations_{uuid4().hex[:12]}"
    await roles.ensure_roles(servers.postgres.dsn, passwords=servers.passwords, database=name)
    yield name
    admin = await asyncpg.connect(servers.postgres.dsn)
    try:
        await admin.execute(f'drop database "{name}" with (force)')
    finally:
        await admin.close()


@pytest.mark.feature("OPS7")
@pytest.mark.parametrize("component", COMPONENTS)
async def test_a_lineage_makes_the_tables_of_its_component(
    servers: Servers, database: str, component: str
):
    owner = servers.dsn(f"{component}_owner", database)

    await upgrade(component, owner)

    await check(component, owner)


@pytest.mark.feature("O2")
@pytest.mark.parametrize("component", COMPONENTS)
async def test_a_schema_at_its_head_is_left_alone(servers: Servers, database: str, component: str):
    owner = servers.dsn(f"{component}_owner", database)
    await upgrade(component, owner)

    again = await upgrade(component, owner)

    assert again is False
    assert await version(owner) == head(component)


@pytest.mark.feature("OPS7")
@pytest.mark.parametrize("component", COMPONENTS)
async def test_a_lineage_goes_down_to_nothing_and_up_again(
    servers: Servers, database: str, component: str
):
    owner = servers.dsn(f"{component}_owner", database)
    await upgrade(component, owner)

    await downgrade(component, owner)

    assert await left_over(owner, component) == []
    await upgrade(component, owner)
    await check(component, owner)


async def version(owner: str) -> str | None:
    rows = await _rows(owner, "select version_num from alembic_version")
    return rows[0][0] if rows else None


async def left_over(owner: str, schema: str) -> list[str]:
    """Tables, sequences, types and functions that a full downgrade forgot."""
    rows = await _rows(
        owner,
        f"""
        select relname from pg_class where relnamespace = '{schema}'::regnamespace
            and relkind in ('r', 'v', 'm', 'S', 'p') and relname <> 'alembic_version'
        union all select typname from pg_type where typnamespace = '{schema}'::regnamespace
            and typtype in ('e', 'd')
        union all select proname from pg_proc where pronamespace = '{schema}'::regnamespace
        """,  # noqa: S608 a component's own name
    )
    return sorted(row[0] for row in rows)


async def _rows(dsn: str, statement: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(dsn)
    try:
        rows: list[asyncpg.Record] = await connection.fetch(statement)
        return rows
    finally:
        await connection.close()

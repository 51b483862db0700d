"""Bring one schema to its head: under a session lock, with a fast way when it is there (O2)."""

import asyncio
from collections.abc import Callable
from typing import Any

from alembic import command
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from shared.migrations.lineage import config, head
from shared.settings import asyncpg_url

LOCK = "select pg_try_advisory_lock(hashtextextended(:name, 2))"
UNLOCK = "select pg_advisory_unlock(hashtextextended(:name, 2))"


async def upgrade(component: str, url: str, *, revision: str = "head") -> bool:
    """Migrate with the owner's URL; False when the schema was already there."""
    return await _locked(component, url, revision, command.upgrade)


async def downgrade(component: str, url: str, *, revision: str = "base") -> bool:
    return await _locked(component, url, revision, command.downgrade)


async def check(component: str, url: str) -> None:
    """Raise when tables.py and the migrated schema differ (alembic check)."""
    await _on_connection(url, lambda connection: _run(connection, component, command.check))


async def _locked(component: str, url: str, revision: str, action: Callable[..., None]) -> bool:
    engine = _engine(url)
    try:
        async with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
            if revision == "head" and await connection.run_sync(_current, component) == head(
                component
            ):
                return False
            while not await connection.scalar(text(LOCK), {"name": component}):  # noqa: ASYNC110 another process holds it
                await asyncio.sleep(0.1)  # a queue on the lock would hold DDL behind it
            try:
                await _on_connection(
                    url,
                    lambda sync: _run(sync, component, lambda cfg: action(cfg, revision)),
                )
            finally:
                await connection.execute(text(UNLOCK), {"name": component})
        return True
    finally:
        await engine.dispose()


async def _on_connection(url: str, work: Callable[[Connection], None]) -> None:
    engine = _engine(url)
    try:
        async with engine.connect() as connection:
            await connection.run_sync(work)
            await connection.commit()
    finally:
        await engine.dispose()


def _engine(url: str) -> AsyncEngine:
    """Outside of the schema's own search path: alembic would take its tables for nameless ones."""
    return create_async_engine(
        asyncpg_url(url),
        poolclass=NullPool,
        connect_args={"server_settings": {"search_path": "extensions"}},
    )


def _run(connection: Connection, component: str, action: Callable[[Any], None]) -> None:
    made = config(component)
    made.attributes["connection"] = connection
    action(made)


def _current(connection: Connection, component: str) -> str | None:
    context = MigrationContext.configure(connection, opts={"version_table_schema": component})
    return context.get_current_revision()

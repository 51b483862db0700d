"""`make reset`: the state folder goes, and what was kept on servers that the environment names."""

import asyncio
import os
from collections.abc import Mapping
from urllib.parse import urlsplit

import asyncpg
import nats
import nats.errors
from nats.js.errors import NotFoundError

from deploy.local.roles import DATABASE
from deploy.local.state import LaunchError, hold, open_state, reset
from shared.events.envelope import STREAM


def clear(environ: Mapping[str, str] = os.environ) -> int:
    """Remove everything that a run keeps; refused while one is running."""
    state = open_state(environ=environ, minimum_space=0)
    database, broker = environ.get("GFT_DATABASE_URL"), environ.get("GFT_NATS_URL")
    with hold(state, patience=0.0):
        if database:
            asyncio.run(_drop_database(database))
        if broker:
            asyncio.run(_delete_stream(broker))
    reset(state)
    print(f"已清空 / cleared: {state.root}")
    return 0


async def _drop_database(url: str) -> None:
    try:
        connection = await asyncpg.connect(url)
        try:
            await connection.execute(f'drop database if exists "{DATABASE}" with (force)')
        finally:
            await connection.close()
    except (OSError, asyncpg.PostgresError) as error:
        raise _refused("数据库", "the database", url, error) from error


async def _delete_stream(url: str) -> None:
    try:
        connection = await nats.connect(url, connect_timeout=3, allow_reconnect=False)
        try:
            await connection.jetstream().delete_stream(STREAM)
        except NotFoundError:
            pass
        finally:
            await connection.close()
    except (OSError, nats.errors.Error) as error:
        raise _refused("NATS", "NATS", url, error) from error


def _refused(zh: str, en: str, url: str, error: Exception) -> LaunchError:
    place = urlsplit(url).netloc.rpartition("@")[2]
    return LaunchError(
        f"未能清空{zh}（{place}）中的数据：{error}",
        f"could not clear the data of {en} at {place}: {error}",
    )

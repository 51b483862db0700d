"""A pooled connection with an open transaction, driven straight through asyncpg.

A prepared statement on asyncpg costs a fraction of the same statement through SQLAlchemy's session,
connection and cursor; an ORM session joins the same transaction on demand, for whoever asks for it.
"""

import asyncio
from typing import Any

import asyncpg
from sqlalchemy import Connection, PoolProxiedConnection
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession
from sqlalchemy.util.concurrency import greenlet_spawn


class _ByHand:
    """A transaction begun on the driver, in the place where SQLAlchemy's adapter keeps its own."""

    def __init__(self, driver: Any) -> None:
        self._driver = driver

    async def commit(self) -> None:
        await self._driver.execute("commit")

    async def rollback(self) -> None:
        await self._driver.execute("rollback")


class Work:
    """One connection from `begin` to `close`; what was not committed by then is rolled back."""

    def __init__(self, engine: AsyncEngine, pooled: PoolProxiedConnection) -> None:
        self.driver: asyncpg.Connection[asyncpg.Record] = pooled.driver_connection  # type: ignore[assignment]  # the adapter's own attribute
        self._engine = engine
        self._pooled = pooled
        self._adapter: Any = pooled.dbapi_connection
        self._session: AsyncSession | None = None

    @classmethod
    async def begin(cls, engine: AsyncEngine, **settings: str) -> "Work":
        """Take a connection and begin, with settings that end with the transaction."""
        work = cls(engine, await engine.raw_connection())
        work._adapter._transaction = _ByHand(work.driver)  # noqa: SLF001 the one seam between both
        local = "".join(f";set local app.{n} = '{_quoted(v)}'" for n, v in settings.items())
        try:
            await work.driver.execute(f"begin{local}")
        except BaseException:
            await work.abandon()
            raise
        return work

    @property
    def session(self) -> AsyncSession:
        """The ORM session of this transaction, made when it is first asked for."""
        if self._session is None:
            connection = AsyncConnection(
                self._engine, Connection(self._engine.sync_engine, self._pooled)
            )
            self._session = AsyncSession(connection, expire_on_commit=False)
        return self._session

    @property
    def has_session(self) -> bool:
        return self._session is not None

    async def flush(self) -> None:
        """Write what the session holds, if there is one."""
        if self._session is not None:
            await self._session.flush()

    async def commit(self) -> None:
        if self._session is not None:
            await self._session.commit()
        if (begun := self._adapter._transaction) is not None:  # noqa: SLF001 as above
            await begun.commit()
            self._adapter._transaction = None  # noqa: SLF001 as above

    async def close(self) -> None:
        """Give the connection back; the pool rolls back what is still open."""
        if self.driver.is_closed():
            self._adapter._transaction = None  # noqa: SLF001 nothing is left to roll back
        if self._session is not None:
            await self._session.close()
        await greenlet_spawn(self._pooled.close)

    async def abandon(self) -> None:
        """`close` to its end, also when who calls is cancelled."""
        await asyncio.shield(asyncio.ensure_future(self.close()))


def _quoted(value: str) -> str:
    return value.replace("'", "''")

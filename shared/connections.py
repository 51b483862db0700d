"""A pooled connection with an open transaction, driven straight through asyncpg.

A prepared statement on asyncpg costs a fraction of the same statement through SQLAlchemy's session,
connection and cursor; an ORM session joins the same transaction on demand, for whoever asks for it.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import asyncpg
from sqlalchemy import Connection, PoolProxiedConnection
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession
from sqlalchemy.orm import Session
from sqlalchemy.util.concurrency import await_, greenlet_spawn

Driver: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


@asynccontextmanager
async def borrowed(engine: AsyncEngine) -> AsyncIterator[Driver]:
    """A pooled connection outside of any transaction: each call to it commits by itself."""
    pooled = await engine.raw_connection()
    try:
        yield pooled.driver_connection  # type: ignore[misc]  # the adapter's own attribute
    finally:
        await asyncio.shield(asyncio.ensure_future(greenlet_spawn(pooled.close)))


class _ByHand:
    """A transaction begun on the driver, in the place where SQLAlchemy's adapter keeps its own."""

    def __init__(self, driver: Any) -> None:
        self._driver = driver

    async def commit(self) -> None:
        await self._driver.execute("commit")

    async def rollback(self) -> None:
        await self._driver.execute("rollback")


class _JoiningSession(Session):
    """Begins the work that it belongs to with the first statement."""

    def get_bind(self, *_args: Any, **_kwargs: Any) -> Connection:
        work: Work = self.info["work"]
        return await_(work.connection())


class Work:
    """One transaction, from the first who asks for its connection until `close`.

    Its settings end with it; what was not committed by then is rolled back.
    """

    def __init__(self, engine: AsyncEngine, **settings: str) -> None:
        self.check: Callable[[Driver], Awaitable[None]] | None = None  # before anything else in it
        self._engine = engine
        self.settings = settings
        self._pooled: PoolProxiedConnection | None = None
        self._adapter: Any = None  # kept: the pool lets go of one that was closed
        self._driver: Driver | None = None
        self._connection: AsyncConnection | None = None
        self._session: AsyncSession | None = None
        self._failure: BaseException | None = None

    async def begin(self) -> Driver:
        """The connection, with the transaction begun."""
        if self._failure is not None:
            raise self._failure  # whoever survived it does not go on without
        if self._driver is None:
            try:
                self._driver = await self._begun()
            except BaseException as failure:
                self._failure = failure
                raise
        return self._driver

    async def _begun(self) -> Driver:
        self._pooled = await self._engine.raw_connection()
        self._adapter = self._pooled.dbapi_connection
        driver: Driver = self._adapter.driver_connection
        self._adapter._transaction = _ByHand(driver)  # noqa: SLF001 the one seam between both
        local = (f";set local app.{n} = '{_quoted(v)}'" for n, v in self.settings.items())
        await driver.execute(f"begin{''.join(local)}")
        if self.check is not None:
            await self.check(driver)
        return driver

    async def connection(self) -> Connection:
        """The same for SQLAlchemy."""
        await self.begin()
        if self._connection is None:
            made = Connection(self._engine.sync_engine, self._pooled)
            self._connection = AsyncConnection(self._engine, made)
        return self._connection.sync_connection  # type: ignore[return-value]  # it was given one

    @property
    def session(self) -> AsyncSession:
        """The ORM session of this transaction, made when it is first asked for."""
        if self._session is None:
            self._session = AsyncSession(
                sync_session_class=_JoiningSession, info={"work": self}, expire_on_commit=False
            )
        return self._session

    @property
    def has_begun(self) -> bool:
        """Or has tried to."""
        return self._driver is not None or self._failure is not None

    @property
    def has_session(self) -> bool:
        return self._session is not None

    async def flush(self) -> None:
        """Write what the session holds, if there is one."""
        if self._session is not None:
            await self._session.flush()

    async def commit(self) -> None:
        if self._failure is not None:
            raise self._failure
        if self._session is not None:
            await self._session.commit()
        if self._driver is None:
            return
        if (begun := self._adapter._transaction) is not None:  # noqa: SLF001 as above
            await begun.commit()
            self._adapter._transaction = None  # noqa: SLF001 as above

    async def close(self) -> None:
        """Give the connection back; the pool rolls back what is still open."""
        if self._pooled is None:
            return
        if self._adapter.driver_connection.is_closed():
            self._adapter._transaction = None  # noqa: SLF001 nothing is left to roll back
        if self._session is not None:
            await self._session.close()
        await greenlet_spawn(self._pooled.close)

    async def abandon(self) -> None:
        """`close` to its end, also when who calls is cancelled."""
        await asyncio.shield(asyncio.ensure_future(self.close()))


def _quoted(value: str) -> str:
    return value.replace("'", "''")

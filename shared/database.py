"""Postgres: the engine, and the one place that commits.

A `Transaction` carries who acts and when. What happened in it leaves as outbox rows and audit
entries that commit together with the state, before any answer leaves (reliability O1).
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

import asyncpg
from sqlalchemy import MetaData, event
from sqlalchemy.exc import (
    DBAPIError,
    DisconnectionError,
    EmulatedDBAPIException,
    InterfaceError,
    OperationalError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase

from shared.clock import Clock
from shared.connections import Driver, Work
from shared.errors import DomainError, PreconditionFailed, Unavailable
from shared.events.envelope import Event
from shared.groups import Groups
from shared.http.context import traceparent
from shared.logging import get_logger
from shared.reads import Read
from shared.security.access import Operation
from shared.security.canonical import Algorithm
from shared.security.identity import Actor
from shared.security.scope import row_scope
from shared.settings import asyncpg_url
from shared.telling import Act, By, Told, writes
from shared.together import PASSING
from shared.writes import Statement, Write, statements

_Row = TypeVar("_Row", bound=DeclarativeBase)
NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

_SERVER_SETTINGS = {
    "application_name": "ganfutong",
    "lock_timeout": "1000",
    "statement_timeout": "5000",
    "idle_in_transaction_session_timeout": "5000",
    "timezone": "UTC",
}


def schema_metadata(schema: str) -> MetaData:
    return MetaData(schema=schema, naming_convention=NAMING)


class StaleVersion(PreconditionFailed):
    code = "stale_version"


class DatabaseUnavailable(Unavailable):
    code = "database_unavailable"


@dataclass(slots=True)
class Transaction:
    """One unit of work: its connection, who acts, when, and what it will tell.

    `now` is fixed at the start, so that one change has one time. `kept` is for what is read once a
    transaction.
    """

    work: Work
    groups: Groups
    schema: str
    actor: Actor
    now: datetime
    operation: Operation | None = None
    expected_version: int | None = None
    algorithm: Algorithm = "sha-256"
    has_told: bool = False
    has_acted: bool = False
    kept: dict[str, Any] = field(default_factory=dict)
    _events: list[Told] = field(default_factory=list)
    _acts: list[Act] = field(default_factory=list)
    _added: list[DeclarativeBase] = field(default_factory=list)
    _new: list[DeclarativeBase] = field(default_factory=list)
    _writes: list[Write] = field(default_factory=list)
    _refusals: dict[str, DomainError] = field(default_factory=dict)
    _after_commit: list[Callable[[], None]] = field(default_factory=list)

    def emit(self, event: Event, *, subject: str, region: str) -> None:
        """Tell a fact about the aggregate `subject`: one outbox row and one audit entry."""
        if event.source != self.schema:  # NATS would refuse it and hold up the whole outbox
            raise ValueError(f"{self.schema} cannot tell {event.type}")
        self._events.append(Told(event, subject, region, traceparent.get()))

    def audit(self, action: str, *, subject: str, details: Mapping[str, Any] | None = None) -> None:
        """Record an act that is no event, such as a disclosure; `details` hold no personal data."""
        self._acts.append(Act(action, subject, details or {}))

    def after_commit(self, callback: Callable[[], None]) -> None:
        self._after_commit.append(callback)

    def expect(self, version: int) -> None:
        """Refuse with `stale_version` (412) when If-Match named another version of the record."""
        if self.expected_version is not None and self.expected_version != version:
            raise StaleVersion(current=version)

    @property
    def session(self) -> AsyncSession:
        """The ORM session of this transaction, for who maps rows to objects."""
        session = self.work.session
        if self._new:
            session.add_all(self._new)
            self._new.clear()
        return session

    async def raw(self) -> Driver:
        """The asyncpg connection of this transaction, for prepared statements."""
        return await self.work.begin()

    async def look(self, sql: str, *values: Any) -> asyncpg.Record:
        """The one row of a read that no row-level security guards.

        Before this transaction has begun it goes together with the same read of other callers.
        """
        if not self.work.has_begun:
            return await self.groups.read(sql, values)
        [row] = await (await self.raw()).fetch(sql, *values)
        return row

    async def rows(self, read: Read, **given: Any) -> list[asyncpg.Record]:
        """The rows of a compiled read, as this transaction's scope sees them.

        Before this transaction has begun it goes together with reads of others of the same scope.
        """
        if not self.work.has_begun:
            return await self.groups.rows(self.work.settings, read, given)
        return await (await self.raw()).fetch(read.sql, *read.values(given))

    def at_begin(self, check: Callable[[Driver], Awaitable[None]]) -> None:
        """Ask this before anything else of a transaction that has not begun, if ever it begins."""
        self.work.check = check

    def add(self, row: DeclarativeBase) -> None:
        """Insert a row with the next flush.

        It joins the session where one is used; otherwise it is finished with that flush.
        """
        self._added.append(row)
        if self.work.has_session:
            self.session.add(row)
        else:
            self._new.append(row)

    def added(self, kind: type[_Row]) -> list[_Row]:
        """The rows of this kind that this transaction added, in their order."""
        return [row for row in self._added if isinstance(row, kind)]

    def write(self, sql: str, *values: Any) -> None:
        """Carry out a statement that changes rows with the next flush."""
        self._writes.append(Write(sql, values))

    def refuse_on(self, constraint: str, refusal: DomainError) -> None:
        """Answer a violation of this constraint by the next flush with this refusal."""
        self._refusals[constraint] = refusal

    async def flush(self) -> None:
        """Write rows, outbox and audit: what must wait for nothing leaves in one statement."""
        await self.work.flush()
        if self._events or self._acts:
            by = By(self.actor, self.operation, self.now, self.algorithm)
            self._writes += writes(self._events, self._acts, by)
            self.has_told |= bool(self._events)
            self.has_acted = True
            self._events.clear()
            self._acts.clear()
        if self._new or self._writes:
            driver = await self.raw()
            try:
                for text, values in self._statements():
                    await driver.execute(text, *values)
            except asyncpg.UniqueViolationError as error:
                raise self._refusal(error) from error

    async def commit(self) -> None:
        """Commit what was begun; what only adds rows, and tells nothing, joins others that do."""
        if self.work.has_begun or self.work.has_session or self._events or self._acts:
            await self.flush()
            await self.work.commit()
        elif added := self._statements():
            try:
                await self.groups.write(self.work.settings, added)
            except asyncpg.UniqueViolationError as error:
                raise self._refusal(error) from error

    def _statements(self) -> list[Statement]:
        """All that is to be written, taken from what waits."""
        found = list(statements(self._new, self._writes))
        self._new.clear()
        self._writes.clear()
        return found

    def _refusal(self, error: asyncpg.UniqueViolationError) -> Exception:
        return self._refusals.get(error.constraint_name or "") or error

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        """A part that can fail alone, with what it was about to tell."""
        kept = [list(each) for each in self._pending()]
        try:
            async with self.session.begin_nested():
                await self.session.connection()  # sets it now: SQLAlchemy waits for a statement
                yield
        except Exception:
            for each, before in zip(self._pending(), kept, strict=True):
                each[:] = before
            raise

    def _pending(self) -> tuple[list[Any], ...]:
        return (self._events, self._acts, self._added, self._writes, self._after_commit)


class Database:
    """The engine of one component; it sees one schema, by its role's search path."""

    def __init__(
        self,
        url: str,
        *,
        schema: str,
        clock: Clock,
        pool_size: int = 8,
        algorithm: Algorithm = "sha-256",
    ) -> None:
        self.clock = clock
        self.schema = schema
        self.algorithm = algorithm
        self._log = get_logger(schema)
        self.engine: AsyncEngine = create_async_engine(
            asyncpg_url(url),
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=1.0,
            pool_recycle=1800,
            connect_args={
                "server_settings": {**_SERVER_SETTINGS, "search_path": f"{schema}, extensions"},
                "command_timeout": 6,
            },
        )
        event.listen(self.engine.sync_engine, "checkout", _refuse_closed)
        self.groups = Groups(self.engine)
        self.committed: Callable[[], None] = lambda: None
        self.acted: Callable[[], None] = lambda: None

    async def close(self) -> None:
        await self.groups.finish()
        await self.engine.dispose()

    @asynccontextmanager
    async def transaction(
        self,
        actor: Actor,
        *,
        operation: Operation | None = None,
        expected_version: int | None = None,
        whole_province: bool = False,
        at_once: bool = True,
    ) -> AsyncIterator[Transaction]:
        """Begin, hand over, flush, commit; anything raised inside rolls back everything.

        Not `at_once` means that it begins with the first who asks for its connection; rows that
        are added without that are committed together with those of others (`Transaction.commit`).

        Raises `database_unavailable` (503) when Postgres is away, too busy, or the pool exhausted.
        """
        scope = "36" if whole_province else row_scope(actor)
        try:
            work = Work(self.engine, scope=scope, organisation=actor.organisation)
            try:
                if at_once:
                    await work.begin()
                tx = Transaction(
                    work=work,
                    groups=self.groups,
                    schema=self.schema,
                    actor=actor,
                    now=self.clock.now(),
                    operation=operation,
                    expected_version=expected_version,
                    algorithm=self.algorithm,
                )
                yield tx
                await tx.commit()
            except BaseException:
                await work.abandon()
                raise
            await work.close()
        except (OperationalError, InterfaceError, PoolTimeout, OSError) as error:
            raise self._unavailable(error) from error
        except (
            DBAPIError,
            EmulatedDBAPIException,
            asyncpg.PostgresError,
            asyncpg.InterfaceError,
            asyncpg.InternalClientError,
        ) as error:
            if _is_passing(error):
                raise self._unavailable(error) from error
            raise
        if tx.has_told:
            self.committed()
        if tx.has_acted:
            self.acted()
        for callback in tx._after_commit:  # noqa: SLF001 same module
            callback()

    def _unavailable(self, error: Exception) -> DatabaseUnavailable:
        """The caller need not know why; the log says it: pool, lock, conflict or connection."""
        cause = _cause(error)
        self._log.warning(
            "database unavailable",
            error_type=type(cause).__name__,
            reason=getattr(cause, "sqlstate", None),
        )
        return DatabaseUnavailable(retry_after=1)


def _is_passing(error: Exception) -> bool:
    if isinstance(error, asyncpg.InternalClientError):
        return True  # the server's farewell has come, the end of its connection has not
    if isinstance(error, asyncpg.InterfaceError):  # a connection that has gone; or a wrong value
        return not isinstance(error, ValueError)
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    state: str | None = getattr(_cause(error), "sqlstate", None)
    return state is not None and state.startswith(PASSING)


def _cause(error: Exception) -> object:
    return error.orig if isinstance(error, (DBAPIError, EmulatedDBAPIException)) else error


def _refuse_closed(connection: Any, _record: object, _proxy: object) -> None:
    """Replace a connection that the server has ended; asking it would cost a round trip."""
    if connection.driver_connection.is_closed():
        raise DisconnectionError

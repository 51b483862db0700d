"""Postgres: the engine, and the one place that commits.

A `Transaction` carries who acts and when. What happened in it leaves as outbox rows and audit
entries that commit together with the state, before any answer leaves (reliability O1).
"""

import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import uuid4

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

from shared.clock import SHANGHAI, Clock
from shared.connections import Work
from shared.errors import PreconditionFailed, Unavailable
from shared.events.envelope import Event
from shared.http.context import request_id, traceparent
from shared.security.access import Operation
from shared.security.audit import entry_hash
from shared.security.canonical import Algorithm, digest
from shared.security.identity import Actor
from shared.security.scope import row_scope
from shared.settings import asyncpg_url

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


@dataclass(frozen=True, slots=True)
class _Told:
    event: Event
    subject: str
    region: str
    traceparent: str


@dataclass(frozen=True, slots=True)
class _Act:
    action: str
    subject: str
    details: Mapping[str, Any]


@dataclass(slots=True)
class Transaction:
    """One unit of work: its connection, who acts, when, and what it will tell.

    `now` is fixed at the start, so that one change has one time. `kept` is for what is read once a
    transaction.
    """

    work: Work
    schema: str
    actor: Actor
    now: datetime
    operation: Operation | None = None
    expected_version: int | None = None
    algorithm: Algorithm = "sha-256"
    has_told: bool = False
    kept: dict[str, Any] = field(default_factory=dict)
    _events: list[_Told] = field(default_factory=list)
    _acts: list[_Act] = field(default_factory=list)
    _after_commit: list[Callable[[], None]] = field(default_factory=list)

    def emit(self, event: Event, *, subject: str, region: str) -> None:
        """Tell a fact about the aggregate `subject`: one outbox row and one audit entry."""
        if event.source != self.schema:  # NATS would refuse it and hold up the whole outbox
            raise ValueError(f"{self.schema} cannot tell {event.type}")
        self._events.append(_Told(event, subject, region, traceparent.get()))

    def audit(self, action: str, *, subject: str, details: Mapping[str, Any] | None = None) -> None:
        """Record an act that is no event, such as a disclosure; `details` hold no personal data."""
        self._acts.append(_Act(action, subject, details or {}))

    def after_commit(self, callback: Callable[[], None]) -> None:
        self._after_commit.append(callback)

    def expect(self, version: int) -> None:
        """Refuse with `stale_version` (412) when If-Match named another version of the record."""
        if self.expected_version is not None and self.expected_version != version:
            raise StaleVersion(current=version)

    @property
    def session(self) -> AsyncSession:
        """The ORM session of this transaction, for who maps rows to objects."""
        return self.work.session

    async def raw(self) -> "asyncpg.Connection[asyncpg.Record]":
        """The asyncpg connection of this transaction, for prepared statements."""
        return self.work.driver

    async def flush(self) -> None:
        """Write rows, then outbox, then audit, whose lock is taken last (reliability §7)."""
        await self.work.flush()
        if not self._events and not self._acts:
            return
        connection = await self.raw()
        entries = [
            *(
                (told.event.type, told.subject, {"digest": _event_digest(told, self.algorithm)})
                for told in self._events
            ),
            *((act.action, act.subject, dict(act.details)) for act in self._acts),
        ]
        sequences = await _take_sequences(
            connection,
            Counter(told.subject for told in self._events)
            + Counter(f"audit:{subject}" for _, subject, _ in entries),
        )
        await self._write_outbox(connection, sequences)
        await self._write_audit(connection, entries, sequences)
        self.has_told |= bool(self._events)
        self._events.clear()
        self._acts.clear()

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        """A part that can fail alone, with what it was about to tell."""
        kept = list(self._events), list(self._acts), list(self._after_commit)
        try:
            async with self.session.begin_nested():
                await self.session.connection()  # sets it now: SQLAlchemy waits for a statement
                yield
        except Exception:
            self._events[:], self._acts[:], self._after_commit[:] = kept
            raise

    async def _write_outbox(
        self, connection: "asyncpg.Connection[asyncpg.Record]", sequences: dict[str, int]
    ) -> None:
        if not self._events:
            return
        rows = [
            (
                uuid4(),
                told.event.type,
                told.subject,
                _next(sequences, told.subject),
                told.region,
                told.event.model_dump_json(),
                told.traceparent or None,
            )
            for told in self._events
        ]
        await connection.execute(
            "insert into outbox (event_id, created_on, type, subject, sequence, region,"
            " occurred_at, traceparent, data)"
            " select e, $8, t, s, q, r, $9, p, d from unnest($1::uuid[], $2::text[], $3::text[],"
            " $4::bigint[], $5::text[], $6::text[], $7::text[]) as rows(e, t, s, q, r, d, p)",
            *(list(column) for column in zip(*rows, strict=True)),
            self.now.astimezone(SHANGHAI).date(),
            self.now,
        )

    async def _write_audit(
        self,
        connection: "asyncpg.Connection[asyncpg.Record]",
        entries: list[tuple[str, str, dict[str, Any]]],
        sequences: dict[str, int],
    ) -> None:
        head = await connection.fetchrow("select number, hash from audit_head for update")
        if head is None:
            raise LookupError("the audit chain has no head: the schema was not migrated")
        number, previous = head["number"], head["hash"]
        rows: list[tuple[Any, ...]] = []
        for action, subject, details in entries:
            number += 1
            body = {
                "number": number,
                "at": self.now.isoformat(),
                "actor": self.actor.subject,
                "client_id": self.actor.client_id,
                "organisation": self.actor.organisation,
                "operation": self.operation.id if self.operation else "",
                "action": action,
                "subject": subject,
                "subject_number": _next(sequences, f"audit:{subject}"),
                "request_id": request_id.get() or None,
                "details": details,
            }
            hash_ = entry_hash(previous, body, algorithm=self.algorithm)
            subject_number = body["subject_number"]
            written = json.dumps(details, ensure_ascii=False)
            rows.append((number, action, subject, subject_number, written, previous, hash_))
            previous = hash_
        await connection.execute(
            "with entries as (insert into audit_log (number, at, actor, client_id, organisation,"
            " operation, action, subject, subject_number, request_id, details, previous, hash)"
            " select n, $8, $9, $10, $11, $12, a, s, q, $13, d::jsonb, p, h from"
            " unnest($1::bigint[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::text[],"
            " $7::text[]) as rows(n, a, s, q, d, p, h))"
            " update audit_head set number = $14, hash = $15, algorithm = $16",
            *(list(column) for column in zip(*rows, strict=True)),
            self.now,
            self.actor.subject,
            self.actor.client_id,
            self.actor.organisation,
            self.operation.id if self.operation else "",
            request_id.get() or None,
            number,
            previous,
            self.algorithm,
        )


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
        self.committed: Callable[[], None] = lambda: None

    async def close(self) -> None:
        await self.engine.dispose()

    @asynccontextmanager
    async def transaction(
        self,
        actor: Actor,
        *,
        operation: Operation | None = None,
        expected_version: int | None = None,
        whole_province: bool = False,
    ) -> AsyncIterator[Transaction]:
        """Begin, hand over, flush, commit; anything raised inside rolls back everything.

        Raises `database_unavailable` (503) when Postgres is away, too busy, or the pool exhausted.
        """
        scope = "36" if whole_province else row_scope(actor)
        try:
            async with self._begun(scope=scope, organisation=actor.organisation) as work:
                tx = Transaction(
                    work=work,
                    schema=self.schema,
                    actor=actor,
                    now=self.clock.now(),
                    operation=operation,
                    expected_version=expected_version,
                    algorithm=self.algorithm,
                )
                yield tx
                await tx.flush()
                await work.commit()
        except (OperationalError, InterfaceError, PoolTimeout, OSError) as error:
            raise DatabaseUnavailable(retry_after=1) from error
        except (
            DBAPIError,
            EmulatedDBAPIException,
            asyncpg.PostgresError,
            asyncpg.InterfaceError,
        ) as error:
            if _is_passing(error):
                raise DatabaseUnavailable(retry_after=1) from error
            raise
        if tx.has_told:
            self.committed()
        for callback in tx._after_commit:  # noqa: SLF001 same module
            callback()

    @asynccontextmanager
    async def _begun(self, **settings: str) -> AsyncIterator[Work]:
        work = await Work.begin(self.engine, **settings)
        try:
            yield work
        except BaseException:
            await work.abandon()
            raise
        await work.close()


# SQLSTATE classes and codes after which the same call may succeed: connection lost, conflict,
# no resources, lock timeout, statement cancelled or server stopping, I/O
_PASSING = ("08", "40", "53", "55P03", "57", "58")


def _is_passing(error: Exception) -> bool:
    if isinstance(error, asyncpg.InterfaceError):  # a connection that has gone; or a wrong value
        return not isinstance(error, ValueError)
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    cause = error.orig if isinstance(error, (DBAPIError, EmulatedDBAPIException)) else error
    state: str | None = getattr(cause, "sqlstate", None)
    return state is not None and state.startswith(_PASSING)


def _refuse_closed(connection: Any, _record: object, _proxy: object) -> None:
    """Replace a connection that the server has ended; asking it would cost a round trip."""
    if connection.driver_connection.is_closed():
        raise DisconnectionError


def _event_digest(told: _Told, algorithm: Algorithm) -> str:
    return digest(told.event.model_dump(mode="json"), algorithm=algorithm)


def _next(sequences: dict[str, int], subject: str) -> int:
    sequences[subject] += 1
    return sequences[subject]


async def _take_sequences(
    connection: "asyncpg.Connection[asyncpg.Record]", counts: Mapping[str, int]
) -> dict[str, int]:
    """Reserve numbers for each subject; locked in one order, so that two writers never deadlock."""
    subjects = sorted(counts)
    rows = await connection.fetch(
        "insert into aggregates (subject, sequence)"
        " select s, n from unnest($1::text[], $2::bigint[]) as rows(s, n) order by s"
        " on conflict (subject) do update set sequence = aggregates.sequence + excluded.sequence"
        " returning subject, sequence",
        subjects,
        [counts[subject] for subject in subjects],
    )
    return {row["subject"]: row["sequence"] - counts[row["subject"]] for row in rows}

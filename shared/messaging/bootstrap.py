"""What the stream no longer holds is read from the publishers' own records, until both meet.

A new consumer, or one that was away for longer than the stream keeps events, would otherwise begin
in the middle of each aggregate. The events go the same way as those from the stream, through inbox
and gate, so both may bring the same ones. How far a record was read is kept: a start that was
interrupted goes on from there, and of several replicas one reads.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import suppress
from typing import Any, Final
from uuid import UUID

import structlog

from shared.database import Database, DatabaseUnavailable
from shared.messaging.broker import BROKER_ERRORS, Broker
from shared.messaging.handling import Arrival, read_arrival
from shared.messaging.record import RECORD_ERRORS, Record, RecordPage
from shared.security.identity import system

Apply = Callable[[Sequence[Arrival]], Awaitable[Sequence[Arrival]]]

_LOOK_EVERY: Final = 5.0  # seconds; whether a replica that was reading has gone
_RETRY: Final = 1.0  # seconds
_WAIT: Final = 0.2  # seconds before what is not yet its turn is tried again
_BEGIN = """
    insert into record_cursors (consumer, source, position, complete)
    select $1, s, 0, false from unnest($2::text[]) as s
    on conflict (consumer, source) do update set complete = false
"""
_INCOMPLETE = "select source from record_cursors where consumer = $1 and not complete"
_TAKE = """
    update record_cursors set leased_until = now() + interval '60 seconds'
    where consumer = $1 and source = $2 and not complete
        and coalesce(leased_until < now(), true)
    returning position
"""
_MOVE = """
    update record_cursors set position = greatest(position, $3), complete = $4,
        leased_until = case when $4 then null else now() + interval '60 seconds' end
    where consumer = $1 and source = $2
"""
_RELEASE = "update record_cursors set leased_until = null where consumer = $1 and source = $2"


class Bootstrap:
    """Of one service: the records of the publishers that it follows, read where they are needed.

    `apply` gives back the events whose turn it is not yet.
    """

    def __init__(
        self,
        broker: Broker,
        database: Database,
        record: Record,
        *,
        service: str,
        sources: Collection[str],
        apply: Apply,
        patience: float = 60.0,
        log: Any = None,
    ) -> None:
        self._broker = broker
        self._database = database
        self._record = record
        self._service = service
        self._sources = frozenset(sources)
        self._apply = apply
        self._patience = patience
        self._log = log or structlog.get_logger()
        self._open: set[str] = set()
        self._asked: set[str] = set()
        self._stuck: frozenset[UUID] = frozenset()
        self._wanted = asyncio.Event()
        self._stopping = asyncio.Event()

    def may_help(self, early: Arrival) -> bool:
        """Whether what is missing before an event may still come from its publisher's record."""
        return early.source in self._open | self._asked and early.id not in self._stuck

    def ask(self, source: str) -> None:
        """Read on in a record: something of it did not come with the stream."""
        self._asked.add(source)
        self._wanted.set()

    async def require(self) -> None:
        """Read on in all records, when the consumer is a new one; it is kept until it is done."""
        await self._write(_BEGIN, sorted(self._sources))
        self._open |= self._sources
        self._wanted.set()

    def stop(self) -> None:
        self._stopping.set()
        self._wanted.set()

    async def run(self) -> None:
        """Read what is incomplete, whenever something is, until stopped."""
        while not self._stopping.is_set():
            self._wanted.clear()
            with suppress(DatabaseUnavailable):
                if asked := self._asked & self._sources:
                    await self._write(_BEGIN, sorted(asked))
                self._open = set(await self._incomplete())
                self._asked -= self._open
                for source in sorted(self._open):
                    await self._read(source)
                self._open = set(await self._incomplete())
            if not self._stopping.is_set():
                with suppress(TimeoutError):
                    pause = _RETRY if self._open else _LOOK_EVERY
                    await asyncio.wait_for(self._wanted.wait(), pause)

    async def _read(self, source: str) -> None:
        position = await self._take(source)
        if position is None:
            return
        self._log.info("record is read", source=source, position=position)
        try:
            meeting = await self._broker.first_event_id(source)
            while not self._stopping.is_set():
                page = await self._record.read(source, after=position)
                met = await self._bring(page, meeting)
                if self._stopping.is_set():  # perhaps in the middle of the page
                    break
                position = page.next_after
                await self._write(_MOVE, source, position, met or page.is_last)
                if met or page.is_last:
                    self._log.info("record meets the stream", source=source, position=position)
                    return
        except (*RECORD_ERRORS, *BROKER_ERRORS) as error:
            self._log.warning("record not read", source=source, error_type=type(error).__name__)
        await self._write(_RELEASE, source)

    async def _bring(self, page: RecordPage, meeting: str | None) -> bool:
        """Apply a page; whether it holds the event that the stream begins with."""
        arrivals = [read_arrival(envelope, 0, 1) for envelope in page.envelopes]
        waiting: Sequence[Arrival] = arrivals
        loop = asyncio.get_running_loop()
        moved_at = loop.time()
        while waiting and not self._stopping.is_set():
            left = await self._apply(waiting)
            if len(left) < len(waiting):
                moved_at = loop.time()
            elif loop.time() - moved_at > self._patience:
                # the record itself has a gap: let the inbox park what is behind it
                self._stuck = frozenset(each.id for each in left)
            waiting = left
            if waiting:
                await asyncio.sleep(_WAIT)
        self._stuck = frozenset()
        return any(str(each.id) == meeting for each in arrivals)

    async def _incomplete(self) -> list[str]:
        async with self._transaction() as tx:
            rows = await (await tx.raw()).fetch(_INCOMPLETE, self._service)
        return [row["source"] for row in rows if row["source"] in self._sources]

    async def _take(self, source: str) -> int | None:
        async with self._transaction() as tx:
            position: int | None = await (await tx.raw()).fetchval(_TAKE, self._service, source)
        return position

    async def _write(self, statement: str, *values: object) -> None:
        async with self._transaction() as tx:
            await (await tx.raw()).execute(statement, self._service, *values)

    def _transaction(self) -> Any:
        return self._database.transaction(system(self._service), whole_province=True)

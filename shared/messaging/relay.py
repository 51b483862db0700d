"""From the outbox to the stream: one active relay per schema, oldest first, publish then mark.

The broker is disposable (reliability O5): rows stay, and what the stream lost is published again.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import asyncpg
import structlog

from shared.clock import Clock
from shared.messaging.archive import archive_events
from shared.messaging.broker import BROKER_ERRORS, MAX_AGE, Broker, StreamState
from shared.messaging.metrics import RELAY_PUBLISHED, RELAY_REPUBLISHED
from shared.messaging.publishing import MAX_BATCH, MAX_BATCH_BYTES, Outgoing, outgoing, publish

Failpoint = Callable[[str], Awaitable[None]]
Connection = Any  # asyncpg's connection or its pool proxy; asyncpg ships no types

ARCHIVE_AFTER: Final = timedelta(days=90)
_POLL: Final = 1.0  # seconds, where a nudge was lost and to compare the stream with the marks
_ARCHIVE_EVERY: Final = 3600.0  # seconds
_UNMARK_AT_ONCE: Final = 5000
_PARTED = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # the server's farewell has come, the end of its connection not
    OSError,
)
_SERVER_SETTINGS = {
    "application_name": "ganfutong-relay",
    "lock_timeout": "1000",
    "timezone": "UTC",
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
}

_UNSENT = """
    select id, event_id, type, subject, sequence, region, occurred_at, traceparent, data
    from outbox where sent_at is null and id <> all($2::bigint[]) order by id limit $1
"""
# The position of a row is taken once, without a gap, in the order of first publishing: the head and
# the rows that have none yet are of one snapshot. Two relays that overlap collide on the unique
# constraint, so positions become visible in their order (see archive.py).
_MARK = """
    update outbox set sent_at = $3, epoch = $4, stream_sequence = sent.stream_sequence,
        position = coalesce(outbox.position, head.position + fresh.rank)
    from unnest($1::bigint[], $2::bigint[]) as sent(id, stream_sequence)
        left join (select id, row_number() over (order by id) as rank from outbox
                   where id = any($1) and position is null) as fresh using (id),
        (select greatest((select max(position) from outbox),
                         (select max(position) from event_archive), 0) as position) as head
    where outbox.id = sent.id
"""
_UNMARK_OTHER_EPOCHS = """
    update outbox set sent_at = null, epoch = null, stream_sequence = null
    where id in (select id from outbox where epoch < $1 or epoch > $1 limit $2)
"""
_UNMARK_AFTER = """
    update outbox set sent_at = null, epoch = null, stream_sequence = null
    where id in (select id from outbox where epoch = $1 and stream_sequence > $3 limit $2)
"""
_LAST_MARKED = """
    select event_id, stream_sequence, sent_at from outbox
    where epoch = $1 and stream_sequence <= $2 order by stream_sequence desc limit 1
"""


@dataclass(frozen=True, slots=True)
class _Batch:
    """Outbox rows and their messages, side by side; `more` when unsent ones may follow."""

    rows: Sequence[Any]
    messages: Sequence[Outgoing]
    more: bool


@dataclass(frozen=True, slots=True)
class _Published:
    """A batch and the stream sequence of each of its events."""

    batch: _Batch
    sequences: Sequence[int | None]


async def _no_failpoint(_name: str) -> None:
    return


class Relay:
    """One candidate for a schema's relay; `nudge` tells it that an event was committed."""

    def __init__(
        self,
        broker: Broker,
        *,
        dsn: str,
        schema: str,
        clock: Clock,
        base: str,
        archive_after: timedelta = ARCHIVE_AFTER,
        faults: Collection[str] = (),
        failpoint: Failpoint = _no_failpoint,
        log: Any = None,
    ) -> None:
        self.published = 0
        self.leading = False
        self._broker = broker
        self._dsn = dsn.replace("+asyncpg", "", 1)
        self._schema = schema
        self._base = base
        self._clock = clock
        self._archive_after = archive_after
        self._mark_first = "mark_first" in faults
        self._failpoint = failpoint
        self._log = log or structlog.get_logger()
        self._nudged = asyncio.Event()
        self._stopping = asyncio.Event()
        self._epoch = ""

    def nudge(self) -> None:
        self._nudged.set()

    def stop(self) -> None:
        """Finish the batch in hand, give up the lock, return from `run`."""
        self._stopping.set()
        self._nudged.set()

    async def run(self) -> None:
        """Stand by, lead while holding the lock, and start over whenever Postgres goes away."""
        while not self._stopping.is_set():
            try:
                async with self._connected() as connection:
                    while not self._stopping.is_set() and not await self._elected(connection):
                        await self._pause(_POLL)
                    if not self._stopping.is_set():
                        await self._lead(connection)
            except _PARTED as error:
                self._log.warning("relay lost its database", error_type=type(error).__name__)
                await self._pause(_POLL / 2)

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[Connection]:
        connection = await asyncpg.connect(
            self._dsn,
            timeout=5,
            command_timeout=15,
            server_settings={**_SERVER_SETTINGS, "search_path": self._schema},
        )
        try:
            yield connection
        finally:
            self.leading = False
            try:
                await connection.close(timeout=2)  # a session lock ends with its session
            except BaseException:
                connection.terminate()
                raise

    async def _elected(self, connection: Connection) -> bool:
        return bool(
            await connection.fetchval(
                "select pg_try_advisory_lock(hashtextextended($1, 0))", f"relay|{self._schema}"
            )
        )

    async def _lead(self, connection: Connection) -> None:
        self.leading = True
        self._log.info("relay leads")
        loop = asyncio.get_running_loop()
        generation, compare_at, archive_at = -1, 0.0, 0.0
        while not self._stopping.is_set():
            if loop.time() >= archive_at:
                before = self._clock.now() - self._archive_after
                more = await archive_events(connection, before=before)
                archive_at = loop.time() + (0 if more else _ARCHIVE_EVERY)
            if not self._broker.usable:
                await self._pause(_POLL / 4)
                continue
            try:
                if loop.time() >= compare_at or generation != self._broker.generation:
                    generation = self._broker.generation
                    await self._compare(connection)
                    compare_at = loop.time() + _POLL
                self._nudged.clear()
                if await self._drain(connection, until=compare_at):
                    await self._wait_for_nudge()
            except BROKER_ERRORS as error:
                self._log.warning(
                    "relay cannot publish", error_type=type(error).__name__, error=str(error)
                )
                compare_at = 0.0
                await self._pause(_POLL / 2)

    async def _drain(self, connection: Connection, *, until: float) -> bool:
        """Publish and mark what is unsent, oldest first; False when `until` came before the end.

        While a batch is on its way to the stream, the one before is marked and the next is read.
        """
        arrived: _Published | None = None
        ended = True
        batch = await self._read_batch(connection)
        while batch.rows:
            await self._failpoint("committed")
            if self._mark_first:
                await self._mark(connection, _Published(batch, [None] * len(batch.rows)))
                await self._failpoint("marked")
            goes_on = not self._stopping.is_set() and asyncio.get_running_loop().time() < until
            sequences, following = await asyncio.gather(
                publish(self._broker.client, batch.messages),
                self._mark_and_read(connection, arrived, batch if goes_on else None),
                return_exceptions=True,
            )
            if isinstance(following, BaseException):
                raise following
            if isinstance(sequences, BaseException):
                raise sequences
            await self._failpoint("acknowledged")
            arrived = None if self._mark_first else _Published(batch, sequences)
            self.published += len(batch.rows)
            RELAY_PUBLISHED.labels(self._schema).inc(len(batch.rows))
            if goes_on and not following.rows and self._nudged.is_set():
                self._nudged.clear()
                following = await self._read_batch(connection, besides=batch)
            ended, batch = not batch.more, following
        if arrived is not None:
            await self._mark(connection, arrived)
        return ended

    async def _read_batch(self, connection: Connection, *, besides: _Batch | None = None) -> _Batch:
        """The oldest unsent events, as many as one batch may hold, besides one on its way.

        Not those behind its last: what commits late has a lower id, and what follows it a higher.
        """
        on_its_way = [] if besides is None else [row["id"] for row in besides.rows]
        rows = await connection.fetch(_UNSENT, MAX_BATCH, on_its_way)
        messages: list[Outgoing] = []
        size = 0
        for row in rows:
            message = outgoing(row, self._schema, base=self._base)
            size += len(message.body)
            if messages and size > MAX_BATCH_BYTES:
                return _Batch(rows[: len(messages)], messages, more=True)
            messages.append(message)
        return _Batch(rows, messages, more=len(rows) == MAX_BATCH)

    async def _mark_and_read(
        self, connection: Connection, arrived: _Published | None, current: _Batch | None
    ) -> _Batch:
        if arrived is not None:
            await self._mark(connection, arrived)
        if current is None or not current.more:
            return _Batch([], [], more=False)
        return await self._read_batch(connection, besides=current)

    async def _mark(self, connection: Connection, published: _Published) -> None:
        await connection.execute(
            _MARK,
            [row["id"] for row in published.batch.rows],
            published.sequences,
            self._clock.now(),
            self._epoch,
        )

    async def _compare(self, connection: Connection) -> None:
        """Unmark what the stream does not hold: it was wiped, truncated, or is another (O5)."""
        stream = await self._broker.stream()
        self._epoch = stream.epoch
        lost = await self._unmark(connection, _UNMARK_OTHER_EPOCHS, stream.epoch)
        common = await self._last_common(connection, stream)
        if common is not None:
            lost += await self._unmark(connection, _UNMARK_AFTER, stream.epoch, common)
        if lost:
            RELAY_REPUBLISHED.labels(self._schema).inc(lost)
            self._log.warning("stream lost events, published again", count=lost, epoch=stream.epoch)

    async def _last_common(self, connection: Connection, stream: StreamState) -> int | None:
        """The last sequence that outbox and stream agree on; None when they agree on all."""
        last = await connection.fetchrow(_LAST_MARKED, stream.epoch, 2**62)
        if last is None or await self._holds(stream, last):
            return None
        low, high = 0, last["stream_sequence"]  # agree at low, disagree at high
        while high - low > 1:
            middle = (low + high) // 2
            row = await connection.fetchrow(_LAST_MARKED, stream.epoch, middle)
            if row is None or row["stream_sequence"] <= low or await self._holds(stream, row):
                low = middle
            else:
                high = row["stream_sequence"]
        return low

    async def _holds(self, stream: StreamState, row: Any) -> bool:
        if row["stream_sequence"] > stream.last:
            return False
        if await self._broker.event_id_at(row["stream_sequence"]) == str(row["event_id"]):
            return True
        # What the stream let go of by age alone is not lost.
        expired: bool = row["sent_at"] < self._clock.now() - timedelta(seconds=MAX_AGE)
        return expired and bool(row["stream_sequence"] < stream.first)

    async def _unmark(self, connection: Connection, statement: str, epoch: str, *rest: int) -> int:
        total = 0
        while True:
            status: str = await connection.execute(statement, epoch, _UNMARK_AT_ONCE, *rest)
            count = int(status.rpartition(" ")[2])
            total += count
            if count < _UNMARK_AT_ONCE:
                return total

    async def _wait_for_nudge(self) -> None:
        if not self._stopping.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._nudged.wait(), _POLL)

    async def _pause(self, seconds: float) -> None:
        """Sleep, but not through a stop."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)

"""From the stream into a service: each event once, each aggregate in order (reliability O6 to O8).

Up to 256 events share one transaction with their inbox rows, the sequence gate and the handlers'
effects; they are acknowledged after its commit. Where each is its aggregate's next, as nearly
always, gate and inbox take two statements; any other batch goes the careful way, which finds for
each event what is to be done. The gate of an aggregate begins at 0: its first event is number 1. An
event that comes before its turn is given back for a while; when the ones before it have not come
within `gap_grace`, the publisher's record is read (bootstrap.py); what is not there either is
parked with the cause "gap" until someone redrives or discards it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

import asyncpg
import structlog
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from nats.js.errors import NotFoundError
from pydantic import ValidationError
from sqlalchemy.exc import DBAPIError

from shared.database import Database, DatabaseUnavailable
from shared.errors import DomainError, GatewayTimeout, TooManyRequests, Unavailable
from shared.events.envelope import STREAM
from shared.messaging.bootstrap import Bootstrap
from shared.messaging.broker import BROKER_ERRORS, Broker
from shared.messaging.dead_letters import describe, park
from shared.messaging.handling import (
    Arrival,
    Handlers,
    ReadModel,
    Received,
    Together,
    apply,
    read_arrival,
)
from shared.messaging.pulling import ACK, IN_PROGRESS, TERM, Delivery, Pull, nak
from shared.messaging.record import Record
from shared.security.identity import system

__all__ = [
    "Ack",
    "Handlers",
    "Inbox",
    "Nak",
    "ReadModel",
    "Received",
    "Term",
    "Together",
    "Verdict",
]

MAX_BATCH: Final = 256
GAP: Final = "gap"
_ACK_WAIT: Final = 10.0  # seconds; what a killed replica had in hand is late by this much
_IN_PROGRESS_EVERY: Final = 3.0
_MAX_ACK_PENDING: Final = 4 * MAX_BATCH
_TRIES: Final = 5  # of a failure that is neither transient nor certain to come again
# SQLSTATE classes and codes after which the same statement may succeed
_TRANSIENT_CLASSES = ("08", "40", "53", "55", "57", "58")

# Each aggregate whose next event is the first of its run here moves to the last of it.
_MOVE_IN_STEP = """
    with runs as (
        select * from unnest($2::text[], $3::text[], $4::bigint[], $5::bigint[])
            as runs(source, subject, first, last) order by source, subject
    ), begun as (
        insert into sequence_gate (consumer, source, subject, sequence)
        select $1, source, subject, last from runs where first = 1
        on conflict (consumer, source, subject) do update set sequence = excluded.sequence
            where sequence_gate.sequence = 0
        returning 1
    ), moved as (
        update sequence_gate set sequence = runs.last from runs
        where first > 1 and consumer = $1 and sequence_gate.source = runs.source
            and sequence_gate.subject = runs.subject and sequence_gate.sequence = runs.first - 1
        returning 1
    )
    select (select count(*) from begun) + (select count(*) from moved)
"""
# A statement of its own: it sees what was parked before the gate could be locked.
_ENTER = """
    with entered as (
        insert into inbox (consumer, event_id) select $1, e from unnest($4::uuid[]) as e
        on conflict do nothing returning 1
    )
    select (select count(*) from entered) = cardinality($4) and not exists (
        select from dead_letters join unnest($2::text[], $3::text[]) as runs(s, a)
            on source = s and subject = a
        where consumer = $1 and state = 'PARKED'
    )
"""

Failpoint = Callable[[str], Awaitable[None]]


class _OutOfStep(Exception):
    """Not every event of the batch is new and its aggregate's next."""


@dataclass(frozen=True, slots=True)
class Ack:
    """Applied, now or before."""


@dataclass(frozen=True, slots=True)
class Nak:
    """Not now; deliver it again after `delay` seconds."""

    delay: float


@dataclass(frozen=True, slots=True)
class Term:
    """Kept as a dead letter; do not deliver it again."""


Verdict = Ack | Nak | Term


@dataclass(slots=True)
class _Plan:
    """What is to be done with each event of a batch."""

    unreadable: list[Arrival] = field(default_factory=list)
    done: list[Arrival] = field(default_factory=list)
    next: list[Arrival] = field(default_factory=list)
    behind: list[Arrival] = field(default_factory=list)
    early: list[Arrival] = field(default_factory=list)


async def _no_failpoint(_name: str) -> None:
    return


class Inbox:
    """The durable consumer of one service; every replica runs one and they share the work."""

    def __init__(
        self,
        broker: Broker,
        database: Database,
        *,
        service: str,
        handlers: Handlers,
        record: Record | None = None,
        gap_grace: float = 60.0,
        faults: Collection[str] = (),
        failpoint: Failpoint = _no_failpoint,
        log: Any = None,
    ) -> None:
        self._broker = broker
        self._database = database
        self._service = service
        self._handlers = handlers
        self._gap_grace = gap_grace
        self._ack_first = "ack_first" in faults
        self._no_inbox = "no_inbox" in faults
        self._no_gate = "no_gate" in faults
        self._failpoint = failpoint
        self._log = log or structlog.get_logger()
        self._stopping = asyncio.Event()
        self._failures: dict[Any, int] = {}
        self._early_since: dict[Any, float] = {}
        self._asked_record: set[Any] = set()
        self._bootstrap = (
            None
            if record is None
            else Bootstrap(
                broker,
                database,
                record,
                service=service,
                sources={event.source for event in handlers},
                apply=self._apply_recorded,
                patience=gap_grace,
                log=self._log,
            )
        )
        self._wake: Callable[[], None] = lambda: None

    @property
    def subjects(self) -> list[str]:
        """Everything that the publishers of the handled events tell: the gate needs each number."""
        return sorted({f"events.{event.source}.>" for event in self._handlers})

    def stop(self) -> None:
        """Finish the batch in hand, give back what was fetched, return from `run`."""
        if self._bootstrap is not None:
            self._bootstrap.stop()
        self._stopping.set()
        self._wake()

    async def run(self) -> None:
        """Receive until stopped, with what only the publishers' records still hold."""
        if not self._handlers:
            return
        if self._bootstrap is None:
            await self._run()
            return
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._bootstrap.run())
            tasks.create_task(self._run())

    async def _run(self) -> None:
        """Fetch, receive, acknowledge, until stopped; a broker that goes away is waited for."""
        while not self._stopping.is_set():
            try:
                if not self._broker.usable:
                    await asyncio.sleep(0.1)
                    continue
                await self._consume()
            except (*BROKER_ERRORS, DatabaseUnavailable) as error:
                self._log.warning("consumer interrupted", error_type=type(error).__name__)
                await asyncio.sleep(0.2)
            except asyncio.CancelledError:
                # nats.py cancels a waiting fetch when its connection closes: no stop of ours
                task = asyncio.current_task()
                if task is not None and task.cancelling():
                    raise

    async def ensure_consumer(self) -> None:
        """Make the durable consumer, or bring its subjects up to the handlers' publishers.

        A publisher that is followed from now on has told things before: the consumer then starts
        over, and inbox and gate pass by what was applied.
        """
        jetstream = self._broker.jetstream
        config = ConsumerConfig(
            name=self._service,
            durable_name=self._service,
            filter_subjects=self.subjects,
            deliver_policy=DeliverPolicy.ALL,
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=_ACK_WAIT,
            max_deliver=-1,
            max_ack_pending=_MAX_ACK_PENDING,
        )
        known: set[str] = set()
        with suppress(NotFoundError):
            found = (await jetstream.consumer_info(STREAM, self._service)).config
            known = {*(found.filter_subjects or ()), *filter(None, [found.filter_subject])}
            if not known.issuperset(self.subjects):
                await jetstream.delete_consumer(STREAM, self._service)
        if self._bootstrap is not None and not known.issuperset(self.subjects):
            await self._bootstrap.require()
        await jetstream.add_consumer(STREAM, config)

    async def _consume(self) -> None:
        generation = self._broker.generation
        await self.ensure_consumer()
        pull = Pull(self._broker.client, consumer=self._service, batch=MAX_BATCH)
        in_hand: list[Delivery] = []
        await pull.open()
        keeping = asyncio.create_task(_keep_alive(pull, in_hand))
        self._wake = pull.wake
        try:
            while not self._stopping.is_set() and generation == self._broker.generation:
                in_hand[:] = await pull.take()
                if in_hand and not self._stopping.is_set():
                    await self._receive_deliveries(pull, in_hand)
                    in_hand.clear()
        finally:
            keeping.cancel()
            with suppress(*BROKER_ERRORS):
                back = await pull.close()
                if self._stopping.is_set():
                    back += in_hand
                await pull.answer((each, nak()) for each in back)

    async def _receive_deliveries(self, pull: Pull, deliveries: Sequence[Delivery]) -> None:
        if self._ack_first:
            await pull.answer((each, ACK) for each in deliveries)
        arrivals = [read_arrival(each.data, *each.place()) for each in deliveries]
        verdicts = await self.receive(arrivals)
        await self._failpoint("committed")
        if not self._ack_first:
            await pull.answer(zip(deliveries, map(_answer, verdicts), strict=True))

    async def receive(self, arrivals: Sequence[Arrival]) -> list[Verdict]:
        """Apply a batch in one transaction, or find by halves the event that it fails on.

        The verdicts stand in the order of the arrivals and hold once this returns.
        """
        try:
            return await self._receive_together(arrivals)
        except Exception as error:  # noqa: BLE001 whatever a handler raises is judged here
            if is_transient(error):
                self._log.warning(
                    "events wait", count=len(arrivals), error_type=type(error).__name__
                )
                # tries counts what a gate or a kill gave back too: what is back is used within 5 s
                return [Nak(_growing(0.5, each.tries, most=5.0)) for each in arrivals]
            if len(arrivals) == 1:
                return [await self._refuse(arrivals[0], error)]
            half = len(arrivals) // 2
            return [
                *await self.receive(arrivals[:half]),
                *await self.receive(arrivals[half:]),
            ]

    async def _receive_together(self, arrivals: Sequence[Arrival]) -> list[Verdict]:
        runs = _runs(arrivals)
        if runs is not None and not self._no_inbox and not self._no_gate:
            try:
                return await self._receive_in_step(arrivals, runs)
            except _OutOfStep:
                pass
        return await self._receive_carefully(arrivals)

    async def _receive_in_step(
        self, arrivals: Sequence[Arrival], runs: "dict[tuple[str, str], _Run]"
    ) -> list[Verdict]:
        """For events that are all new and next; raises `_OutOfStep`, having changed nothing."""
        sources = [source for source, _ in runs]
        subjects = [subject for _, subject in runs]
        async with self._database.transaction(system(self._service), whole_province=True) as tx:
            connection = await tx.raw()
            moved = await connection.fetchval(
                _MOVE_IN_STEP,
                self._service,
                sources,
                subjects,
                [run.first for run in runs.values()],
                [run.last for run in runs.values()],
            )
            if moved != len(runs):
                raise _OutOfStep
            ids = [each.id for each in arrivals]
            fit = await connection.fetchval(_ENTER, self._service, sources, subjects, ids)
            if not fit:
                raise _OutOfStep
            await apply(tx, arrivals, self._handlers)
            await self._failpoint("applied")
        return self._verdicts(arrivals, _Plan(), ())

    async def _receive_carefully(self, arrivals: Sequence[Arrival]) -> list[Verdict]:
        async with self._database.transaction(system(self._service), whole_province=True) as tx:
            connection = await tx.raw()
            gate = await self._lock_gate(connection, arrivals)
            plan = self._plan(arrivals, gate, await self._parked(connection, arrivals))
            late = self._late(plan.early)
            for each in plan.unreadable:
                cause = describe(each.unreadable or ValueError("unreadable"))
                await park(connection, [each], consumer=self._service, cause=cause, at=tx.now)
            await park(connection, plan.behind, consumer=self._service, cause="behind", at=tx.now)
            await park(connection, late, consumer=self._service, cause=GAP, at=tx.now)
            await apply(tx, await self._unseen(connection, plan.next), self._handlers)
            await self._move_gate(connection, plan.next)
            await self._failpoint("applied")
        return self._verdicts(arrivals, plan, late)

    def _plan(
        self,
        arrivals: Iterable[Arrival],
        gate: dict[tuple[str, str], int],
        parked: dict[tuple[str, str], int],
    ) -> _Plan:
        """Pass over the batch until nothing more fits: a later event may be what opens the gate."""
        plan = _Plan()
        waiting, progress = list(arrivals), True
        if self._no_gate:
            plan.next = waiting
            return plan
        while waiting and progress:
            progress, rest = False, []
            for each in waiting:
                key = each.aggregate
                if each.envelope is None:
                    plan.unreadable.append(each)
                elif each.sequence <= gate[key]:
                    (plan.next if self._no_inbox else plan.done).append(each)
                elif key in parked and parked[key] <= each.sequence:
                    plan.behind.append(each)
                elif each.sequence == gate[key] + 1:
                    gate[key] = each.sequence
                    plan.next.append(each)
                    progress = True
                else:
                    rest.append(each)
            waiting = rest
        plan.early = waiting
        return plan

    async def _lock_gate(
        self, connection: Any, arrivals: Iterable[Arrival]
    ) -> dict[tuple[str, str], int]:
        """The last applied number of each aggregate, held against other replicas until commit."""
        aggregates = sorted({each.aggregate for each in arrivals})
        rows = await connection.fetch(
            "insert into sequence_gate (consumer, source, subject, sequence)"
            " select $1, s, a, 0 from unnest($2::text[], $3::text[]) as rows(s, a) order by s, a"
            " on conflict (consumer, source, subject)"
            " do update set sequence = sequence_gate.sequence"
            " returning source, subject, sequence",
            self._service,
            [source for source, _ in aggregates],
            [subject for _, subject in aggregates],
        )
        return {(row["source"], row["subject"]): row["sequence"] for row in rows}

    async def _move_gate(self, connection: Any, applied: Iterable[Arrival]) -> None:
        reached: dict[tuple[str, str], int] = {}
        for each in applied:
            reached[each.aggregate] = max(reached.get(each.aggregate, 0), each.sequence)
        if not reached:
            return
        await connection.execute(
            "update sequence_gate set sequence = greatest(sequence_gate.sequence, q)"
            " from unnest($2::text[], $3::text[], $4::bigint[]) as rows(s, a, q)"
            " where consumer = $1 and source = s and subject = a",
            self._service,
            [source for source, _ in reached],
            [subject for _, subject in reached],
            list(reached.values()),
        )

    async def _parked(
        self, connection: Any, arrivals: Iterable[Arrival]
    ) -> dict[tuple[str, str], int]:
        """The first parked number of each aggregate that has one."""
        aggregates = {each.aggregate for each in arrivals}
        rows = await connection.fetch(
            "select source, subject, min(sequence) as sequence from dead_letters"
            " join unnest($2::text[], $3::text[]) as rows(s, a) on source = s and subject = a"
            " where consumer = $1 and state = 'PARKED' group by source, subject",
            self._service,
            [source for source, _ in aggregates],
            [subject for _, subject in aggregates],
        )
        return {(row["source"], row["subject"]): row["sequence"] for row in rows}

    async def _unseen(self, connection: Any, arrivals: Sequence[Arrival]) -> list[Arrival]:
        """Enter the events into the inbox; those that were not in it before, in their order."""
        if self._no_inbox or not arrivals:
            return list(arrivals)
        rows = await connection.fetch(
            "insert into inbox (consumer, event_id) select $1, e from unnest($2::uuid[]) as e"
            " on conflict do nothing returning event_id",
            self._service,
            [each.id for each in arrivals],
        )
        fresh = {row["event_id"] for row in rows}
        unseen = []
        for each in arrivals:
            if each.id in fresh:
                fresh.discard(each.id)
                unseen.append(each)
        return unseen

    async def _apply_recorded(self, arrivals: Sequence[Arrival]) -> Sequence[Arrival]:
        """Receive events from a record; those that are to be tried again."""
        verdicts = await self.receive(arrivals)
        return [
            each
            for each, verdict in zip(arrivals, verdicts, strict=True)
            if isinstance(verdict, Nak)
        ]

    def _late(self, early: Iterable[Arrival]) -> list[Arrival]:
        """Those whose predecessors are missing for longer than the grace, in the record too."""
        now = asyncio.get_running_loop().time()
        overdue = [
            each
            for each in early
            if now - self._early_since.setdefault(each.id, now) >= self._gap_grace
        ]
        if self._bootstrap is None:
            return overdue
        for each in overdue:
            if each.id not in self._asked_record:
                self._asked_record.add(each.id)
                self._bootstrap.ask(each.source)
        return [each for each in overdue if not self._bootstrap.may_help(each)]

    def _verdicts(
        self, arrivals: Sequence[Arrival], plan: _Plan, late: Sequence[Arrival]
    ) -> list[Verdict]:
        parked = {each.id for each in (*plan.unreadable, *plan.behind, *late)}
        early = {each.id for each in plan.early} - parked
        verdicts: list[Verdict] = []
        for each in arrivals:
            if each.id in early:
                verdicts.append(Nak(_growing(0.1, each.tries, most=5.0)))
                continue
            self._failures.pop(each.id, None)
            self._early_since.pop(each.id, None)
            self._asked_record.discard(each.id)
            verdicts.append(Term() if each.id in parked else Ack())
        for each in (*plan.unreadable, *late):
            reason = GAP if each.envelope else "unreadable"
            self._log.error(
                "event parked", event_id=str(each.id), event_type=each.type, reason=reason
            )
        return verdicts

    async def _refuse(self, arrival: Arrival, error: Exception) -> Verdict:
        """Try an unknown failure again, a few times; park what will not get better."""
        failures = self._failures[arrival.id] = self._failures.get(arrival.id, 0) + 1
        if failures < _TRIES and not _is_permanent(error):
            return Nak(_growing(0.5, failures, most=30.0))
        try:
            async with self._database.transaction(system(self._service), whole_province=True) as tx:
                await park(
                    await tx.raw(),
                    [arrival],
                    consumer=self._service,
                    cause=describe(error),
                    at=tx.now,
                )
        except Exception as second:  # noqa: BLE001 not kept, so not given up
            self._log.error("event not parked", error_type=type(second).__name__)
            return Nak(_growing(0.5, arrival.tries, most=30.0))
        self._failures.pop(arrival.id, None)
        self._log.error(
            "event parked",
            event_id=str(arrival.id),
            event_type=arrival.type,
            reason=describe(error),
        )
        return Term()


def is_transient(error: BaseException) -> bool:
    """Whether the same event may well be applied later: the fault lies around it, not in it."""
    if isinstance(error, Unavailable | GatewayTimeout | TooManyRequests):
        return True
    if isinstance(error, DBAPIError) and error.orig is not None:
        state = getattr(error.orig, "sqlstate", None) or getattr(error.orig, "pgcode", None)
        return error.connection_invalidated or _transient_state(state)
    if isinstance(error, asyncpg.PostgresError):
        return _transient_state(error.sqlstate)
    if isinstance(error, asyncpg.InterfaceError):
        return not isinstance(error, ValueError)  # asyncpg's DataError: a value that no try mends
    return isinstance(error, OSError | TimeoutError)


def _transient_state(state: str | None) -> bool:
    return state is not None and state.startswith(_TRANSIENT_CLASSES)


def _is_permanent(error: Exception) -> bool:
    return isinstance(error, DomainError | ValidationError)


def _growing(first: float, tries: int, *, most: float) -> float:
    """A delay in seconds that doubles with each try."""
    return min(first * 2.0 ** min(max(tries, 1) - 1, 16), most)


@dataclass(slots=True)
class _Run:
    """The numbers of one aggregate in a batch: from `first` to `last`, none missing."""

    first: int
    last: int


def _runs(arrivals: Iterable[Arrival]) -> dict[tuple[str, str], _Run] | None:
    """The runs of a batch; None when an event is unreadable, repeated or not in its order."""
    runs: dict[tuple[str, str], _Run] = {}
    for each in arrivals:
        number = each.sequence
        run = runs.get(each.aggregate)
        if each.envelope is None:
            return None
        if run is None:
            runs[each.aggregate] = _Run(number, number)
        elif number == run.last + 1:
            run.last = number
        else:
            return None
    return runs


def _answer(verdict: Verdict) -> bytes:
    match verdict:
        case Ack():
            return ACK
        case Nak(delay):
            return nak(delay)
        case Term():
            return TERM


async def _keep_alive(pull: Pull, in_hand: Sequence[Delivery]) -> None:
    """Tell the broker that work goes on, so that it does not deliver to another meanwhile."""
    while True:
        await asyncio.sleep(_IN_PROGRESS_EVERY)
        with suppress(*BROKER_ERRORS):
            await pull.answer((each, IN_PROGRESS) for each in (*in_hand, *pull.held))

"""The durable consumer of a service: what it delivers is received, then answered."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from typing import Any, Final

import structlog
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from nats.js.errors import NotFoundError

from shared.database import Database, DatabaseUnavailable
from shared.events.envelope import STREAM
from shared.messaging.bootstrap import Bootstrap
from shared.messaging.broker import BROKER_ERRORS, Broker
from shared.messaging.handling import Arrival, Handlers
from shared.messaging.inbox.gaps import Gaps
from shared.messaging.inbox.receiving import Failpoint, Receiver
from shared.messaging.inbox.verdicts import Nak, Verdict, answer
from shared.messaging.pulling import ACK, IN_PROGRESS, Delivery, Pull, nak
from shared.messaging.record import Record

_MAX_BATCH: Final = 256
_ACK_WAIT: Final = 10.0  # seconds; what a killed replica had in hand is late by this much
_IN_PROGRESS_EVERY: Final = 3.0
_MAX_ACK_PENDING: Final = 4 * _MAX_BATCH


async def _no_failpoint(_name: str) -> None:
    return


class Inbox:
    """The durable consumer of one service; every replica runs one and they share the work.

    `gap_grace` and `look_every` are seconds: how long an event waits for the ones before it, and
    how often the consumer is compared with what the handlers need.
    """

    def __init__(
        self,
        broker: Broker,
        database: Database,
        *,
        service: str,
        handlers: Handlers,
        record: Record | None = None,
        gap_grace: float = 60.0,
        look_every: float = 30.0,
        faults: Collection[str] = (),
        failpoint: Failpoint = _no_failpoint,
        log: Any = None,
    ) -> None:
        self._broker = broker
        self._service = service
        self._handlers = handlers
        self._look_every = look_every
        self._ack_first = "ack_first" in faults
        self._failpoint = failpoint
        self._log = log or structlog.get_logger()
        self._stopping = asyncio.Event()
        self._wake: Callable[[], None] = lambda: None
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
        self._receiver = Receiver(
            database,
            service=service,
            handlers=handlers,
            gaps=Gaps(grace=gap_grace, bootstrap=self._bootstrap),
            faults=faults,
            failpoint=failpoint,
            log=self._log,
        )

    @property
    def subjects(self) -> list[str]:
        """Everything that the publishers of the handled events tell: the gate needs each number."""
        return sorted({f"events.{event.source}.>" for event in self._handlers})

    async def receive(self, arrivals: Sequence[Arrival]) -> list[Verdict]:
        """Apply a batch; the verdicts stand in its order and hold once this returns."""
        return await self._receiver.receive(arrivals)

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
        if not await self._follows_all():
            with suppress(NotFoundError):
                await jetstream.delete_consumer(STREAM, self._service)
            if self._bootstrap is not None:
                await self._bootstrap.require()
        await jetstream.add_consumer(STREAM, config)

    async def _follows_all(self) -> bool:
        """Whether the consumer is there, with all publishers that this version handles.

        In a rolling update a replica of the version before sets it back to those it handles.
        """
        try:
            found = (await self._broker.jetstream.consumer_info(STREAM, self._service)).config
        except NotFoundError:
            return False
        known = {*(found.filter_subjects or ()), *filter(None, [found.filter_subject])}
        return known.issuperset(self.subjects)

    async def _consume(self) -> None:
        generation = self._broker.generation
        await self.ensure_consumer()
        pull = Pull(self._broker.client, consumer=self._service, batch=_MAX_BATCH)
        in_hand: list[Delivery] = []
        await pull.open()
        keeping = asyncio.create_task(_keep_alive(pull, in_hand))
        self._wake = pull.wake
        loop = asyncio.get_running_loop()
        look_at = loop.time() + self._look_every
        try:
            while not self._stopping.is_set() and generation == self._broker.generation:
                if loop.time() >= look_at:
                    if not await self._follows_all():
                        return
                    look_at = loop.time() + self._look_every
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
        verdicts = await self.receive([each.arrival for each in deliveries])
        await self._failpoint("committed")
        if not self._ack_first:
            await pull.answer(zip(deliveries, map(answer, verdicts), strict=True))

    async def _apply_recorded(self, arrivals: Sequence[Arrival]) -> Sequence[Arrival]:
        """Receive events from a record; those that are to be tried again."""
        verdicts = await self.receive(arrivals)
        return [
            each
            for each, verdict in zip(arrivals, verdicts, strict=True)
            if isinstance(verdict, Nak)
        ]


async def _keep_alive(pull: Pull, in_hand: Sequence[Delivery]) -> None:
    """Tell the broker that work goes on, so that it does not deliver to another meanwhile."""
    while True:
        await asyncio.sleep(_IN_PROGRESS_EVERY)
        with suppress(*BROKER_ERRORS):
            await pull.answer((each, IN_PROGRESS) for each in (*in_hand, *pull.held))

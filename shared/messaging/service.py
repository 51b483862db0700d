"""A service's part in the events, from start to stop: broker, relay, inbox and gauges."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

from shared.database import Database
from shared.messaging import metrics
from shared.messaging.broker import BROKER_ERRORS, Broker
from shared.messaging.handling import Handlers
from shared.messaging.inbox import Inbox
from shared.messaging.record import Record
from shared.messaging.relay import Relay
from shared.settings import Settings

_OBSERVE_EVERY: Final = 5.0  # seconds


class Messaging:
    """What `create_app` holds of the events; `broker` may be used for followers."""

    def __init__(
        self, name: str, settings: Settings, database: Database, handlers: Handlers, log: Any
    ) -> None:
        self.broker = Broker.of(settings, name=name, log=log)
        relay_url = settings.relay_database_url or settings.database_url
        self.relay = Relay(
            self.broker,
            dsn=relay_url.get_secret_value(),
            schema=name,
            clock=settings.clock,
            base=settings.token_issuer,
            faults=settings.faults,
            log=log,
        )
        self.record = Record.of(settings)
        self.inbox = Inbox(
            self.broker,
            database,
            service=name,
            handlers=handlers,
            record=self.record,
            faults=settings.faults,
            log=log,
        )
        self._name = name
        self._database = database
        self._log = log

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Messaging"]:
        """Relay and consume until left; then finish what is in hand, give back the rest, close.

        Raises `BrokerNotDurable` in the production profile.
        """
        await self.broker.start()
        self._database.committed = self.relay.nudge
        tasks = [
            asyncio.create_task(self._kept_up("relay", self.relay.run)),
            asyncio.create_task(self._kept_up("inbox", self.inbox.run)),
        ]
        observing = asyncio.create_task(self._observe())
        try:
            yield self
        finally:
            self.inbox.stop()
            self.relay.stop()
            observing.cancel()
            _, unfinished = await asyncio.wait(tasks, timeout=5)
            for task in unfinished:
                task.cancel()
            await asyncio.gather(*tasks, observing, return_exceptions=True)
            await self.broker.close()
            if self.record is not None:
                await self.record.close()

    async def _kept_up(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        """Run until it is stopped; a fault that nobody foresaw is logged, and it starts over."""
        while True:
            try:
                await run()
            except Exception as error:  # noqa: BLE001 a relay or inbox that stays down loses time
                self._log.error("messaging failed", name=name, error_type=type(error).__name__)
                await asyncio.sleep(1)
            else:
                return

    async def _observe(self) -> None:
        """Keep the gauges; what cannot be read now keeps its last value."""
        while True:
            try:
                async with self._database.engine.connect() as connection:
                    raw = await connection.get_raw_connection()
                    await metrics.observe_database(raw.driver_connection, service=self._name)
                if self.broker.usable:
                    await metrics.observe_broker(self.broker, service=self._name)
            except BROKER_ERRORS:
                pass
            except Exception as error:  # noqa: BLE001 a gauge is not worth a crash
                self._log.debug("not observed", error_type=type(error).__name__)
            await asyncio.sleep(_OBSERVE_EVERY)

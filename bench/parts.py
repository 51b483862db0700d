"""`python -m bench.parts CONFIG`: the toolbox's own relay and inbox, with the smallest of domains.

`filing` reminds of filings that nobody has, `catalog` keeps one row for each reminder. Database,
transaction, outbox, relay, inbox and gate are the platform's.
"""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import uvloop

from shared.clock import SystemClock
from shared.database import Database, DatabaseUnavailable, Transaction
from shared.events.envelope import STREAM
from shared.events.filing import FilingReminded
from shared.messaging.broker import Broker
from shared.messaging.handling import Handlers, Received, Together
from shared.messaging.inbox import Inbox
from shared.messaging.relay import Relay
from shared.security.identity import system

WARM = 40  # events before the ones that count
REGION = "360100"
DUE = datetime(2026, 11, 30, tzinfo=UTC)


def reminder(filing: UUID) -> FilingReminded:
    return FilingReminded(filing_id=filing, waiting_for="city-360100", rung="first", due_at=DUE)


async def _remember(tx: Transaction, told: Sequence[Received[FilingReminded]]) -> None:
    """Keep a row of each event; a second effect of one event would be a second row."""
    await (await tx.raw()).execute(
        "insert into bench.effects (event_id, subject, rung)"
        " select * from unnest($1::uuid[], $2::text[], $3::text[])",
        [each.id for each in told],
        [each.subject for each in told],
        [each.event.rung for each in told],
    )


async def _broker(given: dict[str, Any], name: str) -> Broker:
    broker = Broker(
        given["nats_url"],
        name=name,
        inbox_prefix=given["inbox_prefix"],
        monitor_url=given["monitor_url"],
        must_sync=True,
    )
    await broker.start()
    await broker.ready()
    return broker


async def write(given: dict[str, Any]) -> None:
    """Commit one event in each transaction, `rate` a second, with the relay in the process."""
    database = Database(given["dsn"], schema="filing", clock=SystemClock())
    broker = await _broker(given, "filing")
    clock = SystemClock()
    relay = Relay(broker, dsn=given["relay_dsn"], schema="filing", clock=clock, base="http://bench")
    database.committed = relay.nudge
    relaying = asyncio.create_task(relay.run())
    while not relay.leading:  # noqa: ASYNC110 it has no event to wait for
        await asyncio.sleep(0.01)

    async def tell(aggregate: str) -> None:
        filing = uuid4()
        while True:
            try:
                async with database.transaction(system("filing")) as tx:
                    tx.emit(reminder(filing), subject=f"{aggregate}:{filing}", region=REGION)
            except DatabaseUnavailable:  # asked to come again, as any caller is
                await asyncio.sleep(0.1)
            else:
                return

    for _ in range(WARM // 8):  # connections are made and statements prepared before it counts
        await asyncio.gather(*(tell("warm") for _ in range(8)))
    begun, writing = perf_counter(), set()
    for number in range(given["count"]):
        await asyncio.sleep(begun + number / given["rate"] - perf_counter())
        writing.add(asyncio.create_task(tell("filing")))
    await asyncio.gather(*writing)
    async with asyncio.timeout(30):
        while relay.published < given["count"] + WARM:  # noqa: ASYNC110 same
            await asyncio.sleep(0.02)
    relay.stop()
    await relaying
    await broker.close()
    await database.close()


async def receive(given: dict[str, Any]) -> None:
    """The inbox with one handler, until it is ended."""
    database = Database(given["dsn"], schema="catalog", clock=SystemClock())
    broker = await _broker(given, "catalog")
    handlers: Handlers = {FilingReminded: Together(_remember)}
    await Inbox(broker, database, service="catalog", handlers=handlers).run()


async def receive_singly(given: dict[str, Any]) -> None:
    """What is written at first: a transaction for each message, then its acknowledgement."""
    broker = await _broker(given, "catalog")
    subscription = await broker.jetstream.pull_subscribe(
        "events.filing.>", durable="catalog", stream=STREAM
    )
    connection = await asyncpg.connect(given["dsn"], server_settings={"search_path": "catalog"})
    while True:
        try:
            messages = await subscription.fetch(256, timeout=1)
        except TimeoutError:
            continue
        for message in messages:
            envelope = json.loads(message.data)
            async with connection.transaction():
                fresh = await connection.fetchval(
                    "insert into inbox (consumer, event_id) values ('catalog', $1)"
                    " on conflict do nothing returning event_id",
                    UUID(envelope["id"]),
                )
                if fresh:
                    await connection.execute(
                        "insert into bench.effects (event_id, subject, rung) values ($1, $2, $3)",
                        fresh,
                        envelope["subject"],
                        envelope["data"]["rung"],
                    )
            await message.ack()


PARTS: dict[str, Callable[[dict[str, Any]], Awaitable[None]]] = {
    "write": write,
    "receive": receive,
    "receive_singly": receive_singly,
}


async def _main(given: dict[str, Any]) -> None:
    await PARTS[given["part"]](given)


if __name__ == "__main__":
    uvloop.run(_main(json.loads(Path(sys.argv[1]).read_text("utf-8"))))

"""A second read model, as naive as one can be: every effect adds a row and counts up.

catalog's projection would survive a repetition by upserts of its own; this one shows every one of
them. It uses the real inbox under the user and in the schema of a service that the world does not
start.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import BigInteger, Column, Identity, Table, Text, Uuid
from sqlalchemy.ext.asyncio import create_async_engine

from shared.database import Database, Transaction, schema_metadata
from shared.events.catalog import ListingPublished
from shared.events.filing import FilingAccepted, FilingSubmitted
from shared.messaging.broker import Broker
from shared.messaging.handling import Handlers, Received
from shared.messaging.inbox import Inbox
from shared.messaging.tables import add_toolbox_tables
from shared.settings import Settings, asyncpg_url

SCHEMA: Final = "assessment"

METADATA = schema_metadata(SCHEMA)
add_toolbox_tables(METADATA)
Table(
    "facts",
    METADATA,
    Column("number", BigInteger, Identity(always=True), primary_key=True),
    Column("event_id", Uuid, nullable=False),
    Column("source", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("type", Text, nullable=False),
)
Table(
    "counters",
    METADATA,
    Column("type", Text, primary_key=True),
    Column("count", BigInteger, nullable=False),
)


async def make_tables(owner_dsn: str) -> None:
    engine = create_async_engine(asyncpg_url(owner_dsn))
    try:
        async with engine.begin() as connection:
            await connection.run_sync(METADATA.create_all)
    finally:
        await engine.dispose()


async def count(tx: Transaction, received: Received[Any]) -> None:
    """One row and one more; nothing here forgives a second time."""
    connection = await tx.raw()
    await connection.execute(
        "insert into facts (event_id, source, subject, sequence, type) values ($1, $2, $3, $4, $5)",
        received.id,
        received.source,
        received.subject,
        received.sequence,
        received.event.type,
    )
    await connection.execute(
        "insert into counters (type, count) values ($1, 1)"
        " on conflict (type) do update set count = counters.count + 1",
        received.event.type,
    )


HANDLERS: Handlers = {FilingSubmitted: count, FilingAccepted: count, ListingPublished: count}


def run(config: Mapping[str, Any]) -> None:
    """Consume until killed."""
    asyncio.run(_consume(Settings(**config["settings"])))


async def _consume(settings: Settings) -> None:
    database = Database(
        settings.database_url.get_secret_value(), schema=SCHEMA, clock=settings.clock, pool_size=2
    )
    broker = Broker.of(settings, name=SCHEMA)
    await broker.start()
    await Inbox(broker, database, service=SCHEMA, handlers=HANDLERS, faults=settings.faults).run()

"""Two services without a domain: `filing` tells of parcels, `catalog` keeps where they are.

Schemas, database roles' search paths, NATS users and the stream are the real ones.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import asyncpg
import nats as nats_client
from nats.aio.client import Client
from nats.js.errors import NotFoundError
from sqlalchemy import Column, DateTime, Integer, MetaData, Table, Text, Uuid, func, text
from sqlalchemy.ext.asyncio import create_async_engine

from deploy.local.nats import OPERATOR, RunningNats
from shared.clock import SettableClock
from shared.database import Database, Transaction, schema_metadata
from shared.events.envelope import REGISTRY, STREAM, Envelope, Event
from shared.messaging.broker import Broker
from shared.messaging.handling import Arrival, Handlers, Received, read_arrival
from shared.messaging.inbox import Inbox
from shared.messaging.relay import Relay
from shared.messaging.tables import add_toolbox_tables
from shared.security.audit import GENESIS
from shared.security.identity import system
from shared.settings import asyncpg_url

BASE = "https://ganfutong.test"
SCHEMAS = ("filing", "catalog")
NANCHANG = "360100"


class ParcelMoved(Event, type="filing.parcel_moved.v1"):
    place: str
    number: int = 0


class ParcelLost(Event, type="filing.parcel_lost.v1"):
    reason: str = ""


class ParcelWeighed(Event, type="filing.parcel_weighed.v1"):
    """Nobody handles it: it only opens the gate for the next."""

    grams: int


class ParcelKept(ParcelMoved, type="catalog.parcel_kept.v1"):
    """What `catalog` itself tells."""


class StrangerSeen(ParcelMoved, type="monitoring.stranger_seen.v1"):
    """Of a service that `catalog` did not listen to so far."""


for _event in (ParcelMoved, ParcelLost, ParcelWeighed, ParcelKept, StrangerSeen):
    del REGISTRY[_event.type]  # they belong to no contract


def tables(schema: str) -> MetaData:
    """The toolbox, and `effects`, which a handler writes and which takes a double effect."""
    metadata = schema_metadata(schema)
    add_toolbox_tables(metadata)
    Table(
        "effects",
        metadata,
        Column("number", Integer, primary_key=True, autoincrement=True),
        Column("event_id", Uuid, nullable=False),
        Column("subject", Text, nullable=False),
        Column("sequence", Integer, nullable=False),
        Column("place", Text, nullable=False),
        Column("at", DateTime(timezone=True), server_default=func.now()),
    )
    return metadata


async def create_schemas(dsn: str) -> None:
    engine = create_async_engine(asyncpg_url(dsn))
    try:
        async with engine.begin() as connection:
            for schema in SCHEMAS:
                await connection.execute(text(f"create schema {schema}"))
                await connection.run_sync(tables(schema).create_all)
                await connection.execute(
                    text(
                        f"insert into {schema}.audit_head (number, hash, algorithm)"  # noqa: S608 fixed names
                        " values (0, :hash, 'sha-256')"
                    ),
                    {"hash": GENESIS},
                )
    finally:
        await engine.dispose()


async def note_place(tx: Transaction, received: Received[ParcelMoved]) -> None:
    """What `catalog` does with a move: remember it."""
    await (await tx.raw()).execute(
        "insert into effects (event_id, subject, sequence, place) values ($1, $2, $3, $4)",
        received.id,
        received.subject,
        received.sequence,
        received.event.place,
    )


HANDLERS: Handlers = {ParcelMoved: note_place}


@dataclass
class World:
    """One database and an empty stream; what it hands out it also closes."""

    dsn: str
    nats: RunningNats
    clock: SettableClock = field(default_factory=SettableClock)
    _open: list[Any] = field(default_factory=list)
    _views: dict[str, Any] = field(default_factory=dict)
    _teller: Database | None = None
    _emptied: bool = False

    def database(self, schema: str) -> Database:
        database = Database(self.dsn, schema=schema, clock=self.clock, pool_size=4)
        self._open.append(database)
        return database

    def broker(self, service: str, **options: Any) -> Broker:
        user = self.nats.users[service]
        broker = Broker(
            user.url,
            name=service,
            **{
                "inbox_prefix": user.inbox_prefix,
                "monitor_url": self.nats.monitor_url,
                "must_sync": True,
                **options,
            },
        )
        self._open.append(broker)
        return broker

    async def connected(self, service: str, **options: Any) -> Broker:
        """A usable broker; the first one finds no stream and makes it."""
        if not self._emptied:
            await self.delete_stream()
            self._emptied = True
        broker = self.broker(service, **options)
        await broker.start()
        await broker.ready()
        return broker

    def relay(self, broker: Broker, *, schema: str = "filing", **options: Any) -> Relay:
        return Relay(broker, dsn=self.dsn, schema=schema, clock=self.clock, base=BASE, **options)

    def inbox(self, broker: Broker, handlers: Handlers = HANDLERS, **options: Any) -> Inbox:
        return Inbox(
            broker, self.database("catalog"), service="catalog", handlers=handlers, **options
        )

    async def sql(self, schema: str, statement: str, *arguments: Any) -> list[asyncpg.Record]:
        """Look into a schema, in a session of its own."""
        if schema not in self._views:
            self._views[schema] = await asyncpg.connect(
                self.dsn, server_settings={"search_path": schema}
            )
            self._open.append(self._views[schema])
        rows: list[asyncpg.Record] = await self._views[schema].fetch(statement, *arguments)
        return rows

    async def tell(
        self,
        subject: str,
        *places: str,
        database: Database | None = None,
        event: type[ParcelMoved] = ParcelMoved,
    ) -> None:
        """Commit one move of the parcel for each place, in one transaction."""
        if database is None:
            database = self._teller = self._teller or self.database("filing")
        async with database.transaction(system("filing")) as tx:
            for place in places:
                tx.emit(event(place=place), subject=subject, region=NANCHANG)

    async def stream(self) -> list[Envelope[Any]]:
        """Everything that the stream holds, in order."""
        async with self.operator() as client:
            js = client.jetstream()
            try:
                state = (await js.stream_info(STREAM)).state
            except NotFoundError:
                return []
            found = []
            for sequence in range(max(state.first_seq, 1), state.last_seq + 1):
                with suppress(NotFoundError):
                    message = await js.get_msg(STREAM, seq=sequence)
                    found.append(Envelope[Any].model_validate_json(message.data or b""))
            return found

    @asynccontextmanager
    async def operator(self) -> AsyncIterator[Client]:
        user = self.nats.users[OPERATOR]
        client = await nats_client.connect(user.url, inbox_prefix=user.inbox_prefix.encode())
        try:
            yield client
        finally:
            await client.close()

    async def delete_stream(self) -> None:
        async with self.operator() as client:
            with suppress(NotFoundError):
                await client.jetstream().delete_stream(STREAM)

    async def close(self) -> None:
        """Close everything; the world may be used again."""
        for each in reversed(self._open):
            await each.close()
        self._open.clear()
        self._views.clear()
        self._teller = None


@asynccontextmanager
async def running(*parts: Relay | Inbox) -> AsyncIterator[None]:
    """Run relays and inboxes; stop them cleanly, and raise what they raised."""
    tasks = [asyncio.create_task(part.run()) for part in parts]
    try:
        yield
    finally:
        for part in parts:
            part.stop()
        async with asyncio.timeout(10):
            await asyncio.gather(*tasks)


def arrival(
    subject: str,
    sequence: int,
    *,
    place: str = "南昌",
    event: Event | None = None,
    data: Any = None,
    tries: int = 1,
) -> Arrival:
    """An event as it would come out of the stream."""
    event = event or ParcelMoved(place=place)
    envelope = Envelope[Any](
        id=uuid4(),
        source="/filing",
        type=event.type,
        subject=subject,
        time="2026-11-23T09:00:00+08:00",
        dataschema=f"{BASE}/schemas/events/x.json",
        sequence=sequence,
        region=NANCHANG,
        data=event.model_dump(mode="json") if data is None else data,
    )
    return read_arrival(envelope.model_dump_json().encode(), sequence, tries)

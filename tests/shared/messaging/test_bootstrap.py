"""A consumer that begins late knows what one knows that saw everything (E6)."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from shared.errors import DomainError
from shared.events.envelope import STREAM
from shared.http import problems
from shared.http.messages import Messages, load_messages
from shared.messaging.api import event_routes
from shared.messaging.archive import archive_events
from shared.messaging.broker import Broker
from shared.messaging.handling import ReadModel
from shared.messaging.metrics import consumer_lag
from shared.messaging.rebuild import rebuild
from shared.messaging.record import Record
from shared.security.errors import InvalidToken, Reason
from shared.security.identity import Actor, Role, system
from tests.shared.messaging.world import BASE, HANDLERS, World, arrival, running
from tests.suite import eventually

PARCELS, MOVES = 40, 15  # 600 events: three pages


class Publisher:
    """Filing's record behind a gateway that knows one client, and may be away."""

    def __init__(self, world: World) -> None:
        self.tokens: list[str] = []
        self.read: list[int] = []
        self.revoked: set[str] = set()
        self.away = False
        self.pages = 99
        self.expires_at: set[int] = set()
        app = FastAPI()
        app.state.database = world.database("filing")
        app.state.authenticate = self._authenticate
        app.state.settings = SimpleNamespace(token_issuer=BASE)
        app.state.messages = Messages(load_messages("shared"))
        app.state.refuse_classified = lambda _body: None
        app.add_exception_handler(DomainError, problems.on_domain_error)
        app.include_router(event_routes("filing"))
        app.add_api_route("/oauth2/token", self._issue, methods=["POST"])
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if self.away:
            raise httpx.ConnectError("away")
        if scope["path"] == "/v1/filing/events":
            if len(self.read) == self.pages:
                raise httpx.ConnectError("away")
            self.read.append(int(parse_qs(scope["query_string"].decode())["after"][0]))
            self.revoked |= {self.tokens[-1]} if len(self.read) in self.expires_at else set()
        await self._app(scope, receive, send)

    async def _issue(self, request: Request) -> JSONResponse:
        assert request.headers["authorization"] == "Basic Y2F0YWxvZy1ib290c3RyYXA6cw=="
        self.tokens.append(f"token-{len(self.tokens) + 1}")
        return JSONResponse({"access_token": self.tokens[-1], "expires_in": 600})

    async def _authenticate(self, token: str) -> Actor:
        if token not in self.tokens or token in self.revoked:
            raise InvalidToken(Reason.EXPIRED)
        return Actor(
            subject=token,
            client_id="catalog-bootstrap",
            organisation="platform",
            role=Role.CONSOLE,
            region="36",
            scopes=frozenset({"events:read"}),
        )


@pytest.fixture
async def publisher(world: World) -> Publisher:
    return Publisher(world)


@pytest.fixture
async def record(publisher: Publisher) -> AsyncIterator[Record]:
    made = Record(
        "http://gateway.test",
        client_id="catalog-bootstrap",
        client_secret=lambda: "s",
        transport=httpx.ASGITransport(app=publisher),
    )
    yield made
    await made.close()


async def digest(world: World) -> str:
    """Of the read model: what was applied to each aggregate, in its order."""
    rows = await world.sql(
        "catalog",
        "select subject, array_agg(sequence || place order by number) as places"
        " from effects group by subject order by subject",
    )
    written = json.dumps([[row["subject"], row["places"]] for row in rows])
    return hashlib.sha256(written.encode()).hexdigest()


async def forget(world: World) -> None:
    """As a service whose database and consumer were lost."""
    await world.sql(
        "catalog", "truncate effects, inbox, sequence_gate, dead_letters, record_cursors"
    )
    async with world.operator() as client:
        await client.jetstream().delete_consumer(STREAM, "catalog")


async def purge(world: World, *, keep: int) -> None:
    async with world.operator() as client:
        await client.jetstream().purge_stream(STREAM, keep=keep)


async def tell_everything(world: World) -> str:
    """Six hundred events, seen by a first consumer from the start; the digest that it has."""
    relay = world.relay(await world.connected("filing"))
    inbox = world.inbox(await world.connected("catalog"))
    async with running(relay, inbox):
        for number in range(PARCELS):
            await world.tell(f"p{number}", *(f"{number}-{move}" for move in range(MOVES)))
        await eventually(lambda: applied(world, PARCELS * MOVES))
        await eventually(lambda: sent(world))
    return await digest(world)


async def archive_half(world: World) -> None:
    async with world.database("filing").transaction(system("filing")) as tx:
        connection = await tx.raw()
        await archive_events(connection, before=tx.now, limit=PARCELS * MOVES // 2)
        assert await connection.fetchval("select count(*) from outbox") == PARCELS * MOVES // 2


@pytest.mark.feature("E6")
async def test_a_consumer_that_begins_after_the_stream_forgot_ends_with_the_same_digest(
    world: World, publisher: Publisher, record: Record
):
    """Half of the events lie in the archive, half in the outbox; the stream holds the last five."""
    before = await tell_everything(world)
    await archive_half(world)
    await forget(world)
    await purge(world, keep=5)
    publisher.expires_at = {2}

    late = world.inbox(await world.connected("catalog"), record=record)
    async with running(late):
        await eventually(lambda: applied(world, PARCELS * MOVES))
        await eventually(lambda: complete(world))

    assert await digest(world) == before
    assert await world.sql("catalog", "select 1 from dead_letters") == []
    assert publisher.read == [0, 256, 256, 512]  # the second read was refused: its token was over
    assert publisher.tokens == ["token-1", "token-2"]


@pytest.mark.feature("E6")
async def test_nothing_is_parked_while_the_publisher_cannot_be_reached(
    world: World, publisher: Publisher, record: Record
):
    before = await tell_everything(world)
    await forget(world)
    await purge(world, keep=5)
    publisher.away = True

    broker = await world.connected("catalog")
    late = world.inbox(broker, record=record, gap_grace=0.0)
    async with running(late):
        await eventually(lambda: _waits(broker))
        parked = await world.sql("catalog", "select 1 from dead_letters")
        publisher.away = False
        await eventually(lambda: applied(world, PARCELS * MOVES))

    assert parked == []
    assert await digest(world) == before


@pytest.mark.feature("E6")
async def test_what_the_stream_lost_under_a_standing_consumer_comes_from_the_record(
    world: World, record: Record
):
    await tell_everything(world)
    relay = world.relay(await world.connected("filing"))
    broker = await world.connected("catalog")
    async with running(relay):
        await world.tell("p0", "missed", "seen")
        await eventually(lambda: sent(world))
    await purge(world, keep=1)

    inbox = world.inbox(broker, record=record, gap_grace=0.0)
    async with running(inbox):
        await eventually(lambda: applied(world, PARCELS * MOVES + 2))

    assert await world.sql("catalog", "select 1 from dead_letters") == []
    last = await world.sql("catalog", "select place from effects order by number desc limit 2")
    assert [row["place"] for row in last] == ["seen", "missed"]


async def test_a_gap_of_the_record_itself_is_parked_and_the_rest_goes_on(
    world: World, record: Record
):
    await tell_everything(world)
    await world.sql("filing", "delete from outbox where subject = 'p7' and sequence = 3")
    await forget(world)
    await purge(world, keep=5)

    late = world.inbox(await world.connected("catalog"), record=record, gap_grace=0.5)
    async with running(late):
        await eventually(lambda: complete(world))

    parked = await world.sql("catalog", "select subject, cause from dead_letters order by sequence")
    assert {row["subject"] for row in parked} == {"p7"}
    assert parked[0]["cause"] == "gap"
    assert await applied(world, PARCELS * MOVES - (MOVES - 2))


@pytest.mark.feature("E6")
async def test_of_several_replicas_one_reads_the_record(
    world: World, publisher: Publisher, record: Record
):
    before = await tell_everything(world)
    await forget(world)
    await purge(world, keep=5)
    await world.sql(
        "catalog",
        "insert into record_cursors (consumer, source, position, complete, leased_until)"
        " values ('catalog', 'filing', 0, false, now() + interval '1 hour')",
    )

    broker = await world.connected("catalog")
    async with running(*(world.inbox(broker, record=record) for _ in range(2))):
        await eventually(lambda: _waits(broker))
        while_leased = list(publisher.read)
        await world.sql("catalog", "update record_cursors set leased_until = null")
        await eventually(lambda: complete(world))
        await eventually(lambda: applied(world, PARCELS * MOVES))

    assert while_leased == []
    assert publisher.read == [0, 256, 512]
    assert await digest(world) == before


@pytest.mark.feature("E6")
async def test_a_reading_that_was_interrupted_goes_on_where_it_was_left(
    world: World, publisher: Publisher, record: Record
):
    before = await tell_everything(world)
    await forget(world)
    await purge(world, keep=5)
    publisher.pages = 2
    broker = await world.connected("catalog")
    async with running(world.inbox(broker, record=record)):
        await eventually(lambda: position_is(world, 512))
    left = list(publisher.read)

    publisher.pages = 99
    async with running(world.inbox(broker, record=record)):
        await eventually(lambda: complete(world))
        await eventually(lambda: applied(world, PARCELS * MOVES))

    assert left == [0, 256]
    assert publisher.read == [0, 256, 512]
    assert await digest(world) == before


async def test_a_stream_that_holds_everything_needs_one_page_of_the_record(
    world: World, publisher: Publisher, record: Record
):
    before = await tell_everything(world)
    await forget(world)

    again = world.inbox(await world.connected("catalog"), record=record)
    async with running(again):
        await eventually(lambda: complete(world))
        await eventually(lambda: applied(world, PARCELS * MOVES))

    assert publisher.read == [0]
    assert await digest(world) == before


async def applied(world: World, count: int) -> bool:
    rows = await world.sql("catalog", "select count(*) as count from effects")
    return bool(rows[0]["count"] == count)


async def sent(world: World) -> bool:
    return await world.sql("filing", "select 1 from outbox where sent_at is null") == []


# --- rebuilding a read model ---------------------------------------------------------------------

MODEL = ReadModel(tables=("effects",), handlers=HANDLERS)


@pytest.mark.feature("E6")
async def test_a_read_model_rebuilt_from_archive_and_outbox_has_the_same_digest(
    world: World, record: Record
):
    before = await tell_everything(world)
    await archive_half(world)
    await world.sql("catalog", "delete from effects where subject = 'p3'")
    await world.sql("catalog", "update effects set place = 'wrong' where subject = 'p4'")
    spoilt = await digest(world)

    count = await rebuild(world.database("catalog"), record, MODEL, service="catalog")

    assert spoilt != before
    assert await digest(world) == before
    assert count == PARCELS * MOVES
    audited = await world.sql("catalog", "select action, subject from audit_pending")
    assert [(row["action"], row["subject"]) for row in audited] == [
        ("read_model.rebuilt", "catalog")
    ]


@pytest.mark.feature("E6")
async def test_a_rebuilt_model_holds_neither_what_was_discarded_nor_what_has_not_come(
    world: World, record: Record
):
    await tell_everything(world)
    poison = "delete from effects where subject = 'p1' and sequence = 15"
    await world.sql("catalog", poison)
    await world.sql(
        "catalog",
        "insert into dead_letters (consumer, event_id, source, subject, type, sequence,"
        " stream_sequence, envelope, cause, tries, state, parked_at) select 'catalog', event_id,"
        " 'filing', subject, type, sequence, 1, '{}', 'x', 1, 'DISCARDED', now()"
        " from filing.outbox where subject = 'p1' and sequence = 15",
    )
    await world.sql("catalog", "delete from effects where subject = 'p2' and sequence > 10")
    await world.sql("catalog", "update sequence_gate set sequence = 10 where subject = 'p2'")
    before = await digest(world)

    await rebuild(world.database("catalog"), record, MODEL, service="catalog")

    assert await digest(world) == before


@pytest.mark.feature("E6")
async def test_a_rebuild_waits_for_the_record_to_show_what_was_applied(
    world: World, publisher: Publisher, record: Record
):
    await tell_everything(world)
    await world.tell("p0", "late")
    inbox = world.inbox(world.broker("catalog"))
    await inbox.receive([arrival("p0", MOVES + 1, place="late")])
    before = await digest(world)

    rebuilding = asyncio.create_task(
        rebuild(world.database("catalog"), record, MODEL, service="catalog")
    )
    await eventually(lambda: _read_twice(publisher))
    unchanged = await digest(world)
    async with running(world.relay(await world.connected("filing"))):
        await rebuilding

    assert unchanged == before
    assert await digest(world) == before


async def _read_twice(publisher: Publisher) -> bool:
    return len(publisher.read) > 4


async def position_is(world: World, position: int) -> bool:
    rows = await world.sql("catalog", "select position from record_cursors")
    return [row["position"] for row in rows] == [position]


async def complete(world: World) -> bool:
    rows = await world.sql("catalog", "select complete from record_cursors")
    return [row["complete"] for row in rows] == [True]


async def _waits(broker: Broker) -> bool:
    """The last events of the stream came before their turn."""
    lag = await consumer_lag(broker, consumer="catalog")
    return lag is not None and lag.redelivered > 0

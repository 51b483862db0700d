"""Events and dead letters over HTTP: list, inspect, redrive, discard, each within one's rights."""

from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI
from prometheus_client import generate_latest

from shared.database import Transaction
from shared.errors import Conflict, DomainError
from shared.http import problems
from shared.http.messages import Messages, load_messages
from shared.messaging.api import event_routes
from shared.messaging.handling import Received
from shared.messaging.metrics import observe_broker, observe_database
from shared.metrics import REGISTRY
from shared.security.identity import Actor, Role
from tests.shared.messaging.world import (
    BASE,
    HANDLERS,
    ParcelKept,
    ParcelMoved,
    World,
    arrival,
    running,
)
from tests.suite import eventually

ACTORS = {
    "province": Role.PROVINCE,
    "operator": Role.OPERATOR,
    "city": Role.CITY,
    "console": Role.CONSOLE,
}


async def authenticate(token: str) -> Actor:
    return Actor(
        subject=token,
        client_id=token,
        organisation=token,
        role=ACTORS[token],
        region="36",
        scopes=frozenset({"events:read", "events:manage"}),
        groups=frozenset({"OPERATIONS"}),
    )


async def refuse(_tx: Transaction, _received: Received[ParcelMoved]) -> None:
    raise Conflict


@pytest.fixture
async def client(world: World) -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    app.state.database = world.database("catalog")
    app.state.authenticate = authenticate
    app.state.handlers = HANDLERS
    app.state.settings = SimpleNamespace(token_issuer=BASE)
    app.state.messages = Messages(load_messages("shared"))
    app.state.refuse_classified = lambda _body: None
    app.add_exception_handler(DomainError, problems.on_domain_error)
    app.include_router(event_routes("catalog"))
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app), base_url="http://ganfutong.test"
    ) as made:
        yield made


def by(who: str, **more: str) -> dict[str, str]:
    return {
        "Authorization": f"Bearer {who}",
        "Idempotency-Key": str(uuid4()),
        **{name.replace("_", "-"): value for name, value in more.items()},
    }


async def parked(world: World, *sequences: int) -> None:
    inbox = world.inbox(world.broker("catalog"), {ParcelMoved: refuse})
    await inbox.receive([arrival("p1", sequence) for sequence in sequences])


@pytest.mark.feature("E4")
@pytest.mark.feature("CON6")
async def test_a_dead_letter_is_listed_inspected_and_redriven_once(
    world: World, client: httpx.AsyncClient
):
    await parked(world, 1, 2)

    listed = await client.get("/v1/catalog/dead-letters", headers=by("operator"))
    first = listed.json()["items"][0]
    url = f"/v1/catalog/dead-letters/{first['id']}"
    seen = await client.get(url, headers=by("operator"))
    redriving = by("operator", If_Match=seen.headers["etag"])
    done = await client.post(f"{url}/redrive", headers=redriving)
    replayed = await client.post(f"{url}/redrive", headers=redriving)
    again = await client.post(f"{url}/redrive", headers=by("operator", If_Match="*"))
    after = await client.get(
        "/v1/catalog/dead-letters", params={"state": "REDRIVEN"}, headers=by("province")
    )

    assert listed.status_code == 200
    assert [each["sequence"] for each in listed.json()["items"]] == [1, 2]
    assert first["cause"] == "Conflict: conflict"
    assert first["parked_at"].endswith("+08:00")
    assert "envelope" not in first
    assert seen.json()["envelope"]["data"] == {"place": "南昌", "number": 0}
    assert done.status_code == 200
    assert len(done.json()["applied"]) == 2
    assert done.json()["dead_letter"]["state"] == "REDRIVEN"
    assert replayed.content == done.content
    assert replayed.headers["idempotent-replayed"] == "true"
    assert (again.status_code, again.json()["code"]) == (409, "dead_letter_resolved")
    assert len(after.json()["items"]) == 2
    assert len(await world.sql("catalog", "select 1 from effects")) == 2


async def test_a_stale_view_decides_nothing(world: World, client: httpx.AsyncClient):
    await parked(world, 1)
    [letter] = (await client.get("/v1/catalog/dead-letters", headers=by("province"))).json()[
        "items"
    ]
    url = f"/v1/catalog/dead-letters/{letter['id']}"
    stale = f'"{letter["version"] + 1}.{"0" * 32}"'

    missing = await client.post(f"{url}/discard", headers=by("province"))
    refused = await client.post(f"{url}/discard", headers=by("province", If_Match=stale))
    discarded = await client.post(f"{url}/discard", headers=by("province", If_Match="*"))

    assert missing.status_code == 428
    assert (refused.status_code, refused.json()["code"]) == (412, "stale_version")
    assert discarded.json()["state"] == "DISCARDED"
    assert await world.sql("catalog", "select 1 from effects") == []


async def test_each_role_may_do_what_the_policy_table_says(world: World, client: httpx.AsyncClient):
    await parked(world, 1)
    [letter] = (await client.get("/v1/catalog/dead-letters", headers=by("operator"))).json()[
        "items"
    ]
    url = f"/v1/catalog/dead-letters/{letter['id']}"

    answers = [
        (await client.get("/v1/catalog/dead-letters", headers=by("city"))).status_code,
        (await client.post(f"{url}/discard", headers=by("operator", If_Match="*"))).status_code,
        (await client.get("/v1/catalog/events", headers=by("city"))).status_code,
        (await client.get("/v1/catalog/events", headers=by("console"))).status_code,
        (
            await client.get(f"/v1/catalog/dead-letters/{uuid4()}", headers=by("operator"))
        ).status_code,
    ]

    assert answers == [403, 403, 403, 200, 404]


async def test_walking_dead_letters_page_by_page_shows_each_once(
    world: World, client: httpx.AsyncClient
):
    await parked(world, *range(1, 8))

    seen, cursor = [], None
    while True:
        parameters: dict[str, Any] = {"limit": 3} | ({"cursor": cursor} if cursor else {})
        page = await client.get(
            "/v1/catalog/dead-letters", params=parameters, headers=by("operator")
        )
        seen += [each["sequence"] for each in page.json()["items"]]
        cursor = page.json()["next_cursor"]
        if cursor is None:
            break

    assert seen == list(range(1, 8))


async def test_events_are_read_on_from_a_position_and_304_until_there_are_more(
    world: World, client: httpx.AsyncClient
):
    broker = await world.connected("catalog")
    relay = world.relay(broker, schema="catalog")
    database = world.database("catalog")
    await world.tell("p1", "南昌", "九江", "赣州", database=database, event=ParcelKept)
    async with running(relay):
        await eventually(
            lambda: world.sql("catalog", "select 1 from outbox having count(sent_at) = 3")
        )

    first = await client.get("/v1/catalog/events", params={"limit": 2}, headers=by("console"))
    rest = await client.get(first.links["next"]["url"], headers=by("console"))
    none = await client.get("/v1/catalog/events", params={"after": 3}, headers=by("console"))
    poll = await client.get(
        "/v1/catalog/events",
        params={"after": 3},
        headers=by("console", If_None_Match=none.headers["etag"]),
    )

    assert [each["position"] for each in first.json()["items"]] == [1, 2]
    assert [each["event"]["data"]["place"] for each in rest.json()["items"]] == ["赣州"]
    assert rest.json()["items"][0]["event"]["sequence"] == 3
    assert none.json() == {"items": [], "next_after": 3}
    assert poll.status_code == 304


@pytest.mark.feature("CON7")
@pytest.mark.feature("E4")
async def test_backlog_age_lag_and_dead_letters_are_exported(world: World):
    database = world.database("catalog")
    broker = await world.connected("catalog")
    await world.inbox(broker).ensure_consumer()
    await parked(world, 1)
    await world.tell("p1", "南昌", "九江", database=database, event=ParcelKept)

    async with database.transaction(await authenticate("operator")) as tx:
        await observe_database(await tx.raw(), service="catalog")
    await observe_broker(broker, service="catalog")

    exported = generate_latest(REGISTRY).decode()
    assert 'gft_outbox_unsent{service="catalog"} 2.0' in exported
    assert 'gft_dead_letters{service="catalog"} 1.0' in exported
    assert 'gft_consumer_pending{service="catalog"} 0.0' in exported
    assert 'gft_consumer_redelivered{service="catalog"} 0.0' in exported
    [age] = [
        float(line.split()[-1])
        for line in exported.splitlines()
        if line.startswith('gft_outbox_oldest_seconds{service="catalog"}')
    ]
    assert 0 <= age < 60

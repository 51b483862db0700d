"""What an operator sees of the events at `/metrics`: backlog and age, lag, dead letters (CON7)."""

import json
import uuid
from typing import Any

import httpx
import nats as nats_client
import pytest

from tests.province import Caller, found_province
from tests.suite import OPERATOR, Suite, eventually

GAUGES = (
    "gft_outbox_unsent",
    "gft_outbox_oldest_seconds",
    "gft_consumer_pending",
    "gft_consumer_unacknowledged",
    "gft_consumer_redelivered",
    "gft_dead_letters",
)


@pytest.fixture(scope="module")
async def platform(suite: Suite) -> httpx.AsyncClient:
    client = await suite.serve_all()
    await found_province(suite, client)
    return client


async def shown(suite: Suite, service: str) -> dict[str, float]:
    """The gauges of one service, by name."""
    async with httpx.AsyncClient() as plain:
        text = (await plain.get(f"{suite.urls[service]}/metrics")).text
    label = f'{{service="{service}"}} '
    lines = [line.partition(label) for line in text.splitlines()]
    return {name: float(value) for name, found, value in lines if found}


@pytest.mark.feature("CON7")
@pytest.mark.usefixtures("platform")
@pytest.mark.parametrize("service", ["filing", "gateway", "catalog", "monitoring"])
async def test_every_service_shows_that_nothing_waits(suite: Suite, service: str):
    async def settled() -> bool:
        gauges = await shown(suite, service)
        return {name: gauges.get(name) for name in GAUGES} == dict.fromkeys(GAUGES, 0.0)

    assert await eventually(settled)


@pytest.mark.feature("CON7")
@pytest.mark.feature("CON6")
async def test_an_event_that_cannot_be_applied_is_counted_and_listed(
    suite: Suite, platform: httpx.AsyncClient
):
    user = suite.servers.nats.users["catalog"]
    event_id, listing_id = str(uuid.uuid4()), str(uuid.uuid4())
    poison = {
        "specversion": "1.0",
        "id": event_id,
        "source": "/catalog",
        "type": "catalog.listing_published.v1",
        "subject": f"listing:{listing_id}",
        "time": "2026-11-23T09:00:00+08:00",
        "datacontenttype": "application/json",
        "dataschema": "https://ganfutong.test/schemas/events/catalog.listing_published.v1.json",
        "sequence": 1,
        "region": "36",
        "data": {"listing_id": "not an id"},
    }

    connection = await nats_client.connect(user.url, inbox_prefix=user.inbox_prefix.encode())
    try:
        await connection.jetstream().publish(
            "events.catalog.listing_published.v1.36", json.dumps(poison).encode()
        )
    finally:
        await connection.close()

    async def counted() -> Any:
        gauges = await shown(suite, "filing")
        return gauges if gauges["gft_dead_letters"] and not gauges["gft_consumer_pending"] else None

    gauges = await eventually(counted, within=30)
    letters = await Caller(suite, platform, OPERATOR).get("/v1/filing/dead-letters")

    assert gauges["gft_dead_letters"] == 1
    (letter,) = letters.json()["items"]
    assert (letter["event_id"], letter["state"]) == (event_id, "PARKED")
    assert (letter["subject"], letter["source"]) == (f"listing:{listing_id}", "catalog")

"""An ops console reads the platform's events, with a NATS user that can do nothing else (CON3)."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import nats
import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import TimeoutError as NatsTimeout
from nats.js.api import ConsumerConfig

from deploy.local.nats import Credentials
from shared.events.envelope import STREAM
from tests.province import Caller, found_province
from tests.suite import NANCHANG, OPERATOR, PROVINCE, Servers, Suite


@pytest.fixture(scope="module")
async def platform(suite: Suite) -> httpx.AsyncClient:
    client = await suite.serve_all()
    await found_province(suite, client)
    return client


@asynccontextmanager
async def connected(user: Credentials) -> AsyncIterator[Client]:
    async def unsaid(_error: Exception) -> None:
        """A refused subject is asserted by what does not come."""

    connection = await nats.connect(
        user.url, inbox_prefix=user.inbox_prefix.encode(), error_cb=unsaid
    )
    try:
        yield connection
    finally:
        await connection.close()


async def read(connection: Client, consumer: str, count: int) -> list[Msg]:
    subscription = await connection.jetstream().pull_subscribe_bind(
        consumer=consumer, stream=STREAM
    )
    messages: list[Msg] = await subscription.fetch(count, timeout=5)
    for message in messages:
        await message.ack_sync()
    await subscription.unsubscribe()
    return messages


async def make(suite: Suite, platform: httpx.AsyncClient, **body: Any) -> httpx.Response:
    return await Caller(suite, platform, PROVINCE).post(
        "/v1/event-consumers", {"filter_subjects": ["events.catalog.>"], **body}
    )


@pytest.mark.feature("CON3")
async def test_a_console_reads_in_order_acknowledges_and_goes_on_where_it_was(
    suite: Suite, platform: httpx.AsyncClient, servers: Servers
):
    made = await make(suite, platform, name="yichun")
    user = servers.nats.add_console("yichun")

    async with connected(user) as console:
        first = await read(console, made.json()["consumer"], 5)
    async with connected(user) as console:
        then = await read(console, made.json()["consumer"], 3)

    assert made.status_code == 201, made.text
    assert made.json()["inbox_prefix"] == user.inbox_prefix
    sequences = [message.metadata.sequence.stream for message in (*first, *then)]
    assert sequences == sorted(set(sequences))
    assert len(sequences) == 8
    assert json.loads(first[0].data)["source"] == "/catalog"


@pytest.mark.feature("CON3")
async def test_a_console_can_replay_from_a_sequence(
    suite: Suite, platform: httpx.AsyncClient, servers: Servers
):
    made = await make(suite, platform, name="replay", from_sequence=4)

    async with connected(servers.nats.add_console("replay")) as console:
        (message,) = await read(console, made.json()["consumer"], 1)

    assert message.metadata.sequence.stream == 4


@pytest.mark.feature("CON3")
async def test_a_consoles_user_can_do_nothing_else(
    suite: Suite, platform: httpx.AsyncClient, servers: Servers
):
    await make(suite, platform, name="narrow")
    await make(suite, platform, name="other")
    user = servers.nats.add_console("narrow")

    async with connected(user) as console:
        jetstream = console.jetstream(timeout=0.5)
        refused = {
            "publish": jetstream.publish("events.catalog.listing_published.v1.36", b"{}"),
            "create": jetstream.add_consumer(STREAM, ConsumerConfig(name="console-x")),
            "another's": jetstream.consumer_info(STREAM, "console-other"),
            "stream": jetstream.stream_info(STREAM),
            "message": jetstream.get_msg(STREAM, seq=1),
            "delete": jetstream.delete_consumer(STREAM, "console-narrow"),
        }
        outcomes = dict(
            zip(
                refused,
                await asyncio.gather(*refused.values(), return_exceptions=True),
                strict=True,
            )
        )
        own = await read(console, "console-narrow", 1)

    assert {
        name: isinstance(each, NatsTimeout) for name, each in outcomes.items()
    } == dict.fromkeys(refused, True), outcomes
    assert len(own) == 1


@pytest.mark.feature("CON3")
async def test_consumers_are_made_by_the_province_once_and_for_events_only(
    suite: Suite, platform: httpx.AsyncClient
):
    first = await make(suite, platform, name="once")
    twice = await make(suite, platform, name="once")
    foreign = await make(suite, platform, name="spy", filter_subjects=["$JS.API.>"])
    both = await make(
        suite, platform, name="both", from_sequence=1, from_time="2026-01-01T00:00:00+08:00"
    )
    city = await Caller(suite, platform, NANCHANG).post(
        "/v1/event-consumers", {"name": "city", "filter_subjects": ["events.>"]}
    )

    assert first.status_code == 201
    assert (twice.status_code, twice.json()["code"]) == (409, "event_consumer_exists")
    assert (foreign.status_code, foreign.json()["code"]) == (422, "event_filter_invalid")
    assert foreign.json()["errors"][0]["pointer"] == "/filter_subjects/0"
    assert both.status_code == 422
    assert (city.status_code, city.json()["code"]) == (403, "operation_forbidden")


@pytest.mark.feature("CON3")
async def test_a_deleted_consumer_is_gone_for_its_console(
    suite: Suite, platform: httpx.AsyncClient, servers: Servers
):
    await make(suite, platform, name="gone")
    user = servers.nats.add_console("gone")
    province = suite.headers(PROVINCE, **{"If-Match": "*"})

    deleted = await platform.delete("/v1/event-consumers/gone", headers=province)
    again = await platform.delete("/v1/event-consumers/gone", headers=province)
    listed = await Caller(suite, platform, OPERATOR).get("/v1/event-consumers")

    assert (deleted.status_code, again.status_code) == (204, 404)
    assert "gone" not in [each["name"] for each in listed.json()["items"]]
    async with connected(user) as console:
        with pytest.raises(Exception, match=r"."):
            await read(console, "console-gone", 1)

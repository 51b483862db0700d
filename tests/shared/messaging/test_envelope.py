"""What leaves is CloudEvents 1.0, and the same bytes each time (CON1, E1)."""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_structured
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from shared.events.envelope import CONTENT_TYPE, STREAM
from shared.messaging.publishing import envelope_json, outgoing
from tests.shared.messaging.world import BASE, NANCHANG, World, running
from tests.suite import eventually

ROW: dict[str, Any] = {
    "event_id": UUID("0198f6c2-7b1c-7c3e-9d5e-0d3f5a1b2c3d"),
    "type": "filing.parcel_moved.v1",
    "subject": "包裹-1",
    "sequence": 3,
    "region": NANCHANG,
    "occurred_at": datetime(2026, 11, 23, 1, 2, 3, 4, tzinfo=UTC),
    "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    "data": '{"place":"南昌","number":7}',
}


@pytest.mark.feature("CON1")
def test_the_same_row_gives_the_same_bytes():
    again = {**ROW, "occurred_at": ROW["occurred_at"].astimezone()}

    assert envelope_json(ROW, "filing", base=BASE) == envelope_json(again, "filing", base=BASE)


@pytest.mark.feature("CON1")
def test_the_nats_subject_names_service_fact_version_and_region():
    message = outgoing(ROW, "filing", base=BASE)

    assert message.subject == "events.filing.parcel_moved.v1.360100"
    assert message.id == str(ROW["event_id"])


@pytest.mark.feature("CON1")
@pytest.mark.feature("E1")
async def test_what_the_stream_holds_is_valid_for_the_cloudevents_sdk(world: World):
    relay = world.relay(await world.connected("filing"))
    await world.tell("包裹-1", "南昌", "九江")

    async with running(relay):
        await eventually(
            lambda: world.sql("filing", "select 1 from outbox having count(sent_at) = 2")
        )
    async with world.operator() as client:
        messages = [await client.jetstream().get_msg(STREAM, seq=seq) for seq in (1, 2)]

    for number, message in enumerate(messages, start=1):
        assert message.headers is not None
        assert message.headers["content-type"] == CONTENT_TYPE
        event = from_structured(
            HTTPMessage({"content-type": CONTENT_TYPE}, message.data or b""),
            JSONFormat(),
            CloudEvent,
        )
        assert event.get_id() == message.headers["Nats-Msg-Id"]
        assert event.get_source() == "/filing"
        assert event.get_type() == "filing.parcel_moved.v1"
        assert event.get_subject() == "包裹-1"
        assert event.get_dataschema() == f"{BASE}/schemas/events/filing.parcel_moved.v1.json"
        assert event.get_extension("sequence") == number
        assert event.get_extension("region") == NANCHANG
        assert json.loads(message.data or b"")["specversion"] == "1.0"

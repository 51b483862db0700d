"""The local broker: each service has its own subjects and consumers, and no others."""

import asyncio
import json
import os
import signal
import stat

import pytest
from nats.errors import TimeoutError as NoAnswerError
from nats.js.api import AckPolicy, ConsumerConfig
from nats.js.errors import APIError, NotFoundError

from deploy.local import nats
from shared.events.envelope import STREAM
from tests.deploy.brokers import EVENTS, OPERATOR_ONLY, Client, Wire, consumer_requests


def test_the_broker_syncs_before_it_acknowledges_and_keeps_its_secrets(broker):
    config = nats._varz(broker.monitor_port)["jetstream"]["config"]

    modes = {
        stat.S_IMODE((broker.folder / name).stat().st_mode)
        for name in ("nats.conf", "passwords.json")
    }

    assert config["sync_always"] is True
    assert modes == {0o600}


@pytest.mark.feature("O3")
@pytest.mark.usefixtures("stream")
async def test_a_service_publishes_its_own_subjects_and_no_others(broker):
    table = {}

    for name in nats.SERVICES:
        async with Wire(broker.users[name]) as client:
            for other in nats.SERVICES:
                table[name, other] = await client.may_publish(f"events.{other}.noted.v1.36")

    assert table == {
        (name, other): name == other for name in nats.SERVICES for other in nats.SERVICES
    }


@pytest.mark.feature("O3")
@pytest.mark.usefixtures("stream")
async def test_a_service_manages_its_own_consumers_and_no_others(broker):
    wrong = []

    for name in nats.SERVICES:
        async with Wire(broker.users[name]) as client:
            wrong += [(name, s) for s in OPERATOR_ONLY if await client.may_publish(s)]
            for other in nats.SERVICES:
                for consumer in (other, f"{other}-ephemeral-0", f"{other}-ephemeral-15"):
                    for subject in consumer_requests(consumer):
                        expected = name == other or (name == "gateway" and ".INFO." in subject)
                        if await client.may_publish(subject) != expected:
                            wrong.append((name, subject))
            for inbox in ("_INBOX.>", f"_INBOX_{name}x.>", "events.>", "$JS.>", ">"):
                if await client.may_subscribe(inbox):
                    wrong.append((name, inbox))
            if not await client.may_subscribe(f"_INBOX_{name}.>"):
                wrong.append((name, "its own inbox"))

    assert wrong == []


@pytest.mark.usefixtures("stream")
async def test_a_service_creates_the_stream_and_again_but_cannot_change_it(broker):
    async with Client(broker.users["filing"]) as filing:
        same = await filing.stream.add_stream(EVENTS)
        with pytest.raises(APIError):
            await filing.stream.add_stream(EVENTS.evolve(max_msgs=1))
        with pytest.raises(NoAnswerError):  # refused, which a client sees as silence
            await filing.stream.update_stream(EVENTS.evolve(max_msgs=1))

        assert same.config.max_msgs == -1
        assert "permissions violation" in filing.refused[-1]


@pytest.mark.usefixtures("stream")
async def test_a_service_publishes_batches_reads_and_acknowledges(broker):
    async with Client(broker.users["complaints"]) as writer:
        headers = {"Nats-Batch-Id": "one"}
        for number in (1, 2):
            await writer.connection.publish(
                "events.complaints.batched.v1.36",
                b"{}",
                headers={**headers, "Nats-Batch-Sequence": str(number)},
            )
        last = {**headers, "Nats-Batch-Sequence": "3", "Nats-Batch-Commit": "1"}
        answer = await writer.connection.request(
            "events.complaints.batched.v1.36", b"{}", headers=last, timeout=2
        )
        first = await writer.stream.get_msg(STREAM, json.loads(answer.data)["seq"] - 2)
    async with Client(broker.users["assessment"]) as reader:
        await reader.stream.add_consumer(
            STREAM,
            ConsumerConfig(
                name="assessment",
                durable_name="assessment",
                ack_policy=AckPolicy.EXPLICIT,
                filter_subject="events.complaints.batched.>",
            ),
        )
        subscription = await reader.stream.pull_subscribe_bind("assessment", STREAM)
        messages = await subscription.fetch(3, timeout=2)
        for message in messages:
            await message.ack_sync(timeout=1)
        left = await reader.stream.consumer_info(STREAM, "assessment")

    assert json.loads(answer.data)["count"] == 3
    assert first.subject == "events.complaints.batched.v1.36"
    assert [message.metadata.sequence.consumer for message in messages] == [1, 2, 3]
    assert (left.num_pending, left.num_ack_pending) == (0, 0)


@pytest.mark.feature("O3")
@pytest.mark.usefixtures("stream")
async def test_an_answer_sent_to_another_services_subject_is_not_stored(broker):
    forged = "events.catalog.forged.v1.36"
    async with (
        Client(broker.users["monitoring"]) as intruder,
        Client(broker.users["operator"]) as operator,
    ):
        await intruder.stream.publish("events.monitoring.planted.v1.36", b"forged event")
        await intruder.stream.add_consumer(
            STREAM,
            ConsumerConfig(
                name="monitoring",
                durable_name="monitoring",
                ack_policy=AckPolicy.EXPLICIT,
                filter_subject="events.monitoring.planted.>",
            ),
        )

        for request in ("STREAM.INFO.EVENTS", "CONSUMER.MSG.NEXT.EVENTS.monitoring"):
            await intruder.connection.publish(f"$JS.API.{request}", b"", reply=forged)
        await intruder.connection.flush()
        taken = await _until_pending(operator, "monitoring", 0)
        subjects = await operator.stream.stream_info(STREAM, subjects_filter="events.>")
        # the same request inside the account of the stream shows that the wall is what holds
        await operator.connection.publish("$JS.API.STREAM.INFO.EVENTS", b"", reply=forged)
        stored_inside = await _until_stored(operator, forged)

    assert taken
    assert subjects.state.subjects is not None
    assert "events.monitoring.planted.v1.36" in subjects.state.subjects
    assert forged not in subjects.state.subjects
    assert stored_inside


async def _until_stored(client: Client, subject: str) -> bool:
    """The server answers a request, and stores what it answers, each in its own time."""
    for _ in range(250):
        info = await client.stream.stream_info(STREAM, subjects_filter=subject)
        if info.state.subjects:
            return True
        await asyncio.sleep(0.02)
    return False


async def _until_pending(client: Client, consumer: str, expected: int) -> bool:
    for _ in range(250):
        info = await client.stream.consumer_info(STREAM, consumer)
        if info.num_pending == expected:
            return True
        await asyncio.sleep(0.02)
    return False


@pytest.mark.feature("O3")
@pytest.mark.usefixtures("stream")
async def test_a_consumer_request_cannot_name_another_in_its_body(broker):
    async with Client(broker.users["catalog"]) as catalog, Client(broker.users["filing"]) as filing:
        await filing.stream.add_consumer(
            STREAM, ConsumerConfig(name="filing", durable_name="filing")
        )
        config = {"name": "filing", "durable_name": "filing", "filter_subject": "events.none.>"}
        body = json.dumps({"stream_name": STREAM, "config": config}).encode()

        answer = await catalog.connection.request(
            "$JS.API.CONSUMER.CREATE.EVENTS.catalog.events.none.>", body, timeout=1
        )

        untouched = await filing.stream.consumer_info(STREAM, "filing")
        assert "error" in json.loads(answer.data)
        assert untouched.config.filter_subject is None


async def test_a_killed_broker_restarts_with_its_stream_users_and_consoles(tmp_path):
    first = nats.start(tmp_path / "nats")
    async with Client(first.users["filing"]) as filing:
        await filing.stream.add_stream(EVENTS)
        await filing.stream.publish("events.filing.noted.v1.36", b"kept")
    first.add_console("yichun")
    os.kill(first.pid, signal.SIGKILL)
    first.process.wait()

    second = nats.start(tmp_path / "nats", port=first.port, monitor_port=first.monitor_port)

    try:
        assert second.users == first.users
        async with (
            Client(second.users["filing"]) as filing,
            Client(second.users["console-yichun"]) as console,
        ):
            kept = await filing.stream.get_msg(STREAM, 1)
            with pytest.raises(NotFoundError):
                await console.stream.consumer_info(STREAM, "console-yichun")
        assert kept.data == b"kept"
    finally:
        second.stop()

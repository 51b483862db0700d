"""A console's user on the broker: its own consumer and nothing else."""

import asyncio
from collections.abc import Callable

import pytest
from nats.errors import TimeoutError as NoAnswerError
from nats.js.api import AckPolicy, ConsumerConfig

from deploy.local import nats
from shared.events.envelope import STREAM
from tests.deploy.brokers import OPERATOR_ONLY, Client, Wire, consumer_requests


@pytest.mark.feature("CON3")
@pytest.mark.usefixtures("stream")
async def test_a_console_reads_its_own_consumer_and_can_do_nothing_else(broker):
    async with Client(broker.users["gateway"]) as gateway:
        own, other = broker.add_console("nanchang"), broker.add_console("ganzhou")
        for console in (own, other):
            await gateway.stream.add_consumer(
                STREAM,
                ConsumerConfig(
                    name=console.user,
                    durable_name=console.user,
                    ack_policy=AckPolicy.EXPLICIT,
                    filter_subject="events.gateway.read.>",
                ),
            )
        await gateway.stream.publish("events.gateway.read.v1.36", b"{}")

        async with Client(own) as console:
            subscription = await console.stream.pull_subscribe_bind(own.user, STREAM)
            (message,) = await subscription.fetch(1, timeout=2)
            await message.ack_sync(timeout=1)
            info = await console.stream.consumer_info(STREAM, own.user)
            with pytest.raises(NoAnswerError):
                await console.stream.publish("events.gateway.read.v1.36", b"{}", timeout=0.3)
        async with Wire(own) as wire:
            forbidden = [
                *OPERATOR_ONLY,
                *(f"events.{name}.noted.v1.36" for name in nats.SERVICES),
                *(s for name in (other.user, *nats.SERVICES) for s in consumer_requests(name)),
                f"$JS.API.CONSUMER.CREATE.{STREAM}.{own.user}",
                f"$JS.API.CONSUMER.CREATE.{STREAM}.{own.user}.events.>",
                f"$JS.API.CONSUMER.DELETE.{STREAM}.{own.user}",
                f"$JS.API.STREAM.INFO.{STREAM}",
                f"$JS.API.STREAM.CREATE.{STREAM}",
                f"$JS.API.STREAM.MSG.GET.{STREAM}",
                f"$JS.API.DIRECT.GET.{STREAM}",
            ]
            published = [s for s in forbidden if await wire.may_publish(s)]
            inboxes = ("events.>", "_INBOX.>", f"_INBOX_{other.user}.>", "_INBOX_filing.>", ">")
            heard = [s for s in inboxes if await wire.may_subscribe(s)]

        assert message.data == b"{}"
        assert (info.num_pending, info.num_ack_pending) == (0, 0)
        assert published == []
        assert heard == []
        assert (await gateway.stream.consumer_info(STREAM, other.user)).num_pending == 1


@pytest.mark.usefixtures("stream")
async def test_a_console_comes_and_goes_while_other_connections_stay(broker):
    async with Client(broker.users["filing"]) as filing:
        before = filing.connection._client_id

        credentials = broker.add_console("jiujiang")
        again = broker.add_console("jiujiang")
        async with Client(credentials) as console:
            broker.remove_console("jiujiang")
            gone = await _until(lambda: not console.connection.is_connected)
        with pytest.raises(Exception, match=r"(?i)authorization|no servers"):
            async with Client(credentials):
                pass

        assert again == credentials
        assert gone
        assert filing.connection._client_id == before
        assert filing.connection.stats["reconnects"] == 0
        assert "console-jiujiang" not in broker.users


async def _until(condition: Callable[[], bool]) -> bool:
    for _ in range(100):
        if condition():
            return True
        await asyncio.sleep(0.05)
    return False


@pytest.mark.parametrize("name", ["", "Nanchang", "a.b", "a*", "a b", "赣州", "x" * 33, "-a", ">"])
def test_a_console_name_cannot_widen_its_permissions(name):
    with pytest.raises(ValueError, match="not a console's name"):
        nats.console_user(name, "secret")

"""Events for what lives in one process: caches and the search index (decisions: Events).

Nothing is kept for a follower: when it may have missed something, it is told to build anew.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from random import sample
from secrets import token_hex
from typing import Any, Final

import nats.errors
import orjson
import structlog
from nats.aio.msg import Msg
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from nats.js.errors import APIError

from shared.events.envelope import STREAM, Envelope
from shared.messaging.broker import BROKER_ERRORS, Broker

OnEvent = Callable[[Envelope[Any]], Awaitable[None]]
OnReset = Callable[[], Awaitable[None]]

SLOTS: Final = 16  # NATS grants whole tokens only, so the names are numbered
_NAME_TAKEN: Final = 10148
_BATCH: Final = 256
_FETCH_SECONDS: Final = 1.0
_FORGOTTEN_AFTER: Final = 30.0  # seconds, when the process went without saying so


class NoConsumerFree(nats.errors.Error):
    """More processes follow than the service's user has consumer names for."""


class _Missed(Exception):
    """The consumer is gone, or a delivery was."""


async def follow(
    broker: Broker,
    *,
    service: str,
    subjects: Sequence[str],
    on_event: OnEvent,
    on_reset: OnReset,
    log: Any = None,
) -> None:
    """Call `on_event` for each event from now on, in order, until cancelled.

    `on_reset` is called first, and again after each reconnection or gap, once the new consumer
    stands: what is read from the database there is not older than the first event that follows.
    An event may be seen that the database already had. An unreadable event is passed over.
    """
    log = log or structlog.get_logger()
    while True:
        name = ""
        await broker.ready()
        try:
            name = await _take_consumer(broker, service, subjects)
            await _follow_once(broker, name, on_event, on_reset)
        except _Missed:
            log.info("follower begins again", consumer=name)
        except BROKER_ERRORS as error:
            log.info("follower interrupted", consumer=name, error_type=type(error).__name__)
            await asyncio.sleep(0.2)
        except asyncio.CancelledError:
            # nats.py cancels a waiting fetch when its connection closes: no stop of ours
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
        finally:
            if broker.usable and name:
                with suppress(*BROKER_ERRORS):
                    await broker.jetstream.delete_consumer(STREAM, name)


async def _take_consumer(broker: Broker, service: str, subjects: Sequence[str]) -> str:
    """Make a consumer under one of the names that a service's processes may have, and no other's.

    Raises `NoConsumerFree` when all are taken; those of processes that died are free in 30 s.
    """
    for slot in sample(range(SLOTS), SLOTS):
        name = f"{service}-ephemeral-{slot}"
        config = ConsumerConfig(
            name=name,
            filter_subjects=list(subjects),
            deliver_policy=DeliverPolicy.NEW,
            ack_policy=AckPolicy.NONE,
            mem_storage=True,
            num_replicas=1,
            inactive_threshold=_FORGOTTEN_AFTER,
            metadata={"process": token_hex(8)},  # makes it differ from another process's
        )
        answer = await broker.client.request(
            f"$JS.API.CONSUMER.CREATE.{STREAM}.{name}",
            orjson.dumps({"stream_name": STREAM, "config": config.as_dict(), "action": "create"}),
            timeout=2,
        )
        error = orjson.loads(answer.data).get("error")
        if error is None:
            return name
        if error.get("err_code") != _NAME_TAKEN:
            raise APIError.from_error(error)
    raise NoConsumerFree


async def _follow_once(broker: Broker, name: str, on_event: OnEvent, on_reset: OnReset) -> None:
    generation = broker.generation
    subscription = await broker.jetstream.pull_subscribe_bind(consumer=name, stream=STREAM)
    try:
        await on_reset()
        expected = 1
        while generation == broker.generation:
            for message in await _fetch(subscription):
                if message.metadata.sequence.consumer != expected:
                    raise _Missed
                expected += 1
                await _tell(message, on_event)
    finally:
        with suppress(*BROKER_ERRORS):
            await subscription.unsubscribe()


async def _fetch(subscription: Any) -> list[Msg]:
    try:
        messages: list[Msg] = await subscription.fetch(_BATCH, timeout=_FETCH_SECONDS)
    except TimeoutError:  # nothing came (nats.py's way to say it)
        return []
    return messages


async def _tell(message: Msg, on_event: OnEvent) -> None:
    try:
        envelope = Envelope[Any].model_validate_json(message.data)
    except ValueError:
        return
    await on_event(envelope)

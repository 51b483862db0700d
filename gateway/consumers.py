"""Durable pull consumers for ops consoles, each for a NATS user of its own (CON3)."""

import re
from collections.abc import Sequence
from datetime import datetime

from nats.js.api import AckPolicy, ConsumerConfig, ConsumerInfo, DeliverPolicy
from nats.js.errors import APIError, NotFoundError

from gateway.errors import BrokerAway, ConsumerExists, ConsumerNotFound, FilterInvalid
from shared.clock import SHANGHAI
from shared.database import Transaction
from shared.errors import FieldError
from shared.events.envelope import STREAM
from shared.messaging.broker import BROKER_ERRORS, Broker

PREFIX = "console-"
_FILTER = re.compile(
    r"^events\.(?:>|[a-z]+|\*)(?:\.(?:[a-z_]+|\*)(?:\.(?:v[1-9]\d*|\*)(?:\.(?:36(?:[0-9A-Z]{4})?|\*))?)?)?(?:\.>)?$"
)


async def create(
    tx: Transaction,
    broker: Broker,
    *,
    name: str,
    filter_subjects: Sequence[str],
    from_sequence: int | None,
    from_time: datetime | None,
) -> ConsumerInfo:
    """Make the durable; NATS keeps it, the audit tells who asked for it."""
    wrong = [
        FieldError(f"/filter_subjects/{place}", "event_filter_invalid")
        for place, subject in enumerate(filter_subjects)
        if _FILTER.match(subject) is None
    ]
    if wrong:
        raise FilterInvalid(errors=wrong)
    if await _find(broker, name) is not None:
        raise ConsumerExists(name=name)
    config = ConsumerConfig(
        name=PREFIX + name,
        durable_name=PREFIX + name,
        ack_policy=AckPolicy.EXPLICIT,
        ack_wait=30,
        max_ack_pending=1000,
        filter_subjects=list(filter_subjects),
        deliver_policy=DeliverPolicy.BY_START_SEQUENCE
        if from_sequence
        else DeliverPolicy.BY_START_TIME
        if from_time
        else DeliverPolicy.ALL,
        opt_start_seq=from_sequence,
        opt_start_time=from_time,
    )
    try:
        info = await broker.jetstream.add_consumer(STREAM, config)
    except APIError as error:
        raise FilterInvalid from error
    except BROKER_ERRORS as error:
        raise BrokerAway(retry_after=2) from error
    tx.audit("event_consumer.created", subject=f"consumer:{name}")
    return info


async def get(broker: Broker, name: str) -> ConsumerInfo:
    info = await _find(broker, name)
    if info is None:
        raise ConsumerNotFound(name=name)
    return info


async def delete(tx: Transaction, broker: Broker, name: str) -> None:
    await get(broker, name)
    try:
        await broker.jetstream.delete_consumer(STREAM, PREFIX + name)
    except NotFoundError as error:
        raise ConsumerNotFound(name=name) from error
    except BROKER_ERRORS as error:
        raise BrokerAway(retry_after=2) from error
    tx.audit("event_consumer.deleted", subject=f"consumer:{name}")


async def names(broker: Broker) -> list[ConsumerInfo]:
    try:
        infos = await broker.jetstream.consumers_info(STREAM)
    except BROKER_ERRORS as error:
        raise BrokerAway(retry_after=2) from error
    return sorted(
        (info for info in infos if (info.name or "").startswith(PREFIX)),
        key=lambda info: info.name or "",
    )


def created_at(info: ConsumerInfo) -> datetime | None:
    created: datetime | None = info.created
    return created and created.astimezone(SHANGHAI)


async def _find(broker: Broker, name: str) -> ConsumerInfo | None:
    try:
        found: ConsumerInfo = await broker.jetstream.consumer_info(STREAM, PREFIX + name)
    except NotFoundError:
        return None
    except BROKER_ERRORS as error:
        raise BrokerAway(retry_after=2) from error
    return found

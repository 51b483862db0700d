"""What an operator watches of the events: backlog, age, redelivery, dead letters (CON7)."""

from dataclasses import dataclass
from typing import Any

from nats.js.errors import NotFoundError
from prometheus_client import Counter, Gauge

from shared.events.envelope import STREAM
from shared.messaging.broker import Broker
from shared.metrics import REGISTRY

OUTBOX_UNSENT = Gauge(
    "gft_outbox_unsent", "Events not yet in the stream", ("service",), registry=REGISTRY
)
OUTBOX_OLDEST = Gauge(
    "gft_outbox_oldest_seconds", "Age of the oldest unsent event", ("service",), registry=REGISTRY
)
RELAY_PUBLISHED = Counter(
    "gft_relay_published", "Events published by this process", ("service",), registry=REGISTRY
)
RELAY_REPUBLISHED = Counter(
    "gft_relay_republished",
    "Events that the stream had lost",
    ("service",),
    registry=REGISTRY,
)
CONSUMER_PENDING = Gauge(
    "gft_consumer_pending", "Events not yet delivered", ("service",), registry=REGISTRY
)
CONSUMER_UNACKNOWLEDGED = Gauge(
    "gft_consumer_unacknowledged",
    "Events delivered and not acknowledged",
    ("service",),
    registry=REGISTRY,
)
CONSUMER_REDELIVERED = Gauge(
    "gft_consumer_redelivered",
    "Unacknowledged events that were delivered again",
    ("service",),
    registry=REGISTRY,
)
DEAD_LETTERS = Gauge("gft_dead_letters", "Events parked", ("service",), registry=REGISTRY)


@dataclass(frozen=True, slots=True)
class Backlog:
    """Unsent events, and the age of the oldest in seconds (0 when there is none)."""

    unsent: int
    oldest_seconds: float


@dataclass(frozen=True, slots=True)
class Lag:
    """A consumer's distance from the end of the stream."""

    pending: int
    unacknowledged: int
    redelivered: int


async def outbox_backlog(connection: Any) -> Backlog:
    row = await connection.fetchrow(
        "select count(*) as unsent,"
        " coalesce(extract(epoch from now() - min(occurred_at)), 0)::float8 as oldest"
        " from outbox where sent_at is null"
    )
    return Backlog(row["unsent"], max(row["oldest"], 0.0))


async def parked_dead_letters(connection: Any, *, consumer: str) -> int:
    count: int = await connection.fetchval(
        "select count(*) from dead_letters where consumer = $1 and state = 'PARKED'", consumer
    )
    return count


async def consumer_lag(broker: Broker, *, consumer: str) -> Lag | None:
    """None when the consumer does not exist; raises nats errors while the broker is away."""
    try:
        info = await broker.jetstream.consumer_info(STREAM, consumer)
    except NotFoundError:
        return None
    return Lag(info.num_pending or 0, info.num_ack_pending or 0, info.num_redelivered or 0)


async def observe_database(connection: Any, *, service: str) -> None:
    backlog = await outbox_backlog(connection)
    OUTBOX_UNSENT.labels(service).set(backlog.unsent)
    OUTBOX_OLDEST.labels(service).set(backlog.oldest_seconds)
    DEAD_LETTERS.labels(service).set(await parked_dead_letters(connection, consumer=service))


async def observe_broker(broker: Broker, *, service: str) -> None:
    lag = await consumer_lag(broker, consumer=service)
    if lag is not None:
        CONSUMER_PENDING.labels(service).set(lag.pending)
        CONSUMER_UNACKNOWLEDGED.labels(service).set(lag.unacknowledged)
        CONSUMER_REDELIVERED.labels(service).set(lag.redelivered)

"""What a service does with an event of another: the arrival, read once, and the handler's call."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID, uuid5

from shared.database import Transaction
from shared.events.envelope import Envelope, Event
from shared.http.context import traceparent

Fact = TypeVar("Fact", bound=Event)
_UNREADABLE = UUID("7a9d0d5e-6d1c-5e58-9f5b-3a3f8a2f9c11")  # namespace of ids made up here


@dataclass(frozen=True, slots=True)
class Received(Generic[Fact]):
    """An event as a handler sees it; `subject` is the aggregate, `source` the publisher."""

    event: Fact
    subject: str
    region: str
    sequence: int
    occurred_at: datetime
    id: UUID
    source: str


Handler = Callable[[Transaction, Received[Any]], Awaitable[None]]
Handlers = Mapping[type[Event], Handler]


@dataclass(frozen=True, slots=True)
class Arrival:
    """One delivery of an event; `envelope` is None when it could not be read."""

    id: UUID
    source: str
    subject: str
    type: str
    sequence: int
    stream_sequence: int
    tries: int
    text: str
    envelope: Envelope[Any] | None = None
    unreadable: Exception | None = None

    @property
    def aggregate(self) -> tuple[str, str]:
        return self.source, self.subject


def read_arrival(data: bytes, stream_sequence: int, tries: int) -> Arrival:
    """Read an envelope; an unreadable one stands for itself alone and parks nothing else."""
    text = data.decode("utf-8", errors="replace").replace("\0", "\ufffd")
    try:
        envelope = Envelope[Any].model_validate_json(data)
    except ValueError as error:
        return Arrival(
            id=uuid5(_UNREADABLE, f"{stream_sequence}|{text}"),
            source="",
            subject=f"stream:{stream_sequence}",
            type="",
            sequence=1,
            stream_sequence=stream_sequence,
            tries=tries,
            text=text,
            unreadable=error,
        )
    return Arrival(
        id=envelope.id,
        source=envelope.source.removeprefix("/"),
        subject=envelope.subject,
        type=envelope.type,
        sequence=envelope.sequence,
        stream_sequence=stream_sequence,
        tries=tries,
        text=text,
        envelope=envelope,
    )


async def apply(tx: Transaction, arrival: Arrival, handlers: Handlers) -> None:
    """Call the handler of the event's type, in the trace of who caused it; none is no error."""
    if arrival.envelope is None:
        raise arrival.unreadable or ValueError("unreadable")
    envelope = arrival.envelope
    event_type = next((each for each in handlers if each.type == envelope.type), None)
    if event_type is None:
        return
    received = Received(
        event=event_type.model_validate(envelope.data),
        subject=envelope.subject,
        region=envelope.region,
        sequence=envelope.sequence,
        occurred_at=envelope.time,
        id=envelope.id,
        source=envelope.source.removeprefix("/"),
    )
    with _in_trace(envelope.traceparent):
        await handlers[event_type](tx, received)


@contextmanager
def _in_trace(parent: str | None) -> Iterator[None]:
    token = traceparent.set(parent or "")
    try:
        yield
    finally:
        traceparent.reset(token)

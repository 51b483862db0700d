"""What a service does with an event of another: the arrival, read once, and the handler's call."""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any, Generic, TypeVar
from uuid import UUID, uuid5

from shared.database import Transaction
from shared.events.envelope import Envelope, Event
from shared.http.context import traceparent

Fact = TypeVar("Fact", bound=Event)
_ENVELOPE = Envelope[Any]
_MAX_NUMBER = 2**63 - 1  # of a bigint column
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


@dataclass(frozen=True, slots=True)
class Together:
    """A handler of the events of one type that came in a row, for what only keeps what it is told.

    It tells nothing itself: several events have no one trace. When it fails, the batch is halved
    as for any handler, down to the one event that it fails on.
    """

    handle: Callable[[Transaction, Sequence[Received[Any]]], Awaitable[None]]

    async def __call__(self, tx: Transaction, received: Received[Any]) -> None:
        """As the handler of a single event."""
        await self.handle(tx, [received])


Handlers = Mapping[type[Event], Handler]


@dataclass(frozen=True, slots=True)
class ReadModel:
    """Tables that nothing but these handlers writes, and which tell nothing themselves."""

    tables: tuple[str, ...]
    handlers: Handlers

    @property
    def sources(self) -> list[str]:
        return sorted({event.source for event in self.handlers})


@dataclass(slots=True)
class Arrival:
    """One delivery of an event; `envelope` is None when it could not be read."""

    id: UUID
    source: str
    subject: str
    type: str
    sequence: int
    stream_sequence: int
    tries: int
    raw: bytes
    envelope: Envelope[Any] | None = None
    unreadable: Exception | None = None

    @property
    def aggregate(self) -> tuple[str, str]:
        return self.source, self.subject

    @property
    def text(self) -> str:
        """The envelope as Postgres can keep it, whatever it is."""
        return self.raw.decode("utf-8", errors="replace").replace("\0", "\ufffd")


def read_arrival(data: bytes, stream_sequence: int, tries: int) -> Arrival:
    """Read an envelope; an unreadable one stands for itself alone and parks nothing else."""
    try:
        envelope = _ENVELOPE.model_validate_json(data)
        _require_columns(envelope)
    except ValueError as error:
        made_up = uuid5(_UNREADABLE, f"{stream_sequence}|{data!r}")
        subject = f"stream:{stream_sequence}"
        return Arrival(made_up, "", subject, "", 1, stream_sequence, tries, data, unreadable=error)
    return Arrival(
        envelope.id,
        envelope.source.removeprefix("/"),
        envelope.subject,
        envelope.type,
        envelope.sequence,
        stream_sequence,
        tries,
        data,
        envelope,
    )


def _require_columns(envelope: Envelope[Any]) -> None:
    """Raise ValueError for what Postgres can keep neither as applied nor as a dead letter."""
    if envelope.sequence > _MAX_NUMBER:
        raise ValueError("sequence out of range")
    if "\0" in envelope.subject or "\0" in envelope.type or "\0" in envelope.source:
        raise ValueError("NUL in an attribute")


async def apply(tx: Transaction, arrivals: Sequence[Arrival], handlers: Handlers) -> None:
    """Call the handler of each event's type, in order; none is no error."""
    by_type = {event_type.type: (event_type, handlers[event_type]) for event_type in handlers}
    for name, alike in groupby(arrivals, key=_type):
        found = by_type.get(name)
        if found is None:
            continue
        event_type, handler = found
        if isinstance(handler, Together):
            await handler.handle(tx, [_received(each, event_type) for each in alike])
            continue
        for each in alike:
            received = _received(each, event_type)
            with _in_trace(each):
                await handler(tx, received)


def _type(arrival: Arrival) -> str:
    return arrival.type


def _received(arrival: Arrival, event_type: type[Fact]) -> Received[Fact]:
    envelope = arrival.envelope
    assert envelope is not None  # noqa: S101 what has a type was read
    return Received(
        event_type.model_validate(envelope.data),
        arrival.subject,
        envelope.region,
        arrival.sequence,
        envelope.time,
        arrival.id,
        arrival.source,
    )


@contextmanager
def _in_trace(arrival: Arrival) -> Iterator[None]:
    """In the trace of who caused the event."""
    token = traceparent.set((arrival.envelope and arrival.envelope.traceparent) or "")
    try:
        yield
    finally:
        traceparent.reset(token)

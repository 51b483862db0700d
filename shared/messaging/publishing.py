"""How events go into the stream: as one atomic batch, or one by one where that is refused.

A batch is all or nothing, takes one acknowledgement and one fsync, and its sequences run without
a gap up to the acknowledged one (NATS ADR-50). A batch that holds an id which the stream has seen
is refused whole (10201): it is then sent one by one, where each answers with its place.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import uuid4

import nats.errors
import orjson
from nats.js.api import Header
from nats.protocol.command import hpub_cmd

from shared.clock import SHANGHAI
from shared.events.envelope import CONTENT_TYPE, dataschema
from shared.messaging.connection import Connection

MAX_BATCH: Final = 256  # the server refuses more than 1000
MAX_BATCH_BYTES: Final = 900_000
_TIMEOUT: Final = 5.0  # seconds
_DUPLICATE_IN_BATCH: Final = 10201
_BATCHES_NOT_ALLOWED: Final = 10174
_MSG_ID = Header.MSG_ID.value
_BATCH_ID = Header.BATCH_ID.value
_BATCH_SEQUENCE = Header.BATCH_SEQUENCE.value
_BATCH_COMMIT = Header.BATCH_COMMIT.value


class PublishRefused(nats.errors.Error):
    """The stream refused an event, with JetStream's error code (10077: the stream is full)."""

    def __init__(self, code: int, description: str) -> None:
        super().__init__(f"{code} {description}")
        self.code = code


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message: its NATS subject, its id for deduplication, and the CloudEvents envelope."""

    subject: str
    id: str
    body: bytes


def envelope_json(row: Any, source: str, *, base: str) -> bytes:
    """The CloudEvents envelope of an outbox row: the same bytes at every publish (CON1)."""
    attributes = {
        "specversion": "1.0",
        "id": str(row["event_id"]),
        "source": f"/{source}",
        "type": row["type"],
        "subject": row["subject"],
        "time": row["occurred_at"].astimezone(SHANGHAI).isoformat(timespec="microseconds"),
        "datacontenttype": "application/json",
        "dataschema": dataschema(row["type"], base),
        "sequence": row["sequence"],
        "region": row["region"],
    }
    if row["traceparent"]:
        attributes["traceparent"] = row["traceparent"]
    data: str = row["data"]
    return orjson.dumps(attributes)[:-1] + b',"data":' + data.encode() + b"}"


def outgoing(row: Any, source: str, *, base: str) -> Outgoing:
    return Outgoing(
        subject=f"events.{row['type']}.{row['region']}",
        id=str(row["event_id"]),
        body=envelope_json(row, source, base=base),
    )


async def publish(client: Connection, messages: Sequence[Outgoing]) -> list[int]:
    """Publish in order; the stream sequence of each, once all are acknowledged.

    Raises nats errors, among them `PublishRefused`, and TimeoutError; some may then be stored.
    """
    if len(messages) > 1:
        try:
            return await _publish_batch(client, messages)
        except PublishRefused as refusal:
            if refusal.code not in (_DUPLICATE_IN_BATCH, _BATCHES_NOT_ALLOWED):
                raise
    return [await _publish_one(client, message) for message in messages]


async def _publish_one(client: Connection, message: Outgoing) -> int:
    headers = {_MSG_ID: message.id, "content-type": CONTENT_TYPE}
    return _sequence(
        await client.request(message.subject, message.body, timeout=_TIMEOUT, headers=headers)
    )


async def _publish_batch(client: Connection, messages: Sequence[Outgoing]) -> list[int]:
    batch, size = uuid4().hex, len(messages)
    *first, last = messages
    frames = b"".join(
        _frame(message, batch, number) for number, message in enumerate(first, start=1)
    )
    # One buffer for the batch costs 0.4 of the CPU of as many `publish` calls.
    await client.write(frames)
    answer = await client.request(
        last.subject,
        last.body,
        timeout=_TIMEOUT,
        headers={
            _MSG_ID: last.id,
            "content-type": CONTENT_TYPE,
            _BATCH_ID: batch,
            _BATCH_SEQUENCE: str(size),
            _BATCH_COMMIT: "1",
        },
    )
    sequence = _sequence(answer)
    return list(range(sequence - size + 1, sequence + 1))


def _frame(message: Outgoing, batch: str, number: int) -> bytes:
    headers = (
        f"NATS/1.0\r\n{_MSG_ID}: {message.id}\r\ncontent-type: {CONTENT_TYPE}\r\n"
        f"{_BATCH_ID}: {batch}\r\n{_BATCH_SEQUENCE}: {number}\r\n\r\n"
    )
    frame: bytes = hpub_cmd(message.subject, "", headers.encode(), message.body)
    return frame


def _sequence(answer: Any) -> int:
    acknowledgement = orjson.loads(answer.data)
    if "error" in acknowledgement:
        error = acknowledgement["error"]
        raise PublishRefused(error.get("err_code", 0), error.get("description", ""))
    sequence: int = acknowledgement["seq"]
    return sequence

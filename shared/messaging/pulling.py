"""What a durable consumer is delivered: asked for ahead, taken in batches, answered at once."""

import asyncio
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import nats.errors
import orjson

from shared.events.envelope import STREAM
from shared.messaging.connection import Connection
from shared.messaging.handling import Arrival, read_arrival

ACK: Final = b""
TERM: Final = b"+TERM"
IN_PROGRESS: Final = b"+WPI"
_EXPIRES: Final = 1.0  # seconds; a request that was lost with a broker delays no longer than this
_REQUEST_OVER: Final = (b"404", b"408")  # statuses that tell of no fault
_SHORT_REPLY: Final = 9  # tokens of a reply subject without domain and account


class ConsumerGone(nats.errors.Error):
    """The consumer was deleted, or its broker is stopping."""


@dataclass(slots=True)
class Delivery:
    """An event as it came; `reply` is where its answer goes."""

    reply: bytes
    arrival: Arrival


def nak(delay: float = 0.0) -> bytes:
    """The answer that gives a message back, to be delivered again after `delay` seconds."""
    return b'-NAK {"delay": %d}' % (delay * 1e9) if delay else b"-NAK"


class Pull:
    """One process's requests to a durable consumer: one always stands, so that none waits for us.

    Up to `batch` messages lie here while as many are worked on.
    """

    def __init__(self, client: Connection, *, consumer: str, batch: int) -> None:
        self._client = client
        self._subject = f"$JS.API.CONSUMER.MSG.NEXT.{STREAM}.{consumer}"
        self._request = orjson.dumps({"batch": batch, "expires": int(_EXPIRES * 1e9)})
        self._batch = batch
        self._inbox = client.new_inbox()
        self._number = 0
        self._held: deque[Delivery] = deque()
        self._due = 0
        self._arrived = asyncio.Event()
        self._gone: str | None = None

    @property
    def held(self) -> Iterable[Delivery]:
        """What has come and was not taken."""
        return self._held

    async def open(self) -> None:
        self._number = await self._client.receive_raw(self._inbox, self._receive)

    async def close(self) -> list[Delivery]:
        """Ask for no more; what came and was not taken."""
        try:
            await self._client.end_raw(self._number)
        finally:
            left = list(self._held)
            self._held.clear()
        return left

    def wake(self) -> None:
        """Let `take` return at once, with nothing if nothing is there."""
        self._arrived.set()

    async def take(self) -> list[Delivery]:
        """What has come, or comes first; nothing when nothing came for a while.

        Raises `ConsumerGone` and other nats errors.
        """
        self._arrived.clear()
        if self._due <= 0 and not self._held:
            await self._ask()
        if not self._held:
            try:
                await asyncio.wait_for(self._arrived.wait(), _EXPIRES + 0.5)
            except TimeoutError:
                self._due = 0  # the request was lost
        if self._gone is not None:
            raise ConsumerGone(self._gone)
        taken = [self._held.popleft() for _ in range(min(len(self._held), self._batch))]
        if self._due <= 0 and taken:
            await self._ask()
        return taken

    async def answer(self, answers: Iterable[tuple[Delivery, bytes]]) -> None:
        """Acknowledge, give back or give up, all in one write."""
        frames = b"".join(
            b"PUB %b %d\r\n%b\r\n" % (delivery.reply, len(body), body) for delivery, body in answers
        )
        if frames:
            await self._client.write(frames)

    async def _ask(self) -> None:
        self._due = self._batch
        await self._client.publish(self._subject, self._request, self._inbox)

    def _receive(self, reply: bytes, headers: bytes | None, data: bytes) -> None:
        if reply:
            self._due -= 1
            # Read here, because whoever works on the events before waits for Postgres meanwhile.
            self._held.append(Delivery(reply, read_arrival(data, *_place(reply))))
        else:
            status = (headers or b"").partition(b"\r\n")[0].removeprefix(b"NATS/1.0 ")
            self._due = 0
            if not status.startswith(_REQUEST_OVER):
                self._gone = status.decode(errors="replace")
        self._arrived.set()


def _place(reply: bytes) -> tuple[int, int]:
    """The sequence in the stream, and how many times it has been delivered."""
    tokens = reply.split(b".")
    # $JS.ACK.[<domain>.<account>.]<stream>.<consumer>.<tries>.<stream sequence>.…
    first = 4 if len(tokens) == _SHORT_REPLY else 6
    return int(tokens[first + 1]), int(tokens[first])

"""nats.py's client with two shorter ways: ready frames out, deliveries in as they came.

nats.py makes an object, a header map and a queue entry of each message and a timer for each that is
fetched: several times the cost of what the inbox then does with it.
"""

from collections.abc import Callable

import nats.errors
from nats.aio.client import Client

OnDelivery = Callable[[bytes, bytes | None, bytes], None]


class Connection(Client):
    """The client of one component."""

    def __init__(self) -> None:
        super().__init__()
        self._receivers: dict[int, OnDelivery] = {}

    async def receive_raw(self, subject: str, receiver: OnDelivery) -> int:
        """Give what comes on a subject to `receiver`: reply subject, header block, body."""
        subscription = await self.subscribe(subject)
        self._receivers[subscription._id] = receiver  # noqa: SLF001 its public name only comes with messages
        return subscription._id  # noqa: SLF001 same

    async def end_raw(self, number: int) -> None:
        """End it; what the server had sent by then has been given when this returns."""
        try:
            subscription = self._subs.get(number)
            if subscription is not None:
                await subscription.unsubscribe()
                await self.flush(1)
        finally:
            self._receivers.pop(number, None)

    async def write(self, frames: bytes) -> None:
        """Send protocol frames as one buffer; raises as a single publish does while away.

        It does not yield (`pending_size` is -1): what follows leaves on the same connection.
        """
        if not self.is_connected:
            raise nats.errors.OutboundBufferLimitError
        await self._send_command(frames)
        if self._flush_queue is not None and self._flush_queue.empty():
            await self._flush_pending()

    async def _process_msg(
        self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: bytes
    ) -> None:
        receiver = self._receivers.get(sid)
        if receiver is None:
            await super()._process_msg(sid, subject, reply, data, headers)
        else:
            receiver(reply, headers, data)

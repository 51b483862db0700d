"""The request's body on its way to the service, and the watch for a client that hangs up."""

import asyncio
from typing import Final

from starlette.types import Message, Receive, Scope

from gateway.connection import Connection, Head

REPLAYABLE_BYTES: Final = 64 * 1024


class Gone(Exception):
    """The client has hung up."""


class Uplink:
    """One request's body; `run` beside the exchange until it is over."""

    def __init__(self, receive: Receive, scope: Scope) -> None:
        incoming = dict(scope["headers"])
        length = incoming.get(b"content-length")
        self._receive = receive
        self._measured = length is not None
        self.first = b""
        self.whole = length in (None, b"0") and b"transfer-encoding" not in incoming
        self.gone = False
        self.refusal: Exception | None = None
        self._sent: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def open(self) -> None:
        """Read the first piece: most bodies are whole with it, and can be sent again."""
        if not self.whole:
            message = await self._next()
            self.first = message.get("body", b"")
            self.whole = not message.get("more_body", False)

    @property
    def replayable(self) -> bool:
        return self.whole and len(self.first) <= REPLAYABLE_BYTES

    async def run(self, connection: Connection) -> None:
        try:
            while not self.whole:
                message = await self._next()
                piece = message.get("body", b"")
                self.whole = not message.get("more_body", False)
                await connection.send(self.frame(piece))
            self._note_sent()
            while True:
                await self._next()
        except Gone:
            self.gone = True
            connection.abort()
        except Exception as refusal:  # noqa: BLE001 the edge refused the body; `_exchange` raises it
            self.refusal = refusal
            connection.abort()
        finally:
            self._note_sent()

    async def sent_or(self, head: asyncio.Future[Head]) -> None:
        """Wait until the body is with the upstream, or until it answers before that."""
        head.add_done_callback(lambda _head: self._note_sent())
        await asyncio.shield(self._sent)

    def framing(self) -> list[tuple[bytes, bytes]]:
        """How the upstream is told of the body's end, where the client's own length does not."""
        if self._measured:
            return []
        if not self.whole:
            return [(b"transfer-encoding", b"chunked")]
        return [(b"content-length", b"%d" % len(self.first))] if self.first else []

    def frame(self, piece: bytes) -> bytes:
        if self._measured or (self.whole and piece is self.first):
            return piece
        chunk = b"%x\r\n%b\r\n" % (len(piece), piece) if piece else b""
        return chunk + (b"0\r\n\r\n" if self.whole else b"")

    def _note_sent(self) -> None:
        if not self._sent.done():
            self._sent.set_result(None)

    async def _next(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise Gone
        return message

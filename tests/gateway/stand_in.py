"""A service outside of the platform, for what the gateway does to a call: it keeps what it got."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Call:
    """One request as it arrived, its fields in their order."""

    method: str
    target: str
    fields: tuple[tuple[str, str], ...]
    body: bytes

    def values(self, name: str) -> list[str]:
        return [value for each, value in self.fields if each == name]


@dataclass(frozen=True)
class Reply:
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)
    status: int = 200


Answer = Callable[[Call], Reply]


class StandIn:
    """Answers with whatever `answer` says now, and keeps the calls of clients.

    The document, for which the gateway asks by itself now and then, is not one of them.
    """

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.calls: list[Call] = []
        self.address = ""
        self._writers: list[asyncio.StreamWriter] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        try:
            while head := await _head(reader):
                call = await _call(head, reader)
                if call.target != "/openapi.json":
                    self.calls.append(call)
                writer.write(_bytes(self.answer(call)))
                await writer.drain()
        finally:
            writer.close()

    def hang_up(self) -> None:
        for writer in self._writers:
            writer.close()


@asynccontextmanager
async def standing_in(answer: Answer) -> AsyncIterator[StandIn]:
    """Listen on a free port of the loopback until the end of the block."""
    made = StandIn(answer)
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    made.address = f"{host}:{port}"
    try:
        yield made
    finally:
        server.close()
        made.hang_up()
        await server.wait_closed()


async def _head(reader: asyncio.StreamReader) -> str:
    try:
        return (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except (asyncio.IncompleteReadError, ConnectionError):
        return ""


async def _call(head: str, reader: asyncio.StreamReader) -> Call:
    first, *lines = head.removesuffix("\r\n\r\n").split("\r\n")
    method, target, _ = first.split(" ")
    pairs = [line.partition(":") for line in lines]
    fields = tuple((name.lower(), value.strip()) for name, _, value in pairs)
    size = int(dict(fields).get("content-length", 0))
    return Call(method, target, fields, await reader.readexactly(size))


def _bytes(reply: Reply) -> bytes:
    body = json.dumps(reply.body, ensure_ascii=False).encode()
    fields = {"content-type": "application/json", "content-length": len(body), **reply.headers}
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {reply.status} OK\r\n{lines}\r\n".encode("latin-1") + body

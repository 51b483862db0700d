"""A real uvicorn behind the edge in a thread, and raw sockets to speak to it byte by byte."""

import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import orjson
import uvicorn
from starlette.types import Receive, Scope, Send

_INTERIM = b"HTTP/1.1 100 Continue\r\n\r\n"
_HEAD = re.compile(rb"HTTP/1\.1 (\d{3}) [^\r]*\r\n(.*?)\r\n\r\n", re.DOTALL)


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def problem(self) -> dict[str, Any]:
        assert self.headers["content-type"] == "application/problem+json"
        document: dict[str, Any] = orjson.loads(self.body)
        return document


@dataclass
class Recorder:
    """An app that keeps what it saw and answers 200 with the length of the body."""

    seen: list[tuple[str, str, dict[str, str], int]] = field(default_factory=list)
    clients: list[Any] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        size, more = 0, True
        headers = {name.decode(): value.decode("latin-1") for name, value in scope["headers"]}
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            size += len(message.get("body", b""))
            more = message.get("more_body", False)
        self.seen.append((scope["method"], scope["path"], headers, size))
        self.clients.append((scope["client"], scope["scheme"]))
        body = b"%d" % size
        start = [(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": start})
        await send({"type": "http.response.body", "body": body})


@contextmanager
def serving(config: uvicorn.Config, *, listener: socket.socket | None = None) -> Iterator[int]:
    """Serve in a thread of this process; gives the port, or 0 for a unix socket."""
    listener = listener or socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.01)
        yield listener.getsockname()[1] if listener.family == socket.AF_INET else 0
    finally:
        server.should_exit = True
        thread.join(15)
        listener.close()
    assert not thread.is_alive()


def get(path: str = "/", *fields: str, host: str = "ganfutong.test", method: str = "GET") -> bytes:
    """A request without body as bytes."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", *fields, "", ""]
    return "\r\n".join(lines).encode("latin-1")


def talk(port: int, *parts: bytes, pause: float = 0.0, quiet: float = 0.25) -> list[Answer]:
    """Send the parts; give every answer that came until the end or `quiet` seconds of silence."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        with suppress(BrokenPipeError, ConnectionResetError):  # it has said all it wants to say
            for part in parts:
                connection.sendall(part)
                if pause:
                    time.sleep(pause)
        return answers(read_all(connection, quiet))


def read_all(connection: socket.socket, quiet: float = 0.25) -> bytes:
    connection.settimeout(quiet)
    data = b""
    with suppress(TimeoutError, ConnectionResetError):
        while chunk := connection.recv(65536):
            data += chunk
    return data


def answers(data: bytes) -> list[Answer]:
    """Split what a server sent into its answers by their Content-Length or chunks."""
    found = []
    while match := _HEAD.match(data := data.removeprefix(_INTERIM)):
        lines = [line.partition(b":") for line in match[2].split(b"\r\n")]
        headers = {
            name.decode().lower(): value.strip().decode("latin-1") for name, _, value in lines
        }
        data = data[match.end() :]
        size = 0 if match[1] == b"304" else int(headers.get("content-length", "0"))
        if headers.get("transfer-encoding") == "chunked":
            body = b""
            while data:
                length, _, data = data.partition(b"\r\n")
                count = int(length, 16)
                body, data = body + data[:count], data[count + 2 :]
                if not count:
                    break
        else:
            body, data = data[:size], data[size:]
        found.append(Answer(int(match[1]), headers, body))
    assert not data, f"bytes that are no answer: {data[:80]!r}"
    return found

"""The fastest publisher that still waits: one buffer and one acknowledgement for each batch.

It speaks the NATS protocol on a socket, without client library and without database: the limit of
what a relay can reach.
"""

import json
import socket
from collections.abc import Sequence
from urllib.parse import urlsplit
from uuid import uuid4

from bench.harness import check
from shared.messaging.publishing import Outgoing

BATCH = 256


class Writer:
    """A connection of one user, used by one thread."""

    def __init__(self, url: str, inbox_prefix: str) -> None:
        parts = urlsplit(url)
        self._socket = socket.create_connection((parts.hostname, parts.port), timeout=10)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._lines = self._socket.makefile("rb")
        self._inbox = f"{inbox_prefix}.{uuid4().hex}"
        self._lines.readline()  # INFO
        options = {
            "user": parts.username,
            "pass": parts.password,
            "verbose": False,
            "pedantic": False,
            "headers": True,
            "no_responders": True,
        }
        self._send(f"CONNECT {json.dumps(options)}\r\nSUB {self._inbox} 1\r\nPING\r\n".encode())
        check(self._lines.readline() == b"PONG\r\n", "nats-server did not take the writer")

    def publish(self, messages: Sequence[Outgoing]) -> None:
        """Store all in atomic batches; raises `Wrong` when one is refused."""
        for start in range(0, len(messages), BATCH):
            batch = messages[start : start + BATCH]
            name = uuid4().hex
            self._send(
                b"".join(
                    self._frame(message, name, number, commit=number == len(batch))
                    for number, message in enumerate(batch, start=1)
                )
            )
            answer = self._answer()
            check(b'"error"' not in answer, f"batch refused: {answer.decode()}")

    def close(self) -> None:
        self._lines.close()
        self._socket.close()

    def _frame(self, message: Outgoing, batch: str, number: int, *, commit: bool) -> bytes:
        head = (
            f"NATS/1.0\r\nNats-Msg-Id: {message.id}\r\nNats-Batch-Id: {batch}\r\n"
            f"Nats-Batch-Sequence: {number}\r\n"
            + ("Nats-Batch-Commit: 1\r\n\r\n" if commit else "\r\n")
        )
        reply = f"{self._inbox} " if commit else ""
        size = len(head) + len(message.body)
        start = f"HPUB {message.subject} {reply}{len(head)} {size}\r\n{head}"
        return start.encode() + message.body + b"\r\n"

    def _answer(self) -> bytes:
        while True:
            line = self._lines.readline()
            if line == b"PING\r\n":
                self._send(b"PONG\r\n")
            elif line.startswith((b"MSG ", b"HMSG ")):
                return self._lines.read(int(line.split()[-1]) + 2)
            else:
                check(line.startswith((b"PONG", b"INFO", b"+OK")), f"nats-server: {line!r}")

    def _send(self, data: bytes) -> None:
        self._socket.sendall(data)

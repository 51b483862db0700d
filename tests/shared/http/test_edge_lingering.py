"""An answer that comes before the body's end can be read by who still sends (RFC 9112 §9.6)."""

import socket
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest
from starlette.types import Receive, Scope, Send

from shared.http.edge import EdgePolicy, edge, edge_config
from tests.shared.http.live import Answer, answers, get, read_all, serving

LIMIT = 100_000
BODY = 8 * 1024 * 1024  # more than the buffers of both ends hold
POLICY = EdgePolicy(body_bytes=LIMIT, linger_seconds=0.5, linger_bytes=2 * BODY, sweep_seconds=0.1)
KEPT = "HTTP/1.1\r\n"
LAST = "HTTP/1.1\r\nConnection: close\r\n"
OLD = "HTTP/1.0\r\n"


async def refuse(scope: Scope, _receive: Receive, send: Send) -> None:
    """Answers without a look at the body, as who asks for a token does."""
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 401, "headers": [(b"vary", b"x")]})
        await send({"type": "http.response.body", "body": b""})


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with serving(edge_config(edge(refuse, policy=POLICY), POLICY, log_level="critical")) as number:
        yield number


def post(version: str, *, size: int) -> bytes:
    head = f"POST / {version}Host: ganfutong.test\r\nContent-Length: {size}\r\n\r\n"
    return head.encode()


def send_all_then_read(port: int, data: bytes) -> list[Answer]:
    """What a client gets that does not listen while it sends."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(data)
        return answers(read_all(connection, quiet=5 if b"close" in data or b"/1.0" in data else 1))


@pytest.mark.feature("API2")
@pytest.mark.parametrize("version", [KEPT, LAST, OLD])
@pytest.mark.parametrize(("size", "status"), [(LIMIT, 401), (BODY, 413)])
def test_who_sends_all_before_listening_reads_the_answer(
    port: int, version: str, size: int, status: int
) -> None:
    received = send_all_then_read(port, post(version, size=size) + b"a" * size)

    assert [answer.status for answer in received] == [status]


def test_a_kept_connection_serves_on_when_the_body_is_in(port: int) -> None:
    received = send_all_then_read(port, post(KEPT, size=BODY) + b"a" * BODY + get("/next"))

    assert [answer.status for answer in received] == [413, 401]


def test_nothing_that_follows_a_last_request_is_served(port: int) -> None:
    received = send_all_then_read(port, post(LAST, size=BODY) + b"a" * BODY + get("/next"))

    assert [answer.status for answer in received] == [413]


@pytest.mark.parametrize("version", [KEPT, LAST])
def test_who_sends_slowly_after_the_answer_is_cut(port: int, version: str) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(post(version, size=BODY))
        began = time.monotonic()
        with suppress(OSError):
            while time.monotonic() < began + 20:
                connection.sendall(b"a")
                time.sleep(0.05)

    assert time.monotonic() - began < 15


@pytest.mark.parametrize("version", [KEPT, LAST])
def test_who_never_stops_sending_is_cut(port: int, version: str) -> None:
    sent = 0
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(post(version, size=20 * BODY))
        with suppress(OSError):
            for _ in range(20):
                connection.sendall(b"a" * BODY)
                sent += BODY

    assert sent < 10 * BODY


def test_who_asks_first_and_is_refused_is_told_that_it_was_the_last(port: int) -> None:
    head = post(KEPT, size=10).replace(b"Host:", b"Expect: 100-continue\r\nHost:")

    received = send_all_then_read(port, head)

    assert [answer.status for answer in received] == [401]
    assert received[0].headers["connection"] == "close"

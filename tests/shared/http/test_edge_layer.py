"""The outermost layer: body limits, request ids, complete answers, nothing that escapes."""

import asyncio
import logging
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, StreamingResponse

from shared.http.edge import EdgePolicy, edge, edge_config
from tests.shared.http.live import answers, get, read_all, serving, talk

HOST = b"Host: ganfutong.test\r\n"
LIMIT = 100_000
POLICY = EdgePolicy(body_bytes=LIMIT, linger_seconds=0.5, sweep_seconds=0.1)
finished: list[str] = []


def _resident() -> int:
    """Resident bytes of this process, in which the server runs."""
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * 4096


def _app() -> FastAPI:  # noqa: C901 ten small endpoints
    app = FastAPI(openapi_url=None)

    @app.post("/json")
    async def take(body: dict[str, Any]) -> dict[str, int]:
        return {"members": len(body)}

    @app.post("/raw")
    async def raw(request: Request) -> dict[str, int]:
        return {"bytes": len(await request.body())}

    @app.get("/id")
    async def own_id(request: Request) -> dict[str, str]:
        return {"id": request.state.request_id, "header": request.headers["x-request-id"]}

    @app.get("/boom")
    async def boom() -> None:
        raise RuntimeError("select secret from table")

    @app.get("/plain")
    async def plain() -> None:
        raise HTTPException(503, headers={"Retry-After": "7"})

    @app.get("/own")
    async def own() -> PlainTextResponse:
        return PlainTextResponse("x", headers={"cache-control": "public, max-age=5"})

    @app.get("/half")
    async def half() -> StreamingResponse:
        async def pieces() -> Any:
            yield b"first"
            raise RuntimeError("second")

        return StreamingResponse(pieces())

    @app.get("/slow")
    async def slow() -> None:
        try:
            await asyncio.sleep(30)
        finally:
            finished.append("slow")

    @app.exception_handler(HTTPException)
    async def as_text(_request: Request, error: HTTPException) -> PlainTextResponse:
        return PlainTextResponse("a library's own words", error.status_code, error.headers)

    return app


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    limit = edge(_app(), policy=POLICY, body_limit=lambda _, path: 10 if path == "/tiny" else None)
    logging.getLogger("shared.http.edge").setLevel(logging.CRITICAL)  # failures here are meant
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
    with serving(edge_config(limit, POLICY, log_level="critical")) as number:
        yield number


@pytest.mark.feature("API2")
@pytest.mark.parametrize("path", ["/json", "/raw", "/no-such-path"])
def test_a_declared_body_over_the_limit_is_413_before_it_is_read(port: int, path: str) -> None:
    head = b"POST " + path.encode() + b" HTTP/1.1\r\n" + HOST
    head += b"Content-Type: application/json\r\nContent-Length: 100001\r\n\r\n"

    received = talk(port, head)

    assert received[0].status == 413
    assert received[0].problem["code"] == "too_large"


@pytest.mark.feature("API2")
@pytest.mark.parametrize("path", ["/json", "/raw"])
def test_a_chunked_body_over_the_limit_is_413_while_it_streams(port: int, path: str) -> None:
    head = b"POST " + path.encode() + b" HTTP/1.1\r\n" + HOST
    head += b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = b"4e20\r\n" + b" " * 20_000 + b"\r\n"

    received = talk(port, head, *[chunk] * 8)

    assert received[0].status == 413
    assert received[0].problem["code"] == "too_large"


def test_a_huge_body_costs_no_memory(
    port: int, record_testsuite_property: Callable[[str, object], None]
) -> None:
    head = b"POST /raw HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n"
    chunk = b"100000\r\n" + b"a" * 0x100000 + b"\r\n"
    before = _resident()

    received = talk(port, head, *[chunk] * 50)
    grown = _resident() - before

    assert received[0].status == 413
    assert grown < 20 * 2**20
    record_testsuite_property("bytes of RSS for 50 MB", grown)


def test_the_connection_serves_on_after_a_413_whose_body_was_small(port: int) -> None:
    head = b"POST /raw HTTP/1.1\r\n" + HOST + b"Content-Length: 100001\r\n\r\n"

    received = talk(port, head + b"a" * 100_001 + get("/id"))

    assert [answer.status for answer in received] == [413, 200]


def test_a_client_that_asks_first_gets_413_and_a_close(port: int) -> None:
    head = b"POST /raw HTTP/1.1\r\n" + HOST
    head += b"Expect: 100-continue\r\nContent-Length: 100001\r\n\r\n"

    received = talk(port, head, get("/id"), pause=0.1)

    assert [answer.status for answer in received] == [413]
    assert received[0].headers["connection"] == "close"


def test_a_client_that_asks_first_and_fits_is_told_to_go_on(port: int) -> None:
    head = b"POST /raw HTTP/1.1\r\n" + HOST + b"Expect: 100-continue\r\nContent-Length: 3\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(head)
        interim = connection.recv(100)
        connection.sendall(b"abc")

        final = answers(read_all(connection))

    assert interim == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert final[0].body == b'{"bytes":3}'


def test_a_path_may_have_a_limit_of_its_own(port: int) -> None:
    received = talk(
        port, b"POST /tiny HTTP/1.1\r\n" + HOST + b"Content-Length: 11\r\n\r\nhello world"
    )

    assert received[0].status == 413


@pytest.mark.feature("API7")
def test_a_safe_request_id_is_echoed_and_reaches_the_app(port: int) -> None:
    received = talk(port, get("/id", "X-Request-Id: mini-app-000042"))[0]

    assert received.headers["x-request-id"] == "mini-app-000042"
    assert received.body == b'{"id":"mini-app-000042","header":"mini-app-000042"}'


@pytest.mark.feature("API7")
@pytest.mark.parametrize("bad", ["short", "a" * 65, "has space in it", "<script>alert", ""])
def test_any_other_request_id_is_replaced_by_a_new_one(port: int, bad: str) -> None:
    first = talk(port, get("/id", f"X-Request-Id: {bad}"))[0].headers["x-request-id"]
    second = talk(port, get("/id"))[0].headers["x-request-id"]

    assert bad not in {first, second}
    assert first != second
    assert len(first) == 28


def test_security_fields_are_on_every_answer_and_yield_to_the_apps_own(port: int) -> None:
    own = talk(port, get("/own"))[0]
    missing = talk(port, get("/missing"))[0]

    for answer in (own, missing):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
        assert "server" not in answer.headers
    assert own.headers["cache-control"] == "public, max-age=5"
    assert missing.headers["cache-control"] == "no-store"


@pytest.mark.feature("API2")
def test_a_plain_text_error_of_a_library_becomes_a_problem(port: int) -> None:
    received = talk(port, get("/plain"))[0]

    assert received.status == 503
    assert received.problem["code"] == "unavailable"
    assert received.headers["retry-after"] == "7"


@pytest.mark.feature("API2")
def test_what_escapes_is_a_500_without_a_word_of_it(port: int) -> None:
    received = talk(port, get("/boom"))[0]

    assert received.status == 500
    assert received.problem["code"] == "internal_error"
    assert b"secret" not in received.body


def test_an_answer_that_breaks_off_is_cut_and_not_completed(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(get("/half"))

        data = read_all(connection)

    assert b"first" in data
    assert not data.endswith(b"0\r\n\r\n")


def test_concurrency_over_the_limit_is_a_problem_too() -> None:
    config = edge_config(
        edge(_app(), policy=POLICY), POLICY, limit_concurrency=1, log_level="critical"
    )
    with serving(config) as number:
        received = talk(number, get("/id"))[0]

    assert received.status == 503
    assert received.problem["code"] == "unavailable"


def test_a_request_past_the_grace_of_a_stop_is_told_so() -> None:
    config = edge_config(edge(_app(), policy=POLICY), POLICY, drain_seconds=1, log_level="critical")
    with socket.socket() as connection:
        with serving(config) as number:
            connection.connect(("127.0.0.1", number))
            connection.sendall(get("/slow"))
            time.sleep(0.2)
        received = answers(read_all(connection))

    assert received[0].status == 503
    assert received[0].problem["code"] == "unavailable"
    assert finished

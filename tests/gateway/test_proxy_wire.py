"""Services that misbehave on the wire: dropped, cut, doubled and endless answers."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from starlette.types import Message, Scope

from gateway.breaker import Breaker, BreakerPolicy, BreakerState, RetryBudget
from gateway.proxy import Upstream, fetch, forward
from gateway.upstream import Lost, Pool
from tests.gateway.door import upstream_at

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter, int], Awaitable[None]]


@asynccontextmanager
async def scripted(script: Script) -> AsyncIterator[tuple[str, list[int]]]:
    """A raw server that follows a script for each connection; its address and its count."""
    count = [0]

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        count[0] += 1
        try:
            await script(reader, writer, count[0])
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}", count
    finally:
        server.close()


def call_scope(method: str = "GET", *fields: tuple[bytes, bytes]) -> Scope:
    return {
        "type": "http",
        "method": method,
        "scheme": "http",
        "client": ("127.0.0.1", 1),
        "path": "/x",
        "raw_path": b"/x",
        "query_string": b"",
        "headers": [(b"host", b"ganfutong.test"), *fields],
    }


async def call(
    upstream: Upstream, scope: Scope | None = None, body: bytes = b""
) -> tuple[int, bytes]:
    """Forward without a server around it; the status and the body that went out."""
    messages = [{"type": "http.request", "body": body}]
    out: list[Message] = []

    async def receive() -> Message:
        if messages:
            return messages.pop()
        await asyncio.get_running_loop().create_future()
        raise AssertionError

    async def send(message: Message) -> None:
        out.append(message)

    await forward(scope or call_scope(), receive, send, upstream=upstream, budget_seconds=2)
    body_out = b"".join(message.get("body", b"") for message in out)
    return (out[0]["status"] if out else 0), body_out


OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


async def _drop_first(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int
) -> None:
    await reader.readuntil(b"\r\n\r\n")
    if number > 1:
        writer.write(OK)


@pytest.mark.feature("G3")
async def test_a_safe_call_that_was_dropped_is_made_again() -> None:
    async with scripted(_drop_first) as (address, count):
        status, body = await call(upstream_at(address))

    assert (status, body, count[0]) == (200, b"ok", 2)


@pytest.mark.feature("G3")
async def test_a_write_is_made_again_only_with_an_idempotency_key() -> None:
    length = (b"content-length", b"2")
    async with scripted(_drop_first) as (address, count):
        without, _ = await call(upstream_at(address), call_scope("POST", length), b"hi")
        alone = count[0]
    async with scripted(_drop_first) as (address, count):
        keyed = call_scope("POST", length, (b"idempotency-key", b"k-1"))
        with_key, _ = await call(upstream_at(address), keyed, b"hi")

    assert (without, alone) == (502, 1)
    assert (with_key, count[0]) == (200, 2)


@pytest.mark.feature("G3")
async def test_retries_are_at_most_a_tenth_of_the_calls() -> None:
    async def drop(
        reader: asyncio.StreamReader, _writer: asyncio.StreamWriter, _number: int
    ) -> None:
        await reader.readuntil(b"\r\n\r\n")

    async with scripted(drop) as (address, count):
        upstream = Upstream(
            "filing",
            Pool(address),
            Breaker(time.monotonic, BreakerPolicy(minimum=10**6)),
            RetryBudget(),
        )
        for _ in range(200):
            await call(upstream)

    assert 200 <= count[0] <= 221


@pytest.mark.feature("G3")
async def test_a_kept_connection_that_was_closed_costs_neither_budget_nor_breaker() -> None:
    async def once(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _number: int
    ) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK)
        await reader.readuntil(b"\r\n\r\n")  # the second call is read, and the connection dropped

    async with scripted(once) as (address, count):
        upstream = upstream_at(address)
        upstream.retries.left = 0
        upstream.retries.share = 0
        statuses = [(await call(upstream))[0] for _ in range(10)]
        upstream.pool.close()

    assert statuses == [200] * 10
    assert count[0] == 10
    assert upstream.breaker.state is BreakerState.CLOSED


BAD_ANSWERS = {
    "no http": b"hello\r\n\r\n",
    "two framings": (
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"
    ),
    "a switch of protocols": b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n",
    "an endless head": b"HTTP/1.1 200 OK\r\n" + b"x-a: aaaaaaaa\r\n" * 10_000,
}


@pytest.mark.parametrize("case", BAD_ANSWERS)
async def test_what_is_no_answer_is_a_502(case: str) -> None:
    async def bad(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _number: int) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(BAD_ANSWERS[case])
        await writer.drain()
        await asyncio.sleep(0.05)

    async with scripted(bad) as (address, _):
        status, _ = await call(upstream_at(address))

    assert status == 502


async def test_interim_answers_are_skipped() -> None:
    async def interim(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _number: int
    ) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n")
        writer.write(OK)

    async with scripted(interim) as (address, _):
        answer = await call(upstream_at(address))

    assert answer == (200, b"ok")


@pytest.mark.parametrize(
    "more", [OK.replace(b"ok", b"no"), b"HTTP/1.1 204 No Content\r\n\r\n", b"noise"]
)
async def test_bytes_after_an_answer_are_never_anothers_answer(more: bytes) -> None:
    async def two(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK + more if number == 1 else OK)
        await asyncio.sleep(0.2)

    async with scripted(two) as (address, count):
        upstream = upstream_at(address)
        bodies = [(await call(upstream))[1] for _ in range(2)]
        upstream.pool.close()

    assert bodies == [b"ok", b"ok"]
    assert count[0] == 2


async def test_an_answer_without_a_length_ends_with_its_connection() -> None:
    async def until_close(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _number: int
    ) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\npart one, ")
        await writer.drain()
        await asyncio.sleep(0.02)
        writer.write(b"part two")

    async with scripted(until_close) as (address, _):
        answer = await call(upstream_at(address))

    assert answer == (200, b"part one, part two")


async def test_half_an_answer_is_neither_completed_nor_kept() -> None:
    async def half(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _number: int
    ) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf")
        await writer.drain()

    async with scripted(half) as (address, _):
        upstream = upstream_at(address)
        with pytest.raises(Lost):
            await fetch(call_scope(), upstream=upstream)

    assert upstream.pool.open == 0


async def test_a_whole_plain_answer_is_fetched_for_the_cache() -> None:
    asked: list[bytes] = []

    async def note(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _number: int
    ) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(OK)

    conditions = [
        (b"if-none-match", b'"1"'),
        (b"accept-encoding", b"gzip"),
        (b"range", b"bytes=0-"),
    ]
    async with scripted(note) as (address, _):
        filled = await fetch(call_scope("HEAD", *conditions), upstream=upstream_at(address))

    assert (filled.status, filled.body) == (200, b"ok")
    assert asked[0].startswith(b"GET /x HTTP/1.1\r\n")
    assert not any(name in asked[0] for name, _ in conditions)


async def test_the_mark_of_our_coding_is_taken_off_before_a_service_compares() -> None:
    asked: list[bytes] = []

    async def note(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _number: int
    ) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(OK)

    async with scripted(note) as (address, _):
        await call(upstream_at(address), call_scope("DELETE", (b"if-match", b'"7-gz"')))

    assert b'\r\nif-match: "7"\r\n' in asked[0]


async def test_a_field_of_ours_cannot_end_its_line() -> None:
    upstream = upstream_at("127.0.0.1:1")
    with pytest.raises(ValueError, match="x-org"):
        await forward(
            call_scope(),
            asyncio.Queue[Message]().get,
            asyncio.Queue[Message]().put,
            upstream=upstream,
            headers=[(b"x-org", b"a\r\nx-role: PROVINCE")],
        )


async def test_more_calls_than_connections_wait_and_more_than_that_are_refused() -> None:
    async def slow(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _number: int
    ) -> None:
        while await reader.readuntil(b"\r\n\r\n"):
            await asyncio.sleep(0.05)
            writer.write(OK)

    async with scripted(slow) as (address, count):
        upstream = Upstream("filing", Pool(address, most=2, most_waiting=4))
        statuses = [each[0] for each in await asyncio.gather(*(call(upstream) for _ in range(10)))]
        upstream.pool.close()

    assert sorted(statuses) == [200] * 6 + [503] * 4
    assert count[0] == 2

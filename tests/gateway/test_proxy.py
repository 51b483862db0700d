"""The way through to real small services: what passes, what does not, and what goes wrong."""

import asyncio
import socket
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import orjson
import pytest
import uvicorn
from starlette.types import Message, Receive, Scope, Send

from gateway.breaker import Breaker, BreakerPolicy, BreakerState, RetryBudget
from gateway.passed_fields import request_fields
from gateway.proxy import Upstream, fetch, forward
from gateway.upstream import Lost, Pool
from shared.http.edge import EdgePolicy, edge, edge_config
from tests.shared.http.live import Answer, Recorder, answers, get, read_all, serving, talk

HOST = b"Host: ganfutong.test\r\n"


class Service(Recorder):
    """A service with a few paths: echo, slow, large, early, own errors."""

    def __init__(self) -> None:
        super().__init__()
        self.cancelled = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        path = scope["path"]
        if path == "/slow":
            await self._slow(scope, receive)
        elif path == "/large":
            self.seen.append(("GET", path, {}, 0))
            start = {"type": "http.response.start", "status": 200, "headers": []}
            await send(start)
            for _ in range(64):
                await send({"type": "http.response.body", "body": b"a" * 65536, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        elif path == "/early":
            start = {"type": "http.response.start", "status": 403, "headers": [(b"x-a", b"b")]}
            await send(start)
            await send({"type": "http.response.body", "body": b"no"})
        elif path in ("/503", "/204", "/304"):
            status = int(path[1:])
            await send({"type": "http.response.start", "status": status, "headers": []})
            await send({"type": "http.response.body", "body": b""})
        elif path == "/echo":
            await self._echo(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)

    async def _slow(self, scope: Scope, receive: Receive) -> None:
        self.seen.append((scope["method"], "/slow", {}, 0))
        while (await receive())["type"] != "http.disconnect":
            pass
        self.cancelled += 1

    async def _echo(self, scope: Scope, receive: Receive, send: Send) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        fields = [[name.decode(), value.decode()] for name, value in scope["headers"]]
        target = scope["raw_path"].decode() + "?" + scope["query_string"].decode()
        told = {"method": scope["method"], "target": target, "fields": fields, "size": len(body)}
        data = orjson.dumps(told)
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(data))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": data})


class Door:
    """A gateway of nothing but `forward`."""

    def __init__(self, upstream: Upstream, **options: object) -> None:
        self.upstream = upstream
        self.options = options
        self.statuses: list[int] = []
        self.repeated: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        status = await forward(
            scope,
            receive,
            send,
            upstream=self.upstream,
            on_retry=self.repeated.append,
            **self.options,  # type: ignore[arg-type] # each test names its own
        )
        self.statuses.append(status)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self.upstream.pool.close()
        await asyncio.sleep(0)  # let the transports go
        await send({"type": "lifespan.shutdown.complete"})


def upstream_at(address: str) -> Upstream:
    return Upstream("filing", Pool(address), Breaker(time.monotonic, BreakerPolicy(minimum=4)))


@pytest.fixture
def service() -> Iterator[tuple[Service, int]]:
    app = Service()
    bare = uvicorn.Config(app, http="httptools", proxy_headers=False, log_level="warning")
    with serving(bare) as port:
        yield app, port


@pytest.fixture
def through(service: tuple[Service, int]) -> Iterator[tuple[Door, int]]:
    door = Door(upstream_at(f"127.0.0.1:{service[1]}"), headers=[(b"x-actor", b"city-360100")])
    with serving(_gateway(door)) as port:
        yield door, port


def _gateway(door: Door, body_bytes: int = 2**20) -> uvicorn.Config:
    policy = EdgePolicy(body_bytes=body_bytes)
    return edge_config(edge(door, policy=policy), policy)


def echoed(answer: Answer) -> tuple[dict[str, object], dict[str, list[str]]]:
    told = orjson.loads(answer.body)
    fields: dict[str, list[str]] = {}
    for name, value in told["fields"]:
        fields.setdefault(name, []).append(value)
    return told, fields


CLIENTS_OWN = {
    "X-Forwarded-For": "9.9.9.9",
    "X-Forwarded-Host": "evil.test",
    "X-Forwarded-Prefix": "/admin",
    "Forwarded": "for=9.9.9.9",
    "X-Real-IP": "9.9.9.9",
    "X-Actor": "province",
    "X-User-Id": "1",
    "X-Role": "PROVINCE",
    "X-Region": "36",
    "X-Scopes": "filing:decide",
    "X-Org-Id": "jx-zwfw",
    "X-Organisation": "jx-zwfw",
    "X-Authenticated-User": "root",
    "X-Client-Id": "console",
    "X-Original-URL": "/admin",
    "X-Rewrite-URL": "/admin",
    "X-HTTP-Method-Override": "DELETE",
    "X-Internal-Call": "1",
    "Remote-User": "root",
    "Via": "1.1 evil",
    "Proxy": "http://evil.test",
    "Keep-Alive": "timeout=900",
    "TE": "trailers",
    "Proxy-Authorization": "Basic x",
    "X-Secret-Hop": "1",
    "Connection": "keep-alive, X-Secret-Hop",
}


@pytest.mark.feature("G1")
def test_what_clients_say_of_identity_and_origin_does_not_pass(
    through: tuple[Door, int],
) -> None:
    sent = [f"{name}: {value}" for name, value in CLIENTS_OWN.items()]

    received = talk(through[1], get("/echo", *sent, "Authorization: Bearer t", "X-Custom: kept"))

    _, fields = echoed(received[0])
    values = [value for each in fields.values() for value in each]
    assert fields["x-actor"] == ["city-360100"]
    assert fields["x-custom"] == ["kept"]
    assert fields["authorization"] == ["Bearer t"]
    assert fields["host"] == [through[0].upstream.host.decode()]
    assert fields["x-forwarded-for"] == ["127.0.0.1"]
    assert fields["x-forwarded-host"] == ["ganfutong.test"]
    ours = {"x-actor", "x-forwarded-for", "x-forwarded-host"}
    assert not ({name.lower() for name in CLIENTS_OWN} - ours) & set(fields)
    assert not {"9.9.9.9", "evil.test", "province"} & set(values)


@pytest.mark.feature("G1")
def test_the_proxy_removes_them_without_the_edge_before_it() -> None:
    own = [(name.lower().encode(), value.encode()) for name, value in CLIENTS_OWN.items()]
    sent = [*own, (b"x-custom", b"kept")]

    fields = request_fields(sent, own=[(b"x-actor", b"city-360100")])

    assert fields == [(b"x-custom", b"kept"), (b"x-actor", b"city-360100")]


@pytest.fixture
def believing() -> Iterator[tuple[Recorder, int]]:
    """A service that believes its gateway's address, as services behind it do."""
    app = Recorder()
    policy = EdgePolicy(ingress=frozenset({"127.0.0.1"}))
    with serving(edge_config(edge(app, policy=policy), policy)) as port:
        yield app, port


@pytest.mark.feature("G1")
@pytest.mark.feature("API7")
def test_the_gateway_says_where_a_call_comes_from_and_what_it_is_called(
    through: tuple[Door, int],
) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

    received = talk(
        through[1],
        get("/echo", f"traceparent: {trace}", "tracestate: a=b", "X-Request-Id: caller-000001"),
        get("/echo", "traceparent: nonsense", "tracestate: a=b"),
        pause=0.05,
    )

    _, first = echoed(received[0])
    _, second = echoed(received[1])
    assert first["x-request-id"] == ["caller-000001"]
    assert received[0].headers["x-request-id"] == "caller-000001"
    assert first["traceparent"][0][:36] == trace[:36]
    assert first["traceparent"][0] != trace
    assert first["tracestate"] == ["a=b"]
    assert second["traceparent"][0][3:35] != trace[3:35]
    assert "tracestate" not in second
    assert len(second["x-request-id"][0]) == 28


def test_the_client_address_reaches_a_service_that_believes_its_gateway(
    believing: tuple[Recorder, int],
) -> None:
    recorder, port = believing
    with serving(_gateway(Door(upstream_at(f"127.0.0.1:{port}")))) as gateway:
        talk(gateway, get("/", "X-Forwarded-For: 9.9.9.9"))

    assert recorder.clients[0][0] == ("127.0.0.1", 0)


def test_target_and_query_pass_as_they_were_written(through: tuple[Door, int]) -> None:
    received = talk(through[1], get("/echo?q=%E7%A4%BE%2F&a=b+c"))

    assert echoed(received[0])[0]["target"] == "/echo?q=%E7%A4%BE%2F&a=b+c"


@pytest.mark.parametrize("size", [0, 1, 70_000, 900_000])
@pytest.mark.parametrize("chunked", [False, True])
def test_bodies_pass_in_either_framing(through: tuple[Door, int], size: int, chunked: bool) -> None:
    body = b"a" * size
    if chunked:
        pieces = [body[start : start + 50_000] for start in range(0, size, 50_000)]
        framed = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
        sent = b"Transfer-Encoding: chunked\r\n\r\n" + framed + b"0\r\n\r\n"
    else:
        sent = b"Content-Length: %d\r\n\r\n" % size + body

    received = talk(through[1], b"POST /echo HTTP/1.1\r\n" + HOST + sent + get("/echo"))

    assert [echoed(answer)[0]["size"] for answer in received] == [size, 0]


def test_answers_without_a_body_pass_and_keep_their_connection(through: tuple[Door, int]) -> None:
    paths = ["/204", "/304", "/echo"]

    received = talk(through[1], *[get(path) for path in paths], pause=0.05)
    head = talk(through[1], get("/echo", "Connection: close", method="HEAD"))

    assert [answer.status for answer in received] == [204, 304, 200]
    assert through[0].upstream.pool.open == 1
    assert head == [] or head[0].status == 200


def test_connections_are_kept_and_used_again(through: tuple[Door, int]) -> None:
    for _ in range(10):
        talk(through[1], get("/echo", "Connection: close"))

    assert through[0].statuses == [200] * 10
    assert through[0].upstream.pool.open == 1


def test_a_service_on_a_unix_socket_is_reached() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "s"
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(path))
        listener.listen()
        app = Service()
        policy = EdgePolicy()
        config = edge_config(edge(app, policy=policy), policy)
        with (
            serving(config, listener=listener),
            serving(_gateway(Door(upstream_at(f"unix:{path}")))) as port,
        ):
            received = talk(port, get("/echo"))

    assert received[0].status == 200


def test_a_large_answer_waits_for_a_client_that_reads_slowly(through: tuple[Door, int]) -> None:
    with socket.create_connection(("127.0.0.1", through[1])) as connection:
        connection.sendall(get("/large", "Connection: close"))
        time.sleep(0.3)
        unfinished = through[0].statuses == []
        whole = read_all(connection, quiet=2)

    [answer] = answers(whole)
    assert len(answer.body) == 64 * 65536
    assert unfinished


@pytest.mark.feature("G3")
def test_the_time_budget_is_passed_on_smaller_and_never_larger(through: tuple[Door, int]) -> None:
    received = talk(
        through[1],
        get("/echo"),
        get("/echo", "X-Time-Budget-Ms: 500"),
        get("/echo", "X-Time-Budget-Ms: 999999"),
        get("/echo", "X-Time-Budget-Ms: -1"),
        pause=0.05,
    )

    left = [int(echoed(answer)[1]["x-time-budget-ms"][0]) for answer in received]
    assert 9000 < left[0] <= 10_000
    assert 1 <= left[1] <= 500
    assert 9000 < left[2] <= 10_000
    assert 9000 < left[3] <= 10_000


@pytest.mark.feature("G3")
@pytest.mark.feature("API2")
def test_a_service_that_takes_too_long_is_a_504(
    through: tuple[Door, int], service: tuple[Service, int]
) -> None:
    started = time.monotonic()

    received = talk(
        through[1], get("/slow", "X-Time-Budget-Ms: 200", "Accept-Language: en"), quiet=2
    )
    while not service[0].cancelled and time.monotonic() - started < 4:
        time.sleep(0.01)

    assert received[0].status == 504
    assert received[0].problem["code"] == "gateway_timeout"
    assert received[0].headers["content-language"] == "en"
    assert time.monotonic() - started < 4
    assert service[0].cancelled == 1
    assert through[0].repeated == []


@pytest.mark.feature("G3")
def test_a_client_that_leaves_ends_the_call_to_the_service(
    through: tuple[Door, int], service: tuple[Service, int]
) -> None:
    connection = socket.create_connection(("127.0.0.1", through[1]))
    connection.sendall(get("/slow"))
    time.sleep(0.2)

    connection.close()
    time.sleep(0.3)

    assert service[0].cancelled == 1
    assert through[0].statuses == [499]
    assert through[0].upstream.pool.open == 0
    assert through[0].upstream.breaker.state is BreakerState.CLOSED


def test_an_answer_before_the_end_of_the_body_passes_at_once(through: tuple[Door, int]) -> None:
    head = b"POST /early HTTP/1.1\r\n" + HOST + b"Content-Length: 900000\r\n\r\n"

    received = talk(through[1], head + b"a" * 100_000, quiet=0.8)

    assert [answer.status for answer in received] == [403]
    assert received[0].body == b"no" or received[0].problem["code"] == "forbidden"


def test_a_body_over_the_gateways_limit_is_413_and_the_service_sees_no_end(
    service: tuple[Service, int],
) -> None:
    door = Door(upstream_at(f"127.0.0.1:{service[1]}"))
    chunk = b"4e20\r\n" + b"a" * 20_000 + b"\r\n"
    with serving(_gateway(door, body_bytes=100_000)) as port:
        head = b"POST /echo HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n"
        received = talk(port, head, *[chunk] * 8, quiet=0.6)

    assert received[0].status == 413
    assert received[0].problem["code"] == "too_large"
    assert service[0].seen == []


@pytest.mark.feature("G3")
@pytest.mark.feature("API2")
def test_a_service_that_is_away_is_a_502_until_the_breaker_opens_and_then_a_503() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        address = f"127.0.0.1:{gone.getsockname()[1]}"
    away, near = Service(), Service()
    door = Door(upstream_at(address))
    policy = EdgePolicy()
    with serving(_gateway(door)) as port:
        received = [talk(port, get("/", "Connection: close"))[0] for _ in range(6)]
    with (
        serving(edge_config(edge(near, policy=policy), policy)) as other,
        serving(_gateway(Door(upstream_at(f"127.0.0.1:{other}")))) as port,
    ):
        unaffected = talk(port, get("/", "Connection: close"))[0].status

    statuses = [answer.status for answer in received]
    assert statuses[0] == 502
    assert statuses[-1] == 503
    assert received[0].problem["code"] == "bad_gateway"
    assert received[-1].problem["code"] == "unavailable"
    assert int(received[-1].headers["retry-after"]) >= 1
    assert unaffected == 200
    assert away.seen == []


@pytest.mark.feature("G3")
def test_a_breaker_that_opened_closes_again_when_the_service_is_back(
    through: tuple[Door, int],
) -> None:
    port = through[1]
    for _ in range(4):
        talk(port, get("/503", "Connection: close"))
    refused = talk(port, get("/echo", "Connection: close"))[0].status
    time.sleep(1.1)

    after = [talk(port, get("/echo", "Connection: close"))[0].status for _ in range(3)]

    assert refused == 503
    assert after == [200, 200, 200]
    assert through[0].upstream.breaker.state is BreakerState.CLOSED


# --- services that misbehave on the wire

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

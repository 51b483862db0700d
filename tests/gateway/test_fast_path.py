"""Hits are written before a request object exists; everything else goes the ordinary way."""

import gzip
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass

import orjson
import pytest

from gateway.access_log import AccessLine, AccessLog
from gateway.cache import ResponseCache
from gateway.limits import Plan, Window, local_limiter
from gateway.page import Filled, Key, make_page
from gateway.protocol import FastPath, KnownCaller, gateway_protocol
from shared.http.edge import EdgePolicy, edge, edge_config
from tests.shared.http.live import Answer, Recorder, answers, get, read_all, serving, talk

HOST = "ganfutong.test"
BODY = '{"items":["社保查询"]}'.encode() * 200
TOKEN = "Authorization: Bearer good"
GZIP = "Accept-Encoding: gzip"


@dataclass
class Gateway:
    """A gateway's data path with one cached page, and everything it told."""

    port: int
    fast: FastPath
    slow: Recorder
    lines: list[AccessLine]
    seconds: list[float]
    tokens: dict[bytes, KnownCaller]
    quota: int = 1000

    def ask(self, *parts: bytes, pause: float = 0.0) -> tuple[list[Answer], int]:
        """The answers, and how many requests reached the app."""
        before = len(self.slow.seen)
        received = talk(self.port, *parts, pause=pause)
        return received, len(self.slow.seen) - before


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    slow = Recorder()
    found: list[FastPath] = []
    policy = EdgePolicy(hosts=frozenset({HOST}))
    base = gateway_protocol(lambda: found[0] if found else None)
    config = edge_config(edge(slow, policy=policy), policy, base=base)
    made: Gateway
    lines: list[AccessLine] = []
    seconds: list[float] = []
    tokens: dict[bytes, KnownCaller] = {}
    limiter = local_limiter(now=lambda: 1000.0)
    cache = ResponseCache(now=lambda: 0.0)
    fast = FastPath(
        cache=cache,
        lookup_token=tokens.get,
        take=lambda client: limiter.take_one(
            f"{client}:{made.quota}", Plan((Window("minute", made.quota, 60),))
        ),
        log=lines.append,
        observe=seconds.append,
        pass_on=lambda *_: None,
    )
    with serving(config) as port:
        made = Gateway(port, fast, slow, lines, seconds, tokens)
        made.tokens[b"good"] = KnownCaller("app-1", {"listListings"})
        found.append(fast)
        for language in ("zh-CN", "en"):
            headers = [
                (b"content-type", b"application/json"),
                (b"cache-control", b"public, max-age=5"),
                (b"content-language", language.encode()),
                (b"etag", b'"%b-7"' % language.encode()),
                (b"cache-tag", b"listing:1"),
            ]
            page = make_page(Filled(200, headers, BODY), "listListings", expires=1e9)
            cache._keep(Key(HOST.encode(), b"/v1/listings?q=1", language), page)
        yield made


PAGE = "/v1/listings?q=1"
HIT = get(PAGE, TOKEN)


@pytest.mark.parametrize("more", [[], ["Connection: keep-alive"]])
def test_a_hit_is_answered_without_the_app(gateway: Gateway, more: list[str]) -> None:
    received, slow = gateway.ask(get(PAGE, TOKEN, *more))

    headers = received[0].headers
    assert (received[0].status, received[0].body, slow) == (200, BODY, 0)
    assert headers["etag"] == '"zh-CN-7"'
    assert headers["content-language"] == "zh-CN"
    assert headers["cache-control"] == "public, max-age=5"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["vary"] == "Accept-Encoding, Accept-Language"
    assert "cache-tag" not in headers
    assert "date" in headers


@pytest.mark.feature("API6")
def test_every_hit_carries_what_is_left_of_the_limit(gateway: Gateway) -> None:
    received, _ = gateway.ask(HIT + HIT)

    assert [answer.headers["ratelimit-policy"] for answer in received] == [
        '"minute";q=1000;w=60'
    ] * 2
    assert [answer.headers["ratelimit"][:15] for answer in received] == [
        '"minute";r=999;',
        '"minute";r=998;',
    ]


@pytest.mark.feature("API7")
def test_every_hit_carries_its_request_id(gateway: Gateway) -> None:
    received, _ = gateway.ask(get(PAGE, TOKEN, "X-Request-Id: caller-000001") + HIT)

    assert received[0].headers["x-request-id"] == "caller-000001"
    assert len(received[1].headers["x-request-id"]) == 28


@pytest.mark.feature("API4")
def test_a_condition_that_holds_is_a_304_without_body(gateway: Gateway) -> None:
    received, slow = gateway.ask(
        get(PAGE, TOKEN, 'If-None-Match: "zh-CN-7"')
        + get(PAGE, TOKEN, 'If-None-Match: "zh-CN-6"')
        + get(PAGE, TOKEN, GZIP, 'If-None-Match: "zh-CN-7-gz"')
    )

    assert [answer.status for answer in received] == [304, 200, 304]
    assert "content-length" not in received[0].headers
    assert slow == 0


@pytest.mark.feature("API8")
@pytest.mark.feature("API11")
def test_language_and_coding_choose_the_representation(gateway: Gateway) -> None:
    received, slow = gateway.ask(get(PAGE, TOKEN, GZIP, "Accept-Language: en"))

    assert received[0].headers["content-encoding"] == "gzip"
    assert received[0].headers["content-language"] == "en"
    assert gzip.decompress(received[0].body) == BODY
    assert slow == 0


POST = f"POST {PAGE} HTTP/1.1\r\nHost: {HOST}\r\n{TOKEN}\r\n".encode()
SLOW = {
    "another target": get("/v1/listings?q=2", TOKEN),
    "no token": get(PAGE),
    "an unknown token": get(PAGE, "Authorization: Bearer other"),
    "another scheme": get(PAGE, "Authorization: Basic good"),
    "two tokens": get(PAGE, TOKEN, TOKEN),
    "HEAD": get(PAGE, TOKEN, method="HEAD"),
    "POST": POST + b"Content-Length: 0\r\n\r\n",
    "a body": get(PAGE, TOKEN, "Content-Length: 3") + b"abc",
    "an empty body": get(PAGE, TOKEN, "Content-Length: 0"),
    "chunks": get(PAGE, TOKEN, "Transfer-Encoding: chunked") + b"1\r\na\r\n0\r\n\r\n",
    "an upgrade": get(PAGE, TOKEN, "Connection: Upgrade", "Upgrade: h2c"),
    "an expectation": get(PAGE, TOKEN, "Expect: 100-continue"),
    "a range": get(PAGE, TOKEN, "Range: bytes=0-1"),
    "connection: close": get(PAGE, TOKEN, "Connection: close"),
    "http/1.0": HIT.replace(b"HTTP/1.1", b"HTTP/1.0"),
    "http/1.0 that would stay": get(PAGE, TOKEN, "Connection: keep-alive").replace(
        b"HTTP/1.1", b"HTTP/1.0"
    ),
}


@pytest.mark.parametrize("case", SLOW)
def test_what_is_not_plainly_a_hit_goes_the_ordinary_way(gateway: Gateway, case: str) -> None:
    received, slow = gateway.ask(SLOW[case])

    assert [answer.status for answer in received] == [200]
    assert received[-1].body != BODY
    assert slow == 1
    assert gateway.lines == []


def test_a_token_that_may_not_call_the_operation_is_left_to_the_app(gateway: Gateway) -> None:
    gateway.tokens[b"good"] = KnownCaller("app-1", frozenset())

    assert gateway.ask(HIT)[1] == 1


def test_a_revoked_token_is_unknown_at_once(gateway: Gateway) -> None:
    with socket.create_connection(("127.0.0.1", gateway.port)) as connection:
        connection.sendall(HIT)
        hit = answers(read_all(connection))[0].body
        gateway.tokens.clear()
        connection.sendall(HIT)
        after = answers(read_all(connection))[0].body

    assert (hit, after) == (BODY, b"0")


@pytest.mark.feature("G2")
def test_exactly_the_quota_passes_and_the_rest_is_left_to_the_app(gateway: Gateway) -> None:
    gateway.quota = 20

    received, slow = gateway.ask(HIT * 50)

    assert sum(answer.body == BODY for answer in received) == 20
    assert slow == 30


def test_an_event_ends_the_hits(gateway: Gateway) -> None:
    before = gateway.ask(HIT)[1]
    gateway.fast.cache.invalidate("listing:1")

    after = gateway.ask(HIT)[1]

    assert (before, after) == (0, 1)


def test_pipelined_hits_and_others_are_answered_in_their_order(gateway: Gateway) -> None:
    other = get("/v1/other", TOKEN)
    body = POST + b"Content-Length: 3\r\n\r\nabc"

    received, slow = gateway.ask(HIT + HIT + other + HIT + body + HIT + HIT)

    assert [len(answer.body) for answer in received] == [
        len(BODY), len(BODY), 1, 1, 1, 1, 1,
    ]  # fmt: skip
    assert [answer.body for answer in received[2:]] == [b"0", b"0", b"3", b"0", b"0"]
    assert slow == 5  # all that follow an unfinished one go its way


def test_after_a_slow_one_is_finished_hits_are_fast_again(gateway: Gateway) -> None:
    received, slow = gateway.ask(get("/v1/other", TOKEN), HIT, pause=0.1)

    assert [answer.body for answer in received] == [b"0", BODY]
    assert slow == 1


@pytest.mark.parametrize("size", [1, 7, 64])
def test_requests_split_anywhere_are_hits_all_the_same(gateway: Gateway, size: int) -> None:
    data = HIT + get(PAGE, TOKEN, GZIP) + HIT
    parts = [data[start : start + size] for start in range(0, len(data), size)]

    received, slow = gateway.ask(*parts, pause=0.0005)

    assert [answer.status for answer in received] == [200, 200, 200]
    assert slow == 0


@pytest.mark.parametrize(
    "bad",
    [
        get(PAGE, TOKEN, host="evil.test"),
        get(PAGE, TOKEN, f"Host: {HOST}"),
        get(PAGE, TOKEN, *(f"X-{number}: v" for number in range(70))),
        get(PAGE, TOKEN, "X-A: " + "a" * 20_000),
        get(PAGE, TOKEN, "Transfer-Encoding: chunked", "Content-Length: 3"),
        get(PAGE, TOKEN, "X-A: one\r\n two"),
    ],
)
def test_the_edge_comes_before_the_fast_path(gateway: Gateway, bad: bytes) -> None:
    received, slow = gateway.ask(HIT + bad + HIT)

    assert [answer.status for answer in received] in ([200, 400], [200, 431])
    assert received[0].body == BODY
    assert slow == 0


def test_a_client_that_does_not_read_cannot_fill_the_memory(gateway: Gateway) -> None:
    gateway.quota = 10**6
    with socket.create_connection(("127.0.0.1", gateway.port)) as connection:
        connection.setblocking(False)
        sent = 0
        ends = time.monotonic() + 2
        while time.monotonic() < ends:
            try:
                sent += connection.send(HIT * 1000)
            except BlockingIOError:
                time.sleep(0.02)
            except ConnectionError:
                break
        fast = len(gateway.lines)

    kernel = 8 * 2**20  # what the socket buffers of both ends may hold
    assert fast * len(BODY) < kernel + 2**20
    assert sent < 100_000 * len(HIT)


def test_lines_and_times_are_noted(gateway: Gateway) -> None:
    gateway.ask(get(PAGE, TOKEN, "X-Request-Id: caller-000001"))

    [line] = gateway.lines
    assert line._replace(seconds=0) == AccessLine(
        "GET", PAGE.encode(), 200, len(BODY), 0, b"caller-000001", "app-1", b"", "hit"
    )
    assert gateway.seconds == [line.seconds]
    assert 0 < line.seconds < 1


async def test_lines_are_written_in_batches() -> None:
    import asyncio

    written: list[bytes] = []
    log = AccessLog(written.append, now=lambda: 0.0)
    trace = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    target = b'/v1/"quoted"?name=secret'
    line = AccessLine("GET", target, 200, 10, 0.00123, b"r-1", "app-1", trace, "hit")

    for _ in range(1030):
        log.add(line)
    at_once = len(written)
    await asyncio.sleep(0.02)
    lines = [orjson.loads(each) for batch in written for each in batch.splitlines()]

    assert at_once == 2
    assert len(written) == 3
    assert len(lines) == 1030
    assert lines[0] == {
        "event": "request",
        "timestamp": "1970-01-01T00:00:00.000+00:00",
        "service": "gateway",
        "method": "GET",
        "route": '/v1/"quoted"',
        "status": 200,
        "bytes_sent": 10,
        "duration_ms": 1.23,
        "request_id": "r-1",
        "trace_id": "0af7651916cd43dd8448eb211c80319c",
        "client_id": "app-1",
        "cache": "hit",
        "log_only": "",
    }


def test_without_a_fast_path_everything_is_ordinary() -> None:
    slow = Recorder()
    policy = EdgePolicy()
    base = gateway_protocol(lambda: None)
    with serving(edge_config(edge(slow, policy=policy), policy, base=base)) as port:
        received = talk(port, HIT)

    assert received[0].body == b"0"
    assert len(slow.seen) == 1

"""Plain reads are passed on without the app; what does not go well is handed over to it whole."""

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import partial
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from gateway.access_log import AccessLog
from gateway.cache import ResponseCache
from gateway.data_path import DataPath
from gateway.entries import Entries
from gateway.entry_calls import EntryCalls
from gateway.limits import Plan, Window, local_limiter
from gateway.passage import pass_on
from gateway.protocol import FastPath, gateway_protocol
from gateway.route_rules import RouteRule
from gateway.routes import RouteTable
from gateway.standing import Standing
from gateway.tallies import Tallies
from gateway.tools import Service, Tools
from shared.clock import SystemClock
from shared.http.context import InContext
from shared.http.edge import EdgePolicy, edge, edge_config
from shared.http.messages import Messages, load_messages
from shared.security.access import ANY, Effect, Operation
from shared.security.identity import Actor, Role
from shared.security.tokens import Claims
from shared.security.verifier import Verifier
from tests.shared.http.live import Answer, answers, get, read_all, serving, talk

TOKEN = "Authorization: Bearer good"
READ = get("/v1/filings", TOKEN)
LONG = b"a" * 300_000


class Desk:
    """The service behind: its answers by path, and what it was asked."""

    def __init__(self) -> None:
        self.asked: list[dict[str, str]] = []
        self.left = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        self.asked.append({name.decode(): value.decode() for name, value in scope["headers"]})
        case = scope["path"].rpartition("/")[2]
        if case == "never":
            while (await receive())["type"] != "http.disconnect":
                pass
            self.left += 1
            return
        if case == "late":
            await asyncio.sleep(0.6)
        status, headers, pieces = _ANSWERS.get(case, _ANSWERS["filings"])
        await send({"type": "http.response.start", "status": status, "headers": headers})
        for piece in pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


_JSON = (b"content-type", b"application/json")
_PAGE = b'{"items":[]}'
_PAGE_FIELDS = [_JSON, (b"content-length", b"12"), (b"etag", b'"7"'), (b"set-cookie", b"a=b")]
_ANSWERS: dict[str, tuple[int, list[tuple[bytes, bytes]], list[bytes]]] = {
    "filings": (200, _PAGE_FIELDS, [_PAGE]),
    "unchanged": (304, [(b"etag", b'"7"')], []),
    "chunks": (200, [_JSON], [b'{"items":', b"[]}"]),
    "long": (200, [_JSON, (b"content-length", b"%d" % len(LONG))], [LONG]),
    "gone": (404, [(b"content-type", b"text/plain")], [b"secret of a library"]),
    "away": (503, [_JSON], [b"{}"]),
}
_ALLOW = {Role.PROVINCE: ANY}
_ROUTES = (
    Operation("listFilings", "GET", "/v1/filings", "filing", Effect.READ, _ALLOW),
    Operation("getFiling", "GET", "/v1/filings/{id}", "filing", Effect.READ, _ALLOW),
    Operation("fileIt", "POST", "/v1/filings", "filing", Effect.CREATE, _ALLOW),
)


@dataclass
class Gateway:
    """The gateway's door and data path, with a count of what went the ordinary way."""

    port: int
    desk: Desk
    tools: Tools
    ordinary: list[str]
    lines: list[dict[str, Any]] = field(default_factory=list)

    def ask(self, *parts: bytes, quiet: float = 0.25) -> tuple[list[Answer], list[str]]:
        """The answers, and the paths of those that the app was given."""
        before = len(self.ordinary)
        received = talk(self.port, *parts, quiet=quiet)
        return received, self.ordinary[before:]

    @property
    def lent(self) -> int:
        return self.tools.services["filing"].replicas[0].pool._lent


def _tools(url: str, log: AccessLog) -> Tools:
    settings: Any = SimpleNamespace(
        clock=SystemClock(), external_issuers=(), jwks_url=None, jwks_file=None
    )
    verifier = Verifier(settings)
    now = datetime.now(UTC)
    for token, role in ((b"good", Role.PROVINCE), (b"other", Role.APP)):
        actor = Actor(token.decode(), token.decode(), "jx-zwfw", role, "36", frozenset())
        claims = Claims(actor, "issuer", token.decode(), now, now + timedelta(minutes=5))
        verifier.cache.keep(token, claims, now=now)
    plan = Plan((Window("minute", 1000, 60),))
    return Tools(
        routes=RouteTable(_ROUTES),
        verifier=verifier,
        strangers=local_limiter(),
        clients=local_limiter(),
        stranger_plan=plan,
        client_plan=plan,
        cache=ResponseCache(now=time.monotonic),
        services={"filing": Service.at("filing", url)},
        entries=EntryCalls(Entries(None), allowed=(), budget=1),  # type: ignore[arg-type] # unused
        budget=1.2,
        log=log,
        tallies=Tallies(),
        standing=Standing(None, (), issuers=frozenset()),  # type: ignore[arg-type] # unused
    )


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    desk = Desk()
    bare = uvicorn.Config(desk, http="httptools", proxy_headers=False, log_level="warning")
    with serving(bare) as port, _gateway(desk, f"http://127.0.0.1:{port}") as made:
        yield made


@contextmanager
def _gateway(desk: Desk, url: str) -> Iterator[Gateway]:
    """One that has asked its service once: the connection is there."""
    ordinary, lines = list[str](), list[dict[str, Any]]()
    log = AccessLog(lambda data: lines.extend(map(orjson.loads, data.splitlines())))
    tools = _tools(url, log)
    messages = Messages(load_messages("shared"), load_messages("gateway"))
    known = SimpleNamespace(state=SimpleNamespace(tools=tools, messages=messages))
    inner = InContext(DataPath(desk))

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            tools.services["filing"].close()
            await asyncio.sleep(0)  # let the transports go
            await send({"type": "lifespan.shutdown.complete"})
            return
        ordinary.append(scope["path"])
        await inner({**scope, "app": known}, receive, send)

    fast = FastPath(
        cache=tools.cache,
        lookup_token=lambda _token: None,
        take=lambda client: tools.clients.take_one(client, tools.client_plan),
        log=log.add,
        observe=lambda _seconds: None,
        pass_on=partial(pass_on, tools=tools),
    )
    policy = EdgePolicy()
    base = gateway_protocol(lambda: fast)
    with serving(edge_config(edge(app, policy=policy), policy, base=base, lifespan="on")) as port:
        made = Gateway(port, desk, tools, ordinary, lines)
        [first], _ = made.ask(READ)
        assert first.status == 200
        yield made


@contextmanager
def _hanging_up() -> Iterator[str]:
    """A service that answers one request a connection, and ends it at the second unanswered."""
    answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"

    def serve(connection: socket.socket) -> None:
        with connection:
            if connection.recv(65536):
                connection.sendall(answer)
                connection.recv(65536)

    def accept() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=serve, args=listener.accept()[:1], daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, daemon=True).start()
        host, port = listener.getsockname()
        yield f"{host}:{port}"
        listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts


def test_a_plain_read_is_answered_without_the_app(gateway: Gateway) -> None:
    for request in (READ, get("/v1/filings/7?x=1", TOKEN), READ):
        [answer], ordinary = gateway.ask(request)

        assert (answer.status, answer.body, ordinary) == (200, _PAGE, [])
    assert gateway.lent == 0


def test_both_ways_give_the_same_answer(gateway: Gateway) -> None:
    quoted = {name: get(f"/v1/filings/{name}", TOKEN) for name in ("7", "unchanged", "chunks")}
    differing = {"date", "ratelimit", "x-request-id", "transfer-encoding", "content-length"}

    for request in quoted.values():
        [direct], none = gateway.ask(request)
        [ordinary], one = gateway.ask(request.replace(b"\r\n\r\n", b"\r\nRange: lines=1\r\n\r\n"))
        assert (len(none), len(one)) in ((0, 1), (1, 1))  # chunks may come one by one
        assert (direct.status, direct.body) == (ordinary.status, ordinary.body)
        fields = [
            {name: value for name, value in answer.headers.items() if name not in differing}
            for answer in (direct, ordinary)
        ]
        assert fields[0] == fields[1]
        assert {"x-content-type-options", "x-request-id", "ratelimit"} <= set(direct.headers)


@pytest.mark.feature("G1")
def test_what_a_client_says_of_itself_does_not_pass_here_either(gateway: Gateway) -> None:
    said = ("X-Actor: root", "X-Forwarded-For: 9.9.9.9", "Via: evil", "X-Custom: kept")
    _, ordinary = gateway.ask(get("/v1/filings", TOKEN, *said, 'If-None-Match: "7-gz"'))

    seen = gateway.desk.asked[-1]
    assert ordinary == []
    assert {"x-actor", "via"}.isdisjoint(seen)
    assert seen["x-forwarded-for"] == "127.0.0.1"
    assert seen["x-custom"] == "kept"
    assert seen["if-none-match"] == '"7"'
    assert 1000 <= int(seen["x-time-budget-ms"]) <= 1200


@pytest.mark.feature("API7")
def test_a_direct_call_keeps_its_name_and_its_trace(gateway: Gateway) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    [answer], ordinary = gateway.ask(
        get("/v1/filings", TOKEN, f"traceparent: {trace}", "X-Request-Id: caller-000001")
    )

    seen = gateway.desk.asked[-1]
    assert ordinary == []
    assert answer.headers["x-request-id"] == seen["x-request-id"] == "caller-000001"
    assert seen["traceparent"][:36] == trace[:36]
    assert seen["traceparent"] != trace
    [line] = [line for line in gateway.lines if line["request_id"] == "caller-000001"]
    assert (line["trace_id"], line["client_id"], line["status"]) == (trace[3:35], "good", 200)


ORDINARY = {
    "a token that is not known": get("/v1/filings", "Authorization: Bearer bad"),
    "a role that may not": get("/v1/filings", "Authorization: Bearer other"),
    "a path that is none": get("/v1/nothing", TOKEN),
    "an escape": get("/v1/filings/%37", TOKEN),
    "little time": get("/v1/filings", TOKEN, "X-Time-Budget-Ms: 900"),
    "a write": get("/v1/filings", TOKEN, "Content-Length: 0", method="POST"),
}


@pytest.mark.parametrize("case", ORDINARY)
def test_what_is_not_plainly_a_read_goes_the_ordinary_way(gateway: Gateway, case: str) -> None:
    _, ordinary = gateway.ask(ORDINARY[case])

    assert len(ordinary) == 1


@pytest.mark.feature("G1")
def test_a_route_with_a_rule_goes_the_ordinary_way(gateway: Gateway) -> None:
    rules = {"listFilings": RouteRule(roles=frozenset())}
    gateway.tools.routes = RouteTable(_ROUTES, rules=rules, today=date(2026, 1, 1))

    [answer], ordinary = gateway.ask(READ)

    assert answer.problem["code"] == "route_closed"
    assert ordinary == ["/v1/filings"]


@pytest.mark.feature("G2")
def test_exactly_the_quota_passes_whichever_way(gateway: Gateway) -> None:
    gateway.tools.client_plan = Plan((Window("minute", 5, 60),))
    gateway.tools.clients.meters.clear()

    received = [gateway.ask(READ)[0][0].status for _ in range(8)]

    assert received == [200] * 5 + [429] * 3


HANDED_OVER = {"long": (200, LONG), "gone": (404, None), "away": (503, b"{}")}


@pytest.mark.parametrize("case", HANDED_OVER)
def test_what_is_long_or_a_refusal_is_handed_over_as_it_stands(gateway: Gateway, case: str) -> None:
    status, body = HANDED_OVER[case]
    asked = len(gateway.desk.asked)

    [answer], ordinary = gateway.ask(get(f"/v1/filings/{case}", TOKEN))

    assert answer.status == status
    assert answer.body == body or (body is None and answer.problem["code"] == "not_found")
    assert ordinary == [f"/v1/filings/{case}"]
    assert len(gateway.desk.asked) == asked + 1  # the service was asked once
    assert gateway.lent == 0


@pytest.mark.feature("G3")
def test_a_service_that_takes_too_long_is_a_504_here_too(gateway: Gateway) -> None:
    began = time.monotonic()
    [answer], ordinary = gateway.ask(get("/v1/filings/never", TOKEN), quiet=3)

    assert answer.problem["code"] == "gateway_timeout"
    assert ordinary == ["/v1/filings/never"]
    assert 1 < time.monotonic() - began < 6


@pytest.mark.feature("G3")
def test_a_kept_connection_that_ends_without_an_answer_is_replaced() -> None:
    with _hanging_up() as address, _gateway(Desk(), f"http://{address}") as gateway:
        asked = [gateway.ask(READ) for _ in range(3)]

        assert [received[0].status for received, _ in asked] == [200] * 3
        assert [ordinary for _, ordinary in asked] == [["/v1/filings"]] * 3
        assert gateway.tools.services["filing"].replicas[0].breaker._failures == 0


def test_a_client_that_leaves_ends_the_call_to_the_service(gateway: Gateway) -> None:
    with socket.create_connection(("127.0.0.1", gateway.port)) as connection:
        connection.sendall(get("/v1/filings/never", TOKEN))
        _until(lambda: gateway.lent == 1)

    _until(lambda: gateway.desk.left == 1)
    _until(lambda: gateway.lent == 0)
    _until(lambda: any(line["status"] == 499 for line in gateway.lines))
    assert gateway.ordinary[1:] == []


def test_what_follows_on_the_connection_waits_for_its_turn(gateway: Gateway) -> None:
    late, other = get("/v1/filings/late", TOKEN), get("/v1/nothing", TOKEN)

    received, ordinary = gateway.ask(late + other + READ, quiet=1.5)

    assert [answer.status for answer in received] == [200, 404, 200]
    assert ordinary == ["/v1/nothing", "/v1/filings"]


def test_a_stop_waits_for_what_is_on_its_way() -> None:
    desk = Desk()
    bare = uvicorn.Config(desk, http="httptools", proxy_headers=False, log_level="warning")
    with serving(bare) as port:
        with _gateway(desk, f"http://127.0.0.1:{port}") as gateway:
            connection = socket.create_connection(("127.0.0.1", gateway.port))
            connection.sendall(get("/v1/filings/late", TOKEN))
            _until(lambda: gateway.lent == 1)
        with connection:
            [answer] = answers(read_all(connection))

    assert (answer.status, answer.body) == (200, _PAGE)
    assert answer.headers["connection"] == "close"


def test_bytes_that_repeat_are_looked_at_each_time(gateway: Gateway) -> None:
    with socket.create_connection(("127.0.0.1", gateway.port)) as connection:
        statuses = []
        for revoked in (False, False, True):
            if revoked:
                gateway.tools.verifier.cache.revoke_token("good", now=datetime.now(UTC))
            connection.sendall(READ)
            statuses.append(answers(read_all(connection))[0].status)

    assert statuses == [200, 200, 401]


def _until(holds: Callable[[], bool]) -> None:
    ends = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < ends
        time.sleep(0.01)

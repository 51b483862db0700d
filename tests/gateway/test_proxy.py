"""The way through to a real small service: what passes, and what does not."""

import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.passed_fields import request_fields
from shared.http.edge import EdgePolicy, edge, edge_config
from tests.gateway.door import HOST, Door, Service, around, echoed, upstream_at
from tests.shared.http.live import Recorder, get, serving, talk

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
    with serving(around(Door(upstream_at(f"127.0.0.1:{port}")))) as gateway:
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
            serving(around(Door(upstream_at(f"unix:{path}")))) as port,
        ):
            received = talk(port, get("/echo"))

    assert received[0].status == 200

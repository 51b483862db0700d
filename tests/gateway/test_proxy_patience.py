"""The way through when it goes wrong: slow, gone, too large, away, and back."""

import socket
import time

import pytest

from gateway.breaker import BreakerState
from shared.http.edge import EdgePolicy, edge, edge_config
from tests.gateway.door import HOST, Door, Service, around, echoed, upstream_at
from tests.shared.http.live import answers, get, read_all, serving, talk


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
    with serving(around(door, body_bytes=100_000)) as port:
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
    with serving(around(door)) as port:
        received = [talk(port, get("/", "Connection: close"))[0] for _ in range(6)]
    with (
        serving(edge_config(edge(near, policy=policy), policy)) as other,
        serving(around(Door(upstream_at(f"127.0.0.1:{other}")))) as port,
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

"""What the edge refuses, byte by byte, and that the app sees exactly what was let through."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from shared.http.edge import EdgePolicy, edge, edge_config
from tests.shared.http.live import Recorder, answers, get, read_all, serving, talk

POST = b"POST /p HTTP/1.1\r\nHost: ganfutong.test\r\n"
NEXT = get("/smuggled")
POLICY = EdgePolicy(hosts=frozenset({"ganfutong.test"}), header_seconds=2.0, sweep_seconds=0.1)


@pytest.fixture(scope="module")
def listener() -> Iterator[tuple[int, Recorder]]:
    recorder = Recorder()
    with serving(edge_config(edge(recorder, policy=POLICY), POLICY)) as port:
        yield port, recorder


@pytest.fixture
def served(listener: tuple[int, Recorder]) -> tuple[int, Recorder]:
    listener[1].seen.clear()
    listener[1].clients.clear()
    return listener


REFUSED = {
    "content-length beside transfer-encoding": (
        POST + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + NEXT,
        [400],
    ),
    "transfer-encoding beside content-length": (
        POST + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n" + NEXT,
        [400],
    ),
    "two content lengths": (
        POST + b"Content-Length: 0\r\nContent-Length: 40\r\n\r\n" + NEXT,
        [400],
    ),
    "two equal content lengths": (
        POST + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\nab",
        [400],
    ),
    "a list of content lengths": (POST + b"Content-Length: 2, 2\r\n\r\nab", [400]),
    "a signed content length": (POST + b"Content-Length: +3\r\n\r\nabc", [400]),
    "a negative content length": (POST + b"Content-Length: -1\r\n\r\n", [400]),
    "a hexadecimal content length": (POST + b"Content-Length: 0x3\r\n\r\nabc", [400]),
    "a content length beyond 64 bits": (
        POST + b"Content-Length: 99999999999999999999\r\n\r\n",
        [400],
    ),
    "a space before the colon": (
        POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + NEXT,
        [400],
    ),
    "xchunked": (POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", [400]),
    "gzip, chunked": (POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", [400]),
    "identity": (POST + b"Transfer-Encoding: identity\r\n\r\n", [400]),
    "chunked twice": (
        POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        [400],
    ),
    "chunked under http/1.0": (
        b"POST / HTTP/1.0\r\nHost: ganfutong.test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        [400],
    ),
    "a bad chunk size": (POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", [400]),
    "a bad chunk end": (POST + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabcXX0\r\n\r\n", [400]),
    "a chunk ended by a bare line feed": (
        POST + b"Transfer-Encoding: chunked\r\n\r\n3\nabc\n0\n\n",
        [400],
    ),
    "a folded header line": (get("/", "X-A: one\r\n two"), [400]),
    "bare line feeds": (b"GET / HTTP/1.1\nHost: ganfutong.test\n\n", [400]),
    "a bare carriage return": (get("/", "X-A: one\rX-B: two"), [400]),
    "NUL in a value": (get("/", "X-A: a\0b"), [400]),
    "NUL in a name": (get("/", "X\0A: b"), [400]),
    "NUL in the target": (get("/a\0b"), [400]),
    "a space in a name": (get("/", "X A: b"), [400]),
    "no host": (b"GET / HTTP/1.1\r\nX-A: b\r\n\r\n", [400]),
    "two hosts": (get("/", "Host: ganfutong.test"), [400]),
    "two hosts, the second foreign": (get("/", "hOsT: evil.test"), [400]),
    "a foreign host": (get("/", host="evil.test"), [400]),
    "a host that only ends like ours": (get("/", host="evil-ganfutong.test"), [400]),
    "a host with a user": (get("/", host="ganfutong.test@evil.test"), [400]),
    "a host list": (get("/", host="ganfutong.test, evil.test"), [400]),
    "an empty host": (get("/", host=""), [400]),
    "TRACE": (get("/", method="TRACE"), [405]),
    "CONNECT": (b"CONNECT evil.test:443 HTTP/1.1\r\nHost: ganfutong.test\r\n\r\n", [405]),
    "a method outside of the list": (get("/", method="PROPFIND"), [405]),
    "an unknown method": (get("/", method="GETT"), [400]),
    "http/2.0 in the request line": (b"GET / HTTP/2.0\r\nHost: ganfutong.test\r\n\r\n", [400]),
    "an http/2 preface": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", [400]),
    "a target with another host": (get("http://evil.test/"), [400]),
    "a target with a fragment": (get("/a#b"), [400]),
    "a dot segment": (get("/v1/public/../admin"), [400]),
    "a dot segment in disguise": (get("/v1/public/%2e%2e/admin"), [400]),
    "a slash in disguise": (get("/v1/public%2Fadmin"), [400]),
    "a backslash": (get("/v1\\admin"), [400]),
    "an empty segment": (get("/v1//admin"), [400]),
    "a broken escape": (get("/v1/%zz"), [400]),
    "an escape that is no utf-8": (get("/v1/%ff"), [400]),
    "an upgrade with a body": (
        POST + b"Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 40\r\n\r\n" + NEXT,
        [400],
    ),
    "5000 headers": (get("/", *(f"X-{n}: v" for n in range(5000))), [431]),
    "65 headers": (get("/", *(f"X-{n}: v" for n in range(64))), [431]),
    "65 headers with underscores": (get("/", *(f"X_{n}: v" for n in range(64))), [431]),
    "a header of 100 KB": (get("/", "X-A: " + "a" * 100_000), [431]),
    "a target of 20 KB": (get("/" + "a" * 20_000), [431]),
}


@pytest.mark.feature("API2")
@pytest.mark.parametrize("case", REFUSED)
def test_what_has_two_readings_is_refused_as_a_problem(
    served: tuple[int, Recorder], case: str
) -> None:
    port, recorder = served
    sent, statuses = REFUSED[case]

    received = talk(port, sent)

    assert [answer.status for answer in received] == statuses
    assert received[0].problem["status"] == statuses[0]
    assert received[0].headers["connection"] == "close"
    assert received[0].headers["x-content-type-options"] == "nosniff"
    assert recorder.seen == []


def test_a_header_that_never_ends_is_refused_while_it_arrives(
    served: tuple[int, Recorder],
) -> None:
    port, _ = served
    parts = [b"GET / HTTP/1.1\r\nHost: ganfutong.test\r\nX-A: "] + [b"a" * 4096] * 8

    received = talk(port, *parts, pause=0.02)

    assert [answer.status for answer in received] == [431]


def test_a_trailer_that_never_ends_is_refused_while_it_arrives(
    served: tuple[int, Recorder],
) -> None:
    port, recorder = served
    parts = [POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX-A: "] + [b"a" * 4096] * 8

    received = talk(port, *parts, pause=0.02)

    assert [answer.status for answer in received] == [431]
    assert recorder.seen == []


ACCEPTED = {
    "a plain request": ([get("/a")], ["/a"]),
    "a body": ([POST + b"Content-Length: 3\r\n\r\nabc"], ["/p"]),
    "chunks": ([POST + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"], ["/p"]),
    "two pipelined": ([get("/a") + get("/b")], ["/a", "/b"]),
    "a hundred pipelined": (
        [b"".join(get(f"/{n}") for n in range(100))],
        [f"/{n}" for n in range(100)],
    ),
    "a body, then a request": (
        [POST + b"Content-Length: 3\r\n\r\nabc" + get("/b")],
        ["/p", "/b"],
    ),
    "chunks, then a request": (
        [POST + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n" + get("/b")],
        ["/p", "/b"],
    ),
    "byte by byte": ([bytes([byte]) for byte in get("/a") + get("/b")], ["/a", "/b"]),
    "two large heads that split inside each other": (
        [
            (get("/a", "X-A: " + "a" * 15_000) + get("/b", "X-B: " + "b" * 15_000))[:20_000],
            (get("/a", "X-A: " + "a" * 15_000) + get("/b", "X-B: " + "b" * 15_000))[20_000:],
        ],
        ["/a", "/b"],
    ),
    "an upgrade nobody takes, then a request": (
        [get("/a", "Connection: Upgrade", "Upgrade: h2c") + get("/b")],
        ["/a", "/b"],
    ),
    "a websocket nobody takes": (
        [get("/a", "Connection: Upgrade", "Upgrade: websocket")],
        ["/a"],
    ),
    "host with a port": ([get("/a", host="GanFuTong.test:8443")], ["/a"]),
    "escaped Chinese": ([get("/v1/%E7%A4%BE%E4%BF%9D?q=%2F%E7%A4%BE")], ["/v1/社保"]),
    "64 headers": ([get("/a", *(f"X-{n}: v" for n in range(63)))], ["/a"]),
    "after connection: close nothing more": (
        [get("/a", "Connection: close") + get("/b")],
        ["/a"],
    ),
}


@pytest.mark.parametrize("case", ACCEPTED)
def test_the_app_sees_exactly_the_requests_that_were_sent(
    served: tuple[int, Recorder], case: str
) -> None:
    port, recorder = served
    parts, paths = ACCEPTED[case]

    received = talk(port, *parts, pause=0.002)

    assert [path for _, path, _, _ in recorder.seen] == paths
    assert [answer.status for answer in received] == [200] * len(paths)


def test_a_good_request_before_a_bad_one_is_answered_first(served: tuple[int, Recorder]) -> None:
    port, recorder = served

    received = talk(port, get("/a") + get("/b") + b"BAD\r\n\r\n" + get("/c"))

    assert [answer.status for answer in received] == [200, 200, 400]
    assert [path for _, path, _, _ in recorder.seen] == ["/a", "/b"]


def test_names_with_an_underscore_and_trailers_do_not_reach_the_app(
    served: tuple[int, Recorder],
) -> None:
    port, recorder = served
    chunked = POST + b"Transfer-Encoding: chunked\r\nX_User_Id: 1\r\n\r\n"

    talk(port, get("/", "X_User_Id: 1", "X-User-Id: 2"), chunked + b"0\r\nX-Role: PROVINCE\r\n\r\n")

    assert recorder.seen[0][2]["x-user-id"] == "2"
    assert all("_" not in name and name != "x-role" for seen in recorder.seen for name in seen[2])


def test_forwarded_fields_change_nothing_from_a_peer_that_is_no_ingress(
    served: tuple[int, Recorder],
) -> None:
    port, recorder = served

    talk(port, get("/", "X-Forwarded-For: 9.9.9.9", "X-Forwarded-Proto: https", "Forwarded: for=9"))

    (address, _), scheme = recorder.clients[0]
    assert (address, scheme) == ("127.0.0.1", "http")
    assert not {"x-forwarded-for", "x-forwarded-proto", "forwarded"} & set(recorder.seen[0][2])


def test_the_last_hop_is_believed_from_a_configured_ingress() -> None:
    recorder = Recorder()
    policy = EdgePolicy(ingress=frozenset({"127.0.0.1"}))
    with serving(edge_config(edge(recorder, policy=policy), policy)) as port:
        talk(port, get("/", "X-Forwarded-For: 1.1.1.1, 203.0.113.7", "X-Forwarded-Proto: https"))
        talk(port, get("/", "X-Forwarded-For: nonsense"))

    assert recorder.clients[0] == (("203.0.113.7", 0), "https")
    assert recorder.clients[1][0][0] == "127.0.0.1"


def test_a_problem_speaks_the_language_of_the_request_and_carries_its_id(
    served: tuple[int, Recorder],
) -> None:
    port, _ = served

    english = talk(port, get("//", "Accept-Language: en", "X-Request-Id: caller-0001"))[0]
    chinese = talk(port, get("//"))[0]

    assert english.headers["x-request-id"] == english.problem["request_id"] == "caller-0001"
    assert english.headers["content-language"] == "en"
    assert chinese.headers["content-language"] == "zh-CN"
    assert english.problem["title"] != chinese.problem["title"]
    assert english.problem["code"] == chinese.problem["code"] == "target_refused"


def test_production_does_not_start_with_any_host() -> None:
    with pytest.raises(ValueError, match="production"):
        EdgePolicy(hosts=frozenset({"*"}), production=True)


def test_slow_senders_are_cut_while_a_healthy_request_passes(
    served: tuple[int, Recorder], record_testsuite_property: Callable[[str, object], None]
) -> None:
    port, _ = served
    heads = [socket.create_connection(("127.0.0.1", port)) for _ in range(25)]
    bodies = [socket.create_connection(("127.0.0.1", port)) for _ in range(15)]
    silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(10)]
    slow = heads + bodies
    for connection in heads:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: ganfutong.test\r\n")
    for connection in bodies:
        connection.sendall(POST + b"Content-Length: 100\r\n\r\n")
    started = time.monotonic()
    healthy = []

    while time.monotonic() - started < 5.6:
        for connection in slow:
            with suppress(OSError):
                connection.sendall(b"X")
        healthy.append(talk(port, get("/healthy", "Connection: close"))[0].status)
        time.sleep(0.5)
    ends = [answers(read_all(connection)) for connection in slow]
    quiet = [read_all(connection) for connection in silent]
    for connection in slow + silent:
        connection.close()

    assert set(healthy) == {200}
    assert [end[0].status for end in ends] == [408] * 40
    assert ends[0][0].problem["code"] == "request_timeout"
    assert quiet == [b""] * 10
    record_testsuite_property("slow senders cut", f"{len(ends)} of {len(slow)}")
    record_testsuite_property("healthy requests answered", f"{len(healthy)} of {len(healthy)}")


def test_leading_line_ends_do_not_keep_a_connection_open(served: tuple[int, Recorder]) -> None:
    port, _ = served
    with socket.create_connection(("127.0.0.1", port)) as connection:
        started = time.monotonic()
        with suppress(OSError):
            while time.monotonic() - started < 6:
                connection.sendall(b"\r\n")
                time.sleep(0.1)

    assert time.monotonic() - started < 4

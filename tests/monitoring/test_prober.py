"""The prober against upstreams that answer well, badly, slowly, endlessly, or for another."""

import asyncio
import gzip
import ssl
import struct
import time
import zlib
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import uvloop

from services.monitoring.clients.names import question
from services.monitoring.clients.outcome import Limits, Outcome, Phase
from services.monitoring.clients.prober import Prober
from services.monitoring.clients.resolving import SystemResolver
from services.monitoring.clients.web import WebClient, client_context
from services.monitoring.rules.addresses import Allowed, read_allowed
from services.monitoring.rules.targets import read_target
from tests.monitoring.upstream import OK, Authority, Handler, answering, upstream

Run = Callable[[Coroutine[Any, Any, Any]], Any]
TRUST = client_context()
LOOPBACK = (read_allowed("127.0.0.0/8"),)
QUICK = Limits(total=5.0, body=100_000)


@pytest.fixture(params=["uvloop", "asyncio"])
def run(request) -> Run:
    """What holds on uvloop, which serves, holds on the standard loop too."""

    def carry_out(work: Coroutine[Any, Any, Any]) -> Any:
        factory = uvloop.new_event_loop if request.param == "uvloop" else asyncio.new_event_loop
        with asyncio.Runner(loop_factory=factory) as runner:
            return runner.run(work)

    return carry_out


@pytest.fixture(scope="module")
def authority(tmp_path_factory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


class Names:
    """A resolver that counts, and answers each question with the next of its answers."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers) or [["127.0.0.1"]]
        self.asked: list[str] = []

    async def __call__(self, host: str, _port: int) -> list[str]:
        self.asked.append(host)
        return self.answers[min(len(self.asked), len(self.answers)) - 1]


async def never(_host: str, _port: int) -> list[str]:
    await asyncio.sleep(3600)
    return []


async def unknown(_host: str, _port: int) -> list[str]:
    raise OSError("no such name")


def prober(
    resolve: Callable[[str, int], Awaitable[list[str]]] | None = None,
    *,
    allowed: tuple[Allowed, ...] = LOOPBACK,
    tls: ssl.SSLContext | None = None,
) -> Prober:
    return Prober(resolve or Names(), allowed, tls or TRUST)


async def probed(handler: Handler, *, path: str = "/", limits: Limits = QUICK) -> Outcome:
    async with upstream(handler) as port:
        with prober() as own:
            return await own.probe(read_target(f"http://127.0.0.1:{port}{path}"), limits=limits)


# --- answers as they should be --------------------------------------------------------------------


@pytest.mark.feature("M1")
def test_an_answer_is_seen_with_its_phases(run: Run):
    outcome = run(probed(answering(OK)))

    assert (outcome.error, outcome.seen.status, outcome.seen.body) == (None, 200, b"ok")
    assert (outcome.seen.connected, outcome.seen.ip) == (True, "127.0.0.1")
    assert set(outcome.phases) == {Phase.DNS, Phase.CONNECT, Phase.FIRST_BYTE, Phase.TRANSFER}
    assert 0 < sum(outcome.phases.values()) <= outcome.seen.response_time


@pytest.mark.parametrize(
    ("answer", "status", "body"),
    [
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
        (b"HTTP/1.1 200 OK\r\n\r\nto the end", 200, b"to the end"),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n",
            200,
            b"abc",
        ),
        (b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + OK, 200, b"ok"),
        (b"HTTP/1.0 404 Not Found\r\nContent-Length: 1\r\n\r\nx", 404, b"x"),
    ],
)
def test_each_way_to_end_an_answer_is_understood(run: Run, answer, status, body):
    outcome = run(probed(answering(answer)))

    assert (outcome.error, outcome.seen.status, outcome.seen.body) == (None, status, body)


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress])
def test_a_packed_body_is_unpacked(run: Run, pack):
    packed = pack("社保".encode() * 100)
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(packed)}\r\n\r\n"

    outcome = run(probed(answering(head.encode() + packed)))

    assert outcome.seen.body == "社保".encode() * 100


def test_a_head_answer_has_no_body_to_wait_for(run: Run):
    async def scenario() -> Outcome:
        head = b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n"
        async with upstream(answering(head, then_close=False)) as port:
            with prober() as own:
                target = read_target(f"http://127.0.0.1:{port}/")
                return await own.probe(target, limits=QUICK, method="HEAD")

    assert run(scenario()).seen.status == 200


def test_a_connection_is_used_again_and_made_anew_when_asked_for(run: Run):
    async def scenario() -> tuple[list[bool], list[bool], list[str]]:
        names = Names()
        async with upstream(answering(OK, OK, OK, OK)) as port:
            target = read_target(f"http://probe.example:{port}/")
            with prober(names) as own:
                rounds = [
                    await own.probe(target, limits=QUICK, fresh=fresh)
                    for fresh in (False, False, False, True)
                ]
        return (
            [each.reused for each in rounds],
            [each.error is None for each in rounds],
            names.asked,
        )

    reused, passed, asked = run(scenario())

    assert reused == [False, True, True, False]
    assert passed == [True] * 4
    assert asked == ["probe.example"] * 2


def test_a_kept_connection_that_was_hung_up_is_no_failure(run: Run):
    async def scenario() -> list[Outcome]:
        async with upstream(answering(OK)) as port:
            with prober() as own:
                target = read_target(f"http://127.0.0.1:{port}/")
                return [await own.probe(target, limits=QUICK, fresh=False) for _ in range(3)]

    assert [each.error for each in run(scenario())] == [None] * 3


def test_only_so_many_connections_are_kept_as_the_client_may_have_open(run: Run):
    async def scenario() -> list[bool]:
        handler = answering(OK, OK, then_close=False)
        async with upstream(handler) as one, upstream(handler) as other:
            web = WebClient(Names(), LOOPBACK, TRUST, most_idle=1)
            reused = []
            for port in (one, other, one, other):
                outcome = Outcome()
                target = read_target(f"http://127.0.0.1:{port}/")
                await web.probe(target, method="GET", limits=QUICK, fresh=False, outcome=outcome)
                reused.append(outcome.reused)
            web.close()
            return reused

    assert run(scenario()) == [False, False, True, False]


# --- hostile answers ------------------------------------------------------------------------------


def flood(head: bytes, piece: bytes) -> Handler:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(head)
        while True:
            writer.write(piece)
            await writer.drain()

    return handler


def bomb() -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    zeros = bytes(1_000_000)
    packed = b"".join(packer.compress(zeros) for _ in range(50)) + packer.flush()
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(packed)}\r\n\r\n"
    return head.encode() + packed


@pytest.mark.feature("M1")
@pytest.mark.parametrize(
    ("handler", "code"),
    [
        (flood(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 65536), "body_too_large"),
        (
            flood(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n" * 1000),
            "body_too_large",
        ),
        (flood(b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n" * 1000), "head_too_large"),
        (flood(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"), "answer_invalid"),
        (flood(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;", b"e" * 9999), None),
        (answering(bomb()), "body_too_large"),
        (
            answering(
                b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope"
            ),
            "body_corrupt",
        ),
        (answering(b"SSH-2.0-OpenSSH\r\n"), "answer_invalid"),
        (answering(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"), "answer_invalid"),
        (answering(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab"), "connection_lost"),
        (answering(b""), "connection_lost"),
        (
            answering(
                b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"
                b"0\r\n\r\n"
            ),
            "answer_invalid",
        ),
    ],
    ids=[
        "body without end",
        "tiny chunks without end",
        "head without end",
        "interim answers without end",
        "a chunk extension without end",
        "compressed bomb",
        "packed, but not",
        "another protocol",
        "an upgrade",
        "cut short",
        "hung up",
        "two lengths",
    ],
)
def test_a_hostile_answer_ends_soon_with_its_code(run: Run, handler, code):
    started = time.monotonic()

    outcome = run(probed(handler))

    assert outcome.error == code or (code is None and outcome.error is not None)
    assert not outcome.seen.connected
    assert time.monotonic() - started < 10


def dripping(head: bytes, drop: bytes) -> Handler:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(head)
        while True:
            writer.write(drop)
            await writer.drain()
            await asyncio.sleep(0.05)

    return handler


async def silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await reader.read()


@pytest.mark.feature("M1")
@pytest.mark.parametrize(
    ("handler", "limits", "code"),
    [
        (silent, Limits(total=5.0, phases={Phase.FIRST_BYTE: 0.3}), "timeout_first_byte"),
        (silent, Limits(total=0.3), "timeout_first_byte"),
        (
            dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n", b"x"),
            Limits(total=5.0, phases={Phase.TRANSFER: 0.3}),
            "timeout_transfer",
        ),
        (dripping(b"HTTP/1.1 2", b"0"), Limits(total=0.5), None),
        (dripping(b"HTTP/1.1 200 OK\r\nX-A: ", b"b"), Limits(total=0.4), "timeout_transfer"),
    ],
    ids=["silent", "silent, whole limit", "slow body", "slow status", "slow head"],
)
def test_a_slow_upstream_is_cut_at_the_limit_of_its_phase(run: Run, handler, limits, code):
    started = time.monotonic()

    outcome = run(probed(handler, limits=limits))

    assert outcome.error == code or (code is None and outcome.error is not None)
    assert time.monotonic() - started < 4


def test_a_name_server_that_never_answers_is_cut(run: Run):
    async def scenario() -> Outcome:
        with prober(never) as own:
            limits = Limits(total=5.0, phases={Phase.DNS: 0.2})
            return await own.probe(read_target("https://rst.example/"), limits=limits)

    assert run(scenario()).error == "timeout_dns"


def test_a_server_that_never_finishes_the_handshake_is_cut(run: Run):
    async def scenario() -> Outcome:
        async with upstream(silent) as port:
            with prober() as own:
                limits = Limits(total=5.0, phases={Phase.TLS: 0.3})
                return await own.probe(read_target(f"https://127.0.0.1:{port}/"), limits=limits)

    assert run(scenario()).error == "timeout_tls"


def test_an_unknown_name_and_a_closed_port_have_their_codes(run: Run):
    async def scenario() -> tuple[str | None, str | None]:
        async with upstream(silent) as port:
            pass
        with prober(unknown) as own:
            first = await own.probe(read_target("http://nobody.example/"), limits=QUICK)
        with prober() as own:
            second = await own.probe(read_target(f"http://127.0.0.1:{port}/"), limits=QUICK)
        return first.error, second.error

    assert run(scenario()) == ("name_unknown", "connection_refused")


def open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_failures_leave_no_open_socket_behind(run: Run):
    async def scenario() -> tuple[int, int]:
        hasty = Limits(total=0.05)
        async with upstream(silent) as port:
            web = read_target(f"http://127.0.0.1:{port}/")
            secure = read_target(f"https://127.0.0.1:{port}/")
            with prober() as own:
                await own.probe(web, limits=hasty)
                await own.probe(secure, limits=hasty)
                await asyncio.sleep(0.1)
                before = open_files()
                for _ in range(10):
                    await own.probe(web, limits=hasty)
                    await own.probe(secure, limits=hasty)
                async with asyncio.timeout(10):
                    while open_files() > before + 2:  # noqa: ASYNC110 the kernel tells nobody
                        await asyncio.sleep(0.05)
                return before, open_files()

    before, after = run(scenario())

    assert after <= before + 2


# --- certificates ---------------------------------------------------------------------------------


async def secured(authority: Authority, *, name: str, days: float, host: str) -> Outcome:
    async with upstream(answering(OK), authority.server(name, days=days)) as port:
        with prober(tls=client_context(str(authority.file))) as own:
            return await own.probe(read_target(f"https://{host}:{port}/"), limits=QUICK)


@pytest.mark.feature("M1")
def test_a_certificate_tells_when_it_ends(run: Run, authority: Authority):
    outcome = run(secured(authority, name="rst.example", days=10, host="rst.example"))

    assert outcome.error is None
    assert Phase.TLS in outcome.phases
    days = outcome.seen.certificate_expires_in / 86_400_000
    assert 9.9 < days < 10.1


@pytest.mark.feature("M1")
@pytest.mark.parametrize(
    ("certified", "host", "code"),
    [
        (("rst.example", -1), "rst.example", "certificate_expired"),
        (("ybj.example", 10), "rst.example", "certificate_of_another_name"),
        (("rst.example", 10), "127.0.0.1", "certificate_of_another_name"),
    ],
)
def test_a_wrong_certificate_has_its_code(run: Run, authority: Authority, certified, host, code):
    name, days = certified

    outcome = run(secured(authority, name=name, days=days, host=host))

    assert (outcome.error, outcome.seen.connected) == (code, False)


def test_a_certificate_of_an_unknown_authority_is_untrusted(run: Run, authority: Authority):
    async def scenario() -> Outcome:
        async with upstream(answering(OK), authority.server("rst.example")) as port:
            with prober() as own:
                return await own.probe(read_target(f"https://rst.example:{port}/"), limits=QUICK)

    assert run(scenario()).error == "certificate_untrusted"


def test_plain_http_behind_https_is_a_failed_handshake(run: Run):
    async def babble(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(OK)
        await writer.drain()

    async def scenario() -> Outcome:
        async with upstream(babble) as port:
            with prober() as own:
                return await own.probe(read_target(f"https://127.0.0.1:{port}/"), limits=QUICK)

    assert run(scenario()).error == "tls_failed"


# --- addresses and redirects ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[::127.0.0.1]/",
        "http://[64:ff9b::7f00:1]/",
        "http://[2002:7f00:1::]/",
        "http://[fe80::1]/",
        "http://[fec0::1]/",
        "http://[fd00:ec2::254]/",
        "http://10.0.0.1/",
        "http://100.100.100.200/",
        "http://169.254.169.254/latest/meta-data/",
        "http://168.63.129.16/",
        "http://192.168.1.1/",
        "http://224.0.0.1/",
        "http://255.255.255.255/",
        "http://0.0.0.0/",
        "http://①②⑦.⓪.⓪.①/",
        "tcp://127.0.0.1:5432",
        "dns://127.0.0.53/example.org",
        "http://8.8.8.8:8080/",
        "tcp://8.8.8.8:22",
    ],
)
def test_a_forbidden_address_is_refused_before_anything_is_sent(run: Run, url):
    async def scenario() -> Outcome:
        with prober(allowed=()) as own:
            return await own.probe(read_target(url), limits=QUICK)

    assert run(scenario()).error == "address_refused"


@pytest.mark.parametrize("name", ["2130706433", "0x7f.1", "127.1", "0177.0.0.1"])
def test_a_number_that_the_resolver_reads_as_loopback_is_refused(run: Run, name):
    async def scenario() -> str | None:
        resolver = SystemResolver()
        try:
            with Prober(resolver, (), TRUST) as own:
                return (await own.probe(read_target(f"http://{name}/"), limits=QUICK)).error
        finally:
            resolver.close()

    assert run(scenario()) == "address_refused"


def test_one_forbidden_address_among_public_ones_refuses_the_name(run: Run):
    async def scenario() -> Outcome:
        with prober(Names(["93.184.216.34", "10.0.0.8"]), allowed=()) as own:
            return await own.probe(read_target("http://both.example/"), limits=QUICK)

    assert run(scenario()).error == "address_refused"


def test_a_name_that_is_bound_anew_is_not_asked_for_again(run: Run):
    """The address that was checked is the one that is connected to: a second answer is not seen."""

    async def scenario() -> tuple[Outcome, list[str]]:
        names = Names(["127.0.0.1"], ["10.0.0.8"])
        async with upstream(answering(OK)) as port:
            allowed = (read_allowed(f"127.0.0.1:{port}"),)
            with prober(names, allowed=allowed) as own:
                target = read_target(f"http://rebound.example:{port}/")
                return await own.probe(target, limits=QUICK), names.asked

    outcome, asked = run(scenario())

    assert (outcome.error, outcome.seen.ip) == (None, "127.0.0.1")
    assert asked == ["rebound.example"]


def to(location: str) -> bytes:
    return f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()


@asynccontextmanager
async def leading(location: str):
    async with upstream(answering(OK)) as inner:

        async def lead(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(to(location.format(inner=inner)))
            await writer.drain()

        async with upstream(lead) as outer:
            yield outer, inner


@pytest.mark.parametrize(
    ("redirects", "location", "expected"),
    [
        (0, "http://127.0.0.1:{inner}/", (None, 302, 0)),
        (1, "http://127.0.0.1:{inner}/", (None, 200, 1)),
        (3, "//127.0.0.1:{inner}/a", (None, 200, 1)),
        (2, "/again", ("redirects_exceeded", 302, 2)),
        (1, "http://127.0.0.2:{inner}/", ("address_refused", 302, 1)),
        (1, "http://[::ffff:10.0.0.1]/", ("address_refused", 302, 1)),
        (1, "http://169.254.169.254/", ("address_refused", 302, 1)),
        (1, "file:///etc/passwd", ("redirect_unreadable", 302, 1)),
        (1, "tcp://127.0.0.1:{inner}", ("redirect_unreadable", 302, 1)),
        (1, "http://user:secret@127.0.0.1:{inner}/", ("redirect_unreadable", 302, 1)),
        (1, "http://a b/", ("redirect_unreadable", 302, 1)),
    ],
)
@pytest.mark.feature("M1")
def test_redirects_are_off_counted_and_checked_again(run: Run, redirects, location, expected):
    async def scenario() -> Outcome:
        async with leading(location) as (outer, inner):
            allowed = tuple(read_allowed(f"127.0.0.1:{port}") for port in (outer, inner))
            with prober(allowed=allowed) as own:
                limits = Limits(total=5.0, redirects=redirects)
                return await own.probe(read_target(f"http://127.0.0.1:{outer}/"), limits=limits)

    outcome = run(scenario())

    assert (outcome.error, outcome.seen.status, outcome.hops) == expected


# --- TCP and DNS ----------------------------------------------------------------------------------


def test_a_port_is_knocked_at(run: Run):
    async def scenario() -> Outcome:
        async with upstream(silent) as port:
            with prober() as own:
                return await own.probe(read_target(f"tcp://127.0.0.1:{port}"), limits=QUICK)

    outcome = run(scenario())

    assert (outcome.error, outcome.seen.connected) == (None, True)
    assert set(outcome.phases) == {Phase.DNS, Phase.CONNECT}


def record(kind: int, data: bytes) -> bytes:
    return b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, 60, len(data)) + data


class NameServer(asyncio.DatagramProtocol):
    def __init__(self, answer: Callable[[bytes], bytes]) -> None:
        self.answer = answer

    def connection_made(self, transport) -> None:
        self.transport = transport

    def datagram_received(self, data, addr) -> None:
        self.transport.sendto(self.answer(data), addr)


def reply(*records: bytes, flags: int = 0x8180) -> Callable[[bytes], bytes]:
    def answer(asked: bytes) -> bytes:
        counts = struct.pack("!4H", 1, len(records), 0, 0)
        return asked[:2] + struct.pack("!H", flags) + counts + asked[12:] + b"".join(records)

    return answer


async def asked_of(answer: Callable[[bytes], bytes], record_type: str = "A") -> Outcome:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(
        lambda: NameServer(answer), local_addr=("127.0.0.1", 0)
    )
    port = transport.get_extra_info("sockname")[1]

    async def over_tcp(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
        whole = reply(record(1, bytes([192, 0, 2, 1])))(asked)
        writer.write(struct.pack("!H", len(whole)) + whole)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(over_tcp, "127.0.0.1", port)
    try:
        with prober() as own:
            target = read_target(f"dns://127.0.0.1:{port}/rst.example?type={record_type}")
            return await own.probe(target, limits=Limits(total=2.0))
    finally:
        server.close()
        transport.close()


@pytest.mark.feature("M1")
@pytest.mark.parametrize(
    ("answer", "record_type", "rcode", "body"),
    [
        (reply(record(1, bytes([192, 0, 2, 7]))), "A", "NOERROR", b"192.0.2.7"),
        (
            reply(record(1, bytes([192, 0, 2, 9])), record(1, bytes([192, 0, 2, 8]))),
            "A",
            "NOERROR",
            b"192.0.2.8\n192.0.2.9",
        ),
        (reply(record(28, bytes(15) + b"\1")), "AAAA", "NOERROR", b"::1"),
        (reply(record(5, b"\1a\xc0\x0c")), "CNAME", "NOERROR", b"a.rst.example"),
        (reply(record(15, b"\0\x0a\2mx\xc0\x0c")), "MX", "NOERROR", b"10 mx.rst.example"),
        (reply(record(16, b"\5v=ok!")), "TXT", "NOERROR", b"v=ok!"),
        (reply(flags=0x8183), "A", "NXDOMAIN", b""),
        (reply(flags=0x8380), "A", "NOERROR", b"192.0.2.1"),
    ],
    ids=["A", "two", "AAAA", "CNAME", "MX", "TXT", "no such name", "cut, then TCP"],
)
def test_a_name_server_s_answer_is_seen(run: Run, answer, record_type, rcode, body):
    outcome = run(asked_of(answer, record_type))

    assert (outcome.error, outcome.seen.dns_rcode, outcome.seen.body) == (None, rcode, body)


def always(answer: bytes) -> Callable[[bytes], bytes]:
    return lambda _asked: answer


@pytest.mark.parametrize(
    ("answer", "record_type"),
    [
        (always(b"x"), "A"),
        (always(bytes(12)), "A"),
        (lambda asked: bytes([asked[0] ^ 1]) + reply()(asked)[1:], "A"),
        (lambda asked: asked, "A"),
        (reply(record(5, b"\xc0\x29")), "CNAME"),
        (reply(b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 60, 400) + b"abcd"), "A"),
        (reply(record(1, b"ab")), "A"),
    ],
    ids=["short", "zeros", "another number", "an echo", "a loop", "too long", "no address"],
)
def test_a_hostile_name_server_is_an_invalid_answer(run: Run, answer, record_type):
    assert run(asked_of(answer, record_type)).error == "dns_invalid"


def test_a_question_is_written_as_rfc_1035_says():
    asked = question("a.example", "MX", number=0x1234)

    assert (
        asked.hex(" ", -2) == "1234 0100 0001 0000 0000 0000 0161 0765 7861 6d70 6c65 0000 0f00 01"
    )

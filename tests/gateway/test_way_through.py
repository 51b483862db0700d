"""What reaches a service behind the whole gateway, and what a caller hears when it is away."""

import asyncio
import contextlib
import re
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest

from shared.security.access import OPERATIONS
from tests.gateway.stand_in import Call, Reply, StandIn, standing_in
from tests.suite import MINI_APP, PROVINCE, Suite

SAID = {
    "X-Forwarded-For": "9.9.9.9",
    "X-Forwarded-Host": "evil.invalid",
    "X-Forwarded-Proto": "gopher",
    "X-Forwarded-User": "root",
    "Forwarded": "for=9.9.9.9;host=evil.invalid",
    "X-Real-IP": "9.9.9.9",
    "True-Client-IP": "9.9.9.9",
    "X-Actor": "province-system",
    "X-User": "root",
    "X-User-Id": "root",
    "X-Role": "ROOT",
    "X-Org-Id": "evil-org",
    "X-Region": "99",
    "X-Scope": "everything",
    "X-Client-Id": "evil-client",
    "X-Subject": "root",
    "X-Tenant-Id": "evil-org",
    "X-Auth-Request-User": "root",
    "X-Remote-User": "root",
    "Remote-User": "root",
    "X-Original-URL": "/v1/clients",
    "X-Rewrite-URL": "/v1/clients",
    "X-HTTP-Method-Override": "DELETE",
    "X-Method-Override": "DELETE",
    "X-SSL-Client-Cert": "root",
    "X-Internal-Call": "1",
    "Via": "1.1 evil",
    "X-Gft-Actor": "root",
}
ANSWERED: dict[str, Any] = {"items": [], "next_cursor": None, "total": 0}


def answered(call: Call) -> Reply:
    return Reply({}, status=404) if call.target == "/openapi.json" else Reply(ANSWERED)


@pytest.fixture(scope="module")
async def services() -> AsyncIterator[dict[str, StandIn]]:
    async with AsyncExitStack() as stack:
        yield {
            name: await stack.enter_async_context(standing_in(answered))
            for name in ("catalog", "filing")
        }


@pytest.fixture(scope="module")
async def gateway(suite: Suite, services: dict[str, StandIn]) -> AsyncIterator[httpx.AsyncClient]:
    addresses = {name: f"http://{each.address}" for name, each in services.items()}
    await suite.serve("gateway", upstreams=addresses)
    async with httpx.AsyncClient(base_url=suite.urls["gateway"], timeout=10) as client:
        yield client


@pytest.mark.feature("G1")
@pytest.mark.parametrize(
    "target",
    [
        ("catalog", "GET", "/v1/listings"),
        ("catalog", "GET", "/v1/coverage"),
        ("filing", "GET", "/v1/filings"),
        ("filing", "POST", "/v1/filings"),
        ("filing", "PUT", f"/v1/filings/{uuid.UUID(int=1)}"),
    ],
)
async def test_what_a_client_says_of_itself_never_reaches_a_service(
    suite, gateway, services, target
):
    service, method, path = target
    headers = {**suite.headers(PROVINCE), **SAID, "If-Match": "*", "X-Kept": "kept"}

    answer = await gateway.request(
        method, path, headers=headers, content=b"{}" if method != "GET" else None
    )

    call = services[service].calls[-1]
    sent = {name.lower() for name in SAID}
    own = {"x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"}
    assert answer.status_code == 200, answer.text
    assert (call.method, call.target) == (method, path)
    assert sent & {name for name, _ in call.fields} == own
    assert call.values("x-forwarded-for") == ["127.0.0.1"]
    assert call.values("x-forwarded-proto") == ["http"]
    assert call.values("x-forwarded-host") == [gateway.base_url.netloc.decode()]
    assert not set(SAID.values()) & {value for _, value in call.fields} - {"1"}
    assert call.values("authorization") == [headers["Authorization"]]
    assert call.values("x-kept") == ["kept"]


@pytest.mark.feature("G1")
async def test_a_path_that_is_no_operation_reaches_nobody(suite, gateway, services):
    before = {name: len(each.calls) for name, each in services.items()}
    unknown = [
        ("GET", "/v1/unknown"),
        ("GET", "/v1/filings/"),
        ("GET", "/v1/filings//"),
        ("GET", "/v1/filing"),
        ("DELETE", "/v1/filings"),
        ("PATCH", f"/v1/filings/{uuid.UUID(int=1)}"),
        ("GET", "/v1/filings%2f..%2fmetrics"),
    ]

    answers = [
        await gateway.request(method, path, headers=suite.headers(PROVINCE))
        for method, path in unknown
    ]

    assert {each.status_code for each in answers} <= {400, 404, 405}
    assert {each.headers["content-type"] for each in answers} == {"application/problem+json"}
    assert {name: len(each.calls) for name, each in services.items()} == before


@pytest.mark.feature("G1")
async def test_a_caller_without_the_right_reaches_nobody(suite, gateway, services):
    before = {name: len(each.calls) for name, each in services.items()}
    closed = [row for row in OPERATIONS.values() if row.service != "gateway"]
    closed = [row for row in closed if MINI_APP.role not in row.allow]

    for row in closed:
        path = re.sub(r"\{\w+\}", str(uuid.UUID(int=1)), row.path)
        answer = await gateway.request(row.method, path, headers=suite.headers(MINI_APP))
        assert (answer.status_code, answer.json()["code"]) == (403, "operation_forbidden"), row.id

    assert len(closed) > 30
    assert {name: len(each.calls) for name, each in services.items()} == before


@pytest.mark.feature("API7")
async def test_a_call_keeps_its_name_and_its_trace_on_the_way_through(suite, gateway, services):
    trace = uuid.uuid4().hex
    headers = {
        **suite.headers(PROVINCE),
        "X-Request-Id": "console-20261123-0001",
        "traceparent": f"00-{trace}-{'a' * 16}-01",
    }

    named = await gateway.get("/v1/filings", headers=headers)
    unnamed = await gateway.get("/v1/filings", headers=suite.headers(PROVINCE))

    first, second = services["filing"].calls[-2:]
    assert named.headers["x-request-id"] == "console-20261123-0001"
    assert first.values("x-request-id") == ["console-20261123-0001"]
    assert first.values("traceparent")[0][:35] == f"00-{trace}"
    assert first.values("traceparent")[0][36:52] != "a" * 16
    assert second.values("x-request-id") == [unnamed.headers["x-request-id"]]
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-\d\d", second.values("traceparent")[0])


@pytest.mark.feature("API2")
@pytest.mark.feature("G3")
async def test_a_service_that_is_away_is_a_problem_of_the_gateway(suite):
    async with standing_in(answered) as gone:
        address = f"http://{gone.address}"
    client = await suite.start("gateway", upstreams={"catalog": address, "filing": address})

    read = await client.get("/v1/filings", headers=suite.headers(PROVINCE))
    public = await client.get("/v1/listings", headers=suite.headers(PROVINCE))

    for answer in (read, public):
        assert (answer.status_code, answer.json()["code"]) == (502, "bad_gateway")
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["trace_id"]
        assert address.removeprefix("http://") not in answer.text


INSIDE = "GET /v1/coverage?smuggled=1 HTTP/1.1\r\nHost: {host}\r\nAuthorization: {token}\r\n\r\n"
TWO_READINGS = {
    "length beside chunks": ("Content-Length: {size}\r\nTransfer-Encoding: chunked", "0\r\n\r\n"),
    "chunks beside length": ("Transfer-Encoding: chunked\r\nContent-Length: 5", "0\r\n\r\n"),
    "two lengths": ("Content-Length: 0\r\nContent-Length: {size}", ""),
    "a list of lengths": ("Content-Length: 0, {size}", ""),
    "a signed length": ("Content-Length: +0", ""),
    "chunked in disguise": ("Transfer-Encoding: xchunked", "0\r\n\r\n"),
    "chunked before a space": ("Transfer-Encoding : chunked", "0\r\n\r\n"),
    "chunked twice": ("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", "0\r\n\r\n"),
    "chunked with a tab": ("Transfer-Encoding:\tchunked, identity", "0\r\n\r\n"),
    "a folded field": ("X-A: b\r\n Content-Length: 0", ""),
    "a bare line feed": ("X-A: b\nContent-Length: 0", ""),
    "a NUL": ("X-A: b\0Content-Length: 0", ""),
    "a chunk that ends badly": ("Transfer-Encoding: chunked", "0\n\n"),
    "a chunk extension with a line feed": ("Transfer-Encoding: chunked", "0;a\nb\r\n\r\n"),
    "an upgrade": ("Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: {size}", ""),
    "a connection field that names the length": (
        "Connection: content-length\r\nContent-Length: {size}", ""
    ),
    "a length that Expect holds back": ("Expect: 100-continue\r\nContent-Length: {size}", ""),
}  # fmt: skip


@pytest.mark.feature("G1")
@pytest.mark.parametrize("name", TWO_READINGS)
async def test_what_has_two_readings_is_read_once_by_gateway_and_service_alike(
    suite, gateway, services, name
):
    fields, before = TWO_READINGS[name]
    host = gateway.base_url.netloc.decode()
    token = suite.headers(PROVINCE)["Authorization"]
    inside = INSIDE.format(host=host, token=token)
    head = (
        f"POST /v1/filings HTTP/1.1\r\nHost: {host}\r\nAuthorization: {token}\r\n"
        f"Idempotency-Key: {uuid.uuid4()}\r\nContent-Type: application/json\r\n"
    )
    sent = f"{head}{fields.format(size=len(inside) + len(before))}\r\n\r\n{before}{inside}"
    calls = {each: len(service.calls) for each, service in services.items()}

    reader, writer = await asyncio.open_connection(*host.split(":"))
    writer.write(sent.encode("latin-1"))
    answered = ""
    with contextlib.suppress(TimeoutError):  # a request that is plain keeps its connection
        while more := await asyncio.wait_for(reader.read(65_536), 0.5 if answered else 5):
            answered += more.decode("latin-1")
    writer.close()

    statuses = re.findall(r"HTTP/1\.1 ([2-5]\d\d) ", answered)
    reached = [call for each, service in services.items() for call in service.calls[calls[each] :]]
    assert statuses, name
    assert len([status for status in statuses if status == "200"]) == len(reached)
    assert not [call for call in reached if "smuggled" in call.target]

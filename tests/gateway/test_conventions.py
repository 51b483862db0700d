"""What holds for every operation, seen through the real gateway (API2 to API10)."""

import asyncio
import json
import re
import uuid
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from shared.http.operations import around
from shared.security.access import OPERATIONS
from tests.province import Caller, content
from tests.suite import LABOUR, MINI_APP, PROVINCE

ORGANISATION = {
    "id": "jx-demo",
    "name": "江西省演示厅",
    "short_name": "省演示厅",
    "kind": "PROVINCIAL_DEPARTMENT",
    "region": "36",
    "parent": "jx-zwfw",
}


async def told(province: Caller, subject: str) -> list[dict[str, Any]]:
    """What catalog has told about one aggregate, as others read it."""
    page = await province.get("/v1/catalog/events", after=0, limit=1000)
    events = [each["event"] for each in page.json()["items"]]
    return [event for event in events if event["subject"] == subject]


@pytest.mark.feature("API2")
@pytest.mark.parametrize(
    ("asked", "status", "more"),
    [
        ("GET /v1/nowhere", 404, {}),
        ("GET /nowhere", 404, {}),
        (f"GET /v1/listings/{uuid.UUID(int=1)}", 404, {}),
        ("DELETE /v1/listings", 405, {}),
        ("POST /v1/organisations", 413, {"content": b" " * (2**20 + 1)}),
        ("POST /v1/organisations", 415, {"content": b"<a/>", "type": "application/xml"}),
        ("POST /v1/organisations", 422, {"content": b"{}"}),
        ("POST /v1/organisations", 400, {"content": b'{"id":'}),
        ("POST /v1/filings", 422, {"content": b'{"filing_type": "LISTING"}'}),
        ("GET /v1/listings?limit=0", 422, {}),
        ("GET /v1/listings?cursor=made-up", 400, {}),
        ("PUT /v1/organisations/jx-rst", 428, {"content": b"{}", "match": ""}),
        ("PUT /v1/organisations/jx-rst", 412, {"match": f'"999.{"0" * 32}"'}),
    ],
)
async def test_every_refusal_is_a_problem_whose_type_explains_it(
    suite, platform, asked, status, more
):
    method, path = asked.split(" ")
    headers = suite.headers(PROVINCE, **{"Content-Type": more.get("type", "application/json")})
    if more.get("match", "*"):
        headers["If-Match"] = more.get("match", "*")
    whole = json.dumps({"name": "江西省人力资源和社会保障厅", "short_name": "省人社厅"}).encode()

    answer = await platform.request(
        method, path, headers=headers, content=more.get("content", whole) if "P" in method else None
    )

    problem = answer.json()
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert {"type", "title", "status", "detail", "instance", "code", "trace_id"} <= problem.keys()
    assert problem["status"] == status
    assert re.search("[\u4e00-\u9fff]", problem["title"])
    assert problem["trace_id"]
    assert answer.headers["cache-control"] == "no-store"
    explained = await platform.get(problem["type"])
    assert explained.status_code == 200
    assert explained.json()["code"] == problem["code"]
    assert set(explained.json()["title"]) == {"zh-CN", "en"}
    if status == 405:
        assert set(answer.headers["allow"].split(", ")) == {"GET"}
    if status == 422:
        assert problem["errors"]


@pytest.mark.feature("API3")
@pytest.mark.feature("F3")
async def test_of_twins_through_the_gateway_one_is_made_and_all_end_with_it(suite, platform):
    headers = suite.headers(LABOUR)
    body = {"filing_type": "LISTING", "content": content("demo-rst-001", LABOUR, title="孪生")}

    async def post() -> httpx.Response:
        answer: httpx.Response = await platform.post("/v1/filings", json=body, headers=headers)
        return answer

    answers = await asyncio.gather(*(post() for _ in range(20)))
    retried = await post()
    other = await platform.post("/v1/filings", json={**body, "submit": False}, headers=headers)

    made = [each for each in answers if each.status_code == 201]
    waiting = [each for each in answers if each.status_code == 409]
    firsts = [each for each in made if "idempotent-replayed" not in each.headers]
    assert len(made) + len(waiting) == 20
    assert len(firsts) == 1
    assert {each.json()["id"] for each in (*made, retried)} == {firsts[0].json()["id"]}
    assert all(each.json()["code"] == "idempotent_twin_in_flight" for each in waiting)
    assert all(each.headers["retry-after"] == "1" for each in waiting)
    assert retried.headers["idempotent-replayed"] == "true"
    assert (retried.status_code, retried.content) == (201, firsts[0].content)
    assert retried.headers["location"] == firsts[0].headers["location"]
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    rows = await suite.sql("filing", "select 1 from filings where content ->> 'title' = '孪生'")
    assert len(rows) == 1


@pytest.mark.feature("API5")
async def test_pages_walked_while_rows_come_in_show_each_row_once(suite, platform, province):
    async def add(number: int) -> str:
        identifier = f"jx-walk-{number:02d}"
        made = await province.post(
            "/v1/organisations", {**ORGANISATION, "id": identifier, "name": f"演示{number}"}
        )
        assert made.status_code == 201, made.text
        return identifier

    before = {await add(number) for number in range(10, 30, 2)}
    path: str | None = "/v1/organisations?limit=3"
    seen: list[str] = []
    pages, added = 0, 9
    while path:
        page = await platform.get(path, headers=suite.headers(MINI_APP))
        seen += [each["id"] for each in page.json()["items"]]
        cursor, link = page.json()["next_cursor"], page.headers.get("link")
        path = link.removeprefix("<").removesuffix('>; rel="next"') if link else None
        assert (cursor is None) == (path is None)
        pages += 1
        added += 2
        await add(added)
    last = await province.get("/v1/organisations", limit=100)
    too_many = await province.get("/v1/organisations", limit=101)

    assert pages > 5
    assert len(seen) == len(set(seen))
    assert before <= set(seen)
    assert set(seen) <= {each["id"] for each in last.json()["items"]}
    assert last.json()["next_cursor"] is None
    assert too_many.json()["code"] == "invalid_request"


@pytest.mark.feature("API7")
async def test_one_name_and_one_trace_run_through_answer_problem_event_and_audit(
    suite, platform, province
):
    trace, request_id = uuid.uuid4().hex, f"city-{uuid.uuid4().hex[:12]}"
    own = {"X-Request-Id": request_id, "traceparent": f"00-{trace}-{'b' * 16}-01"}
    body = {**ORGANISATION, "id": f"jx-{uuid.uuid4().hex[:8]}"}

    made = await platform.post(
        "/v1/organisations", json=body, headers={**suite.headers(PROVINCE), **own}
    )
    twice = await platform.post(
        "/v1/organisations", json=body, headers={**suite.headers(PROVINCE), **own}
    )
    refused = await platform.get("/v1/nowhere", headers={**suite.headers(PROVINCE), **own})
    unnamed = await platform.get("/v1/regions", headers=suite.headers(MINI_APP))
    unsafe = await platform.get("/v1/regions", headers={"X-Request-Id": "a b;drop"})

    assert made.status_code == 201, made.text
    for answer in (made, twice, refused):
        assert answer.headers["x-request-id"] == request_id
    assert twice.json()["trace_id"] == trace  # from the service
    assert refused.json()["trace_id"] == trace  # from the gateway
    assert re.fullmatch("[0-9a-f]{16,}", unnamed.headers["x-request-id"])
    assert unsafe.headers["x-request-id"] != "a b;drop"
    (event,) = await told(province, f"organisation:{body['id']}")
    assert event["traceparent"][3:35] == trace
    audit = await province.get("/v1/catalog/audit", subject=f"organisation:{body['id']}")
    assert [each["request_id"] for each in audit.json()["items"]] == [request_id]


@pytest.mark.feature("API8")
@pytest.mark.parametrize(
    ("asked", "spoken"),
    [
        (None, "zh-CN"), ("zh-CN", "zh-CN"), ("zh", "zh-CN"), ("en", "en"), ("en-GB", "en"),
        ("fr", "zh-CN"), ("fr, en;q=0.5", "en"), ("en;q=0.2, zh;q=0.8", "zh-CN"),
        ("zh;q=0.1, en;q=0.9", "en"), ("*", "zh-CN"), ("en;q=0", "zh-CN"), (";;;", "zh-CN"),
    ],
)  # fmt: skip
async def test_answers_speak_chinese_unless_english_is_asked_for(suite, platform, asked, spoken):
    headers = suite.headers(MINI_APP)
    if asked is not None:
        headers["Accept-Language"] = asked
    else:
        platform.headers.pop("accept-language", None)

    answers = [
        await platform.get("/v1/regions", headers=headers),  # a service, or the cache
        await platform.get(f"/v1/listings/{uuid.UUID(int=1)}", headers=headers),  # a service
        await platform.get("/v1/clients", headers=headers),  # the gateway
    ]

    assert {each.headers["content-language"] for each in answers} == {spoken}
    assert all("Accept-Language" in each.headers["vary"] for each in answers)
    chinese = re.search("[\u4e00-\u9fff]", answers[1].json()["title"]) is not None
    assert chinese == (spoken == "zh-CN")


@pytest.mark.feature("API10")
@pytest.mark.feature("G5")
@pytest.mark.usefixtures("platform")
async def test_an_operation_that_will_go_says_since_when_and_until_when(suite):
    retiring = replace(
        OPERATIONS["listRegions"],
        deprecated=datetime(2026, 11, 1, tzinfo=UTC),
        sunset=datetime(2027, 5, 1, tzinfo=UTC),
    )

    async def endpoint(_request: Request) -> Response:
        return JSONResponse({"items": []})

    suite.apps["catalog"].add_route("/v1/retiring", around(retiring, endpoint))
    catalog = suite.clients["catalog"]
    going = await catalog.get("/v1/retiring", headers=suite.headers(MINI_APP))
    staying = await catalog.get("/v1/regions", headers=suite.headers(MINI_APP))

    assert going.headers["deprecation"] == "@1793491200"
    assert going.headers["sunset"] == "Sat, 01 May 2027 00:00:00 GMT"
    assert "deprecation" not in staying.headers
    assert all(
        path.startswith("/v1/")
        for path in (row.path for row in OPERATIONS.values())
        if not path.startswith(("/oauth2/", "/.well-known/", "/problems/", "/schemas/"))
    )

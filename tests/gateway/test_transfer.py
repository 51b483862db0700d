"""How answers travel: packed, kept for all, and to which origins (API11)."""

import gzip
import time
import uuid

import httpx
import pytest

from shared.metrics import REGISTRY
from shared.security.identity import Actor
from tests.suite import MINI_APP, NANCHANG, OPERATOR, PROVINCE, eventually

ORIGIN = "https://console.example.invalid"


@pytest.mark.feature("API11")
@pytest.mark.feature("API4")
@pytest.mark.parametrize(
    ("path", "caching"),
    [
        ("/v1/organisations?limit=100", "public, max-age=0, s-maxage=30, must-revalidate"),
        ("/v1/filings?limit=100", "private, no-cache"),
        ("/v1/catalog/audit", "private, no-cache"),
        ("/v1/routes", "private, no-cache"),
    ],
)
async def test_an_answer_over_a_kilobyte_is_packed_under_a_tag_of_its_own(
    suite, platform, path, caching
):
    headers = suite.headers(PROVINCE)
    taken = {**headers, "Accept-Encoding": "gzip"}

    plain = await platform.get(path, headers={**headers, "Accept-Encoding": "identity"})
    async with platform.stream("GET", path, headers=taken) as packed:
        raw = b"".join([chunk async for chunk in packed.aiter_raw()])
    same = await platform.get(path, headers={**taken, "If-None-Match": packed.headers["etag"]})
    other = await platform.get(
        path, headers={**headers, "Accept-Encoding": "identity", "If-None-Match": '"0"'}
    )

    assert len(plain.content) > 1024
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(raw) == plain.content
    assert len(raw) < len(plain.content)
    assert plain.headers["etag"] != packed.headers["etag"]
    assert not plain.headers["etag"].startswith("W/")
    assert plain.headers["cache-control"] == caching
    for answer in (plain, packed):
        assert "Accept-Encoding" in answer.headers["vary"]
    assert (same.status_code, same.content) == (304, b"")
    assert same.headers["etag"] == packed.headers["etag"]
    assert other.status_code == 200


@pytest.mark.feature("API11")
async def test_a_short_answer_is_sent_as_it_is(suite, platform):
    headers = {**suite.headers(MINI_APP), "Accept-Encoding": "gzip"}

    answer = await platform.get("/v1/zones", headers=headers)

    assert len(answer.content) < 1024
    assert "content-encoding" not in answer.headers


@pytest.mark.feature("API11")
async def test_other_origins_hear_nothing_by_default(suite, platform):
    asked = {"Origin": ORIGIN, "Access-Control-Request-Method": "GET"}

    answer = await platform.get("/v1/regions", headers={**suite.headers(MINI_APP), **asked})
    preflight = await platform.options("/v1/regions", headers=asked)

    for each in (answer, preflight):
        assert not [name for name in each.headers if name.startswith("access-control-")]
    assert preflight.status_code == 405


@pytest.mark.feature("API11")
@pytest.mark.usefixtures("platform")
async def test_named_origins_may_ask_and_no_other(suite):
    gateway = await suite.start(
        "gateway", upstreams=dict(suite.urls), cors_origins=[ORIGIN], docs=False
    )
    asked = {
        "Origin": ORIGIN,
        "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": "authorization, if-match, idempotency-key",
    }
    foreign = "https://evil.invalid"

    preflight = await gateway.options("/v1/organisations/jx-rst", headers=asked)
    refused = await gateway.options(
        "/v1/organisations/jx-rst", headers={**asked, "Origin": foreign}
    )
    answers = [
        await gateway.get("/v1/regions", headers={**suite.headers(MINI_APP), "Origin": ORIGIN})
        for _ in range(2)
    ]
    stranger = await gateway.get("/v1/regions", headers={"Origin": ORIGIN})
    other = await gateway.get("/v1/regions", headers={**suite.headers(MINI_APP), "Origin": foreign})
    hidden = await gateway.get("/docs")

    assert preflight.status_code == 200
    assert preflight.headers["access-control-allow-origin"] == ORIGIN
    assert {"PUT", "DELETE"} <= set(preflight.headers["access-control-allow-methods"].split(", "))
    assert "credentials" not in str(preflight.headers)
    assert refused.status_code == 400
    assert "access-control-allow-origin" not in refused.headers
    for answer in (*answers, stranger):
        assert answer.headers["access-control-allow-origin"] == ORIGIN
        assert "Origin" in answer.headers["vary"]
        assert "ETag" in answer.headers["access-control-expose-headers"]
    assert [each.status_code for each in answers] == [200, 200]
    assert stranger.status_code == 401
    assert "access-control-allow-origin" not in other.headers
    assert (hidden.status_code, hidden.json()["code"]) == (404, "not_found")


def asked_of_catalog(operation: str) -> int:
    """How often catalog itself has answered this operation, from its own metrics."""
    return int(
        sum(
            sample.value
            for metric in REGISTRY.collect()
            for sample in metric.samples
            if sample.name == "gft_http_requests_total"
            and sample.labels["service"] == "catalog"
            and sample.labels["operation"] == operation
        )
    )


@pytest.mark.feature("API11")
async def test_a_public_read_is_kept_for_all_until_an_event_tells_of_a_change(
    suite, platform, province
):
    path = "/v1/halls?limit=41"
    before = asked_of_catalog("listHalls")

    async def read(who: Actor = MINI_APP) -> httpx.Response:
        answer: httpx.Response = await platform.get(path, headers=suite.headers(who))
        return answer

    first = await read()
    again = [await read(who) for who in (MINI_APP, NANCHANG, PROVINCE, OPERATOR)]
    asked = asked_of_catalog("listHalls") - before
    hall = {
        "id": f"hall-{uuid.uuid4().hex[:8]}",
        "name": "赣江新区分厅",
        "level": "CITY",
        "region": "36GJ00",
        "organisation_id": "city-36gj00",
        "parent": "hall-36",
    }
    made = await province.post("/v1/halls", hall)
    began = time.monotonic()

    async def shown() -> bool:
        return hall["id"] in (await read()).text

    await eventually(shown, within=15)
    took = time.monotonic() - began

    print(f"dropped {took:.2f} s after the change")  # noqa: T201 the figure that is asked for
    assert made.status_code == 201, made.text
    assert asked == 1
    assert {each.headers["etag"] for each in again} == {first.headers["etag"]}
    assert took < 15  # about two seconds, with room for a busy machine

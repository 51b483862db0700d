"""Signing keys: two live, a grace that ends, a stamp of the last use; what retires says so."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from tests.gateway.stand_in import Call, Reply, standing_in
from tests.suite import MINI_APP, NANCHANG, OPERATOR, PROVINCE, Suite, eventually

RETIRING = {"Deprecation": "@1793491200", "Sunset": "Sat, 01 May 2027 00:00:00 GMT"}


def answered(call: Call) -> Reply:
    if call.target == "/openapi.json":
        return Reply({}, status=404)
    return Reply(
        {"items": [], "next_cursor": None},
        headers={**RETIRING, "Cache-Control": "public, s-maxage=30", "Cache-Tag": "regions"},
    )


@pytest.fixture(scope="module")
async def replicas(suite: Suite) -> AsyncIterator[list[httpx.AsyncClient]]:
    async with standing_in(answered) as catalog:
        upstreams = {"catalog": f"http://{catalog.address}"}
        clients = []
        for _ in range(2):
            await suite.serve("gateway", upstreams=upstreams)
            clients.append(httpx.AsyncClient(base_url=suite.urls["gateway"], timeout=10))
        yield clients
        for client in clients:
            await client.aclose()


async def keys_of(suite: Suite, gateway: httpx.AsyncClient) -> httpx.Response:
    return await gateway.get("/v1/signing-keys", headers=suite.headers(PROVINCE))


async def rotate(suite: Suite, gateway: httpx.AsyncClient, **body: Any) -> httpx.Response:
    """Rotate, and wait until this suite signs with the new key as well."""
    answer = await gateway.post(
        "/v1/signing-keys/rotation",
        json=body,
        headers=suite.headers(PROVINCE, **{"If-Match": "*"}),
    )
    kid = answer.json()["keys"][0]["kid"]
    holder = suite.apps["gateway"].state.key_holder

    async def followed() -> bool:
        return bool(holder.signing.current.kid == kid)

    await eventually(followed, within=30)
    suite.keys = holder.signing
    return answer


async def status(gateway: httpx.AsyncClient, headers: dict[str, str]) -> int:
    return (await gateway.get("/v1/routes", headers=headers)).status_code


@pytest.mark.feature("G5")
@pytest.mark.feature("DEP1")
async def test_the_last_key_is_honoured_by_every_replica_until_its_grace_ends(suite, replicas):
    old = suite.headers(OPERATOR)
    kids = [each["kid"] for each in (await keys_of(suite, replicas[0])).json()["keys"]]

    rotated = await rotate(suite, replicas[0], grace_minutes=5)
    fresh = suite.headers(OPERATOR)

    async def honoured() -> bool:  # each replica follows on its own
        asked = [(each, headers) for each in replicas for headers in (old, fresh)]
        return [await status(each, headers) for each, headers in asked] == [200] * 4

    await eventually(honoured, within=30)

    async def stamped() -> Any:
        shown = (await keys_of(suite, replicas[1])).json()["keys"]
        return shown if all(each["last_used_at"] for each in shown) else None

    shown = await eventually(stamped)
    suite.clock.advance(timedelta(minutes=6))

    async def fallen() -> bool:
        return [await status(each, old) for each in replicas] == [401, 401]

    try:
        await eventually(fallen, within=30)
        after = [await status(each, fresh) for each in replicas]
        left = (await keys_of(suite, replicas[0])).json()["keys"]
        published = (await replicas[0].get("/oauth2/jwks")).json()["keys"]
    finally:
        suite.clock.advance(timedelta(minutes=-6))

    assert rotated.status_code == 200, rotated.text
    assert [(each["kid"] in kids, each["signs"]) for each in shown] == [
        (False, True),
        (True, False),
    ]
    assert shown[1]["ends_at"] is not None
    assert after == [200, 200]
    assert [each["kid"] for each in left] == [shown[0]["kid"]]
    assert [each["kid"] for each in published] == [shown[0]["kid"]]


@pytest.mark.feature("G5")
async def test_without_a_grace_the_last_keys_tokens_fall_at_once(suite, replicas):
    old = suite.headers(OPERATOR)
    before = [await status(each, old) for each in replicas]

    await rotate(suite, replicas[0], grace_minutes=0)

    async def fallen() -> bool:
        return [await status(each, old) for each in replicas] == [401, 401]

    await eventually(fallen, within=30)
    assert before == [200, 200]
    assert await status(replicas[0], suite.headers(OPERATOR)) == 200


@pytest.mark.feature("G5")
async def test_only_the_province_rotates_keys_and_from_the_version_it_saw(suite, replicas):
    seen = await keys_of(suite, replicas[0])
    path = "/v1/signing-keys/rotation"

    city = await replicas[0].post(
        path, json={}, headers=suite.headers(NANCHANG, **{"If-Match": "*"})
    )
    first, second = await asyncio.gather(
        *(
            replicas[0].post(
                path,
                json={},
                headers=suite.headers(PROVINCE, **{"If-Match": seen.headers["etag"]}),
            )
            for _ in range(2)
        )
    )
    wide = await replicas[0].post(
        path, json={"grace_minutes": 50000}, headers=suite.headers(PROVINCE, **{"If-Match": "*"})
    )

    assert (city.status_code, city.json()["code"]) == (403, "operation_forbidden")
    assert sorted([first.status_code, second.status_code]) == [200, 412]
    assert (wide.status_code, wide.json()["code"]) == (422, "invalid_request")


@pytest.mark.feature("G5")
@pytest.mark.feature("API10")
async def test_what_a_service_says_of_its_end_passes_with_and_without_the_cache(suite, replicas):
    async def read() -> httpx.Response:
        answer: httpx.Response = await replicas[0].get(
            "/v1/regions", headers=suite.headers(MINI_APP)
        )
        return answer

    await eventually(read)
    answers = [await read() for _ in range(3)]
    not_kept = await replicas[0].get("/v1/coverage", headers=suite.headers(PROVINCE))

    for answer in (*answers, not_kept):
        assert {name: answer.headers.get(name) for name in RETIRING} == RETIRING

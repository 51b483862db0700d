"""Each service gives a policy with the version that a change of it names (E6, API7)."""

import uuid

import httpx
import pytest

from tests.suite import NANCHANG, PROVINCE, Suite

KEYS = {
    "catalog": "import_entries",
    "monitoring": "probes_per_host",
    "gateway": "client_per_minute",
    "filing": "plan_rows",
}


@pytest.fixture(scope="module")
async def clients(suite: Suite) -> dict[str, httpx.AsyncClient]:
    return {service: await suite.start(service) for service in KEYS}


@pytest.mark.feature("E6")
@pytest.mark.parametrize("service", KEYS)
async def test_the_version_that_was_read_changes_a_policy_once(
    suite: Suite, clients: dict[str, httpx.AsyncClient], service: str
):
    client, path = clients[service], f"/v1/{service}/policies/{KEYS[service]}"

    async def change(tag: str, who=PROVINCE) -> httpx.Response:
        body = {"value": policy["value"], "source": "test", "effective_from": "2026-01-01"}
        headers = {**suite.headers(who), "If-Match": tag, "Idempotency-Key": str(uuid.uuid4())}
        return await client.post(path, json=body, headers=headers)

    read = await client.get(path, headers=suite.headers(NANCHANG))
    policy = read.json()
    changed = await change(read.headers["etag"])
    stale = await change(read.headers["etag"])
    others = await change(changed.headers["etag"], NANCHANG)

    again = await client.get(path, headers=suite.headers(NANCHANG))
    assert (changed.status_code, stale.status_code, others.status_code) == (201, 412, 403)
    assert again.json()["version"] == policy["version"] + 1
    assert again.headers["etag"].split(".")[0] == changed.headers["etag"].split(".")[0]

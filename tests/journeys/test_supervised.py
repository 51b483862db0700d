"""From a supervisor's sample to a service that works again, over the real gateway and prober."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import httpx
import pytest

from shared.clock import SHANGHAI
from tests.monitoring.world import HASTY, Department, World, served
from tests.province import Caller, found_province, listed, plan
from tests.suite import HEALTH_INSURANCE, LABOUR, PROVINCE, Suite, eventually, officer

MONDAY = datetime(2026, 3, 2, 9, 0, tzinfo=SHANGHAI)
WEDNESDAY = datetime(2026, 3, 4, 9, 0, tzinfo=SHANGHAI)
EVIDENCE = [{"name": "截图.png", "sha256": "0f" * 32}]
CHECKLIST = [{"code": "entry", "text": "入口可以打开"}]


@pytest.fixture(scope="module")
async def platform(suite: Suite) -> httpx.AsyncClient:
    """With a prober in a hurry, which may reach loopback."""
    suite.clock.set(MONDAY)
    await suite.name_officers()
    await World(suite).set_policies(HASTY)
    await suite.serve("catalog")
    await suite.serve("filing")
    await suite.serve("monitoring", probing=True, probe_networks=("127.0.0.0/8",))
    await suite.serve("gateway", upstreams=suite.upstreams())
    client = await suite._stack.enter_async_context(
        httpx.AsyncClient(base_url=suite.urls["gateway"], timeout=15)
    )
    await found_province(suite, client)
    await plan(suite, client, LABOUR, "demo-rst-001")
    return client


@pytest.fixture(scope="module")
async def department() -> AsyncIterator[Department]:
    """The department's system, which answers 503 until it is repaired."""
    made = Department(status=503)
    server = await served(made)
    yield made
    server.close()


class Story:
    """The calls of this story, by its three parties."""

    def __init__(self, suite: Suite, platform: httpx.AsyncClient) -> None:
        self.province = Caller(suite, platform, PROVINCE)
        self.reader = Caller(suite, platform, officer(PROVINCE, "reader-province"))
        self.labour = Caller(suite, platform, LABOUR)

    async def watch(self, listing_id: str, url: str) -> None:
        """The department points the entry's probe at its own system, and it is seen to be down."""

        async def entry() -> Any:
            found = await self.labour.get("/v1/probes", listing=listing_id)
            return found.json().get("items")

        [probe] = await eventually(entry, within=30)
        asked = {name: probe[name] for name in ("name", "method", "redirects", "paused")}
        body = {
            **asked, "url": url, "conditions": ["[STATUS] < 400"], "interval_seconds": 1,
            "timeout_seconds": 1,
        }  # fmt: skip
        changed = await self.labour.put(f"/v1/probes/{probe['id']}", body)
        assert changed.status_code == 200, changed.text

        async def down() -> bool:
            found = await self.labour.get(f"/v1/probes/{probe['id']}")
            return bool(found.json()["state"] == "DOWN")

        await eventually(down, within=30)

    async def until(self, path: str, state: str) -> dict[str, Any]:
        async def there() -> Any:
            found = (await self.labour.get(path)).json()
            return found if found["state"] == state else None

        view: dict[str, Any] = await eventually(there, within=40)
        return view

    async def submit(self, path: str, opinion: str) -> httpx.Response:
        body = {"opinion": opinion, "evidence": EVIDENCE}
        return await self.labour.post(f"{path}/submission", body, match="*")


@pytest.mark.clause("A24.1")
@pytest.mark.clause("A24.2")
@pytest.mark.feature("M9")
@pytest.mark.feature("M2")
async def test_a_sampled_service_that_fails_is_closed_by_its_retest_alone(
    suite: Suite, platform: httpx.AsyncClient, department: Department
):
    story = Story(suite, platform)
    listing = await listed(suite, platform, LABOUR, "demo-rst-001")
    await story.watch(listing["id"], department.url("/entry"))

    draw = {"seed": "2026-03", "size": 1, "region": "36"}
    sample = await story.province.post("/v1/supervision-samples", draw)
    again = await story.province.post("/v1/supervision-samples", draw)
    [drawn] = sample.json()["listing_ids"]
    check = await story.province.post(
        "/v1/supervision-checks",
        {"listing_id": drawn, "sample_id": sample.json()["id"], "method": "RANDOM_CHECK",
         "passed": False, "kind": "ENTRY_UNAVAILABLE", "summary": "入口打不开",
         "evidence": EVIDENCE},
    )  # fmt: skip
    path = f"/v1/findings/{check.json()['finding_id']}"
    ordered = (await story.labour.get(path)).json()
    by_hand = await story.reader.post(f"{path}/closing", {"opinion": "销号"}, match="*")
    await story.submit(path, "已整改")  # it is not
    refused = await story.until(path, "REOPENED")
    department.status = 200
    told = await story.submit(path, "已修复入口")
    closed = await story.until(path, "CLOSED")
    history = (await story.province.get(f"{path}/history")).json()["items"]

    assert again.json()["listing_ids"] == [drawn] == [listing["id"]]
    assert ordered["state"] == "DISPATCHED"
    assert ordered["due_at"] == "2026-03-10T00:00:00+08:00"
    assert (by_hand.status_code, by_hand.json()["code"]) == (409, "retest_decides")
    assert refused["round"] == 1
    assert told.json()["state"] == "SUBMITTED"
    assert (closed["closed_because"], closed["overdue_at"]) == ("RETESTED", None)
    assert [each["action"] for each in history] == [
        "RAISED", "ORDER", "SUBMIT", "REOPEN", "SUBMIT", "VERIFY", "CLOSE",
    ]  # fmt: skip
    assert [each["actor"] for each in history[-2:]] == ["system:monitoring"] * 2


@pytest.mark.clause("A16.1")
@pytest.mark.clause("A17.2")
async def test_a_daily_inspection_that_nobody_makes_becomes_a_finding(
    suite: Suite, platform: httpx.AsyncClient
):
    story = Story(suite, platform)
    issued = await story.province.post(
        "/v1/inspection-plans",
        {"title": "日常巡检", "frequency": "DAY", "units": ["jx-rst"], "checklist": CHECKLIST},
    )
    assert issued.status_code == 201, issued.text

    suite.clock.set(WEDNESDAY)
    await suite.tick("monitoring", "find_missed_runs")
    await suite.tick("monitoring", "find_missed_runs")
    found = (await story.labour.get("/v1/findings", source="INSPECTION")).json()["items"]
    others = await Caller(suite, platform, HEALTH_INSURANCE).get("/v1/findings")

    [finding] = found
    assert (finding["kind"], finding["state"]) == ("RUN_MISSED", "DISPATCHED")
    assert finding["source_id"].endswith(":jx-rst:2026-03-03"), "Monday was not owed whole"
    assert others.json()["items"] == []

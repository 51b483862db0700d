"""Leads of liability: recorded, evidenced and referred by the province, and read by it alone."""

from typing import Any

import pytest

from shared.security.canonical import digest
from tests.monitoring.incidents import major, path_of
from tests.monitoring.test_responding import refusal
from tests.monitoring.world import World
from tests.suite import ACTORS, LABOUR, OPERATOR, PROVINCE, Suite

FILE = {"kind": "FILE", "reference": "sha-256:" + "a" * 64, "note": "日志摘录"}
TO = {"to": "驻办公厅纪检监察组"}


@pytest.fixture(scope="module")
async def world(suite: Suite) -> World:
    """A replica that answers and does not probe."""
    await suite.start("monitoring")
    return World(suite)


def lead(**changes: Any) -> dict[str, Any]:
    return {
        "type": "FAILURE_OF_DUTY",
        "organisation_id": "jx-rst",
        "region": "36",
        "incident_id": None,
        "summary": "未按预案处置。",
        "evidence": [FILE],
        **changes,
    }


async def recorded(world: World, **changes: Any) -> dict[str, Any]:
    answer = await world.post("/v1/accountability-leads", lead(**changes), PROVINCE)
    assert answer.status_code == 201, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


def at(shown: dict[str, Any], *parts: str) -> str:
    return "/".join(("/v1/accountability-leads", shown["id"], *parts))


@pytest.mark.clause("A26")
@pytest.mark.parametrize("type_", ["FAILURE_OF_DUTY", "DATA_ABUSE", "PRIVATE_PROFIT"])
async def test_each_ground_of_liability_is_a_lead_that_the_province_alone_reads(
    world: World, type_: str
):
    shown = await recorded(world, type=type_)

    others = [each for each in ACTORS if each is not PROVINCE]
    seen = {(await world.get(at(shown), each)).status_code for each in others}
    listed = {(await world.get("/v1/accountability-leads", each)).status_code for each in others}

    assert (shown["type"], shown["state"]) == (type_, "OPEN")
    assert (seen, listed) == ({403}, {403})
    assert shown["id"] in {
        each["id"]
        for each in await world.items("/v1/accountability-leads", state="OPEN", limit=100)
    }
    unknown = await world.post("/v1/accountability-leads", lead(type="RUMOUR"), PROVINCE)
    assert unknown.status_code == 422


@pytest.mark.clause("A26")
async def test_no_event_tells_of_a_lead_and_the_audit_does(world: World):
    shown = await recorded(world)

    rows = await world.suite.sql(
        "monitoring", "select 1 from outbox where subject = $1", f"lead:{shown['id']}"
    )
    audit = await world.suite.sql(
        "monitoring",
        "select action from audit_pending where subject = $1"
        " union all select action from audit_log where subject = $1",
        f"lead:{shown['id']}",
    )

    assert rows == []
    assert "lead.recorded" in {row["action"] for row in audit}


@pytest.mark.clause("A26")
async def test_what_is_referred_is_frozen_under_its_digest(world: World):
    incident = await major(world, kind="SECURITY")
    await world.post(path_of(incident, "actions"), {"text": "已下线。"})
    shown = await recorded(world, incident_id=incident["id"])
    early = await world.get(at(shown, "bundle"))
    more = {"evidence": [{"kind": "FILING", "reference": "GFT-2026-1"}]}
    await world.post(at(shown, "evidence"), more, PROVINCE)

    referred = await world.post(at(shown, "referral"), TO, PROVINCE)
    await world.post(path_of(incident, "comments"), {"text": "事后补充。"})
    frozen = (await world.get(at(shown, "bundle"))).json()

    bundle = frozen["bundle"]
    assert refusal(early) == (409, "bundle_not_frozen")
    assert referred.json()["state"] == "REFERRED"
    assert referred.json()["allowed_actions"] == ["CLOSE"]
    assert [each["kind"] for each in bundle["lead"]["evidence"]] == ["FILE", "FILING"]
    assert bundle["incident"]["id"] == incident["id"]
    assert bundle["timeline"][-1]["action"] == "ACTION"
    assert {each["kind"] for each in bundle["clocks"]} == {"FIRST_REPORT", "AUTHORITY_REPORT"}
    assert frozen["digest"] == referred.json()["digest"] == digest(bundle)


@pytest.mark.clause("A26")
async def test_a_lead_moves_one_way_and_with_evidence_only(world: World):
    bare, shown = await recorded(world, evidence=[]), await recorded(world)
    read = (await world.get(at(shown))).headers["etag"]

    without = await world.post(at(bare, "referral"), TO, PROVINCE)
    await world.post(at(shown, "referral"), TO, PROVINCE)
    stale = await world.post(at(shown, "closure"), {"outcome": "已移送。"}, PROVINCE, match=read)
    again = await world.post(at(shown, "referral"), TO, PROVINCE)
    added = await world.post(at(shown, "evidence"), {"evidence": [FILE]}, PROVINCE)
    closed = await world.post(at(shown, "closure"), {"outcome": "已处理。"}, PROVINCE)
    twice = await world.post(at(shown, "closure"), {"outcome": "已处理。"}, PROVINCE)

    assert refusal(without) == (409, "evidence_missing")
    assert refusal(stale) == (412, "stale_version")
    assert refusal(again) == refusal(added) == refusal(twice) == (409, "illegal_step")
    assert closed.json()["state"] == "CLOSED"


async def test_a_lead_of_nothing_that_is_known_is_refused(world: World):
    unknown = "0199f0a0-0000-7000-8000-0000000000e9"

    answer = await world.post("/v1/accountability-leads", lead(incident_id=unknown), PROVINCE)
    missing = await world.get(f"/v1/accountability-leads/{unknown}")
    by_unit = await world.post("/v1/accountability-leads", lead(), LABOUR)
    by_operator = await world.post("/v1/accountability-leads", lead(), OPERATOR)

    assert refusal(answer) == (404, "incident_not_found")
    assert refusal(missing) == (404, "lead_not_found")
    assert refusal(by_unit) == refusal(by_operator) == (403, "operation_forbidden")

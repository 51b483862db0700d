"""Emergency plans: kept in versions, practised in time, started for an incident (A23)."""

from datetime import timedelta
from typing import Any

import pytest

from shared.clock import SHANGHAI
from shared.security.identity import Actor
from tests.monitoring.incidents import ENTRY, actions, closure, major, path_of, recorded
from tests.monitoring.test_responding import refusal
from tests.monitoring.world import World
from tests.suite import (
    DONGHU,
    HEALTH_INSURANCE,
    JIUJIANG,
    LABOUR,
    NANCHANG,
    OPERATOR,
    PROVINCE,
    Suite,
)


@pytest.fixture(scope="module")
async def world(suite: Suite) -> World:
    """A replica that answers and does not probe."""
    await suite.start("monitoring")
    return World(suite)


def day(world: World, *, ago: int = 0) -> str:
    today = world.suite.clock.now().astimezone(SHANGHAI).date()
    return (today - timedelta(days=ago)).isoformat()


def text(world: World, **changes: Any) -> dict[str, Any]:
    return {
        "title": "政务服务系统应急预案",
        "covers": "ALL",
        "summary": "分级响应、备用渠道、恢复步骤。",
        "file_sha256": "a" * 64,
        "adopted_on": day(world, ago=10),
        **changes,
    }


def drill(world: World, **changes: Any) -> dict[str, Any]:
    return {
        "scenario": "主库不可用。",
        "held_on": day(world),
        "participants": 18,
        "result": "PASSED",
        "remarks": "按预案完成。",
        **changes,
    }


async def adopted(world: World, by: Actor = LABOUR, **changes: Any) -> dict[str, Any]:
    answer = await world.post("/v1/emergency-plans", text(world, **changes), by)
    assert answer.status_code == 201, answer.text
    plan: dict[str, Any] = answer.json()
    return plan


def at(plan: dict[str, Any], *parts: str) -> str:
    return "/".join(("/v1/emergency-plans", plan["id"], *parts))


@pytest.mark.clause("A23.1")
async def test_a_plan_is_revised_and_its_earlier_versions_stay(world: World):
    plan = await adopted(world)

    revised = await world.put(at(plan), text(world, title="应急预案（修订）", file_sha256="b" * 64))

    versions = await world.items(at(plan, "versions"))
    assert (revised.json()["number"], revised.json()["title"]) == (2, "应急预案（修订）")
    assert [(each["number"], each["file_sha256"][0]) for each in versions] == [(2, "b"), (1, "a")]
    assert plan["review_due_on"] > plan["adopted_on"]
    assert await world.facts(f"plan:{plan['id']}") == ["emergency_plan_adopted"] * 2


@pytest.mark.clause("A23.1")
async def test_a_plan_is_its_units_own_and_seen_from_above(world: World):
    plan = await adopted(world, DONGHU)

    seen = [
        (await world.get(at(plan), each)).status_code
        for each in (DONGHU, NANCHANG, PROVINCE, OPERATOR, JIUJIANG, HEALTH_INSURANCE)
    ]
    above = await world.put(at(plan), text(world), NANCHANG)
    foreign = await world.put(at(plan), text(world), JIUJIANG)
    ahead = await world.post("/v1/emergency-plans", text(world, adopted_on=day(world, ago=-2)))
    read = (await world.get(at(plan), DONGHU)).headers["etag"]
    await world.put(at(plan), text(world), DONGHU)
    stale = await world.put(at(plan), text(world), DONGHU, match=read)

    assert seen == [200, 200, 200, 200, 404, 404]
    assert refusal(above) == (403, "outside_remit")
    assert refusal(foreign) == (404, "emergency_plan_not_found")
    assert refusal(ahead) == (422, "day_ahead")
    assert refusal(stale) == (412, "stale_version")


@pytest.mark.clause("A23.2")
async def test_a_drill_moves_the_day_of_the_next_and_says_whether_it_was_late(world: World):
    plan = await adopted(world)
    old = await adopted(world, adopted_on=day(world, ago=300))

    in_time = await world.post(at(plan, "drills"), drill(world))
    late = await world.post(at(old, "drills"), drill(world))
    earlier = await world.post(at(plan, "drills"), drill(world, held_on=day(world, ago=5)))
    ahead = await world.post(at(plan, "drills"), drill(world, held_on=day(world, ago=-2)))

    after = (await world.get(at(plan))).json()
    assert (in_time.json()["late"], late.json()["late"]) == (False, True)
    assert earlier.status_code == 201
    assert after["drilled_on"] == day(world)
    assert after["drill_due_on"] == day(world, ago=-184)
    assert refusal(ahead) == (422, "day_ahead")
    listed = await world.items("/v1/drills", plan=plan["id"])
    assert [each["held_on"] for each in listed] == [day(world), day(world, ago=5)]


@pytest.mark.clause("A23.2")
async def test_a_drill_that_is_missing_is_told_of_once_and_owed_until_it_is_held(world: World):
    plan = await adopted(world, adopted_on=day(world, ago=185))
    fresh = await adopted(world, adopted_on=day(world, ago=184))

    for _ in range(2):
        await world.suite.tick("monitoring", "chase_plans")
    owing = await world.items("/v1/emergency-plans", overdue=True, limit=100)
    await world.post(at(plan, "drills"), drill(world))
    after = (await world.get(at(plan))).json()

    told = await world.facts(f"plan:{plan['id']}")
    assert told.count("emergency_plan_overdue") == 1
    assert [each["overdue"] for each in owing if each["id"] == plan["id"]] == [["DRILL"]]
    assert fresh["id"] not in {each["id"] for each in owing}
    assert after["overdue"] == []


@pytest.mark.clause("A23.1")
async def test_a_review_that_is_missing_is_told_of_until_the_plan_is_revised(world: World):
    plan = await adopted(world, adopted_on=day(world, ago=400))

    await world.suite.tick("monitoring", "chase_plans")
    owing = (await world.get(at(plan))).json()["overdue"]
    revised = await world.put(at(plan), text(world))

    assert sorted(owing) == ["DRILL", "REVIEW"]
    assert revised.json()["overdue"] == ["DRILL"]


@pytest.mark.clause("A23.3")
async def test_a_major_security_incident_asks_for_its_plan_at_once_and_once(world: World):
    plan = await adopted(world, HEALTH_INSURANCE, covers="SECURITY")
    await adopted(world, HEALTH_INSURANCE, covers="FAULT")

    shown = await major(world, HEALTH_INSURANCE, kind="SECURITY")
    graver = {"severity": "SPECIAL_MAJOR", "reason": "波及全省。", "data_loss": True}
    await world.put(path_of(shown, "severity"), graver, HEALTH_INSURANCE)

    timeline = await world.items(path_of(shown, "timeline"))
    prompts = [each["detail"] for each in timeline if each["action"] == "PLAN_PROMPTED"]
    assert prompts == [plan["id"]]
    told = await world.facts(f"incident:{shown['id']}")
    assert told.count("emergency_plan_prompted") == 1
    fault = await major(world, HEALTH_INSURANCE)
    assert "PLAN_PROMPTED" not in await actions(world, fault)


@pytest.mark.clause("A23.3")
async def test_a_unit_without_a_plan_is_told_that_it_has_none(world: World):
    shown = await major(world, JIUJIANG, kind="SECURITY")

    timeline = await world.items(path_of(shown, "timeline"))

    prompts = [each["detail"] for each in timeline if each["action"] == "PLAN_PROMPTED"]
    assert prompts == ["NONE"]


@pytest.mark.clause("A23.3")
async def test_a_plan_is_started_for_an_incident_once_and_how_fast_is_measured(world: World):
    plan, foreign = await adopted(world), await adopted(world, HEALTH_INSURANCE)
    listing = await world.publish(url=ENTRY)
    shown = await major(world, kind="SECURITY", listing_id=listing, minutes_ago=4)
    body = {"incident_id": shown["id"], "reason": "页面被篡改。"}

    started = await world.post(at(plan, "activations"), body)
    again = await world.post(at(plan, "activations"), body)
    of_another = await world.post(at(foreign, "activations"), body, HEALTH_INSURANCE)
    by_province = await world.post(at(foreign, "activations"), body, PROVINCE)

    assert started.json()["latency_seconds"] == pytest.approx(240, abs=20)
    assert refusal(again) == (409, "plan_active")
    assert refusal(of_another) == (404, "incident_not_found")
    assert refusal(by_province) == (403, "outside_remit")
    assert "PLAN_ACTIVATED" in await actions(world, shown)
    [listed] = await world.items("/v1/plan-activations", incident=shown["id"])
    assert (listed["plan_id"], listed["plan_number"]) == (plan["id"], 1)


@pytest.mark.clause("A23.3")
async def test_no_plan_is_started_for_what_is_over_or_another_units(world: World):
    plan = await adopted(world, OPERATOR)
    over, other = await recorded(world), await recorded(world)
    own = await adopted(world)
    await world.post(path_of(over, "closure"), closure(world))

    closed = await world.post(
        at(own, "activations"), {"incident_id": over["id"], "reason": "补启动。"}
    )
    foreign = await world.post(
        at(plan, "activations"), {"incident_id": other["id"], "reason": "协助。"}, OPERATOR
    )

    assert refusal(closed) == (409, "incident_over")
    assert refusal(foreign) == (409, "plan_of_another")

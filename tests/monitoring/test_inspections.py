"""Inspections: planned by the province, carried out in their period, missed ones found (A16.1)."""

import asyncio
import uuid
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from services.monitoring.rules.periods import Period, ended, period_of
from shared.clock import SHANGHAI
from shared.security.identity import Actor
from tests.monitoring.supervision import MONDAY, READER, Supervision, refusal, started
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

ITEMS = [
    {"code": "entry", "text": "入口可以打开", "severity": "HIGH"},
    {"code": "guide", "text": "办事指南有效"},
]
GOOD = [{"code": "entry", "passed": True}, {"code": "guide", "passed": True}]
BAD = [{"code": "entry", "passed": False, "note": "首页入口打不开"}, GOOD[1]]


@pytest.fixture(scope="module")
async def world(suite: Suite) -> Supervision:
    return await started(suite)


@pytest.fixture(autouse=True)
def _monday(suite: Suite) -> None:
    suite.clock.set(MONDAY)


def asked(**changes: Any) -> dict[str, Any]:
    return {
        "title": "日常巡检", "frequency": "DAY", "units": ["jx-rst"], "checklist": ITEMS, **changes,
    }  # fmt: skip


async def plan(world: Supervision, **changes: Any) -> str:
    answer = await world.post("/v1/inspection-plans", asked(**changes), PROVINCE)
    assert answer.status_code == 201, answer.text
    return str(answer.headers["location"])


async def run(world: Supervision, path: str, results: Any = GOOD, by: Actor = LABOUR) -> Any:
    return await world.post(f"{path}/runs", {"results": results, "evidence": []}, by)


async def missed(world: Supervision, path: str) -> list[dict[str, Any]]:
    """After the clock has looked at each day that is over."""
    for _ in range(8):
        await world.suite.tick("monitoring", "find_missed_runs")
    marker = path.rpartition("/")[2]
    found = await world.items("/v1/findings", source="INSPECTION", limit=100)
    return [each for each in found if (each["source_id"] or "").startswith(f"missed:{marker}")]


@pytest.mark.clause("A16.1")
@pytest.mark.clause("A17.2")
async def test_a_failed_item_becomes_a_finding_that_is_ordered_at_once(world: Supervision):
    path = await plan(world)

    done = await run(world, path, BAD)
    twice = await run(world, path)

    assert done.status_code == 201, done.text
    assert (done.json()["period"], done.json()["failed"]) == ("2026-03-02", 1)
    assert refusal(twice) == (409, "inspection_done")
    [finding] = [
        each
        for each in await world.items("/v1/findings", LABOUR, source="INSPECTION", limit=100)
        if each["source_id"] == f"{done.json()['id']}:entry"
    ]
    assert (finding["kind"], finding["state"]) == ("CHECKLIST", "DISPATCHED")
    assert (finding["severity"], finding["summary"]) == ("HIGH", "首页入口打不开")
    assert finding["ordering_organisation"] == "platform"
    own = f"/v1/findings/{finding['id']}"
    await world.submit(own)
    assert (await world.verify(own, READER)).json()["state"] == "VERIFIED"


@pytest.mark.clause("A17.2")
async def test_a_missed_day_is_one_finding_and_a_holiday_is_none(world: Supervision):
    """Friday is missed; Saturday and Sunday are not owed; Monday is not over."""
    world.suite.clock.set(datetime(2026, 3, 5, 9, 0, tzinfo=SHANGHAI))
    path = await plan(world, units=["jx-rst", "city-360100"])
    assert (await run(world, path)).status_code == 201
    assert (await run(world, path, by=NANCHANG)).status_code == 201
    world.suite.clock.set(datetime(2026, 3, 6, 9, 0, tzinfo=SHANGHAI))
    assert (await run(world, path, by=NANCHANG)).status_code == 201
    before = await missed(world, path)

    world.suite.clock.set(datetime(2026, 3, 9, 9, 0, tzinfo=SHANGHAI))
    found = await missed(world, path)
    again = await missed(world, path)

    assert before == []
    assert [each["source_id"].rpartition(":")[2] for each in found] == ["2026-03-06"]
    assert found == again
    [finding] = found
    assert (finding["kind"], finding["organisation_id"]) == ("RUN_MISSED", "jx-rst")
    assert (finding["state"], finding["retest"]) == ("DISPATCHED", "RULE")


@pytest.mark.clause("A17.2")
async def test_weekends_count_where_the_policy_says_so(world: Supervision):
    await world.suite.sql(
        "monitoring",
        "insert into policies values ('inspection_office_days', 2, 'false', 'flag', 'test',"
        " 'A17.2', '2025-08-04', 'test', now())",
    )
    world.suite.clock.set(datetime(2026, 3, 6, 9, 0, tzinfo=SHANGHAI))
    path = await plan(world)

    world.suite.clock.set(datetime(2026, 3, 9, 9, 0, tzinfo=SHANGHAI))
    found = await missed(world, path)
    await world.suite.sql("monitoring", "delete from policies where key = 'inspection_office_days'")

    periods = sorted(each["source_id"].rpartition(":")[2] for each in found)
    assert periods == ["2026-03-06", "2026-03-07", "2026-03-08"]


@pytest.mark.feature("M9")
@pytest.mark.clause("A17.2")
async def test_a_missed_run_is_closed_by_the_next_one_alone(world: Supervision):
    path = await plan(world)
    world.suite.clock.set(MONDAY + timedelta(days=1))
    [finding] = await missed(world, path)
    own = f"/v1/findings/{finding['id']}"

    await run(world, path)  # before the unit's word: it shows nothing yet
    await world.submit(own)
    waiting = await world.retested(own)
    by_hand = await world.verify(own, READER)
    world.suite.clock.set(MONDAY + timedelta(days=2))
    await run(world, path)
    closed = await world.retested(own)

    assert waiting == "SUBMITTED"
    assert refusal(by_hand) == (409, "retest_decides")
    assert closed == "CLOSED"


@pytest.mark.clause("A16.1")
async def test_a_plan_that_ends_is_owed_nothing(world: Supervision):
    path = await plan(world)
    world.suite.clock.set(MONDAY + timedelta(days=1))
    [finding] = await missed(world, path)

    over = await world.decide(f"{path}/end", {}, PROVINCE)
    again = await world.decide(f"{path}/end", {}, PROVINCE)
    late = await run(world, path)
    world.suite.clock.set(MONDAY + timedelta(days=3))

    assert (over.status_code, over.json()["version"]) == (200, 2)
    assert refusal(again) == refusal(late) == (409, "inspection_plan_ended")
    [same] = await missed(world, path)
    assert (same["id"], same["closed_because"]) == (finding["id"], "PLAN_ENDED")


async def test_who_may_plan_and_who_is_meant(world: Supervision):
    path = await plan(world, unit_kinds=["COUNTY_AUTHORITY"], units=["operator"])

    by_city = await world.post("/v1/inspection-plans", asked(), NANCHANG)
    not_meant = await run(world, path, by=LABOUR)
    county = await run(world, path, by=DONGHU)
    operator = await run(world, path, by=OPERATOR)
    own = county.headers["location"]

    assert refusal(by_city) == (403, "operation_forbidden")
    assert refusal(not_meant) == (403, "not_inspected")
    assert [each.status_code for each in (county, operator)] == [201, 201]
    seen = [(await world.get(own, who)).status_code for who in (PROVINCE, NANCHANG, DONGHU)]
    hidden = [(await world.get(own, who)).status_code for who in (JIUJIANG, HEALTH_INSURANCE)]
    assert (seen, hidden) == ([200] * 3, [404] * 2)
    plan_id = path.rpartition("/")[2]
    assert len(await world.items("/v1/inspection-runs", plan=plan_id)) == 2
    assert len(await world.items("/v1/inspection-runs", NANCHANG, plan=plan_id)) == 1
    assert (await world.get(path, JIUJIANG)).status_code == 200, "plans are everybody's to read"
    assert refusal(await world.get(f"/v1/inspection-plans/{uuid.uuid4()}")) == (
        404, "inspection_plan_not_found",
    )  # fmt: skip


async def test_what_does_not_hold_together_says_where(world: Supervision):
    path = await plan(world)
    twice = [ITEMS[0], ITEMS[0]]
    wrong = [{"code": "entry", "passed": False}, {"code": "other", "passed": True}]

    nobody = await world.post("/v1/inspection-plans", asked(units=[], checklist=twice), PROVINCE)
    answered = await run(world, path, wrong)

    assert [each["code"] for each in nobody.json()["errors"]] == [
        "inspection.item_twice", "inspection.nobody",
    ]  # fmt: skip
    assert [(each["pointer"], each["code"]) for each in answered.json()["errors"]] == [
        ("/results/0/note", "inspection.note_needed"),
        ("/results/1/code", "inspection.item_unknown"),
        ("/results", "inspection.item_unanswered"),
    ]


async def test_two_records_of_one_day_are_one(world: Supervision):
    path = await plan(world)

    answers = await asyncio.gather(*(run(world, path, BAD) for _ in range(3)))

    assert sorted(each.status_code for each in answers) == [201, 409, 409]


@pytest.mark.parametrize(
    ("period", "day", "name", "first"),
    [
        (Period.DAY, date(2026, 3, 2), "2026-03-02", date(2026, 3, 2)),
        (Period.WEEK, date(2027, 1, 1), "2026-W53", date(2026, 12, 28)),
        (Period.MONTH, date(2026, 2, 28), "2026-02", date(2026, 2, 1)),
        (Period.QUARTER, date(2026, 12, 31), "2026-Q4", date(2026, 10, 1)),
        (Period.HALF_YEAR, date(2026, 7, 1), "2026-H2", date(2026, 7, 1)),
        (Period.YEAR, date(2026, 7, 1), "2026", date(2026, 1, 1)),
    ],
)
def test_a_period_has_its_name_and_its_first_day(period, day, name, first):
    assert (period.holding(day), period.first_day(day)) == (name, first)


def test_periods_that_are_over_are_told_by_their_last_day():
    weeks = ended(Period.WEEK, after=date(2026, 3, 1), before=date(2026, 3, 16))
    months = ended(Period.MONTH, after=date(2026, 1, 15), before=date(2026, 2, 28))

    assert list(weeks) == [date(2026, 3, 8), date(2026, 3, 15)]
    assert list(months) == [date(2026, 1, 31)]
    assert period_of("no such period") is Period.YEAR

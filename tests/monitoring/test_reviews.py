"""Self-inspections, security reviews and bulletins: due, chased, frozen (A14.2, A20.3)."""

import asyncio
import uuid
from datetime import date, datetime
from typing import Any

import pytest

from services.monitoring.rules.periods import Period, days_of, last_ended
from shared.clock import SHANGHAI
from shared.security.canonical import digest
from shared.security.identity import Actor
from tests.monitoring.supervision import EVIDENCE, READER, Supervision, refusal, started
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

APRIL = datetime(2026, 4, 2, 10, 0, tzinfo=SHANGHAI)
OVERDUE = datetime(2026, 4, 9, 10, 0, tzinfo=SHANGHAI)  # after five working days and a holiday
ISSUE = {"kind": "CONTENT", "summary": "办事指南已过期"}
WEAKNESS = {"kind": "SECURITY_WEAKNESS", "severity": "HIGH", "summary": "管理口令未更换"}


@pytest.fixture(scope="module")
async def world(suite: Suite) -> Supervision:
    return await started(suite, known=datetime(2025, 12, 1, tzinfo=SHANGHAI))


@pytest.fixture(autouse=True)
def _april(suite: Suite) -> None:
    suite.clock.set(APRIL)


async def review(world: Supervision, by: Actor = LABOUR, **given: Any) -> Any:
    body = {
        "kind": "SELF_INSPECTION", "period": "2026-Q1", "summary": "一季度自查", "evidence": [],
        **given,
    }  # fmt: skip
    return await world.post("/v1/reviews", body, by)


async def missing(world: Supervision, kind: str) -> dict[str, dict[str, Any]]:
    await world.suite.tick("monitoring", "find_missing_reviews")
    found = await world.items("/v1/findings", limit=100)
    return {each["organisation_id"]: each for each in found if each["kind"] == kind}


@pytest.mark.clause("A14.2")
async def test_a_self_inspection_is_recorded_once_and_its_issues_are_ordered(world: Supervision):
    made = await review(world, issues=[ISSUE])
    twice = await review(world)
    at_once = await asyncio.gather(*(review(world, DONGHU) for _ in range(3)))

    assert made.status_code == 201, made.text
    assert refusal(twice) == (409, "review_recorded")
    assert sorted(each.status_code for each in at_once) == [201, 409, 409]
    [finding] = [
        each
        for each in await world.items("/v1/findings", LABOUR, source="INSPECTION")
        if each["about_id"] == made.json()["id"]
    ]
    assert (finding["kind"], finding["state"]) == ("CONTENT", "DISPATCHED")


@pytest.mark.clause("A14.2")
@pytest.mark.feature("M9")
async def test_who_has_not_looked_into_itself_is_chased_until_it_has(world: Supervision):
    await review(world)
    early = await missing(world, "SELF_INSPECTION_MISSING")
    world.suite.clock.set(OVERDUE)
    found = await missing(world, "SELF_INSPECTION_MISSING")
    again = await missing(world, "SELF_INSPECTION_MISSING")
    path = f"/v1/findings/{found['city-360100']['id']}"

    await world.submit(path, NANCHANG)
    waiting = await world.retested(path)
    late = await review(world, NANCHANG)
    closed = await world.retested(path)

    assert early == {}
    assert "jx-rst" not in found
    assert {"city-360100", "city-360400", "jx-ybj", "operator"} <= set(found)
    assert found == again
    assert found["city-360100"]["source_id"] == "missing:SELF_INSPECTION:city-360100:2026-Q1"
    assert waiting == "SUBMITTED"
    assert late.status_code == 201
    assert closed == "CLOSED"


@pytest.mark.clause("A20.3")
async def test_a_weakness_of_security_is_put_right_in_a_closed_loop_within_a_day(
    world: Supervision,
):
    made = await review(
        world, NANCHANG, kind="SECURITY_INSPECTION", organisation_id="county-360102",
        period="2026-04-02", issues=[WEAKNESS], evidence=EVIDENCE,
    )  # fmt: skip
    [finding] = [
        each
        for each in await world.items("/v1/findings", DONGHU, source="SECURITY")
        if each["about_id"] == made.json()["id"]
    ]
    path = f"/v1/findings/{finding['id']}"

    unread = await world.decide(f"{path}/closing", {"opinion": "销号"}, READER)
    await world.submit(path, DONGHU)
    verified = await world.verify(path, READER)
    closed = await world.decide(f"{path}/closing", {"opinion": "销号"}, READER)

    assert made.status_code == 201, made.text
    assert (finding["domain"], finding["severity"]) == ("SECURITY", "HIGH")
    assert finding["due_at"].startswith("2026-04-03T10:00:0")
    assert refusal(unread) == (409, "illegal_step")
    assert [each.json()["state"] for each in (verified, closed)] == ["VERIFIED", "CLOSED"]


@pytest.mark.clause("A20.3")
async def test_a_risk_assessment_is_owed_every_year(world: Supervision):
    world.suite.clock.set(datetime(2026, 1, 20, 10, 0, tzinfo=SHANGHAI))
    early = await missing(world, "RISK_ASSESSMENT_MISSING")
    world.suite.clock.set(datetime(2027, 2, 20, 10, 0, tzinfo=SHANGHAI))
    done = await review(world, kind="RISK_ASSESSMENT", period="2026", issues=[WEAKNESS])
    found = await missing(world, "RISK_ASSESSMENT_MISSING")

    assert early == {}, "2025 was not owed by who came in its middle"
    assert done.status_code == 201, done.text
    assert "jx-rst" not in found
    assert found["jx-ybj"]["source_id"] == "missing:RISK_ASSESSMENT:jx-ybj:2026"
    assert (found["jx-ybj"]["domain"], found["jx-ybj"]["source"]) == ("SECURITY", "SECURITY")


async def test_what_does_not_hold_together_says_where(world: Supervision):
    future = await review(world, period="2026-Q3")
    other_length = await review(world, period="2026-03")
    security = await review(world, issues=[WEAKNESS])
    of_other = await review(world, PROVINCE, organisation_id="jx-rst")
    outside = await review(
        world, JIUJIANG, kind="SECURITY_INSPECTION", organisation_id="county-360102",
        period="2026-04-02",
    )  # fmt: skip
    unknown = await review(
        world, PROVINCE, kind="SECURITY_INSPECTION", organisation_id="nobody", period="2026-04-02"
    )

    for answer in (future, other_length):
        assert refusal(answer) == (422, "review_invalid")
        assert [each["code"] for each in answer.json()["errors"]] == ["review.period_wrong"]
    assert [each["code"] for each in security.json()["errors"]] == ["review.kind_wrong"]
    assert refusal(of_other) == (403, "outside_remit"), "nobody looks into another for it"
    assert refusal(outside) == (403, "outside_remit")
    assert refusal(unknown) == (422, "organisation_unknown")


@pytest.mark.clause("A4.1")
async def test_reviews_are_seen_by_their_unit_and_those_above(world: Supervision):
    made = await review(
        world, OPERATOR, kind="SECURITY_INSPECTION", period="2026-04-02", summary="平台安全检查"
    )
    path = made.headers["location"]
    county = await review(world, DONGHU, kind="SECURITY_INSPECTION", period="2026-04-01")

    assert [(await world.get(path, who)).status_code for who in (OPERATOR, PROVINCE)] == [200] * 2
    assert refusal(await world.get(path, LABOUR)) == (404, "review_not_found")
    theirs = await world.items("/v1/reviews", NANCHANG, organisation="county-360102")
    assert county.json()["id"] in {each["id"] for each in theirs}
    assert await world.items("/v1/reviews", JIUJIANG, organisation="county-360102") == []


async def bulletin(world: Supervision, by: Actor = PROVINCE, **given: Any) -> Any:
    body = {
        "region": by.region, "period": "2026-Q1", "title": "一季度通报", "text": "请对照整改",
        **given,
    }  # fmt: skip
    return await world.post("/v1/bulletins", body, by)


@pytest.mark.clause("A14.2")
async def test_a_bulletin_is_frozen_and_read_by_whom_it_names(world: Supervision):
    world.suite.clock.set(datetime(2026, 3, 2, 10, 0, tzinfo=SHANGHAI))
    path = await world.ordered(organisation_id="county-360102", source="REPORT")
    await world.ordered(organisation_id="city-360100", source="REPORT")
    world.suite.clock.set(datetime(2026, 3, 20, 10, 0, tzinfo=SHANGHAI))
    await world.suite.tick("monitoring", "sweep_rectifications")
    early = await bulletin(world, NANCHANG)
    world.suite.clock.set(OVERDUE)

    made = await bulletin(world, NANCHANG)
    await world.submit(path, DONGHU)
    await world.verify(path)
    await world.decide(f"{path}/closing", {"opinion": "销号"}, READER)
    twice = await bulletin(world, NANCHANG)
    own = made.headers["location"]
    later = (await world.get(own, DONGHU)).json()

    assert refusal(early) == (409, "period_not_over")
    assert made.status_code == 201, made.text
    figures = {each["organisation_id"]: each for each in made.json()["figures"]}
    assert set(figures) == {"city-360100", "county-360102"}
    county = figures["county-360102"]
    assert {name: county[name] for name in ("found", "overdue", "rectified", "still_open")} == {
        "found": 1, "overdue": 1, "rectified": 0, "still_open": 1,
    }  # fmt: skip
    assert later == made.json(), "what came after does not reach it"
    assert later["digest"] == digest(
        {"region": "360100", "period": "2026-Q1", "figures": later["figures"]}
    )
    assert refusal(twice) == (409, "bulletin_published")
    seen = [(await world.get(own, who)).status_code for who in (PROVINCE, OPERATOR, NANCHANG)]
    hidden = [(await world.get(own, who)).status_code for who in (JIUJIANG, HEALTH_INSURANCE)]
    assert (seen, hidden) == ([200] * 3, [404] * 2)
    assert own.rpartition("/")[2] in {
        each["id"] for each in await world.items("/v1/bulletins", DONGHU, period="2026-Q1")
    }


@pytest.mark.clause("A14.2")
async def test_the_operator_publishes_for_the_province_and_a_city_for_itself(world: Supervision):
    whole = await bulletin(world, OPERATOR)
    outside = await bulletin(world, NANCHANG, region="360400")
    by_unit = await bulletin(world, LABOUR)
    no_period = await bulletin(world, period="2026-05")
    nobody = await bulletin(world, region="361100")

    assert whole.status_code == 201, whole.text
    assert {"jx-rst", "city-360400", "county-360102"} <= {
        each["organisation_id"] for each in whole.json()["figures"]
    }
    assert (await world.get(whole.headers["location"], LABOUR)).status_code == 200
    assert refusal(outside) == (403, "outside_remit")
    assert refusal(by_unit) == (403, "operation_forbidden")
    assert refusal(no_period) == (422, "bulletin_invalid")
    assert refusal(nobody) == (409, "nothing_to_report")
    assert refusal(await world.get(f"/v1/bulletins/{uuid.uuid4()}")) == (404, "bulletin_not_found")


def test_a_period_is_found_by_its_name():
    today = date(2026, 4, 2)

    assert days_of(Period.QUARTER, "2026-Q1", today=today) == (date(2026, 1, 1), date(2026, 3, 31))
    assert days_of(Period.QUARTER, "2026-Q2", today=today) == (date(2026, 4, 1), date(2026, 6, 30))
    assert days_of(Period.QUARTER, "2026-Q3", today=today) is None, "it has not begun"
    assert days_of(Period.QUARTER, "2023-Q4", today=today) is None
    assert days_of(Period.MONTH, "2026-Q1", today=today) is None
    assert last_ended(Period.YEAR, today=today) == ("2025", date(2025, 12, 31))

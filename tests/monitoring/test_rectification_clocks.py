"""The time that a unit has: reminders in office hours, escalation by post, lateness that stays."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest

from shared.clock import SHANGHAI
from shared.events import catalog
from tests.monitoring.supervision import (
    MONDAY,
    OTHER_READER,
    READER,
    Supervision,
    calendar_event,
    refusal,
    started,
)
from tests.suite import DONGHU, LABOUR, PROVINCE, Suite, eventually

LATE = datetime(2026, 3, 10, 10, 0, tzinfo=SHANGHAI)


@pytest.fixture(scope="module")
async def world(suite: Suite) -> Supervision:
    return await started(suite)


@pytest.fixture(autouse=True)
def _monday(suite: Suite) -> None:
    suite.clock.set(MONDAY)


async def swept(world: Supervision, path: str) -> list[dict[str, Any]]:
    await world.suite.tick("monitoring", "sweep_rectifications")
    return [
        each
        for each in await world.items(f"{path}/history", limit=100)
        if each["action"] in ("REMINDED", "ESCALATED", "OVERDUE")
    ]


@pytest.mark.clause("A16.2")
async def test_reminders_wait_for_the_office_and_escalations_climb_past_empty_posts(
    world: Supervision,
):
    """The county has a responsible person and no leader; its city has nobody; the province has."""
    county = await world.name_person("county-360102")
    province = await world.name_person("jx-zwfw")
    path = await world.ordered(organisation_id="county-360102", kind="CHECKLIST")
    clock = world.suite.clock

    clock.set(datetime(2026, 3, 4, 23, 0, tzinfo=SHANGHAI))
    at_night = await swept(world, path)
    clock.set(datetime(2026, 3, 5, 15, 0, tzinfo=SHANGHAI))
    first = await swept(world, path)
    clock.set(LATE)
    late = await swept(world, path)
    clock.set(LATE + timedelta(days=6))
    last = await swept(world, path)

    assert at_night == []
    assert [each["action"] for each in first] == ["REMINDED"]
    assert first[0]["addressee"]["to"]["person_id"] == county
    assert [each["action"] for each in late[1:]] == ["REMINDED", "OVERDUE", "ESCALATED"]
    leader = late[-1]["addressee"]
    assert (leader["level"], leader["to"]["person_id"]) == ("LEADER", province)
    assert leader["to"]["organisation_id"] == "jx-zwfw"
    assert {each["organisation_id"] for each in leader["skipped"]} == {
        "county-360102", "city-360100",
    }  # fmt: skip
    assert [each["addressee"]["rung"] for each in last if each["action"] == "ESCALATED"] == [
        "first_escalation", "second_escalation", "third_escalation",
    ]  # fmt: skip
    assert await swept(world, path) == last, "each rung once"


@pytest.mark.feature("F5")
async def test_two_sweepers_fire_each_rung_once(world: Supervision):
    path = await world.ordered()
    world.suite.clock.set(LATE)

    await asyncio.gather(*(swept(world, path) for _ in range(3)))
    found = await eventually(lambda: swept(world, path))

    assert [each["action"] for each in found] == ["REMINDED", "REMINDED", "OVERDUE", "ESCALATED"]


@pytest.mark.clause("A16.2")
async def test_lateness_stays_when_it_is_put_right_after_all(world: Supervision):
    path = await world.ordered()
    unseen = await world.ordered()
    world.suite.clock.set(LATE)
    await swept(world, path)

    await world.submit(path)
    await world.verify(path)
    closed = await world.decide(f"{path}/closing", {"opinion": "销号"}, READER)
    await world.submit(unseen)  # before any sweep has looked
    reopened = await world.verify(unseen, passed=False)

    assert closed.json()["overdue_at"] is not None
    assert (await world.facts(path)).count("rectification_overdue") == 1
    assert (await world.facts(unseen)).count("rectification_overdue") == 1
    assert reopened.json()["due_at"] == "2026-03-18T00:00:00+08:00", "the limit anew, once more"
    overdue = await world.items("/v1/findings", LABOUR, overdue=True, limit=100)
    assert {path, unseen} <= {f"/v1/findings/{each['id']}" for each in overdue}
    [told] = await world.suite.sql(
        "monitoring",
        "select data::jsonb->>'late' as late from outbox where subject = $1"
        " and type = 'monitoring.rectification_closed.v1'",
        f"finding:{path.rpartition('/')[2]}",
    )
    assert told["late"] == "true"


@pytest.mark.clause("A14.3")
async def test_time_is_extended_once_by_another_person_and_before_it_is_late(world: Supervision):
    path = await world.ordered()
    asked = {"amount": 3, "reason": "需要第三方配合"}
    granted = {"granted": True, "opinion": "同意"}

    unasked = await world.decide(f"{path}/extension", granted, READER)
    too_long = await world.decide(f"{path}/extension-request", {**asked, "amount": 99}, LABOUR)
    strange = await world.decide(f"{path}/extension-request", asked, DONGHU)
    asking = await world.decide(f"{path}/extension-request", asked, LABOUR)
    again = await world.decide(f"{path}/extension-request", asked, LABOUR)
    by_system = await world.decide(f"{path}/extension", granted, PROVINCE)
    done = await world.decide(f"{path}/extension", granted, READER)
    twice = await world.decide(f"{path}/extension", granted, READER)

    assert refusal(unasked) == (409, "extension_not_asked")
    assert too_long.json()["errors"][0]["code"] == "finding.extension_too_long"
    assert strange.status_code == 404
    assert asking.json()["extension_amount"] == 3
    assert refusal(again) == (409, "extension_asked")
    assert refusal(by_system) == (403, "person_required")
    assert (done.json()["due_at"], done.json()["extension_granted"]) == (
        "2026-03-13T00:00:00+08:00", True,
    )  # fmt: skip
    assert refusal(twice) == (409, "extension_not_asked")
    assert "rectification_extended" in await world.facts(path)


@pytest.mark.clause("A14.3")
async def test_what_is_late_is_not_extended_and_nobody_grants_their_own_wish(world: Supervision):
    late, own = await world.ordered(), await world.ordered(organisation_id="jx-zwfw")
    asked = {"amount": 3, "reason": "需要第三方配合"}
    granted = {"granted": True, "opinion": "同意"}
    await world.decide(f"{late}/extension-request", asked, LABOUR)
    await world.decide(f"{own}/extension-request", asked, READER)

    mine = await world.decide(f"{own}/extension", granted, READER)
    other = await world.decide(f"{own}/extension", {**granted, "granted": False}, OTHER_READER)
    world.suite.clock.set(LATE)
    too_late = await world.decide(f"{late}/extension", granted, READER)

    assert refusal(mine) == (403, "extension_by_asker")
    assert (other.json()["extension_granted"], other.json()["due_at"]) == (
        False, "2026-03-10T00:00:00+08:00",
    )  # fmt: skip
    assert refusal(too_late) == (409, "extension_after_expiry")


async def test_what_endangers_security_is_put_right_within_a_day(world: Supervision):
    path = await world.ordered(kind="SECURITY_WEAKNESS", source="SECURITY", severity="HIGH")
    normal = await world.ordered(kind="SECURITY_WEAKNESS", source="SECURITY")

    high, low = await world.finding(path), await world.finding(normal)

    assert high["due_at"].startswith("2026-03-03T10:00:0"), "24 hours, day and night"
    assert (high["domain"], high["provisional"]) == ("SECURITY", False)
    assert low["due_at"] == "2026-03-10T00:00:00+08:00"


@pytest.mark.feature("F4")
async def test_a_year_without_its_notice_is_provisional_and_counted_again(world: Supervision):
    world.suite.clock.set(datetime(2025, 9, 29, 10, 0, tzinfo=SHANGHAI))
    path = await world.ordered()
    before = await world.finding(path)

    await world.tell(calendar_event(2025), "calendar:2025", times=2)
    after = await world.finding(path)

    assert (before["provisional"], after["provisional"]) == (True, False)
    assert before["due_at"] == "2025-10-07T00:00:00+08:00"
    assert after["due_at"] == "2025-10-14T00:00:00+08:00", "the holidays and a working Saturday"
    assert (await world.facts(path)).count("rectification_due_date_recomputed") == 1


async def test_what_catalog_tells_twice_stands_once(world: Supervision):
    event = catalog.OrganisationRegistered(
        organisation_id="county-twice", name="x", kind="COUNTY_AUTHORITY", region="360102",
        parent="city-360100",
    )  # fmt: skip
    await world.tell(event, "organisation:county-twice", times=2)
    person = await world.name_person("county-twice", times=2)
    known = await world.record(organisation_id="county-twice")
    closed = catalog.OrganisationClosed(organisation_id="county-twice")
    await world.tell(closed, "organisation:county-twice", times=2)

    answer = await world.post(
        "/v1/findings", {"organisation_id": "county-twice", "kind": "OTHER", "source": "REPORT",
                         "summary": "缺少年度方案"}, PROVINCE,
    )  # fmt: skip

    assert known["region"] == "360102"
    assert refusal(answer) == (422, "organisation_unknown")
    rows = await world.suite.sql("monitoring", "select id from known_persons where id = $1", person)
    assert len(rows) == 1

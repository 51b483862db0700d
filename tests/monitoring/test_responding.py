"""What people do about incidents: recorded, acknowledged, acted on, handed over, closed (A16)."""

import asyncio
import json
import uuid
from datetime import timedelta
from typing import Any

import pytest

from shared.clock import SHANGHAI
from shared.events import catalog
from tests.monitoring.incidents import (
    ENTRY,
    account,
    actions,
    closure,
    major,
    path_of,
    recorded,
)
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
    actor,
)

HANDOVER = {
    "organisation_id": "jx-rst",
    "domain": "MAINTENANCE",
    "post": "DEPUTY",
    "reason": "交接班。",
}


@pytest.fixture(scope="module")
async def world(suite: Suite) -> World:
    """A replica that answers and does not probe."""
    await suite.start("monitoring")
    return World(suite)


def refusal(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


@pytest.mark.clause("A16.4")
async def test_a_unit_records_a_fault_that_no_probe_has_seen(world: World):
    listing = await world.publish(url=ENTRY)

    shown = await recorded(world, listing_id=listing)

    assert (shown["state"], shown["severity"], shown["probe_id"]) == ("OPEN", "GENERAL", None)
    assert (shown["organisation_id"], shown["listing_id"]) == ("jx-rst", listing)
    assert await actions(world, shown) == ["RECORDED", "GRADED"]
    facts = await world.facts(f"incident:{shown['id']}")
    assert facts == ["incident_recorded", "incident_graded"]
    assert shown["id"] in {each["id"] for each in await world.items("/v1/incidents", open=True)}


@pytest.mark.clause("A4.1")
async def test_only_the_unit_and_those_above_it_see_and_record(world: World):
    listing = await world.publish(DONGHU, url=ENTRY)
    shown = await recorded(world, DONGHU, listing_id=listing)
    body = account(world, listing_id=listing)

    seen = [
        (await world.get(path_of(shown), each)).status_code
        for each in (DONGHU, NANCHANG, PROVINCE, OPERATOR, JIUJIANG, HEALTH_INSURANCE)
    ]
    foreign = await world.post("/v1/incidents", body, JIUJIANG)
    above = await world.post("/v1/incidents", body, NANCHANG)
    acted = await world.post(path_of(shown, "actions"), {"text": "已处置。"}, JIUJIANG)

    assert seen == [200, 200, 200, 200, 404, 404]
    assert refusal(foreign) == (404, "listing_unwatched")
    assert above.status_code == 201
    assert refusal(acted) == (404, "incident_not_found")


@pytest.mark.parametrize(
    ("started", "detected"), [(-1, -2), (-2, 5), (5, 6)], ids=["order", "ahead", "all ahead"]
)
async def test_times_that_do_not_follow_one_another_are_refused(
    world: World, started: float, detected: float
):
    now = world.suite.clock.now()
    times = {
        "started_at": (now + timedelta(minutes=started)).isoformat(),
        "detected_at": (now + timedelta(minutes=detected)).isoformat(),
    }

    answer = await world.post("/v1/incidents", {**account(world), **times})

    assert refusal(answer) == (422, "incident_times_wrong")
    assert answer.json()["errors"][0]["pointer"] == "/detected_at"


@pytest.mark.clause("A17.5")
async def test_it_is_acknowledged_once_and_the_answer_says_how_long_that_took(world: World):
    shown = await recorded(world, minutes_ago=5)

    first = await world.post(path_of(shown, "acknowledgement"), {})
    second = await world.post(path_of(shown, "acknowledgement"), {}, PROVINCE)

    assert first.json()["acknowledged_by"] == "jx-rst"
    assert first.json()["seconds_to_acknowledge"] == pytest.approx(300, abs=20)
    assert refusal(second) == (409, "incident_acknowledged_already")
    assert (await world.facts(f"incident:{shown['id']}"))[-1] == "incident_acknowledged"


async def test_of_two_who_acknowledge_at_once_one_does(world: World):
    shown = await recorded(world)

    answers = await asyncio.gather(
        *(world.post(path_of(shown, "acknowledgement"), {}) for _ in range(2))
    )

    assert sorted(each.status_code for each in answers) == [200, 409]


async def test_who_has_read_an_older_version_decides_nothing(world: World):
    shown = await recorded(world)
    read = (await world.get(path_of(shown), LABOUR)).headers["etag"]
    await world.post(path_of(shown, "comments"), {"text": "窗口已通知。"})

    answer = await world.post(path_of(shown, "acknowledgement"), {}, match=read)
    assert refusal(answer) == (412, "stale_version")


@pytest.mark.clause("A16.6")
async def test_measures_and_comments_stand_on_the_timeline_with_who_wrote_them(world: World):
    shown = await recorded(world)

    await world.post(path_of(shown, "actions"), {"text": "已切换备用节点。"})
    await world.post(path_of(shown, "comments"), {"text": "请省厅协助。"}, OPERATOR)

    found = await world.items(path_of(shown, "timeline"))
    assert [(each["action"], each["detail"], each["organisation_id"]) for each in found[-2:]] == [
        ("ACTION", "已切换备用节点。", "jx-rst"),
        ("COMMENT", "请省厅协助。", "operator"),
    ]
    assert [each["number"] for each in found] == sorted(each["number"] for each in found)


async def test_the_timeline_cannot_be_rewritten_by_the_service_itself(world: World):
    rows = await world.suite.sql(
        "monitoring",
        "select has_table_privilege('monitoring_app', 'monitoring.' || name, right_) as may"
        " from unnest(array['incident_entries', 'incident_clock_entries']) as name,"
        " unnest(array['update', 'delete']) as right_",
    )

    assert [row["may"] for row in rows] == [False] * 4


@pytest.mark.clause("A16.6")
async def test_it_is_handed_to_a_post_and_the_unit_stays_responsible(world: World):
    shown = await recorded(world)
    person = uuid.uuid4()
    today = world.suite.clock.now().astimezone(SHANGHAI).date()
    named = catalog.ResponsiblePersonNamed(
        person_id=person,
        organisation_id="jx-rst",
        domain="MAINTENANCE",
        post="DEPUTY",
        valid_from=today,
        valid_to=today,
    )
    empty = await world.post(path_of(shown, "handover"), HANDOVER)
    await world.tell(named, f"person:{person}")

    answer = await world.post(path_of(shown, "handover"), HANDOVER)
    other = await world.post(path_of(shown, "handover"), {**HANDOVER, "post": "LEADER"})
    foreign = await world.post(
        path_of(shown, "handover"), {**HANDOVER, "organisation_id": "city-360100"}
    )
    unknown = await world.post(path_of(shown, "handover"), {**HANDOVER, "post": "FRIEND"})

    assert refusal(empty) == refusal(other) == (409, "post_vacant")
    assert answer.json()["organisation_id"] == "jx-rst"
    assert answer.json()["handler"] == {
        "organisation_id": "jx-rst",
        "domain": "MAINTENANCE",
        "post": "DEPUTY",
    }
    assert (await actions(world, shown))[-1] == "HANDED_OVER"
    assert refusal(foreign) == (422, "handover_outside")
    assert unknown.status_code == 422


@pytest.mark.clause("A17.5")
async def test_closing_tells_how_long_it_took(world: World):
    shown = await recorded(world, minutes_ago=10)
    await world.post(path_of(shown, "acknowledgement"), {})

    answer = await world.post(path_of(shown, "closure"), closure(world))
    again = await world.post(path_of(shown, "closure"), closure(world))

    assert (answer.json()["state"], again.json()["code"]) == ("CLOSED", "incident_over")
    assert answer.json()["seconds_to_resolve"] == pytest.approx(600, abs=20)
    [told] = await world.suite.sql(
        "monitoring",
        "select data from outbox where subject = $1 and type = $2",
        f"incident:{shown['id']}",
        "monitoring.incident_settled.v1",
    )
    settled = json.loads(told["data"])
    assert settled["seconds_to_resolve"] == answer.json()["seconds_to_resolve"]
    assert settled["seconds_to_acknowledge"] == pytest.approx(600, abs=20)


@pytest.mark.clause("A16.5")
async def test_a_major_incident_closes_with_its_notice_and_its_measures_only(world: World):
    listing = await world.publish(url=ENTRY)
    shown = await major(world, listing_id=listing)
    path = path_of(shown, "closure")

    without_measures = await world.post(path, closure(world))
    await world.post(path_of(shown, "actions"), {"text": "已恢复数据。"})
    without_notice = await world.post(path, closure(world))
    still_open = (await world.get(path_of(shown))).json()
    notice = await world.publish_notice(listing, times=2)
    closed = await world.post(path, closure(world))

    assert refusal(without_measures) == (409, "action_missing")
    assert refusal(without_notice) == (409, "notice_missing")
    assert without_notice.json()["clause"] == "A16.5"
    assert (still_open["state"], still_open["resolved_at"]) == ("OPEN", None)
    assert (closed.json()["state"], closed.json()["notice_id"]) == ("CLOSED", notice)
    assert (await actions(world, shown)).count("ANNOUNCED") == 1


@pytest.mark.clause("A16.5")
async def test_only_a_fault_notice_about_that_listing_and_since_then_announces_it(world: World):
    listing, other = [await world.publish(url=ENTRY) for _ in range(2)]
    await world.publish_notice(listing, ago=3600)
    shown = await major(world, listing_id=listing)
    await world.publish_notice(listing, ago=3600)
    await world.publish_notice(other)
    maintenance = await world.publish_notice(listing, kind="MAINTENANCE")
    withdrawn = await world.publish_notice(other)
    await world.withdraw_notice(withdrawn, times=2)

    by_hand = [
        await world.post(path_of(shown, "notice"), {"notice_id": each}, OPERATOR)
        for each in (maintenance, withdrawn, str(uuid.uuid4()))
    ]

    assert [refusal(each) for each in by_hand] == [(409, "notice_of_no_fault")] * 3
    assert (await world.get(path_of(shown))).json()["notice_id"] is None


@pytest.mark.clause("A16.5")
async def test_what_concerns_no_listing_is_announced_by_naming_the_notice(world: World):
    shown = await major(world)
    notice = await world.publish_notice(kind="SECURITY")

    by_unit = await world.post(path_of(shown, "notice"), {"notice_id": notice})
    by_operator = await world.post(path_of(shown, "notice"), {"notice_id": notice}, OPERATOR)

    assert refusal(by_unit) == (403, "operation_forbidden")
    assert by_operator.json()["notice_id"] == notice


async def test_a_partner_acts_on_its_own_incidents_alone(world: World):
    partner = actor(LABOUR.role.PARTNER, "partner-parking", "36")
    shown = await recorded(world)

    own = await recorded(world, partner)
    foreign = await world.post(path_of(shown, "acknowledgement"), {}, partner)

    assert own["organisation_id"] == "partner-parking"
    assert refusal(foreign) == (404, "incident_not_found")


async def test_a_comment_may_follow_the_end_and_a_measure_not(world: World):
    shown = await recorded(world)
    closed = await world.post(path_of(shown, "closure"), closure(world))

    comment = await world.post(path_of(shown, "comments"), {"text": "复盘已完成。"})
    action = await world.post(path_of(shown, "actions"), {"text": "补记措施。"})

    assert closed.json()["state"] == "CLOSED"
    assert comment.status_code == 201
    assert refusal(action) == (409, "incident_over")

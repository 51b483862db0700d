"""Upgrades and major events are filed in advance, and become windows (A16.3, F7)."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.filing.world import EVIDENCE, World, refusal
from tests.suite import HEALTH_INSURANCE, JIUJIANG, LABOUR, NANCHANG, OPERATOR, PROVINCE

MAINTENANCE = "MAINTENANCE"


def plan(**changes: Any) -> dict[str, Any]:
    """A night of the week after: filed on a Monday, it keeps every lead time."""
    return {
        "action": "PLAN",
        "title": "核心数据库升级",
        "kind": "SYSTEM_UPGRADE",
        "listing_ids": [],
        "starts_at": "2026-03-14T00:00:00+08:00",
        "ends_at": "2026-03-14T06:00:00+08:00",
        "impact": "UNAVAILABLE",
        "details": "升级期间暂停查询。",
        "rollback": "两小时内未完成即恢复快照。",
        "contact_office": "信息中心值班岗",
        **changes,
    }


def later(action: str, window: dict[str, Any], **changes: Any) -> dict[str, Any]:
    base = {"action": action, "window_id": window["id"], "reason": "情况变化。"}
    if action == "CHANGE":
        base = {**plan(), **base}
    return {**base, "contact_office": "信息中心值班岗", **changes}


async def planned(world: World, **changes: Any) -> dict[str, Any]:
    return await world.accept(await world.send(LABOUR, MAINTENANCE, plan(**changes)))


async def window(world: World, filing: dict[str, Any]) -> dict[str, Any]:
    return await world.ok(PROVINCE, "GET", f"/v1/windows/{filing['id']}")


@pytest.mark.clause("A16.3")
@pytest.mark.feature("F1")
async def test_an_accepted_upgrade_is_told_as_a_window_with_its_scope(world: World):
    listing = (await world.live(LABOUR))["listing_id"]
    filed = await world.send(LABOUR, MAINTENANCE, plan(listing_ids=[listing]))
    before = await world.facts(f"window:{filed['id']}")

    await world.accept(filed)

    [told] = await world.events(f"window:{filed['id']}")
    shown = await window(world, filed)
    assert before == []
    assert told[0] == "window_planned"
    assert told[1]["listing_ids"] == [listing]
    assert (told[1]["impact"], told[1]["change"]) == ("UNAVAILABLE", 1)
    assert datetime.fromisoformat(told[1]["starts_at"]) == datetime.fromisoformat(
        plan()["starts_at"]
    )
    assert told[1]["short_notice"] is False
    assert (shown["state"], shown["short_notice"]) == ("PLANNED", False)


@pytest.mark.clause("A16.3")
@pytest.mark.parametrize(
    ("kind", "starts_at", "short"),
    [
        ("MAINTENANCE", "2026-03-06T00:00:00+08:00", False),  # Tuesday to Thursday lie between
        ("MAINTENANCE", "2026-03-05T23:00:00+08:00", True),
        ("MAJOR_EVENT", "2026-03-10T00:00:00+08:00", False),
        ("MAJOR_EVENT", "2026-03-09T23:00:00+08:00", True),
    ],
)
async def test_short_notice_is_recorded_against_the_unit_and_not_refused(
    world: World, kind: str, starts_at: str, short: bool
):
    ends_at = (datetime.fromisoformat(starts_at) + timedelta(hours=2)).isoformat()

    filed = await world.send(LABOUR, kind, plan(starts_at=starts_at, ends_at=ends_at))
    await world.accept(filed)

    [(_, told)] = await world.events(f"window:{filed['id']}")
    path = f"/v1/windows?organisation=jx-rst&short_notice={str(short).lower()}&limit=100"
    listed = await world.ok(LABOUR, "GET", path)
    assert told["short_notice"] is short
    assert filed["id"] in {each["id"] for each in listed["items"]}


@pytest.mark.clause("A16.3")
async def test_a_correction_does_not_make_a_plan_late(world: World):
    filed = await world.send(
        LABOUR,
        MAINTENANCE,
        plan(starts_at="2026-03-06T00:00:00+08:00", ends_at="2026-03-06T02:00:00+08:00"),
    )
    why = {"clause": "A16.3", "opinion": "请写明回退。", "evidence": EVIDENCE}
    await world.ok(PROVINCE, "POST", f"/v1/filings/{filed['id']}/return", why)
    world.suite.clock.advance(timedelta(days=2))

    again = await world.ok(LABOUR, "POST", f"/v1/filings/{filed['id']}/submission", {})
    await world.accept(again)

    assert again["round"] == 2
    assert (await window(world, filed))["short_notice"] is False


@pytest.mark.clause("A16.3")
async def test_a_window_is_changed_by_a_filing_of_its_own(world: World):
    first = await planned(world)

    change = later("CHANGE", first, ends_at="2026-03-14T08:00:00+08:00", impact="DEGRADED")
    sent = await world.send(LABOUR, MAINTENANCE, change)
    unchanged = await window(world, first)
    await world.accept(sent)

    facts = await world.events(f"window:{first['id']}")
    shown = await window(world, first)
    assert (unchanged["impact"], unchanged["change"]) == ("UNAVAILABLE", 1)
    assert [fact for fact, _ in facts] == ["window_planned", "window_planned"]
    assert (facts[1][1]["change"], facts[1][1]["filing_id"]) == (2, sent["id"])
    assert (shown["ends_at"], shown["impact"]) == ("2026-03-14T08:00:00+08:00", "DEGRADED")
    assert shown["filing_id"] == sent["id"]


@pytest.mark.clause("A16.3")
async def test_a_window_moved_forward_too_late_is_short_notice_from_then_on(world: World):
    first = await planned(world)
    soon = {"starts_at": "2026-03-03T20:00:00+08:00", "ends_at": "2026-03-03T22:00:00+08:00"}

    await world.accept(await world.send(LABOUR, MAINTENANCE, later("CHANGE", first, **soon)))
    await world.accept(await world.send(LABOUR, MAINTENANCE, later("CHANGE", first)))

    assert (await window(world, first))["short_notice"] is True


@pytest.mark.clause("A16.3")
async def test_a_window_is_cancelled_before_it_begins_and_ended_early_after(world: World):
    cancelled, ended = await planned(world), await planned(world)

    early = await world.try_to_send(
        LABOUR, MAINTENANCE, later("END", ended, ended_at="2026-03-02T09:00:00+08:00")
    )
    await world.accept(await world.send(LABOUR, MAINTENANCE, later("CANCEL", cancelled)))
    world.suite.clock.set(datetime.fromisoformat("2026-03-14T04:00:00+08:00"))
    late = await world.try_to_send(LABOUR, MAINTENANCE, later("CANCEL", ended))
    moved = await world.try_to_send(
        LABOUR, MAINTENANCE, later("CHANGE", ended, starts_at="2026-03-14T01:00:00+08:00")
    )
    done = later("END", ended, ended_at="2026-03-14T03:30:00+08:00")
    await world.accept(await world.send(LABOUR, MAINTENANCE, done))

    facts = await world.events(f"window:{ended['id']}")
    assert early == (422, "window_end_outside")
    assert late == (422, "window_begun")
    assert moved == (422, "window_begun")
    assert await world.facts(f"window:{cancelled['id']}") == ["window_planned", "window_cancelled"]
    assert facts[1][0] == "window_ended"
    assert datetime.fromisoformat(facts[1][1]["ended_at"]) == datetime.fromisoformat(
        done["ended_at"]
    )
    assert (await window(world, ended))["state"] == "ENDED"


@pytest.mark.clause("A16.3")
async def test_what_is_over_is_not_changed_and_another_units_window_is_not_found(world: World):
    over, own = await planned(world), await planned(world)
    await world.accept(await world.send(LABOUR, MAINTENANCE, later("CANCEL", over)))

    gone = await world.try_to_send(LABOUR, MAINTENANCE, later("CHANGE", over))
    foreign = await world.try_to_send(HEALTH_INSURANCE, MAINTENANCE, later("CANCEL", own))
    other_type = await world.try_to_send(LABOUR, "MAJOR_EVENT", later("CANCEL", own))
    first = await world.send(LABOUR, MAINTENANCE, later("CANCEL", own))
    second = await world.try_to_send(LABOUR, MAINTENANCE, later("CHANGE", own))

    assert gone == (409, "window_over")
    assert foreign == (404, "window_not_found")
    assert other_type == (404, "window_not_found")
    assert first["state"] == "SUBMITTED"
    assert second == (409, "filing_pending")


@pytest.mark.clause("A16.3")
@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"rollback": None}, "member_not_for_step"),
        ({"impact": None}, "member_not_for_step"),
        ({"ended_at": "2026-03-14T01:00:00+08:00"}, "member_not_for_step"),
        (
            {"starts_at": "2026-03-02T09:59:00+08:00", "ends_at": "2026-03-02T11:00:00+08:00"},
            "window_past",
        ),
        ({"ends_at": "2026-03-14T00:00:00+08:00"}, "window_backwards"),
        ({"ends_at": "2026-03-22T00:00:00+08:00"}, "window_too_long"),
        ({"listing_ids": ["7a1d4f6c-3a0e-4c1d-9c55-2f0d8a6e7b01"]}, "listing_not_yours"),
    ],
)
async def test_a_plan_says_window_scope_impact_and_rollback(
    world: World, changes: dict[str, Any], code: str
):
    refused = await world.try_to_send(LABOUR, MAINTENANCE, plan(**changes))

    assert refused == (422, code)


@pytest.mark.clause("A16.3")
@pytest.mark.feature("M8")
async def test_a_plan_that_is_accepted_after_it_began_still_becomes_a_window(world: World):
    """It was filed in advance; monitoring corrects what has passed of it."""
    starts = world.suite.clock.now() + timedelta(minutes=5)
    soon = {"starts_at": starts.isoformat(), "ends_at": (starts + timedelta(hours=2)).isoformat()}
    filed = await world.send(LABOUR, MAINTENANCE, plan(**soon))
    world.suite.clock.advance(timedelta(minutes=30))

    await world.accept(filed)

    [(_, told)] = await world.events(f"window:{filed['id']}")
    assert datetime.fromisoformat(told["starts_at"]) < world.suite.clock.now()
    assert datetime.fromisoformat(told["filed_at"]) < starts


@pytest.mark.clause("A16.3")
async def test_windows_of_a_unit_may_overlap(world: World):
    """Each is its own filing; monitoring counts a minute that both cover once."""
    listing = (await world.live(LABOUR))["listing_id"]
    first, second = await planned(world), await planned(world, listing_ids=[listing])

    states = [(await window(world, each))["state"] for each in (first, second)]

    assert states == ["PLANNED", "PLANNED"]


async def test_windows_are_seen_by_their_unit_the_province_and_the_operator(world: World):
    made = await planned(world)

    seen = [
        (await world.call(each, "GET", f"/v1/windows/{made['id']}")).status_code
        for each in (LABOUR, PROVINCE, OPERATOR, NANCHANG, JIUJIANG, HEALTH_INSURANCE)
    ]

    assert seen == [200, 200, 200, 404, 404, 404]


async def test_a_window_that_is_over_by_the_time_of_acceptance_is_not_changed(world: World):
    first = await planned(world)
    change = await world.send(LABOUR, MAINTENANCE, later("CHANGE", first))
    cancel = await world.call(
        LABOUR, "POST", f"/v1/filings/{change['id']}/withdrawal", {"reason": "不再变更"}
    )
    await world.accept(await world.send(LABOUR, MAINTENANCE, later("CANCEL", first)))

    answer = await world.call(PROVINCE, "POST", f"/v1/filings/{change['id']}/acceptance", {})

    assert cancel.status_code == 200
    assert refusal(answer) == (409, "illegal_step")

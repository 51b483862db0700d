"""A forced exit ends everything that a partner has pending, and says why in each place (A15.5)."""

from datetime import timedelta
from typing import Any

import pytest

from shared.security.identity import Actor
from tests.filing.test_appeals import FIRST, GROUNDS, OTHER, decide
from tests.filing.test_four_eyes import RETURN
from tests.filing.test_partners import APPLICATION, active, application, force_out, listing
from tests.filing.test_windows import MAINTENANCE, plan
from tests.filing.world import World, refusal
from tests.suite import PROVINCE


async def appeal(world: World, who: Actor, filing: dict[str, Any]) -> dict[str, Any]:
    return await world.ok(who, "POST", f"/v1/filings/{filing['id']}/appeals", GROUNDS)


@pytest.mark.clause("A15.5")
@pytest.mark.feature("C2")
async def test_the_open_appeals_of_a_partner_end_with_the_decision_as_their_reason(world: World):
    who = await active(world, "partner-appeals", 160)
    returned = await world.ok(who, "POST", "/v1/filings", listing(world, who))
    await world.ok(FIRST, "POST", f"/v1/filings/{returned['id']}/return", RETURN)
    renewal = await world.send(who, APPLICATION, application(160))
    await world.ok(FIRST, "POST", f"/v1/filings/{renewal['id']}/rejection", RETURN)
    appeals = [await appeal(world, who, each) for each in (returned, renewal)]

    number = (await force_out(world, who))["forced_exit"]["number"]

    ended = [await world.ok(PROVINCE, "GET", f"/v1/appeals/{each['id']}") for each in appeals]
    filings = [
        await world.ok(PROVINCE, "GET", f"/v1/filings/{each['id']}") for each in (returned, renewal)
    ]
    late = await decide(world, OTHER, f"/v1/appeals/{appeals[1]['id']}", "REVERSED")
    assert [(each["state"], each["clause"], each["opinion"]) for each in ended] == [
        ("WITHDRAWN", "A15.5", number)
    ] * 2
    assert [each["state"] for each in filings] == ["WITHDRAWN", "REJECTED"]
    assert [(each["due_for"], each["due_at"]) for each in filings] == [(None, None)] * 2
    assert [each["opinion"] for each in filings[1]["history"]][-1] == number
    assert "appeal_withdrawn" in await world.facts(f"filing:{renewal['id']}")
    assert refusal(late) == (409, "illegal_step")


@pytest.mark.clause("A15.5")
async def test_after_its_exit_a_partner_files_nothing_through_any_door(world: World):
    who = await active(world, "partner-doors", 162)
    draft = await world.ok(who, "POST", "/v1/filings", {**listing(world, who), "submit": False})
    rejected = await world.send(who, APPLICATION, application(162))
    await world.ok(FIRST, "POST", f"/v1/filings/{rejected['id']}/rejection", RETURN)
    body = listing(world, who)
    body.pop("submit")
    await force_out(world, who)
    place = f"/v1/filings/{draft['id']}"

    answers = {
        "a new filing": await world.call(who, "POST", "/v1/filings", listing(world, who)),
        "a window": await world.call(
            who,
            "POST",
            "/v1/filings",
            {"filing_type": MAINTENANCE, "content": plan(), "submit": True},
        ),
        "a revision": await world.call(who, "PUT", place, body),
        "a submission": await world.call(who, "POST", f"{place}/submission", {}),
        "an appeal": await world.call(
            who, "POST", f"/v1/filings/{rejected['id']}/appeals", GROUNDS
        ),
        "an application": await world.call(
            who,
            "POST",
            "/v1/filings",
            {"filing_type": APPLICATION, "content": application(162), "submit": True},
        ),
    }

    assert {name: refusal(each) for name, each in answers.items()} == dict.fromkeys(
        answers, (403, "partner_was_forced_out")
    )
    assert (await world.ok(who, "GET", place))["state"] == "DRAFT"


@pytest.mark.clause("A15.5")
@pytest.mark.feature("F7")
async def test_its_planned_windows_are_cancelled_and_one_under_way_ends(world: World):
    who = await active(world, "partner-windows", 161)
    now = world.suite.clock.now()
    times = {
        "under way": (now + timedelta(hours=1), now + timedelta(hours=9)),
        "to come": (now + timedelta(days=9), now + timedelta(days=10)),
    }
    filed = {
        name: await world.accept(
            await world.send(
                who, MAINTENANCE, plan(starts_at=begin.isoformat(), ends_at=end.isoformat())
            )
        )
        for name, (begin, end) in times.items()
    }
    world.suite.clock.advance(timedelta(hours=2))

    exit_ = (await force_out(world, who))["forced_exit"]

    told = {name: (await world.events(f"window:{each['id']}"))[-1] for name, each in filed.items()}
    shown = {
        name: (await world.ok(PROVINCE, "GET", f"/v1/windows/{each['id']}"))["state"]
        for name, each in filed.items()
    }
    assert shown == {"under way": "ENDED", "to come": "CANCELLED"}
    assert {name: fact for name, (fact, _) in told.items()} == {
        "under way": "window_ended",
        "to come": "window_cancelled",
    }
    assert {data["filing_id"] for _, data in told.values()} == {exit_["id"]}

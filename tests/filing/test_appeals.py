"""One appeal against a decision, to another reviewer; the thread goes on either way (C2)."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest

from shared.security.identity import Actor
from tests.filing.test_four_eyes import delegated
from tests.filing.world import EVIDENCE, MONDAY, World, refusal
from tests.suite import HEALTH_INSURANCE, JIUJIANG, LABOUR, NANCHANG, PROVINCE, officer

FIRST, OTHER = officer(PROVINCE, "appeal-first"), officer(PROVINCE, "appeal-other")
RETURN = {"clause": "A10.3", "opinion": "投诉入口无法打开", "evidence": EVIDENCE}
GROUNDS = {"grounds": "投诉入口在退回前已经修复", "evidence": EVIDENCE}


def outcome(word: str) -> dict[str, Any]:
    return {"outcome": word, "clause": "A10.3", "opinion": "经复核", "evidence": EVIDENCE}


async def returned(world: World, actor: Actor = LABOUR) -> dict[str, Any]:
    filing = await world.file(actor)
    if filing["flow"] == "CONFIRM":
        await world.confirm(filing)
    return await world.ok(FIRST, "POST", f"/v1/filings/{filing['id']}/return", RETURN)


async def appealed(world: World, filing: dict[str, Any], by: Actor = LABOUR) -> str:
    made = await world.ok(by, "POST", f"/v1/filings/{filing['id']}/appeals", GROUNDS)
    return f"/v1/appeals/{made['id']}"


async def decide(world: World, by: Actor, appeal: str, word: str, **more: Any) -> httpx.Response:
    return await world.call(by, "POST", f"{appeal}/decision", {**outcome(word), **more})


async def look(world: World, filing: dict[str, Any]) -> dict[str, Any]:
    return await world.ok(PROVINCE, "GET", f"/v1/filings/{filing['id']}")


@pytest.mark.feature("C2")
async def test_a_reversed_return_is_reviewed_again_in_the_same_thread(world: World):
    filing = await returned(world)
    appeal = await appealed(world, filing)
    meanwhile = await look(world, filing)

    decided = await decide(world, OTHER, appeal, "REVERSED")

    again = await look(world, filing)
    assert decided.json()["state"] == "REVERSED"
    assert (meanwhile["state"], meanwhile["due_for"]) == ("RETURNED", "APPEAL")
    assert (again["state"], again["due_for"], again["round"]) == ("SUBMITTED", "REVIEW", 1)
    assert [each["action"] for each in again["history"]][-3:] == ["RETURN", "APPEAL", "REVERSE"]
    assert (await world.accept(again))["state"] == "ACCEPTED"
    assert (await world.facts(f"filing:{filing['id']}"))[1:] == [
        "returned",
        "appealed",
        "appeal_decided",
        "accepted",
    ]


@pytest.mark.feature("C2")
async def test_what_was_confirmed_before_stays_confirmed(world: World):
    filing = await returned(world, NANCHANG)
    appeal = await appealed(world, filing, NANCHANG)

    await decide(world, OTHER, appeal, "REVERSED")

    assert (await look(world, filing))["state"] == "CONFIRMED"


@pytest.mark.feature("C2")
async def test_a_reversed_refusal_is_put_to_the_department_again(world: World):
    filing = await world.file(JIUJIANG)
    await world.ok(LABOUR, "POST", f"/v1/filings/{filing['id']}/refusal", RETURN)
    appeal = await appealed(world, filing, JIUJIANG)

    await decide(world, OTHER, appeal, "REVERSED")

    again = await look(world, filing)
    assert (again["state"], again["due_for"]) == ("SUBMITTED", "CONFIRMATION")
    assert (await world.confirm(again))["state"] == "CONFIRMED"


@pytest.mark.feature("C2")
async def test_an_upheld_return_leaves_the_time_for_correction_that_was_left(world: World):
    filing = await returned(world)
    world.suite.clock.set(world.suite.clock.now().replace(day=4))
    appeal = await appealed(world, filing)
    world.suite.clock.set(world.suite.clock.now().replace(day=6) - timedelta(hours=1))

    decided = await decide(world, OTHER, appeal, "UPHELD")

    after = await look(world, filing)
    assert decided.json()["state"] == "UPHELD"
    assert (after["state"], after["due_for"]) == ("RETURNED", "CORRECTION")
    assert filing["due_at"] == "2026-03-17T00:00:00+08:00"
    assert after["due_at"] == "2026-03-19T00:00:00+08:00"  # nearly two working days stood still
    sent = await world.ok(LABOUR, "POST", f"/v1/filings/{filing['id']}/submission", {})
    assert (sent["state"], sent["round"]) == ("SUBMITTED", 2)


@pytest.mark.feature("C2")
@pytest.mark.feature("F6")
async def test_an_appeal_goes_to_another_reviewer(world: World):
    filing = await returned(world)
    appeal = await appealed(world, filing)
    helper = officer(PROVINCE, "appeal-helper")
    await delegated(world, FIRST, helper)
    alias = replace(PROVINCE, client_id=FIRST.client_id)

    answers = {
        "who returned it": await decide(world, FIRST, appeal, "UPHELD"),
        "their delegate": await decide(world, helper, appeal, "UPHELD"),
        "their client": await decide(world, alias, appeal, "UPHELD"),
        "a system": await decide(world, PROVINCE, appeal, "UPHELD"),
        "the filer": await decide(world, LABOUR, appeal, "REVERSED"),
    }

    assert {who: refusal(answer) for who, answer in answers.items()} == {
        "who returned it": (403, "same_reviewer"),
        "their delegate": (403, "same_reviewer"),
        "their client": (403, "person_required"),
        "a system": (403, "person_required"),
        "the filer": (403, "operation_forbidden"),
    }
    assert (await decide(world, OTHER, appeal, "UPHELD")).status_code == 200


@pytest.mark.feature("F6")
async def test_whoever_appealed_does_not_decide_the_appeal(world: World):
    filing = await returned(world)
    appeal = await appealed(world, filing, officer(LABOUR, "two-posts"))

    answer = await decide(world, officer(PROVINCE, "two-posts"), appeal, "REVERSED")

    assert refusal(answer) == (403, "own_filing")


@pytest.mark.feature("C2")
@pytest.mark.feature("F6")
async def test_an_appeal_is_decided_in_anothers_place_and_shows_both_names(world: World):
    head, deputy = officer(PROVINCE, "appeal-head"), officer(PROVINCE, "appeal-deputy")
    appeal = await appealed(world, await returned(world))
    scopes = {"actions": ["UPHOLD"]}
    under = await delegated(world, head, deputy, **scopes)
    ended = (MONDAY + timedelta(minutes=1)).isoformat()
    over = await delegated(world, head, deputy, **scopes, ends_at=ended)
    world.suite.clock.advance(timedelta(minutes=2))

    reversed_ = await decide(world, deputy, appeal, "REVERSED", delegation_id=under)
    late = await decide(world, deputy, appeal, "UPHELD", delegation_id=over)
    strangers = await decide(world, OTHER, appeal, "UPHELD", delegation_id=under)
    upheld = await decide(world, deputy, appeal, "UPHELD", delegation_id=under)

    assert refusal(reversed_) == (403, "delegation_out_of_scope")
    assert refusal(late) == (403, "delegation_not_in_force")
    assert refusal(strangers) == (403, "delegation_not_in_force")
    assert (upheld.json()["decided_by"], upheld.json()["decided_for"]) == (
        deputy.subject,
        head.subject,
    )
    last = (await look(world, {"id": upheld.json()["filing_id"]}))["history"][-1]
    assert (last["action"], last["actor"], last["acting_for"]) == (
        "UPHOLD",
        deputy.subject,
        head.subject,
    )


@pytest.mark.feature("C2")
@pytest.mark.feature("F6")
async def test_neither_a_deputy_nor_a_delegator_of_the_first_reviewer_decides(world: World):
    first, head, aide = (officer(PROVINCE, f"circle-{each}") for each in ("first", "head", "aide"))
    filing = await world.file(LABOUR)
    await world.ok(first, "POST", f"/v1/filings/{filing['id']}/return", RETURN)
    appeal = await appealed(world, filing)
    await delegated(world, head, first)
    for_first = await delegated(world, first, aide, actions=["UPHOLD"])
    for_head = await delegated(world, head, OTHER, actions=["UPHOLD"])

    answers = {
        "who let the first reviewer decide": await decide(world, head, appeal, "UPHELD"),
        "in the first reviewer's place": await decide(
            world, aide, appeal, "UPHELD", delegation_id=for_first
        ),
        "in the place of who let them": await decide(
            world, OTHER, appeal, "UPHELD", delegation_id=for_head
        ),
    }

    assert {who: refusal(each) for who, each in answers.items()} == dict.fromkeys(
        answers, (403, "same_reviewer")
    )
    assert (await decide(world, OTHER, appeal, "UPHELD")).status_code == 200


@pytest.mark.feature("C2")
async def test_a_decision_is_appealed_once_and_a_new_one_anew(world: World):
    filing = await returned(world)
    place = f"/v1/filings/{filing['id']}"
    await decide(world, OTHER, await appealed(world, filing), "UPHELD")

    again = await world.call(LABOUR, "POST", f"{place}/appeals", GROUNDS)
    await world.ok(LABOUR, "POST", f"{place}/submission", {})
    nothing = await world.call(LABOUR, "POST", f"{place}/appeals", GROUNDS)
    await world.ok(FIRST, "POST", f"{place}/return", RETURN)
    anew = await world.call(LABOUR, "POST", f"{place}/appeals", GROUNDS)

    assert refusal(again) == (409, "already_appealed")
    assert refusal(nothing) == (409, "nothing_to_appeal")
    assert anew.status_code == 201


@pytest.mark.feature("C2")
async def test_of_several_appeals_at_once_one_is_kept(world: World):
    filing = await returned(world)
    place = f"/v1/filings/{filing['id']}/appeals"

    answers = await asyncio.gather(*(world.call(LABOUR, "POST", place, GROUNDS) for _ in range(5)))

    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409]


@pytest.mark.feature("C2")
async def test_a_decided_appeal_is_decided_once(world: World):
    appeal = await appealed(world, await returned(world))
    await decide(world, OTHER, appeal, "UPHELD")

    again = await decide(world, OTHER, appeal, "REVERSED")
    taken_back = await world.call(LABOUR, "POST", f"{appeal}/withdrawal", {"reason": "不再申诉"})

    assert refusal(again) == (409, "illegal_step")
    assert refusal(taken_back) == (409, "illegal_step")


@pytest.mark.feature("C2")
async def test_while_an_appeal_is_open_the_filing_is_not_changed(world: World):
    filing = await returned(world)
    place = f"/v1/filings/{filing['id']}"
    appeal = await appealed(world, filing)
    body = world.listing_body(LABOUR)
    body.pop("submit")

    shown = (await world.ok(LABOUR, "GET", place))["allowed_actions"]
    revised = await world.call(LABOUR, "PUT", place, body)
    sent = await world.call(LABOUR, "POST", f"{place}/submission", {})
    await world.ok(LABOUR, "POST", f"{appeal}/withdrawal", {"reason": "改为补正"})
    again = (await world.ok(LABOUR, "GET", place))["allowed_actions"]
    after = await world.call(LABOUR, "POST", f"{place}/submission", {})

    assert (shown, again) == (["WITHDRAW"], ["REVISE", "SUBMIT", "WITHDRAW"])
    assert refusal(revised) == (409, "appeal_pending")
    assert refusal(sent) == (409, "appeal_pending")
    assert after.status_code == 200
    assert (await world.ok(LABOUR, "GET", appeal))["state"] == "WITHDRAWN"


@pytest.mark.feature("C2")
async def test_an_appeal_ends_with_its_filing(world: World):
    filing = await returned(world)
    appeal = await appealed(world, filing)

    await world.ok(LABOUR, "POST", f"/v1/filings/{filing['id']}/withdrawal", {"reason": "方案调整"})

    assert (await world.ok(LABOUR, "GET", appeal))["state"] == "WITHDRAWN"
    assert refusal(await decide(world, OTHER, appeal, "REVERSED")) == (409, "illegal_step")


@pytest.mark.feature("C2")
async def test_an_appeal_that_comes_too_late_is_refused(world: World):
    filing = await returned(world)
    world.suite.clock.set(world.suite.clock.now().replace(day=17))

    answer = await world.call(LABOUR, "POST", f"/v1/filings/{filing['id']}/appeals", GROUNDS)

    assert refusal(answer)[0] == 409
    assert answer.json()["code"] in {"appeal_too_late", "nothing_to_appeal"}


async def test_a_late_decision_of_an_appeal_is_told_and_nothing_lapses(world: World):
    filing = await returned(world)
    await appealed(world, filing)

    await world.sweep_at("2026-03-20T10:00:00+08:00")

    late = await look(world, filing)
    assert (late["state"], late["due_for"]) == ("RETURNED", "APPEAL")
    assert late["overdue_at"] is not None
    assert (await world.facts(f"filing:{filing['id']}"))[-1] == "overdue"


@pytest.mark.clause("A4.1")
async def test_an_appeal_is_seen_by_whoever_sees_the_filing(world: World):
    filing = await returned(world, NANCHANG)
    appeal = await appealed(world, filing, NANCHANG)
    confirmer, stranger = HEALTH_INSURANCE, JIUJIANG

    listed = await world.ok(PROVINCE, "GET", f"/v1/appeals?state=OPEN&filing={filing['id']}")
    by_confirmer = await world.call(confirmer, "GET", appeal)
    by_stranger = await world.call(stranger, "GET", appeal)
    none = await world.ok(stranger, "GET", f"/v1/appeals?filing={filing['id']}")
    others = await world.call(stranger, "POST", f"{appeal}/withdrawal", {"reason": "代为撤回"})

    assert [each["id"] for each in listed["items"]] == [appeal.rsplit("/", 1)[1]]
    assert by_confirmer.status_code == 200
    assert refusal(by_stranger) == (404, "appeal_not_found")
    assert none["items"] == []
    assert refusal(others) == (404, "appeal_not_found")

"""The filer's thread with the province: draft, gates, decision, correction, withdrawal."""

import pytest

from tests.filing.world import EVIDENCE, World, refusal
from tests.suite import DONGHU, HEALTH_INSURANCE, JIUJIANG, LABOUR, NANCHANG, PROVINCE


@pytest.mark.feature("DEP2")
@pytest.mark.clause("A11.1")
async def test_a_filing_answers_with_its_place_receipt_deadline_actions_and_history(world: World):
    body = world.listing_body(LABOUR)

    answer = await world.call(LABOUR, "POST", "/v1/filings", body)

    filing = answer.json()
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"] == f"/v1/filings/{filing['id']}"
    assert answer.headers["etag"].startswith(f'"{filing["version"]}.')
    assert filing["state"] == "SUBMITTED"
    assert filing["number"].startswith("GFT-2026-")
    assert filing["due_at"] == "2026-03-10T00:00:00+08:00"
    assert filing["due_for"] == "REVIEW"
    assert filing["provisional"] is False
    assert filing["allowed_actions"] == ["WITHDRAW"]
    assert [(each["action"], each["organisation"]) for each in filing["history"]] == [
        ("CREATE", "jx-rst"),
        ("SUBMIT", "jx-rst"),
    ]
    assert filing["digest"] == world.digest(body["content"])


@pytest.mark.feature("DEP2")
async def test_a_read_right_after_the_201_finds_it(world: World):
    filing = await world.file(NANCHANG)

    found = await world.ok(NANCHANG, "GET", f"/v1/filings/{filing['id']}")

    assert found == filing


@pytest.mark.feature("C1")
@pytest.mark.clause("A11.1")
async def test_a_departments_own_listing_is_accepted_without_confirmation(world: World):
    filing = await world.file(LABOUR)

    accepted = await world.accept(filing)

    assert filing["flow"] == "NOTIFY"
    assert accepted["state"] == "ACCEPTED"
    assert accepted["due_at"] is None
    assert accepted["allowed_actions"] == []
    [submitted, told] = await world.events(f"filing:{filing['id']}")
    assert submitted[0] == "submitted"
    assert told[0] == "accepted"
    assert told[1]["content"] == filing["content"]
    assert told[1]["digest"] == filing["digest"]
    assert told[1]["confirmed_by"] == []


@pytest.mark.feature("C1")
async def test_an_illegal_step_is_a_conflict_that_names_the_allowed_ones(world: World):
    draft = await world.file(LABOUR, submit=False)

    answer = await world.call(PROVINCE, "POST", f"/v1/filings/{draft['id']}/acceptance", {})
    again = await world.call(LABOUR, "POST", f"/v1/filings/{draft['id']}/submission", {})
    twice = await world.call(LABOUR, "POST", f"/v1/filings/{draft['id']}/submission", {})

    assert refusal(answer) == (409, "illegal_step")
    assert "allowed" not in answer.json()
    assert again.status_code == 200
    assert refusal(twice) == (409, "illegal_step")
    assert twice.json()["allowed"] == ["WITHDRAW"]


@pytest.mark.feature("C1")
async def test_a_filer_withdraws_while_it_is_under_review(world: World):
    filing = await world.file(NANCHANG)

    gone = await world.ok(
        NANCHANG, "POST", f"/v1/filings/{filing['id']}/withdrawal", {"reason": "方案调整"}
    )
    late = await world.call(PROVINCE, "POST", f"/v1/filings/{filing['id']}/return", _return())

    assert gone["state"] == "WITHDRAWN"
    assert gone["due_at"] is None
    assert refusal(late) == (409, "illegal_step")
    assert (await world.facts(f"filing:{filing['id']}"))[-1] == "withdrawn"


def _return(**changes: object) -> dict[str, object]:
    return {"clause": "A10.3", "opinion": "投诉入口无法打开", "evidence": EVIDENCE, **changes}


@pytest.mark.feature("C2")
async def test_a_return_carries_clause_text_and_evidence_and_the_thread_goes_on(world: World):
    filing = await world.file(LABOUR)
    place = f"/v1/filings/{filing['id']}"

    returned = await world.ok(PROVINCE, "POST", f"{place}/return", _return())
    body = world.listing_body(LABOUR)
    body.pop("submit")
    revised = await world.ok(LABOUR, "PUT", place, body)
    sent = await world.ok(LABOUR, "POST", f"{place}/submission", {})

    assert returned["state"] == "RETURNED"
    assert returned["due_for"] == "CORRECTION"
    last = returned["history"][-1]
    assert (last["clause"], last["opinion"]) == ("A10.3", "投诉入口无法打开")
    assert last["evidence"] == EVIDENCE
    assert revised["state"] == "RETURNED"
    assert (sent["id"], sent["number"]) == (filing["id"], filing["number"])
    assert (sent["state"], sent["round"]) == ("SUBMITTED", 2)
    assert [each["content"] for each in sent["rounds"]] == [filing["content"], body["content"]]
    assert await world.facts(f"filing:{filing['id']}") == ["submitted", "returned", "submitted"]


@pytest.mark.feature("C2")
@pytest.mark.parametrize("without", ["clause", "opinion", "evidence"])
async def test_a_return_without_its_reason_is_refused(world: World, without: str):
    filing = await world.file(LABOUR)
    body = _return()
    body.pop(without)

    answer = await world.call(PROVINCE, "POST", f"/v1/filings/{filing['id']}/return", body)

    assert refusal(answer) == (422, "invalid_request")
    assert answer.json()["errors"][0]["pointer"] == f"/{without}"


@pytest.mark.feature("API4")
async def test_a_stale_version_decides_nothing(world: World):
    draft = await world.file(LABOUR, submit=False)
    read = await world.call(LABOUR, "GET", f"/v1/filings/{draft['id']}")
    seen = read.headers["etag"]
    place = f"/v1/filings/{draft['id']}/submission"
    sent = await world.call(LABOUR, "POST", place, {}, match=seen)

    stale = await world.call(
        PROVINCE, "POST", f"/v1/filings/{draft['id']}/acceptance", {}, match=seen
    )

    assert sent.status_code == 200
    assert refusal(stale) == (412, "stale_version")
    assert (await world.ok(LABOUR, "GET", f"/v1/filings/{draft['id']}"))["state"] == "SUBMITTED"


@pytest.mark.clause("A4.1")
@pytest.mark.parametrize(
    ("actor", "expected"),
    [(JIUJIANG, (404, "filing_not_found")), (DONGHU, (404, "filing_not_found"))],
    ids=["another city", "a county below"],
)
async def test_who_does_not_see_a_filing_learns_nothing_of_it(world: World, actor, expected):
    filing = await world.file(NANCHANG)

    answer = await world.call(actor, "GET", f"/v1/filings/{filing['id']}")

    assert refusal(answer) == expected


@pytest.mark.clause("A4.1")
async def test_who_sees_a_filing_of_another_may_not_touch_it(world: World):
    filing = await world.file(DONGHU)
    place = f"/v1/filings/{filing['id']}"

    seen = await world.call(NANCHANG, "GET", place)
    touched = await world.call(NANCHANG, "POST", f"{place}/withdrawal", {"reason": "代为撤回"})
    decided = await world.call(NANCHANG, "POST", f"{place}/acceptance", {})

    assert seen.status_code == 200
    assert refusal(touched) == (403, "outside_remit")
    assert refusal(decided) == (403, "operation_forbidden")
    assert touched.json()["clause"] == "A4.1"


async def test_a_correction_that_does_not_come_in_time_lapses(world: World):
    filing = await world.file(LABOUR)
    await world.ok(PROVINCE, "POST", f"/v1/filings/{filing['id']}/return", _return())

    await world.sweep_at("2026-03-17T00:00:01+08:00")
    lapsed = await world.ok(LABOUR, "GET", f"/v1/filings/{filing['id']}")

    assert lapsed["state"] == "LAPSED"
    assert lapsed["allowed_actions"] == []
    assert (await world.facts(f"filing:{filing['id']}"))[-1] == "lapsed"


@pytest.mark.clause("A11.3")
async def test_an_update_of_a_live_listing_passes_the_same_gates_as_the_first(world: World):
    live = await world.live(NANCHANG)

    update = await world.file(NANCHANG, filing_type="UPDATE", listing_id=live["listing_id"])
    early = await world.call(PROVINCE, "POST", f"/v1/filings/{update['id']}/acceptance", {})
    await world.confirm(update)
    accepted = await world.accept(update)

    assert refusal(early) == (409, "illegal_step")
    assert accepted["listing_id"] == live["listing_id"]
    assert update["due_at"] == "2026-03-10T00:00:00+08:00"


@pytest.mark.clause("A11.3")
async def test_a_delisting_needs_a_live_listing_of_ones_own(world: World):
    live = await world.live(NANCHANG)
    body = {
        "filing_type": "DELIST",
        "listing_id": live["listing_id"],
        "content": {"reason": "事项取消"},
        "submit": True,
    }

    foreign = await world.call(JIUJIANG, "POST", "/v1/filings", body)
    unknown = await world.call(NANCHANG, "POST", "/v1/filings", {**body, "listing_id": live["id"]})
    own = await world.ok(NANCHANG, "POST", "/v1/filings", body)
    await world.accept(own)
    await world.delist(live["listing_id"], own["id"])
    again = await world.call(NANCHANG, "POST", "/v1/filings", body)

    assert refusal(foreign) == (403, "outside_remit")
    assert refusal(unknown) == (409, "listing_not_live")
    assert own["due_at"] == "2026-03-06T00:00:00+08:00"
    assert refusal(again) == (409, "listing_not_live")
    assert again.json()["clause"] == "A11.3"


async def test_one_filing_of_a_kind_is_pending_for_a_listing(world: World):
    live = await world.live(LABOUR)
    first = await world.file(LABOUR, filing_type="UPDATE", listing_id=live["listing_id"])

    second = await world.call(
        LABOUR,
        "POST",
        "/v1/filings",
        world.listing_body(LABOUR, filing_type="UPDATE", listing_id=live["listing_id"]),
    )

    assert refusal(second) == (409, "filing_pending")
    assert first["number"] in second.json()["detail"]


async def test_an_update_of_what_was_delisted_meanwhile_is_not_accepted(world: World):
    live = await world.live(LABOUR)
    update = await world.file(LABOUR, filing_type="UPDATE", listing_id=live["listing_id"])
    await world.delist(live["listing_id"], live["id"])

    answer = await world.call(PROVINCE, "POST", f"/v1/filings/{update['id']}/acceptance", {})

    assert refusal(answer) == (409, "listing_not_live")


@pytest.mark.feature("F2")
@pytest.mark.clause("A11.3")
async def test_a_delisting_revokes_a_pending_update_and_both_are_linked(world: World):
    live = await world.live(LABOUR)
    update = await world.file(LABOUR, filing_type="UPDATE", listing_id=live["listing_id"])

    delisting = await world.ok(LABOUR, "POST", "/v1/filings", _delisting(live))

    revoked = await world.ok(LABOUR, "GET", f"/v1/filings/{update['id']}")
    assert (revoked["state"], revoked["revoked_by"]) == ("WITHDRAWN", delisting["id"])
    assert delisting["revokes"] == [update["id"]]
    fact, told = (await world.events(f"filing:{update['id']}"))[-1]
    assert (fact, told["revoked_by"]) == ("withdrawn", delisting["id"])


@pytest.mark.feature("F2")
async def test_a_relisting_revokes_a_pending_delisting_and_a_new_delisting_the_relisting(
    world: World,
):
    live = await world.live(LABOUR)
    delisting = await world.ok(LABOUR, "POST", "/v1/filings", _delisting(live))

    relisting = await world.file(LABOUR, listing_id=live["listing_id"])
    second = await world.ok(LABOUR, "POST", "/v1/filings", _delisting(live))

    assert relisting["revokes"] == [delisting["id"]]
    assert second["revokes"] == [relisting["id"]]
    states = [
        (await world.ok(LABOUR, "GET", f"/v1/filings/{each['id']}"))["state"]
        for each in (delisting, relisting, second)
    ]
    assert states == ["WITHDRAWN", "WITHDRAWN", "SUBMITTED"]


@pytest.mark.feature("F2")
async def test_an_update_waits_while_a_delisting_is_pending(world: World):
    live = await world.live(LABOUR)
    await world.ok(LABOUR, "POST", "/v1/filings", _delisting(live))

    answer = await world.call(
        LABOUR,
        "POST",
        "/v1/filings",
        world.listing_body(LABOUR, filing_type="UPDATE", listing_id=live["listing_id"]),
    )

    assert refusal(answer) == (409, "opposite_filing_pending")


async def test_what_is_live_is_updated_not_listed_again(world: World):
    live = await world.live(LABOUR)

    answer = await world.call(
        LABOUR, "POST", "/v1/filings", world.listing_body(LABOUR, listing_id=live["listing_id"])
    )

    assert refusal(answer) == (409, "listing_already_live")


def _delisting(live: dict[str, object]) -> dict[str, object]:
    return {
        "filing_type": "DELIST",
        "listing_id": live["listing_id"],
        "content": {"reason": "事项取消", "alternative_channel": "省政务服务大厅"},
        "submit": True,
    }


async def test_a_province_cannot_confirm_in_a_departments_place(world: World):
    filing = await world.file(NANCHANG)

    answer = await world.call(PROVINCE, "POST", f"/v1/filings/{filing['id']}/confirmation", {})
    other = await world.call(LABOUR, "POST", f"/v1/filings/{filing['id']}/confirmation", {})

    assert refusal(answer) == (403, "operation_forbidden")
    assert refusal(other) == (404, "filing_not_found")
    assert (await world.confirm(filing, HEALTH_INSURANCE))["state"] == "CONFIRMED"

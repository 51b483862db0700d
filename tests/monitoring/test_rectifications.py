"""One loop for every finding: ordered with a deadline, handed in, verified by another, closed."""

import asyncio
import uuid
from datetime import timedelta

import pytest

from tests.monitoring.supervision import (
    CITY_READER,
    MONDAY,
    OTHER_READER,
    READER,
    Supervision,
    found,
    refusal,
    started,
)
from tests.suite import (
    DONGHU,
    HEALTH_INSURANCE,
    JIUJIANG,
    LABOUR,
    NANCHANG,
    OPERATOR,
    PROVINCE,
    Suite,
    officer,
)

ENTRY = "https://entry.example.invalid/rectified"
SOURCES = ("REPORT", "INSPECTION", "SUPERVISION", "SECURITY", "COMPLAINT")


@pytest.fixture(scope="module")
async def world(suite: Suite) -> Supervision:
    return await started(suite)


@pytest.fixture(autouse=True)
def _monday(suite: Suite) -> None:
    suite.clock.set(MONDAY)


@pytest.mark.clause("A14.3")
@pytest.mark.clause("A16.2")
@pytest.mark.clause("A24.2")
@pytest.mark.parametrize("source", SOURCES)
async def test_every_source_goes_through_one_loop(world: Supervision, source: str):
    path = await world.ordered(source=source)
    ordered = await world.finding(path)

    sent = await world.submit(path)
    verified = await world.verify(path)
    closed = await world.decide(f"{path}/closing", {"opinion": "销号"}, OTHER_READER)

    assert ordered["state"] == "DISPATCHED"
    assert ordered["due_at"] == "2026-03-10T00:00:00+08:00", "five working days, to their last end"
    assert [each.json()["state"] for each in (sent, verified, closed)] == [
        "SUBMITTED", "VERIFIED", "CLOSED",
    ]  # fmt: skip
    assert closed.json()["closed_because"] == "EVIDENCE"
    assert await world.actions(path) == ["RAISED", "ORDER", "SUBMIT", "VERIFY", "CLOSE"]
    assert await world.facts(path) == [
        "finding_raised",
        "rectification_ordered",
        "rectification_submitted",
        "rectification_verified",
        "rectification_closed",
        "finding_closed",
    ]


@pytest.mark.clause("A24.2")
async def test_what_the_evidence_does_not_show_goes_back_with_the_time_that_is_left(
    world: Supervision,
):
    path = await world.submitted()
    world.suite.clock.advance(timedelta(days=2))  # the clock rests while it is read

    refused = await world.verify(path, passed=False)
    again = await world.submit(path)

    assert (refused.json()["state"], refused.json()["round"]) == ("REOPENED", 1)
    assert refused.json()["due_at"] == "2026-03-12T00:00:00+08:00"
    assert (again.json()["state"], again.json()["round"]) == ("SUBMITTED", 2)


@pytest.mark.feature("F6")
async def test_who_handed_it_in_does_not_verify_it_under_any_name(world: Supervision):
    """The province owes one itself: even there two people are needed."""
    mine = await world.submitted(organisation_id="jx-zwfw", debtor=READER)
    by_system = await world.submitted(organisation_id="jx-zwfw", debtor=PROVINCE)

    own = await world.verify(mine, READER)
    no_person = await world.verify(mine, PROVINCE)
    same_house = await world.verify(by_system, READER)
    other = await world.verify(mine, OTHER_READER)

    assert refusal(own) == (403, "own_rectification")
    assert refusal(no_person) == (403, "person_required")
    assert refusal(same_house) == (403, "person_required")
    assert other.status_code == 200


@pytest.mark.clause("A4.1")
async def test_a_city_supervises_its_subtree_and_a_unit_sees_its_own(world: Supervision):
    body = found(organisation_id="county-360102", order=True)
    strange = await world.post("/v1/findings", body, JIUJIANG)
    made = await world.post("/v1/findings", body, NANCHANG)
    path = made.headers["location"]
    of_the_province = await world.submitted(organisation_id="county-360102", debtor=DONGHU)

    seen = [(await world.get(path, who)).status_code for who in (PROVINCE, NANCHANG, DONGHU)]
    hidden = [(await world.get(path, who)).status_code for who in (JIUJIANG, HEALTH_INSURANCE)]
    theirs = await world.submit(path, NANCHANG)
    unordered = await world.verify(of_the_province, CITY_READER)
    own = await world.submit(path, DONGHU)
    verified = await world.verify(path, CITY_READER)

    assert refusal(strange) == (403, "outside_remit")
    assert made.status_code == 201, made.text
    assert (seen, hidden) == ([200] * 3, [404] * 2)
    assert refusal(theirs) == (403, "outside_remit")
    assert refusal(unordered) == (403, "outside_remit"), "what the province ordered it verifies"
    assert own.json()["state"] == "SUBMITTED"
    assert verified.json()["state"] == "VERIFIED"
    assert await world.items("/v1/findings", JIUJIANG, organisation="county-360102") == []


async def test_roles_without_the_right_are_refused(world: Supervision):
    path = await world.ordered()
    open_one = f"/v1/findings/{(await world.record(OPERATOR))['id']}"

    recorded = await world.post("/v1/findings", found(), LABOUR)
    at_once = await world.post("/v1/findings", found(order=True), OPERATOR)
    ordered = await world.decide(f"{open_one}/order", {"opinion": "请整改"}, OPERATOR)
    verified = await world.verify(path, officer(LABOUR, "reader-labour"))

    assert refusal(recorded) == (403, "operation_forbidden")
    assert refusal(at_once) == (403, "step_forbidden"), "the operator finds, the authority orders"
    assert refusal(ordered) == (403, "operation_forbidden")
    assert refusal(verified) == (403, "operation_forbidden")


async def test_a_step_out_of_turn_names_what_may_be_done(world: Supervision):
    path = await world.ordered()
    before = (await world.get(path)).headers["etag"]
    await world.decide(f"{path}/extension-request", {"amount": 1, "reason": "等待材料"}, LABOUR)

    twice = await world.decide(f"{path}/order", {"opinion": "请整改"})
    early = await world.verify(path)
    unread = await world.decide(f"{path}/closing", {"opinion": "销号"}, READER)
    stale = await world.decide(
        f"{path}/submission", {"opinion": "已整改", "evidence": []}, LABOUR, match=before
    )

    assert [refusal(each) for each in (twice, early, unread)] == [(409, "illegal_step")] * 3
    assert refusal(stale) == (412, "stale_version")
    assert (await world.finding(path, LABOUR))["allowed_actions"] == ["SUBMIT"]
    assert (await world.finding(path))["allowed_actions"] == []


async def test_two_who_submit_at_once_submit_once(world: Supervision):
    path = await world.ordered()

    answers = await asyncio.gather(*(world.submit(path) for _ in range(3)))

    assert sorted(each.status_code for each in answers) == [200, 409, 409]
    assert (await world.facts(path)).count("rectification_submitted") == 1


async def test_a_source_that_tells_again_gets_what_stands(world: Supervision):
    """As complaints will order: a retry of the same case makes no second order."""
    case = f"case-{uuid.uuid4()}"
    body = found(source="COMPLAINT", source_id=case, order=True)

    at_once = await asyncio.gather(*(world.post("/v1/findings", body, PROVINCE) for _ in range(3)))
    later = await world.post("/v1/findings", body, PROVINCE)
    other = await world.post("/v1/findings", {**body, "kind": "PROCESS"}, PROVINCE)

    assert {each.status_code for each in (*at_once, later)} == {201}
    assert len({each.json()["id"] for each in (*at_once, later)}) == 1
    assert refusal(other) == (409, "source_taken")
    path = f"/v1/findings/{later.json()['id']}"
    assert (await world.facts(path)) == ["finding_raised", "rectification_ordered"]


async def test_what_cannot_be_recorded_says_why(world: Supervision):
    listing = await world.publish(NANCHANG, url=ENTRY)

    unknown = await world.post("/v1/findings", found(organisation_id="nobody"), PROVINCE)
    foreign = await world.post("/v1/findings", found(listing_id=listing), PROVINCE)
    unnamed = await world.post("/v1/findings", found(kind="ENTRY_UNAVAILABLE"), PROVINCE)
    automatic = await world.post("/v1/findings", found(kind="PROBE_MISSING"), PROVINCE)
    ruled = await world.post("/v1/findings", found(source="RULE"), PROVINCE)

    assert refusal(unknown) == (422, "organisation_unknown")
    assert refusal(foreign) == (404, "listing_unwatched")
    assert refusal(unnamed) == (422, "finding_invalid")
    assert unnamed.json()["errors"][0]["code"] == "finding.listing_needed"
    assert [each["code"] for each in automatic.json()["errors"]] == [
        "finding.kind_of_the_platform",
        "finding.listing_needed",
    ]
    assert ruled.status_code == 422
    assert refusal(await world.get(f"/v1/findings/{uuid.uuid4()}")) == (404, "finding_not_found")


async def test_lists_are_narrowed_by_state_and_source(world: Supervision):
    path = await world.submitted(source="REPORT")
    await world.ordered(source="REPORT")

    found_ones = await world.items("/v1/findings", LABOUR, state="SUBMITTED", source="REPORT")

    assert f"/v1/findings/{found_ones[0]['id']}" == path
    assert {(each["state"], each["source"]) for each in found_ones} == {("SUBMITTED", "REPORT")}

"""Halls that are kept by filing, and channels that are excepted by application (A5)."""

import asyncio
from typing import Any

import pytest

from shared.events import catalog
from tests.filing.world import EVIDENCE, World, refusal
from tests.suite import DONGHU, JIUJIANG, LABOUR, NANCHANG, PROVINCE

RETENTION, CHANNEL = "SUBHALL_RETENTION", "CHANNEL_EXCEPTION"


def retention(**changes: Any) -> dict[str, Any]:
    return {
        "hall_id": "hall-360102",
        "reason": "承载本地特色应用场景。",
        "since": "2026-04-01",
        "until": "2027-03-31",
        "operations_contact": "东湖区运维岗",
        **changes,
    }


def channel(name: str, **changes: Any) -> dict[str, Any]:
    return {
        "channel_name": name,
        "channel_kind": "APP",
        "reason": "专用终端无法接入。",
        "legal_basis": "主管部门批复",
        "integration_plan": "终端更换后迁入。",
        "since": "2026-04-01",
        "until": "2027-03-31",
        "operations_contact": "信息中心运维岗",
        **changes,
    }


# --- a hall is kept ------------------------------------------------------------------------------


@pytest.mark.clause("A5.5")
@pytest.mark.feature("F1")
async def test_a_hall_is_kept_once_the_province_has_taken_note(world: World):
    filed = await world.send(DONGHU, RETENTION, retention())
    before = await world.facts("hall:hall-360102")

    accepted = await world.accept(filed)

    [told] = await world.events("hall:hall-360102")
    assert (filed["state"], filed["flow"], filed["due_for"]) == ("SUBMITTED", "NOTIFY", "REVIEW")
    assert before == []
    assert accepted["state"] == "ACCEPTED"
    assert told == (
        "subhall_retained",
        {
            "filing_id": filed["id"],
            "hall_id": "hall-360102",
            "organisation_id": "county-360102",
            "since": "2026-04-01",
            "until": "2027-03-31",
        },
    )


@pytest.mark.clause("A5.5")
async def test_an_overlapping_retention_is_refused_and_the_next_term_is_not(world: World):
    first = await world.send(NANCHANG, RETENTION, retention(hall_id="hall-360100"))
    await world.accept(first)

    overlapping = await world.call(
        NANCHANG,
        "POST",
        "/v1/filings",
        {
            "filing_type": RETENTION,
            "content": retention(hall_id="hall-360100", since="2027-03-31", until="2027-12-31"),
            "submit": True,
        },
    )
    following = await world.send(
        NANCHANG,
        RETENTION,
        retention(hall_id="hall-360100", since="2027-04-01", until="2027-12-31"),
    )

    assert refusal(overlapping) == (409, "term_overlaps")
    assert overlapping.json()["clause"] == "A5.5"
    assert first["id"] in overlapping.json()["detail"]
    assert (await world.accept(following))["state"] == "ACCEPTED"


@pytest.mark.clause("A5.5")
async def test_two_units_that_file_for_one_hall_do_not_both_get_it(world: World):
    term = {"hall_id": "hall-360102", "since": "2028-01-01", "until": "2028-06-30"}
    own = await world.send(DONGHU, RETENTION, retention(**term))
    citys = await world.send(NANCHANG, RETENTION, retention(**term))

    answers = await asyncio.gather(
        *(
            world.call(PROVINCE, "POST", f"/v1/filings/{each['id']}/acceptance", {})
            for each in (own, citys)
        )
    )

    assert sorted(answer.status_code for answer in answers) == [200, 409]
    [lost] = [answer for answer in answers if answer.status_code == 409]
    assert refusal(lost) == (409, "term_overlaps")


@pytest.mark.clause("A5.5")
@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"hall_id": "hall-none"}, "hall_unknown"),
        ({"hall_id": "hall-360100"}, "hall_outside_region"),
        ({"since": "2026-05-01", "until": "2026-04-30"}, "term_backwards"),
        ({"since": "2026-01-01", "until": "2026-03-01"}, "term_over"),
        ({"until": "2029-04-01"}, "term_too_long"),
    ],
)
async def test_a_retention_names_a_hall_of_its_region_and_a_bounded_term(
    world: World, changes: dict[str, Any], code: str
):
    refused = await world.try_to_send(DONGHU, RETENTION, retention(**changes))

    assert refused == (422, code)


@pytest.mark.clause("A5.5")
async def test_a_merged_hall_is_not_kept_any_more(world: World):
    await world.tell(
        catalog.HallRegistered(
            hall_id="hall-360400",
            name="九江分厅",
            level="city",
            region="360400",
            organisation_id="city-360400",
            parent="hall-36",
            state="MERGED",
        ),
        "hall:hall-360400",
        times=2,
    )

    refused = await world.try_to_send(JIUJIANG, RETENTION, retention(hall_id="hall-360400"))

    assert refused == (422, "merged_hall_named")


async def test_a_type_is_filed_by_the_organisations_that_it_is_for(world: World):
    refused = await world.try_to_send(LABOUR, RETENTION, retention())

    assert refused == (403, "type_not_for_organisation")


async def test_a_retention_has_no_listing_and_no_other_member(world: World):
    body = {
        "filing_type": RETENTION,
        "content": retention(),
        "listing_id": "7a1d4f6c-3a0e-4c1d-9c55-2f0d8a6e7b01",
    }

    foreign = await world.call(DONGHU, "POST", "/v1/filings", body)
    unknown = await world.try_to_send(DONGHU, RETENTION, retention(floor=3))
    number = await world.try_to_send(DONGHU, RETENTION, retention(since=20260401))

    assert refusal(foreign) == (422, "member_not_for_type")
    assert unknown[0] == 422
    assert number[0] == 422


# --- a channel is excepted -----------------------------------------------------------------------


@pytest.mark.clause("A5.1")
@pytest.mark.feature("F1")
async def test_an_independent_channel_is_applied_for_and_granted_up_to_a_day(world: World):
    filed = await world.send(LABOUR, CHANNEL, channel("就业专用端"))
    notified = await world.call(PROVINCE, "POST", f"/v1/filings/{filed['id']}/acceptance", {})

    granted = await world.approve(filed)

    facts = await world.events(f"filing:{filed['id']}")
    assert filed["flow"] == "APPLY"
    assert refusal(notified) == (409, "illegal_step")
    assert granted["state"] == "APPROVED"
    assert [fact for fact, _ in facts] == ["submitted", "approved", "channel_exception_granted"]
    assert facts[2][1]["channel_name"] == "就业专用端"
    assert facts[2][1]["until"] == "2027-03-31"


@pytest.mark.clause("A5.1")
async def test_a_rejected_channel_is_not_told_as_granted_and_may_be_applied_for_again(
    world: World,
):
    filed = await world.send(NANCHANG, CHANNEL, channel("城市专用端"))
    why = {"clause": "A5.1", "opinion": "可以接入统一平台。", "evidence": EVIDENCE}
    path = f"/v1/filings/{filed['id']}/rejection"

    foreign = await world.call(NANCHANG, "POST", path, why)
    rejected = await world.ok(PROVINCE, "POST", path, why)
    twice = await world.call(PROVINCE, "POST", path, why)
    again = await world.send(NANCHANG, CHANNEL, channel("城市专用端"))

    assert refusal(foreign) == (403, "operation_forbidden")
    assert (rejected["state"], rejected["history"][-1]["clause"]) == ("REJECTED", "A5.1")
    assert refusal(twice) == (409, "illegal_step")
    assert await world.facts(f"filing:{filed['id']}") == ["submitted", "rejected"]
    assert again["state"] == "SUBMITTED"


@pytest.mark.clause("A5.1")
async def test_one_channel_is_not_applied_for_twice_however_it_is_written(world: World):
    first = await world.send(NANCHANG, CHANNEL, channel("Nanchang Bus"))

    pending = await world.try_to_send(NANCHANG, CHANNEL, channel(" nanchang  BUS"))
    await world.approve(first)
    granted = await world.try_to_send(NANCHANG, CHANNEL, channel("NanchangBus"))
    elsewhere = await world.send(JIUJIANG, CHANNEL, channel("Nanchang Bus"))

    assert pending == (409, "filing_pending")
    assert granted == (409, "term_overlaps")
    assert elsewhere["state"] == "SUBMITTED"


async def test_two_applications_at_once_for_one_channel_leave_one(world: World):
    body = {"filing_type": CHANNEL, "content": channel("双报渠道"), "submit": True}

    answers = await asyncio.gather(
        *(world.call(LABOUR, "POST", "/v1/filings", body) for _ in range(2))
    )

    assert sorted(answer.status_code for answer in answers) == [201, 409]

"""Nobody decides what they filed, under any name; delegation within scope and window (F6)."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from shared.security.identity import Actor
from tests.filing.world import EVIDENCE, MONDAY, World, refusal
from tests.suite import (
    HEALTH_INSURANCE,
    JIUJIANG,
    LABOUR,
    NANCHANG,
    PROVINCE,
    officer,
)

ONE, TWO, THREE = (officer(PROVINCE, f"officer-province-{n}") for n in (1, 2, 3))
RETURN = {"clause": "A10.3", "opinion": "请补正", "evidence": EVIDENCE}


def scope(delegate: Actor, **changes: Any) -> dict[str, Any]:
    return {
        "delegate": delegate.subject,
        "actions": ["ACCEPT", "RETURN"],
        "starts_at": (MONDAY - timedelta(hours=1)).isoformat(),
        "ends_at": (MONDAY + timedelta(days=7)).isoformat(),
        "reason": "休假一周",
        **changes,
    }


async def delegated(world: World, giver: Actor, taker: Actor, **changes: Any) -> str:
    made = await world.ok(giver, "POST", "/v1/delegations", scope(taker, **changes))
    return str(made["id"])


async def accept(world: World, by: Actor, filing: dict[str, Any], **body: Any) -> Any:
    return await world.call(by, "POST", f"/v1/filings/{filing['id']}/acceptance", body)


@pytest.fixture
async def many(world: World) -> Any:
    """Two people must approve a list of services while the test runs."""
    await approvals(world, 2)
    yield
    await approvals(world, 1)


async def approvals(world: World, needed: int) -> None:
    await world.suite.sql(
        "filing",
        "insert into policies select 'approvals_listing', coalesce(max(version), 1) + 1,"
        " to_jsonb($1::int), 'count', 'test', 'A11.1', '2025-08-04', 'test', now() from policies"
        " where key = 'approvals_listing'",
        needed,
    )


# --- one's own filing -----------------------------------------------------------------------------


@pytest.mark.feature("F6")
@pytest.mark.parametrize("way", ["acceptance", "return"])
async def test_nobody_decides_what_they_filed_themselves(world: World, way: str):
    filing = await world.file(officer(LABOUR, "two-posts"))
    same_person = officer(PROVINCE, "two-posts")

    answer = await world.call(
        same_person, "POST", f"/v1/filings/{filing['id']}/{way}", RETURN if way == "return" else {}
    )

    assert refusal(answer) == (403, "own_filing")
    assert (await world.ok(LABOUR, "GET", f"/v1/filings/{filing['id']}"))["state"] == "SUBMITTED"
    assert (await accept(world, ONE, filing)).json()["state"] == "ACCEPTED"


@pytest.mark.feature("F6")
async def test_whoever_only_revised_it_has_filed_it_too(world: World):
    filing = await world.file(LABOUR)
    await world.ok(PROVINCE, "POST", f"/v1/filings/{filing['id']}/return", RETURN)
    body = world.listing_body(LABOUR)
    body.pop("submit")
    await world.ok(officer(LABOUR, "two-posts"), "PUT", f"/v1/filings/{filing['id']}", body)
    await world.ok(LABOUR, "POST", f"/v1/filings/{filing['id']}/submission", {})

    answer = await accept(world, officer(PROVINCE, "two-posts"), filing)

    assert refusal(answer) == (403, "own_filing")


@pytest.mark.feature("F6")
@pytest.mark.parametrize("person_files", [True, False])
async def test_a_client_that_acts_for_a_person_is_that_person(world: World, person_files: bool):
    system = replace(LABOUR, client_id="one-client", subject="one-client")
    person = replace(ONE, client_id="one-client")
    if person_files:
        system, person = (
            replace(officer(LABOUR, "somebody"), client_id="one-client"),
            replace(PROVINCE, client_id="one-client"),
        )
    filing = await world.file(system)

    answer = await accept(world, person, filing)

    assert refusal(answer) == (403, "own_filing")


@pytest.mark.feature("F6")
async def test_persons_who_share_a_client_are_still_two(world: World):
    filing = await world.file(officer(LABOUR, "somebody"))

    answer = await accept(world, ONE, filing)

    assert answer.status_code == 200, answer.text


@pytest.mark.feature("F6")
async def test_a_department_does_not_confirm_what_its_officer_filed_for_a_city(world: World):
    filing = await world.file(officer(NANCHANG, "two-posts"))
    place = f"/v1/filings/{filing['id']}"
    same_person = officer(HEALTH_INSURANCE, "two-posts")

    confirmed = await world.call(same_person, "POST", f"{place}/confirmation", {})
    refused = await world.call(same_person, "POST", f"{place}/refusal", RETURN)
    by_version = await world.call(
        same_person,
        "POST",
        "/v1/confirmations",
        {"item_code": filing["item_code"], "digest": filing["digest"], "opinion": "同意"},
    )

    assert refusal(confirmed) == (403, "own_filing")
    assert refusal(refused) == (403, "own_filing")
    assert refusal(by_version) == (403, "own_filing")


@pytest.mark.feature("F6")
async def test_within_one_organisation_two_persons_are_needed(world: World):
    line = {"item_code": "demo-rst-001", "hall_id": "hall-36", "kind": "STANDARD", "note": ""}
    body = {"lines": [{**line, "planned_on": "2027-06-30"}]}
    by_system = await world.ok(PROVINCE, "POST", "/v1/listing-plans?year=2027", body)
    unclear_filer = await accept(world, ONE, by_system)
    withdrawal = {"reason": "改由具名人员报送"}
    await world.ok(PROVINCE, "POST", f"/v1/filings/{by_system['id']}/withdrawal", withdrawal)
    by_person = await world.ok(TWO, "POST", "/v1/listing-plans?year=2027", body)

    unclear_decider = await accept(world, PROVINCE, by_person)
    oneself = await accept(world, TWO, by_person)
    a_colleague = await accept(world, THREE, by_person)

    assert refusal(unclear_filer) == (403, "person_required")
    assert refusal(unclear_decider) == (403, "person_required")
    assert refusal(oneself) == (403, "own_filing")
    assert a_colleague.status_code == 200, a_colleague.text


@pytest.mark.feature("F6")
@pytest.mark.feature("F2")
async def test_a_confirmation_given_first_by_the_later_filer_does_not_count(world: World):
    body = world.listing_body(NANCHANG)
    version = {"item_code": "demo-ybj-001", "digest": world.digest(body["content"])}
    early = {**version, "opinion": "同意"}
    await world.ok(officer(HEALTH_INSURANCE, "two-posts"), "POST", "/v1/confirmations", early)

    filing = await world.ok(officer(NANCHANG, "two-posts"), "POST", "/v1/filings", body)
    confirmed = await world.confirm(filing)

    assert filing["state"] == "SUBMITTED"
    assert confirmed["state"] == "CONFIRMED"


# --- delegation -----------------------------------------------------------------------------------


@pytest.mark.feature("F6")
async def test_the_record_of_a_delegated_decision_shows_both_names(world: World):
    filing = await world.file(LABOUR)
    under = await delegated(world, ONE, TWO)

    answer = await accept(world, TWO, filing, delegation_id=under)

    assert answer.status_code == 200, answer.text
    last = answer.json()["history"][-1]
    assert (last["actor"], last["acting_for"]) == (TWO.subject, ONE.subject)


@pytest.mark.feature("F6")
async def test_nobody_decides_what_their_delegator_filed(world: World):
    filing = await world.file(officer(LABOUR, ONE.subject))
    under = await delegated(world, ONE, TWO)
    await delegated(world, TWO, THREE)

    in_the_place_of = await accept(world, TWO, filing, delegation_id=under)
    in_own_right = await accept(world, TWO, filing)
    down_the_chain = await accept(world, THREE, filing)
    by_nobodys_delegate = await accept(world, officer(PROVINCE, "officer-free"), filing)

    assert refusal(in_the_place_of) == (403, "own_filing")
    assert refusal(in_own_right) == (403, "own_filing")
    assert refusal(down_the_chain) == (403, "own_filing")
    assert by_nobodys_delegate.status_code == 200


@pytest.mark.feature("F6")
async def test_there_are_no_chains_of_delegation(world: World):
    a, b, c = (officer(PROVINCE, f"chain-{n}") for n in "abc")
    filing = await world.file(LABOUR)
    from_a = await delegated(world, a, b)
    from_b = await delegated(world, b, c)

    handed_on = await accept(world, c, filing, delegation_id=from_a)
    for_b = await accept(world, c, filing, delegation_id=from_b)

    assert refusal(handed_on) == (403, "delegation_not_in_force")
    assert for_b.json()["history"][-1]["acting_for"] == b.subject


@pytest.mark.feature("F6")
@pytest.mark.parametrize(
    "limits",
    [
        {"actions": ["RETURN"]},
        {"filing_types": ["DELIST"]},
        {"organisations": ["city-360400"]},
    ],
    ids=["another action", "another type", "another organisation"],
)
async def test_a_delegation_holds_for_its_scope_alone(world: World, limits: dict[str, Any]):
    filing = await world.file(LABOUR)
    under = await delegated(world, ONE, officer(PROVINCE, "scoped"), **limits)

    answer = await accept(world, officer(PROVINCE, "scoped"), filing, delegation_id=under)

    assert refusal(answer) == (403, "delegation_out_of_scope")


@pytest.mark.feature("F6")
async def test_a_delegation_is_checked_when_the_decision_is_made(world: World):
    filing = await world.file(LABOUR)
    helper = officer(PROVINCE, "window")
    later = {
        "starts_at": (MONDAY + timedelta(hours=1)).isoformat(),
        "ends_at": (MONDAY + timedelta(hours=2)).isoformat(),
    }
    under = await delegated(world, ONE, helper, **later)

    early = await accept(world, helper, filing, delegation_id=under)
    world.suite.clock.set(MONDAY + timedelta(hours=2))
    over = await accept(world, helper, filing, delegation_id=under)
    world.suite.clock.set(MONDAY + timedelta(minutes=90))
    inside = await accept(world, helper, filing, delegation_id=under)

    assert refusal(early) == (403, "delegation_not_in_force")
    assert refusal(over) == (403, "delegation_not_in_force")
    assert inside.status_code == 200


@pytest.mark.feature("F6")
async def test_a_revoked_delegation_holds_no_longer(world: World):
    filing = await world.file(LABOUR)
    helper = officer(PROVINCE, "revoked")
    under = await delegated(world, ONE, helper)
    place = f"/v1/delegations/{under}"

    by_another = await world.call(THREE, "POST", f"{place}/revocation")
    revoked = await world.ok(ONE, "POST", f"{place}/revocation")
    again = await world.call(ONE, "POST", f"{place}/revocation")
    answer = await accept(world, helper, filing, delegation_id=under)

    assert refusal(by_another) == (403, "delegation_not_yours")
    assert revoked["revoked_by"] == ONE.subject
    assert refusal(again) == (409, "delegation_ended")
    assert refusal(answer) == (403, "delegation_not_in_force")


@pytest.mark.feature("F6")
async def test_a_delegation_is_between_persons_and_ends(world: World):
    long_ago = {"starts_at": "2026-01-01T00:00:00+08:00", "ends_at": "2026-01-02T00:00:00+08:00"}
    wrong = {
        "by a system": (PROVINCE, scope(TWO), 403),
        "to oneself": (ONE, scope(ONE), 422),
        "over already": (ONE, scope(TWO, **long_ago), 422),
        "for ever": (ONE, scope(TWO, ends_at="2030-01-01T00:00:00+08:00"), 422),
        "for nothing": (ONE, scope(TWO, actions=[]), 422),
        "for a city": (officer(NANCHANG, "x"), scope(TWO), 403),
    }

    answers = {
        name: await world.call(by, "POST", "/v1/delegations", body)
        for name, (by, body, _) in wrong.items()
    }

    assert {name: answer.status_code for name, answer in answers.items()} == {
        name: status for name, (_, _, status) in wrong.items()
    }


@pytest.mark.clause("A4.1")
async def test_delegations_of_another_organisation_are_unknown(world: World):
    under = await delegated(world, ONE, TWO)
    filing = await world.file(NANCHANG)
    stranger = officer(HEALTH_INSURANCE, TWO.subject)

    read = await world.call(LABOUR, "GET", f"/v1/delegations/{under}")
    listed = await world.ok(LABOUR, "GET", "/v1/delegations")
    used = await world.call(
        stranger, "POST", f"/v1/filings/{filing['id']}/confirmation", {"delegation_id": under}
    )
    own = await world.ok(
        TWO, "GET", f"/v1/delegations?delegate={TWO.subject}&in_force=true&limit=100"
    )

    assert refusal(read) == (404, "delegation_not_found")
    assert under not in {each["id"] for each in listed["items"]}
    assert refusal(used) == (404, "delegation_not_found")
    assert under in {each["id"] for each in own["items"]}


# --- N of M ---------------------------------------------------------------------------------------


@pytest.mark.feature("F6")
@pytest.mark.usefixtures("many")
async def test_n_of_m_counts_distinct_people(world: World):
    filing = await world.file(JIUJIANG)
    await world.confirm(filing)
    a, b, c = (officer(PROVINCE, f"count-{n}") for n in "abc")
    under = await delegated(world, a, b)

    first = (await accept(world, a, filing)).json()
    twice = await accept(world, a, filing)
    by_delegate = await accept(world, b, filing, delegation_id=under)
    by_system = await accept(world, PROVINCE, filing)
    second = (await accept(world, c, filing)).json()

    assert first["state"] == "CONFIRMED"
    assert first["history"][-1]["action"] == "ENDORSE"
    assert refusal(twice) == (409, "already_approved")
    assert refusal(by_delegate) == (409, "already_approved")
    assert refusal(by_system) == (403, "person_required")
    assert second["state"] == "ACCEPTED"
    assert (await world.facts(f"filing:{filing['id']}"))[-2:] == ["endorsed", "accepted"]


@pytest.mark.feature("F6")
@pytest.mark.usefixtures("many")
async def test_of_two_approvals_at_once_each_counts_once(world: World):
    filing = await world.file(LABOUR)
    people = [officer(PROVINCE, f"at-once-{n}") for n in range(6)]

    answers = await asyncio.gather(*(accept(world, each, filing) for each in people))

    kept = await world.ok(LABOUR, "GET", f"/v1/filings/{filing['id']}")
    assert sorted(answer.status_code for answer in answers) == [200, 200, 409, 409, 409, 409]
    assert [each["action"] for each in kept["history"]][-2:] == ["ENDORSE", "ACCEPT"]


@pytest.mark.feature("F6")
@pytest.mark.usefixtures("many")
async def test_a_new_round_is_approved_anew(world: World):
    filing = await world.file(LABOUR)
    a, b = (officer(PROVINCE, f"anew-{n}") for n in "ab")
    await accept(world, a, filing)
    await world.ok(b, "POST", f"/v1/filings/{filing['id']}/return", RETURN)
    await world.ok(LABOUR, "POST", f"/v1/filings/{filing['id']}/submission", {})

    again = (await accept(world, a, filing)).json()

    assert again["state"] == "SUBMITTED"
    assert (await accept(world, b, filing)).json()["state"] == "ACCEPTED"

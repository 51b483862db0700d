"""Partners: a written application before any service, and one decision that ends it (A15)."""

import asyncio
from typing import Any

import pytest

from services.filing.rules import uscc_is_right
from shared.events import catalog
from shared.security.identity import Actor, Role
from tests.filing.world import EVIDENCE, REPORT, World, refusal
from tests.shared.security.documents import PNG
from tests.suite import HEALTH_INSURANCE, JIUJIANG, NANCHANG, OPERATOR, PROVINCE, actor

APPLICATION = "PARTNER_APPLICATION"
_CHARACTERS = "0123456789ABCDEFGHJKLMNPQRTUWXY"
EXIT = {
    "cause": "OPERATION_HARM",
    "circumstances": "服务多次中断，影响平台运行。",
    "liability": "依协议追究责任。",
    "evidence": EVIDENCE,
    "deciding_office": "省政务服务办平台管理处",
}


def credit_code(number: int) -> str:
    """A well-formed code that belongs to nobody."""
    body = f"91360000MA{number:07d}"
    return next(body + last for last in _CHARACTERS if uscc_is_right(body + last))


async def partner(world: World, name: str) -> Actor:
    """An organisation that catalog has registered as a partner; it has not applied yet."""
    await world.tell(
        catalog.OrganisationRegistered(
            organisation_id=name, name=name, kind="PARTNER", region="360100", parent=None
        ),
        f"organisation:{name}",
    )
    who = actor(Role.PARTNER, name, "360100")
    await world.upload(who, PNG, "合作协议.png", "image/png")
    return who


def application(number: int = 1, **changes: Any) -> dict[str, Any]:
    return {
        "partner_name": "示例数字服务有限公司（演示）",
        "uscc": credit_code(number),
        "qualifications": [{"name": "许可", "number": "D-1", "valid_until": "2028-12-31"}],
        "agreement": {
            "title": "合作协议",
            "signed_on": "2026-02-10",
            "valid_until": "2027-12-31",
            "file": REPORT,
        },
        "services": "便民停车缴费。",
        "liability": "服务运行和数据安全由合作方负责。",
        "data_scope": ["停车订单号"],
        "supervising_organisation": "city-360100",
        "liaison_office": "政务合作部值班岗",
        **changes,
    }


async def active(world: World, name: str, number: int) -> Actor:
    """A partner whose application was approved."""
    who = await partner(world, name)
    await world.approve(await world.send(who, APPLICATION, application(number)))
    return who


def listing(world: World, who: Actor) -> dict[str, Any]:
    """A listing of a partner, in the city's hall."""
    document = world.document(
        NANCHANG,
        organisation_id=who.organisation,
        region="360100",
        hall_id="hall-360100",
        item_code="demo-ybj-001",
    )
    return {
        "filing_type": "LISTING",
        "content": document,
        "self_test": world.self_test(world.digest(document)),
        "submit": True,
    }


async def force_out(world: World, who: Actor, **changes: Any) -> dict[str, Any]:
    path = f"/v1/partners/{who.organisation}/forced-exit"
    return await world.ok(PROVINCE, "POST", path, {**EXIT, **changes})


# --- the application -----------------------------------------------------------------------------


@pytest.mark.clause("A15.2")
@pytest.mark.feature("F1")
async def test_a_partner_is_active_once_its_written_application_is_approved(world: World):
    who = await partner(world, "partner-apply")
    filed = await world.send(who, APPLICATION, application(100))
    unknown = await world.call(who, "GET", "/v1/partners/partner-apply")

    await world.approve(filed)

    shown = await world.ok(who, "GET", "/v1/partners/partner-apply")
    [told] = await world.events("partner:partner-apply")
    assert (filed["flow"], filed["due_for"]) == ("APPLY", "REVIEW")
    assert refusal(unknown) == (404, "partner_not_found")
    assert (shown["state"], shown["uscc"]) == ("ACTIVE", credit_code(100))
    assert shown["valid_until"] == "2027-12-31"
    assert told[0] == "partner_approved"
    assert told[1]["supervising_organisation"] == "city-360100"
    assert told[1]["partner_id"] == told[1]["organisation_id"] == "partner-apply"


@pytest.mark.clause("A15.2")
async def test_before_its_approval_a_partner_files_nothing_else(world: World):
    who = await partner(world, "partner-early")
    body = listing(world, who)

    before = await world.call(who, "POST", "/v1/filings", body)
    filed = await world.send(who, APPLICATION, application(101))
    pending = await world.call(who, "POST", "/v1/filings", body)
    await world.approve(filed)
    after = await world.ok(who, "POST", "/v1/filings", body)

    assert refusal(before) == (403, "partner_not_active")
    assert refusal(pending) == (403, "partner_not_active")
    assert (after["state"], after["flow"]) == ("SUBMITTED", "CONFIRM")
    assert after["departments"] == ["jx-ybj"]


@pytest.mark.clause("A15.2")
async def test_a_rejected_application_makes_nobody_active(world: World):
    who = await partner(world, "partner-no")
    filed = await world.send(who, APPLICATION, application(102))
    why = {"clause": "A15.2", "opinion": "责任不清。", "evidence": EVIDENCE}

    rejected = await world.ok(PROVINCE, "POST", f"/v1/filings/{filed['id']}/rejection", why)

    refused = await world.call(who, "POST", "/v1/filings", listing(world, who))
    assert rejected["state"] == "REJECTED"
    assert refusal(refused) == (403, "partner_not_active")
    assert await world.facts("partner:partner-no") == []


@pytest.mark.clause("A15.2")
async def test_when_its_agreement_is_over_a_partner_applies_anew(world: World):
    who = await active(world, "partner-over", 103)
    world.suite.clock.set(world.suite.clock.now().replace(year=2028))

    late = await world.call(who, "POST", "/v1/filings", listing(world, who))
    agreement = {**application()["agreement"], "valid_until": "2029-12-31"}
    qualifications = [{"name": "许可", "number": "D-2", "valid_until": "2030-12-31"}]
    renewal = application(103, agreement=agreement, qualifications=qualifications)
    await world.approve(await world.send(who, APPLICATION, renewal))

    shown = await world.ok(who, "GET", "/v1/partners/partner-over")
    assert refusal(late) == (403, "partner_not_active")
    assert (shown["state"], shown["valid_until"]) == ("ACTIVE", "2029-12-31")
    assert await world.facts("partner:partner-over") == ["partner_approved", "partner_approved"]


@pytest.mark.clause("A15.2")
@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"uscc": credit_code(1)[:-1] + "1"}, "uscc_invalid"),
        ({"supervising_organisation": "operator"}, "supervisor_unknown"),
        ({"supervising_organisation": "nobody"}, "supervisor_unknown"),
        (
            {"qualifications": [{"name": "许可", "number": "D", "valid_until": "2026-03-01"}]},
            "qualification_over",
        ),
        (
            {"agreement": {**application()["agreement"], "valid_until": "2026-03-01"}},
            "agreement_not_in_force",
        ),
        (
            {"agreement": {**application()["agreement"], "signed_on": "2026-03-03"}},
            "agreement_not_in_force",
        ),
    ],
)
async def test_an_application_shows_code_qualification_agreement_and_supervisor(
    world: World, changes: dict[str, Any], code: str
):
    who = await partner(world, "partner-wrong")

    refused = await world.try_to_send(who, APPLICATION, application(1, **changes))

    assert refused == (422, code)


@pytest.mark.clause("A15.2")
@pytest.mark.parametrize("missing", ["liability", "data_scope", "agreement", "qualifications"])
async def test_an_application_without_a_part_is_refused(world: World, missing: str):
    who = await partner(world, "partner-part")
    content = application(1)
    del content[missing]

    status, code = await world.try_to_send(who, APPLICATION, content)

    assert (status, code) == (422, "invalid_request")


def test_the_check_character_of_a_credit_code_is_the_standards():
    right = "91350100M000100Y43"  # the example of GB 32100-2015

    wrong = [right[:place] + other + right[place + 1 :] for place, other in ((17, "4"), (2, "6"))]

    assert uscc_is_right(right)
    assert not any(uscc_is_right(code) for code in wrong)
    assert not uscc_is_right(right.lower())
    assert not uscc_is_right(right[:-1])


@pytest.mark.clause("A15.2")
async def test_two_partners_do_not_share_a_credit_code(world: World):
    await active(world, "partner-first", 104)
    second = await partner(world, "partner-second")
    filed = await world.send(second, APPLICATION, application(104))

    answer = await world.call(PROVINCE, "POST", f"/v1/filings/{filed['id']}/approval", {})

    assert refusal(answer) == (409, "uscc_taken")
    assert await world.facts("partner:partner-second") == []


async def test_only_a_partner_applies_as_one(world: World):
    citys = await world.try_to_send(NANCHANG, APPLICATION, application(105))
    who = await partner(world, "partner-plain")
    partners = await world.try_to_send(who, "SUBHALL_RETENTION", {"hall_id": "hall-36"})

    assert citys == (403, "type_not_for_organisation")
    assert partners[0] == 422


# --- the forced exit -----------------------------------------------------------------------------


@pytest.mark.clause("A15.5")
async def test_one_decision_ends_everything_of_a_partner(world: World):
    who = await active(world, "partner-harm", 110)
    pending = await world.ok(who, "POST", "/v1/filings", listing(world, who))
    draft = await world.ok(who, "POST", "/v1/filings", {**listing(world, who), "submit": False})

    decided = await force_out(world, who)

    facts = await world.events("partner:partner-harm")
    ended = await world.ok(PROVINCE, "GET", f"/v1/filings/{pending['id']}")
    new = await world.call(who, "POST", "/v1/filings", listing(world, who))
    sent = await world.call(who, "POST", f"/v1/filings/{draft['id']}/submission", {})
    again = await world.try_to_send(who, APPLICATION, application(110))
    assert decided["state"] == "FORCED_OUT"
    assert decided["forced_exit"]["cause"] == "OPERATION_HARM"
    assert decided["forced_exit"]["decided_by"] == PROVINCE.subject
    assert decided["forced_exit"]["evidence"] == EVIDENCE
    assert [fact for fact, _ in facts] == ["partner_approved", "partner_forced_out"]
    assert facts[1][1]["organisation_id"] == "partner-harm"
    assert facts[1][1]["filing_id"] == decided["forced_exit"]["id"]
    assert (ended["state"], ended["revoked_by"]) == ("WITHDRAWN", decided["forced_exit"]["id"])
    assert (ended["due_at"], ended["allowed_actions"]) == (None, [])
    assert refusal(new) == (403, "partner_was_forced_out")
    assert refusal(sent) == (403, "partner_was_forced_out")
    assert again == (403, "partner_was_forced_out")


@pytest.mark.clause("A15.5")
async def test_a_forced_exit_is_the_provinces_alone_on_the_version_it_has_read(world: World):
    who = await active(world, "partner-guard", 111)
    path = "/v1/partners/partner-guard/forced-exit"

    others = [await world.call(each, "POST", path, EXIT) for each in (NANCHANG, OPERATOR, who)]
    stale = await world.call(PROVINCE, "POST", path, EXIT, match=f'"9.{"0" * 32}"')
    nobody = await world.call(PROVINCE, "POST", "/v1/partners/partner-none/forced-exit", EXIT)
    bare = await world.call(PROVINCE, "POST", path, {**EXIT, "evidence": []})
    await force_out(world, who)
    twice = await world.call(PROVINCE, "POST", path, EXIT)

    assert [refusal(each) for each in others] == [(403, "operation_forbidden")] * 3
    assert refusal(stale)[0] == 412
    assert refusal(nobody) == (404, "partner_not_found")
    assert bare.status_code == 422
    assert refusal(twice) == (409, "illegal_step")


@pytest.mark.clause("A15.5")
async def test_a_filing_made_while_its_partner_is_forced_out_does_not_outlive_the_decision(
    world: World,
):
    who = await active(world, "partner-race", 112)
    bodies = [listing(world, who) for _ in range(4)]

    exit_ = asyncio.create_task(force_out(world, who))
    answers = await asyncio.gather(
        *(world.call(who, "POST", "/v1/filings", body) for body in bodies)
    )

    await exit_
    made = [each.json()["id"] for each in answers if each.status_code == 201]
    states = [(await world.ok(PROVINCE, "GET", f"/v1/filings/{id_}"))["state"] for id_ in made]
    refused = [refusal(each) for each in answers if each.status_code != 201]
    assert set(states) <= {"WITHDRAWN"}
    assert set(refused) <= {(403, "partner_was_forced_out")}
    assert len(states) + len(refused) == 4


async def test_a_partner_is_seen_by_itself_its_supervisor_and_the_province(world: World):
    await active(world, "partner-seen", 113)
    path = "/v1/partners?state=ACTIVE&limit=100"

    async def names(who: Actor) -> set[str]:
        found = await world.ok(who, "GET", path)
        return {each["organisation_id"] for each in found["items"]}

    other = await partner(world, "partner-blind")
    direct = await world.call(JIUJIANG, "GET", "/v1/partners/partner-seen")
    assert "partner-seen" in await names(PROVINCE)
    assert "partner-seen" in await names(NANCHANG)
    assert await names(JIUJIANG) == set()
    assert await names(HEALTH_INSURANCE) == set()
    assert await names(other) == set()
    assert refusal(direct) == (404, "partner_not_found")

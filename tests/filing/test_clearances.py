"""Background checks and confidentiality agreements: recorded by filing, over in time (A21.3)."""

import asyncio
from datetime import datetime
from typing import Any

import pytest

from services.filing.commands import chase_renewals, end_expired_clearances
from tests.filing.world import REPORT, World, refusal
from tests.suite import HEALTH_INSURANCE, LABOUR, NANCHANG, OPERATOR, PROVINCE

DOCUMENT = "DOCUMENT"
REVOCATION = {"reason": "LEFT", "note": "已调离岗位"}


def check(reference: str, **changes: Any) -> dict[str, Any]:
    part = {
        "subject_ref": reference,
        "role": "数据库管理岗",
        "since": "2026-02-20",
        "until": "2027-02-19",
        **changes,
    }
    return {
        "kind": "BACKGROUND_CHECK",
        "title": "背景审查记录",
        "summary": "审查通过。",
        "attachments": [REPORT],
        "check": part,
    }


def agreement(supplier: str, **changes: Any) -> dict[str, Any]:
    part = {"supplier": supplier, "since": "2026-02-01", "until": "2027-01-31", **changes}
    return {
        "kind": "CONFIDENTIALITY_AGREEMENT",
        "title": "保密协议",
        "summary": "供应商已签署。",
        "attachments": [REPORT],
        "agreement": part,
    }


async def cleared(world: World, reference: str, **changes: Any) -> dict[str, Any]:
    return await world.accept(await world.send(LABOUR, DOCUMENT, check(reference, **changes)))


@pytest.mark.clause("A21.3")
@pytest.mark.feature("F1")
async def test_an_accepted_check_is_told_as_a_clearance_by_an_opaque_reference(world: World):
    filed = await world.send(LABOUR, DOCUMENT, check("officer-told"))
    before = await world.facts("clearance:officer-told")

    await world.accept(filed)

    shown = await world.ok(LABOUR, "GET", f"/v1/clearances/{filed['id']}")
    assert before == []
    assert await world.events("clearance:officer-told") == [
        (
            "clearance_recorded",
            {
                "filing_id": filed["id"],
                "organisation_id": "jx-rst",
                "subject_ref": "officer-told",
                "role": "数据库管理岗",
                "valid_from": "2026-02-20",
                "valid_until": "2027-02-19",
            },
        )
    ]
    assert (shown["subject_ref"], shown["in_force"]) == ("officer-told", True)


@pytest.mark.clause("A21.3")
async def test_a_revoked_clearance_holds_no_more_and_is_told_once(world: World):
    filed = await cleared(world, "officer-left")
    path = f"/v1/clearances/{filed['id']}/revocation"

    foreign = await world.call(HEALTH_INSURANCE, "POST", path, REVOCATION)
    operator = await world.call(OPERATOR, "POST", path, REVOCATION)
    ended = await world.ok(LABOUR, "POST", path, REVOCATION)
    twice = await world.call(PROVINCE, "POST", path, REVOCATION)

    assert refusal(foreign) == (404, "clearance_not_found")
    assert refusal(operator) == (403, "operation_forbidden")
    assert ended["in_force"] is False
    assert ended["ended_at"] is not None
    assert refusal(twice) == (409, "clearance_ended")
    [_, (fact, told)] = await world.events("clearance:officer-left")
    assert (fact, told["reason"]) == ("clearance_revoked", "LEFT")


@pytest.mark.clause("A21.3")
async def test_a_clearance_runs_out_after_its_last_day_once_under_two_sweepers(world: World):
    filed = await cleared(world, "officer-over", until="2026-03-10")
    world.suite.clock.set(datetime.fromisoformat("2026-03-10T23:59:00+08:00"))
    await world.run(end_expired_clearances)
    last_day = await world.facts("clearance:officer-over")

    world.suite.clock.set(datetime.fromisoformat("2026-03-11T00:00:01+08:00"))
    await asyncio.gather(*(world.run(end_expired_clearances) for _ in range(2)))

    facts = await world.events("clearance:officer-over")
    shown = await world.ok(LABOUR, "GET", f"/v1/clearances/{filed['id']}")
    assert last_day == ["clearance_recorded"]
    assert [(fact, told.get("reason")) for fact, told in facts] == [
        ("clearance_recorded", None),
        ("clearance_revoked", "EXPIRED"),
    ]
    assert (shown["in_force"], shown["version"]) == (False, 2)


@pytest.mark.clause("A21.3")
async def test_a_renewed_check_replaces_the_one_before_without_a_gap(world: World):
    first = await cleared(world, "officer-again")
    second = await cleared(world, "officer-again", until="2028-02-19")

    listed = await world.ok(LABOUR, "GET", "/v1/clearances?subject_ref=officer-again")

    assert {each["id"]: each["in_force"] for each in listed["items"]} == {
        first["id"]: False,
        second["id"]: True,
    }
    assert await world.facts("clearance:officer-again") == ["clearance_recorded"] * 2


@pytest.mark.clause("A21.3")
@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"since": "2026-03-03"}, "not_signed_yet"),
        ({"until": "2026-03-01"}, "term_over"),
        ({"until": "2029-03-01"}, "term_too_long"),
        ({"subject_ref": "13800138000"}, "invalid_request"),
        ({"subject_ref": "张三"}, "invalid_request"),
    ],
)
async def test_a_check_has_a_bounded_term_and_names_nobody(
    world: World, changes: dict[str, Any], code: str
):
    refused = await world.try_to_send(LABOUR, DOCUMENT, check("officer-wrong", **changes))

    assert refused == (422, code)


@pytest.mark.clause("A21.3")
async def test_a_confidentiality_agreement_is_filed_by_supplier(world: World):
    filed = await world.send(NANCHANG, DOCUMENT, agreement("示例运维公司"))

    pending = await world.try_to_send(NANCHANG, DOCUMENT, agreement("示例 运维公司"))
    await world.accept(filed)
    over = await world.try_to_send(NANCHANG, DOCUMENT, agreement("另一公司", until="2026-03-01"))

    assert pending == (409, "filing_pending")
    assert over == (422, "term_over")
    assert (await world.facts(f"filing:{filed['id']}"))[-1] == "document_filed"


async def test_clearances_are_seen_by_their_unit_and_the_province(world: World):
    filed = await cleared(world, "officer-seen")

    seen = [
        (await world.call(each, "GET", f"/v1/clearances/{filed['id']}")).status_code
        for each in (LABOUR, PROVINCE, OPERATOR, NANCHANG, HEALTH_INSURANCE)
    ]

    assert seen == [200, 200, 200, 404, 404]


async def renewals(world: World, reference: str) -> list[dict[str, Any]]:
    rows = await world.suite.sql(
        "filing",
        "select id from obligations where kind = 'RENEWAL' and subject like $1 order by opened_at",
        f"%:{reference}:%",
    )
    return [await world.ok(LABOUR, "GET", f"/v1/obligations/{row['id']}") for row in rows]


@pytest.mark.clause("A21.3")
@pytest.mark.feature("F8")
async def test_what_runs_out_soon_is_owed_anew_and_paid_by_filing(world: World):
    await cleared(world, "officer-soon", until="2026-04-01")
    await cleared(world, "officer-later", until="2026-04-02")

    await world.run(chase_renewals)
    again = await world.run(chase_renewals)
    [before] = await renewals(world, "officer-soon")
    filed = await world.send(LABOUR, DOCUMENT, check("officer-soon", until="2027-04-01"))

    [after] = await renewals(world, "officer-soon")
    assert (before["state"], before["clause"]) == ("OPEN", "A21.3")
    assert before["due_at"] == "2026-03-24T00:00:00+08:00"  # the last day is a Sunday
    assert (after["state"], after["fulfilled_by"]) == ("FULFILLED", filed["id"])
    assert again == 0
    assert await renewals(world, "officer-later") == []


@pytest.mark.clause("A21.3")
async def test_what_has_a_successor_or_was_revoked_is_not_owed_anew(world: World):
    await cleared(world, "officer-next", until="2026-03-20")
    await cleared(world, "officer-next", until="2027-03-20")
    gone = await cleared(world, "officer-gone", until="2026-03-20")
    await world.run(chase_renewals)
    [open_] = await renewals(world, "officer-gone")

    await world.ok(LABOUR, "POST", f"/v1/clearances/{gone['id']}/revocation", REVOCATION)

    [closed] = await renewals(world, "officer-gone")
    assert await renewals(world, "officer-next") == []
    assert (open_["state"], closed["state"], closed["fulfilled_by"]) == ("OPEN", "FULFILLED", None)

"""What a document, a self-test and a yearly list must be before anything is sent."""

import copy
from datetime import timedelta
from typing import Any

import pytest

from tests.filing.world import MONDAY, World, refusal
from tests.suite import (
    DONGHU,
    GANJIANG,
    HEALTH_INSURANCE,
    LABOUR,
    MINI_APP,
    NANCHANG,
    OPERATOR,
    PROVINCE,
)


async def _refused(world: World, actor: Any, **changes: Any) -> tuple[tuple[int, str], Any]:
    before = await world.suite.sql("filing", "select count(*) from filings")

    answer = await world.call(actor, "POST", "/v1/filings", world.listing_body(actor, **changes))

    assert await world.suite.sql("filing", "select count(*) from filings") == before
    return refusal(answer), answer.json()


@pytest.mark.clause("A5.4")
async def test_a_county_lists_local_scenarios_only(world: World):
    found, problem = await _refused(world, DONGHU, kind="STANDARD")
    scenario = await world.file(DONGHU)

    assert found == (422, "county_only_local_scenario")
    assert problem["clause"] == "A5.4"
    assert scenario["flow"] == "CONFIRM"


@pytest.mark.clause("A2.2")
@pytest.mark.parametrize("missing", ["COMPLAINT", "RATING"])
async def test_a_listing_without_complaint_or_rating_is_refused(world: World, missing: str):
    capabilities = [each for each in ("QUERY", "COMPLAINT", "RATING") if each != missing]

    found, problem = await _refused(world, LABOUR, capabilities=capabilities)

    assert found == (422, "capability_missing")
    assert problem["clause"] == "A2.2"


@pytest.mark.clause("A4.2")
@pytest.mark.parametrize("member", ["organisation_id", "builder", "operations_contact"])
async def test_a_listing_without_its_responsible_parties_is_refused(world: World, member: str):
    body = world.listing_body(LABOUR)
    body["content"].pop(member)

    answer = await world.call(LABOUR, "POST", "/v1/filings", body)

    assert refusal(answer) == (422, "invalid_request")
    assert answer.json()["errors"] == [
        {"pointer": f"/content/{member}", "code": "field_missing", "detail": "缺少必填项"}
    ]


@pytest.mark.parametrize(
    "contact", ["张三 13812345678", "138-1234-5678", "360102199001011234", "138****5678"]
)
async def test_a_contact_is_an_office_not_a_persons_number(world: World, contact: str):
    found, problem = await _refused(world, LABOUR, operations_contact=contact)

    assert found == (422, "invalid_request")
    assert problem["errors"][0]["code"] == "personal_data_refused"
    assert contact not in str(problem)


@pytest.mark.parametrize(
    ("changes", "code", "clause"),
    [
        ({"item_code": "demo-none-001"}, "item_unknown", "A2.1"),
        ({"item_code": "demo-old-001"}, "item_inactive", "A2.1"),
        ({"item_code": "demo-ybj-001"}, "item_of_another_department", "A8.1"),
        ({"hall_id": "hall-none"}, "hall_unknown", "A5.3"),
        ({"zone_id": "zone-none"}, "zone_unknown", "A8.2"),
        ({"region": "360100"}, "region_mismatch", "A4.1"),
        ({"norm_version": "demo-0.9"}, "norm_not_current", "A10.1"),
        ({"entry_url": "http://entry.example.invalid/x"}, "entry_url_refused", "A21.2"),
        ({"entry_url": "https://user:pw@entry.example.invalid/"}, "entry_url_refused", "A21.2"),
        ({"rating_url": "https://entry.example.invalid:99999/"}, "entry_url_refused", "A21.2"),
    ],
)
async def test_a_document_that_names_what_does_not_fit_is_refused(
    world: World, changes: dict[str, str], code: str, clause: str
):
    found, problem = await _refused(world, LABOUR, **changes)

    assert found == (422, code)
    assert problem["clause"] == clause


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"hall_id": "hall-360400"}, "hall_outside_region"),
        ({"hall_id": "hall-36", "zone_id": "zone-rst"}, "hall_outside_region"),
    ],
)
async def test_a_city_lists_in_its_own_halls(world: World, changes: dict[str, str], code: str):
    found, _ = await _refused(world, NANCHANG, **changes)

    assert found == (422, code)


async def test_a_zone_belongs_to_its_department(world: World):
    fits = await world.file(LABOUR, zone_id="zone-rst")

    found, problem = await _refused(world, HEALTH_INSURANCE, zone_id="zone-rst")

    assert fits["content"]["zone_id"] == "zone-rst"
    assert found == (422, "zone_of_another_department")
    assert problem["clause"] == "A8.2"


@pytest.mark.clause("A4.1")
async def test_nobody_files_in_anothers_name(world: World):
    found, _ = await _refused(world, LABOUR, organisation_id="jx-ybj")

    assert found == (403, "outside_remit")


async def test_every_flaw_is_named_at_once(world: World):
    found, problem = await _refused(
        world, LABOUR, hall_id="hall-none", capabilities=["QUERY"], norm_version="x"
    )

    assert found == (422, "hall_unknown")
    assert {each["code"] for each in problem["errors"]} == {
        "hall_unknown",
        "capability_missing",
        "norm_not_current",
    }


async def test_plain_http_is_taken_from_hosts_that_the_policy_names(world: World):
    change = {
        "value": "stand-in.example.invalid",
        "source": "no official source",
        "effective_from": "2026-03-01",
    }
    url = "http://stand-in.example.invalid:8081/query"
    before = await _refused(world, LABOUR, entry_url=url)

    await world.ok(PROVINCE, "POST", "/v1/filing/policies/plain_http_hosts", change)
    filing = await world.file(LABOUR, entry_url=url)

    assert before[0] == (422, "entry_url_refused")
    assert filing["content"]["entry_url"] == url


@pytest.mark.clause("A10.2")
async def test_a_listing_needs_an_accepted_line_of_the_yearly_list(world: World):
    await world.know_item("demo-rst-009", "jx-rst")
    found, problem = await _refused(world, LABOUR, item_code="demo-rst-009")
    draft = await world.file(LABOUR, item_code="demo-rst-009", submit=False)
    place = f"/v1/filings/{draft['id']}/submission"

    await world.plan(LABOUR, ["demo-rst-001", "demo-rst-009"])
    sent = await world.ok(LABOUR, "POST", place, {})

    assert found == (422, "plan_line_missing")
    assert problem["clause"] == "A10.2"
    [line] = (await world.ok(LABOUR, "GET", "/v1/plan-lines?item=demo-rst-009&state=ACTIVE"))[
        "items"
    ]
    assert sent["plan_line_id"] == line["id"]


@pytest.mark.clause("A10.2")
async def test_a_plan_line_of_another_is_refused(world: World):
    lines = await world.ok(NANCHANG, "GET", "/v1/plan-lines?state=ACTIVE")

    found, _ = await _refused(world, LABOUR, plan_line_id=lines["items"][0]["id"])

    assert found == (422, "plan_line_missing")


SELF_TESTS: list[tuple[dict[str, Any], str]] = [
    ({"digest": "sha-256:" + "00" * 32}, "self_test_for_another_version"),
    ({"result": "FAIL"}, "self_test_not_passed"),
    ({"cases": [{"name": "办理", "result": "FAIL", "note": ""}]}, "self_test_not_passed"),
    ({"norm_version": "demo-0.9"}, "norm_not_current"),
    ({"signed_at": (MONDAY + timedelta(hours=1)).isoformat()}, "self_test_outdated"),
]


@pytest.mark.clause("A10.3")
@pytest.mark.parametrize(("changes", "code"), SELF_TESTS)
async def test_a_self_test_that_does_not_prove_this_version_is_refused(
    world: World, changes: dict[str, Any], code: str
):
    body = world.listing_body(LABOUR)
    body["self_test"].update(copy.deepcopy(changes))

    answer = await world.call(LABOUR, "POST", "/v1/filings", body)

    assert refusal(answer) == (422, code)
    assert answer.json()["clause"] in ("A10.3", "A10.1")
    assert answer.json()["errors"][0]["pointer"].startswith("/self_test/")


@pytest.mark.clause("A10.3")
async def test_nothing_is_sent_without_a_self_test(world: World):
    body = world.listing_body(NANCHANG)
    body.pop("self_test")

    answer = await world.call(NANCHANG, "POST", "/v1/filings", body)

    assert refusal(answer) == (422, "self_test_missing")
    assert answer.json()["clause"] == "A10.3"


@pytest.mark.clause("A10.3")
async def test_a_new_norm_calls_for_a_new_self_test(world: World):
    draft = await world.file(LABOUR, submit=False)
    world.suite.clock.set(MONDAY)
    await world.issue_norm("demo-1.1", effective_from="2026-03-05")
    world.suite.clock.set(MONDAY + timedelta(days=4))

    answer = await world.call(LABOUR, "POST", f"/v1/filings/{draft['id']}/submission", {})

    assert refusal(answer) == (422, "norm_not_current")
    assert answer.json()["errors"][0]["detail"] == "不是现行的技术管理规范版本"


@pytest.mark.parametrize("actor", [OPERATOR, MINI_APP], ids=["operator", "mini-app"])
async def test_roles_that_file_nothing_are_refused(world: World, actor: Any):
    answer = await world.call(actor, "POST", "/v1/filings", world.listing_body(LABOUR))

    assert refusal(answer) == (403, "operation_forbidden")


async def test_an_organisation_that_catalog_has_not_registered_cannot_file(world: World):
    body = {**world.listing_body(NANCHANG), "submit": False}
    body["content"] = {**body["content"], "organisation_id": "city-36gj00", "region": "36GJ00"}

    answer = await world.call(GANJIANG, "POST", "/v1/filings", body)

    assert refusal(answer) == (422, "organisation_unknown")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"filing_type": "DELIST", "content": {"reason": "取消"}}, "/listing_id"),
        (
            {
                "filing_type": "DELIST",
                "content": {"reason": "取消"},
                "goes_live_at": "2026-04-01T00:00:00+08:00",
            },
            "/goes_live_at",
        ),
    ],
)
async def test_members_of_other_types_and_missing_ones_are_named(
    world: World, body: dict[str, Any], pointer: str
):
    answer = await world.call(LABOUR, "POST", "/v1/filings", body)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == pointer


@pytest.mark.parametrize(
    "when", ["2026-03-01T00:00:00+08:00", "2028-03-01T00:00:00+08:00"], ids=["past", "too far"]
)
async def test_a_planned_time_lies_ahead_and_not_too_far(world: World, when: str):
    found, _ = await _refused(world, LABOUR, goes_live_at=when)

    assert found == (422, "goes_live_in_past")

"""Filing types are versioned data: running filings stay on the version with which they began."""

from datetime import timedelta

import pytest

from tests.filing.world import World, refusal
from tests.suite import LABOUR, NANCHANG, PROVINCE

_THREE_DAYS = timedelta(days=3)
KINDS = [
    "LISTING_PLAN",
    "LISTING",
    "UPDATE",
    "DELIST",
    "EMERGENCY_DELIST",
    "SUBHALL_RETENTION",
    "CHANNEL_EXCEPTION",
    "PARTNER_APPLICATION",
    "MAINTENANCE",
    "MAJOR_EVENT",
    "INCIDENT_REPORT",
    "DOCUMENT",
]
VERSION = {
    "flow": "NOTIFY",
    "flow_local": "NOTIFY",
    "needs_plan_line": True,
    "needs_self_test": False,
    "needs_live_listing": False,
    "may_withdraw": True,
    "effective_from": "2026-03-04",
}


@pytest.mark.feature("F1")
async def test_each_type_shows_its_flow_its_schema_and_its_diagram(world: World):
    answer = await world.call(LABOUR, "GET", "/v1/filing-types")

    types = answer.json()
    assert [each["filing_type"] for each in types] == KINDS
    for each in types:
        assert each["content_schema"]["additionalProperties"] is False
        assert each["content_schema"]["examples"]
        assert each["clause"].startswith("A")
        assert all(text.startswith("stateDiagram-v2") for text in each["diagrams"].values())
    listing = types[1]
    assert (listing["flow"], listing["flow_local"]) == ("NOTIFY", "CONFIRM")
    assert "确认 (A11.2)" in listing["diagrams"]["CONFIRM"]


@pytest.mark.feature("API8")
async def test_a_type_speaks_the_callers_language(world: World):
    path = "/v1/filing-types/LISTING"

    chinese = await world.call(LABOUR, "GET", path)
    english = await world.call(LABOUR, "GET", path, **{"Accept-Language": "en"})

    assert chinese.json()["title"] == "服务上架报备"
    assert english.json()["title"] == "Listing"
    assert english.headers["content-language"] == "en"


@pytest.mark.feature("F1")
async def test_running_filings_stay_on_their_version(world: World):
    running = await world.file(NANCHANG, submit=False)
    issued = await world.ok(PROVINCE, "POST", "/v1/filing-types/LISTING/versions", VERSION)
    same_day = await world.file(NANCHANG, submit=False)
    world.suite.clock.advance(_THREE_DAYS)

    sent = await world.ok(
        NANCHANG,
        "POST",
        f"/v1/filings/{running['id']}/submission",
        {"self_test": world.self_test(running["digest"])},
    )
    body = world.listing_body(NANCHANG)
    body.pop("self_test")
    new = await world.ok(NANCHANG, "POST", "/v1/filings", body)

    shown = await world.ok(NANCHANG, "GET", "/v1/filing-types/LISTING")
    first = await world.ok(NANCHANG, "GET", "/v1/filing-types/LISTING?version=1")
    assert (issued["version"], shown["versions"]) == (2, [1, 2])
    assert (shown["version"], first["version"]) == (2, 1)
    assert (same_day["type_version"], running["type_version"]) == (1, 1)
    assert (sent["type_version"], sent["flow"], sent["due_for"]) == (1, "CONFIRM", "CONFIRMATION")
    assert (new["type_version"], new["flow"], new["due_for"]) == (2, "NOTIFY", "REVIEW")


async def test_a_version_does_not_begin_in_the_past_and_only_the_province_issues_one(
    world: World,
):
    path = "/v1/filing-types/DELIST/versions"

    past = await world.call(PROVINCE, "POST", path, {**VERSION, "effective_from": "2026-03-01"})
    other = await world.call(LABOUR, "POST", path, VERSION)
    unknown = await world.call(PROVINCE, "POST", "/v1/filing-types/NONE/versions", VERSION)
    missing = await world.call(LABOUR, "GET", "/v1/filing-types/DELIST?version=9")

    assert refusal(past) == (409, "type_version_out_of_order")
    assert refusal(other) == (403, "operation_forbidden")
    assert unknown.status_code == 422
    assert refusal(missing) == (404, "filing_type_not_found")


async def test_what_is_applied_for_never_becomes_what_is_merely_filed(world: World):
    gates = dict.fromkeys(("needs_plan_line", "needs_self_test", "needs_live_listing"), False)
    version = {**VERSION, **gates}
    applied = {**version, "flow": "APPLY", "flow_local": "APPLY"}

    loosened = await world.call(
        PROVINCE, "POST", "/v1/filing-types/CHANNEL_EXCEPTION/versions", version
    )
    tightened = await world.call(
        PROVINCE, "POST", "/v1/filing-types/SUBHALL_RETENTION/versions", applied
    )
    kept = await world.ok(PROVINCE, "POST", "/v1/filing-types/CHANNEL_EXCEPTION/versions", applied)

    assert refusal(loosened) == (409, "type_flow_fixed")
    assert refusal(tightened) == (409, "type_flow_fixed")
    assert (kept["version"], kept["flow"]) == (2, "APPLY")

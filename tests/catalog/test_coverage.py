"""Coverage of the yearly lists, and who answers for what is live."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from shared.events.filing import PlanLinesAccepted
from shared.messaging.inbox import Ack
from tests.catalog.province import (
    JIUJIANG_PLACE,
    Catalog,
    content,
    item,
    organisation,
)
from tests.catalog.test_partners import approve, force_out
from tests.suite import DONGHU, GANJIANG, JIUJIANG, LABOUR, MINI_APP, NANCHANG, PROVINCE


def plan(organisation: str, codes: list[str], year: int = 2026) -> PlanLinesAccepted:
    return PlanLinesAccepted(
        filing_id=uuid4(), organisation_id=organisation, year=year, item_codes=codes
    )


async def accept(catalog: Catalog, event: PlanLinesAccepted, region: str = "36") -> bytes:
    envelope = catalog.envelope(event, f"filing:{event.filing_id}", region=region)
    assert await catalog.hear(envelope) == [Ack()]
    return envelope


async def unit(catalog: Catalog, organisation: str, actor=PROVINCE, query: str = ""):
    page = await catalog.get(f"/v1/coverage?organisation={organisation}{query}", actor)
    items = page.json()["items"]
    return items[0] if items else None


@pytest.mark.feature("C6")
@pytest.mark.clause("A8.1")
async def test_coverage_is_listed_over_planned_and_follows_the_listings(catalog: Catalog):
    codes = ["demo-rst-001", "demo-rst-002", "demo-rst-101"]
    await accept(catalog, plan("jx-rst", codes))
    before = await unit(catalog, "jx-rst")
    listing = await catalog.publish(content(item_code="demo-rst-001"))
    await catalog.publish(content(item_code="demo-rst-001"))  # twice the same item counts once
    await catalog.publish(content(item_code="demo-rst-002"))
    listed = await unit(catalog, "jx-rst")

    await catalog.decide("DELIST", content(item_code="demo-rst-002"), listing=listing)

    after = await unit(catalog, "jx-rst")
    assert (before["planned"], before["listed"], before["ratio"]) == (3, 0, "0.0000")
    assert (listed["planned"], listed["listed"], listed["ratio"]) == (3, 2, "0.6667")
    assert after["listed"] == 2  # the item's other listing is still live
    assert after["live_listings"] == 2


@pytest.mark.feature("C6")
async def test_a_unit_that_planned_nothing_has_no_ratio(catalog: Catalog):
    await catalog.publish(content(**JIUJIANG_PLACE))

    found = await unit(catalog, "city-360400")

    assert (found["planned"], found["ratio"], found["live_listings"]) == (0, None, 1)
    assert await unit(catalog, "operator") is None


@pytest.mark.feature("C6")
@pytest.mark.feature("E3")
async def test_the_same_list_again_counts_once_and_a_year_may_be_asked_for(catalog: Catalog):
    first = await accept(catalog, plan("jx-ybj", ["demo-ybj-001"]))
    await accept(catalog, plan("jx-ybj", ["demo-ybj-001"]))
    await accept(catalog, plan("jx-ybj", ["demo-rst-101"], year=2027))

    assert await catalog.hear(first) == [Ack()]

    assert (await unit(catalog, "jx-ybj"))["planned"] == 2
    assert (await unit(catalog, "jx-ybj", query="&year=2027"))["planned"] == 1


@pytest.mark.clause("A4.1")
async def test_each_sees_the_coverage_of_its_own_remit(catalog: Catalog):
    await accept(catalog, plan("city-360100", ["demo-rst-101"]), "360100")

    seen = {
        name: await unit(catalog, "city-360100", actor) is not None
        for name, actor in (
            ("own", NANCHANG),
            ("other city", JIUJIANG),
            ("county below", DONGHU),
            ("department", LABOUR),
        )
    }

    assert seen == {"own": True, "other city": False, "county below": False, "department": False}
    assert (await catalog.get("/v1/coverage", MINI_APP)).status_code == 403


@pytest.mark.feature("API5")
async def test_coverage_walks_in_pages(catalog: Catalog):
    whole = (await catalog.get("/v1/coverage?limit=100", PROVINCE)).json()["items"]
    walked: list[dict[str, Any]] = []
    cursor: str | None = ""
    while cursor is not None:
        part = await catalog.get(f"/v1/coverage?limit=1{cursor and f'&cursor={cursor}'}", PROVINCE)
        walked += part.json()["items"]
        cursor = part.json()["next_cursor"]

    assert walked == whole
    assert len(whole) >= 3


async def items(catalog: Catalog, organisation: str, query: str = "") -> dict[str, dict[str, Any]]:
    page = await catalog.get(
        f"/v1/coverage-items?organisation={organisation}{query}&limit=100", PROVINCE
    )
    return {each["item_code"]: each for each in page.json()["items"]}


async def exempt(catalog: Catalog, code: str, actor=PROVINCE, **changes: Any):
    body = {
        "organisation_id": "city-36gj00",
        "item_code": code,
        "reason": "依法须当面核验",
        **changes,
    }
    return await catalog.send("POST", "/v1/coverage-exemptions", body, actor)


PLACE = {"organisation_id": "city-36gj00", "region": "36GJ00", "zone_id": None}
CODES = [f"demo-gj-{number}" for number in range(7)]


@pytest.fixture(scope="module")
async def new_area(catalog: Catalog) -> Catalog:
    """A unit with seven planned items, no two of them equally far."""
    await catalog.import_rows("items", [item(code, f"事项 {code}") for code in CODES])
    await accept(catalog, plan("city-36gj00", CODES), "36GJ00")
    documents = [content(**PLACE, item_code=code) for code in CODES]
    await catalog.publish(documents[0])
    await catalog.publish(documents[1], goes_live_at=catalog.suite.clock.now() + timedelta(days=9))
    delisted = await catalog.publish(documents[2])
    await catalog.decide("DELIST", documents[2], listing=delisted)
    closed, order = await catalog.publish(documents[3]), uuid4()
    await catalog.tell(catalog.emergency(closed, order), f"filing:{order}")
    assert (await exempt(catalog, CODES[4])).status_code == 201
    assert (await exempt(catalog, CODES[0])).status_code == 201  # and listed all the same
    assert (await exempt(catalog, CODES[5], until="2020-01-01")).status_code == 201  # over
    return catalog


@pytest.mark.feature("C6")
@pytest.mark.clause("A8.1")
async def test_each_planned_item_shows_how_far_it_has_come(new_area: Catalog):
    found = await items(new_area, "city-36gj00")

    assert [found[code]["state"] for code in CODES] == [
        "LISTED",
        "SCHEDULED",
        "DELISTED",
        "DELISTED",
        "EXEMPT",
        "MISSING",
        "MISSING",
    ]
    assert found[CODES[1]]["goes_live_at"] is not None
    assert found[CODES[4]]["exemption_reason"] == "依法须当面核验"
    assert found[CODES[5]]["exemption_id"] is None
    only = await items(new_area, "city-36gj00", "&state=MISSING")
    assert sorted(only) == CODES[5:]


@pytest.mark.feature("C6")
@pytest.mark.clause("A8.1")
async def test_a_unit_s_planned_items_sum_up_and_exempt_ones_do_not_count(new_area: Catalog):
    found = await unit(new_area, "city-36gj00")

    parts = ("listed", "suspended", "scheduled", "exempt", "forced_exits", "delisted", "missing")
    assert [found[part] for part in parts] == [1, 0, 1, 1, 0, 2, 2]
    assert sum(found[part] for part in parts) == found["planned"] == 7
    assert found["ratio"] == "0.1667"


@pytest.mark.clause("A8.1")
@pytest.mark.clause("A15.5")
async def test_a_planned_item_that_left_with_its_partner_is_a_forced_exit(catalog: Catalog):
    body = organisation("partner-plan", "合作方（演示）", "PARTNER", "36", "jx-zwfw")
    assert (await catalog.send("POST", "/v1/organisations", body)).status_code == 201
    await approve(catalog, "partner-plan")
    await accept(catalog, plan("partner-plan", ["demo-rst-001"]))
    await catalog.publish(content(organisation_id="partner-plan", zone_id=None))
    before = (await items(catalog, "partner-plan"))["demo-rst-001"]["state"]

    await force_out(catalog, "partner-plan")

    after = (await items(catalog, "partner-plan"))["demo-rst-001"]["state"]
    assert (before, after) == ("LISTED", "FORCED_EXIT")
    assert (await unit(catalog, "partner-plan"))["forced_exits"] == 1


@pytest.mark.clause("A8.1")
async def test_a_revoked_exemption_counts_no_more(new_area: Catalog):
    made = (await exempt(new_area, CODES[6])).json()
    path = f"/v1/coverage-exemptions/{made['id']}"

    granted = (await items(new_area, "city-36gj00"))[CODES[6]]["state"]
    revoked = await new_area.send("DELETE", path, None, if_match="*")
    again = await new_area.send("DELETE", path, None, if_match="*")

    assert granted == "EXEMPT"
    assert (revoked.status_code, again.json()["code"]) == (204, "exemption_not_found")
    assert (await items(new_area, "city-36gj00"))[CODES[6]]["state"] == "MISSING"
    assert [name for name, _ in await new_area.told(f"exemption:{made['id']}")] == [
        "coverage_exempted.v1",
        "coverage_exemption_revoked.v1",
    ]


@pytest.mark.clause("A8.1")
async def test_an_exemption_is_the_province_s_once_and_for_a_known_item(new_area: Catalog):
    twice = await exempt(new_area, CODES[4])
    unknown = await exempt(new_area, "demo-none-1")
    silent = await exempt(new_area, CODES[2], reason=" ")
    own = await exempt(new_area, CODES[2], GANJIANG)

    assert (twice.status_code, twice.json()["code"]) == (409, "already_registered")
    assert unknown.json()["errors"][0]["code"] == "item_unknown"
    assert silent.status_code == 422
    assert (own.status_code, own.json()["code"]) == (403, "operation_forbidden")


@pytest.mark.clause("A4.1")
@pytest.mark.feature("API5")
async def test_items_and_exemptions_are_shown_inside_the_remit_in_pages(new_area: Catalog):
    for path, own in (("/v1/coverage-items", 7), ("/v1/coverage-exemptions", 3)):
        walked: list[dict[str, Any]] = []
        cursor: str | None = ""
        while cursor is not None:
            query = f"{path}?limit=2{cursor and f'&cursor={cursor}'}"
            part = (await new_area.get(query, GANJIANG)).json()
            walked += part["items"]
            cursor = part["next_cursor"]
        assert len(walked) == own
        assert {each["organisation_id"] for each in walked} == {"city-36gj00"}
        other = await new_area.get(f"{path}?organisation=city-36gj00", JIUJIANG)
        assert other.json()["items"] == []


@pytest.mark.feature("C6")
async def test_a_later_list_of_the_year_takes_the_place_of_the_earlier(catalog: Catalog):
    await accept(catalog, plan("operator", ["demo-rst-001", "demo-rst-002"], year=2028))

    second = plan("operator", ["demo-rst-101"], year=2028)
    await accept(catalog, second.model_copy(update={"parts": 2}))
    rest = second.model_copy(update={"item_codes": ["demo-rst-002"], "part": 2, "parts": 2})
    assert await catalog.hear(catalog.envelope(rest, f"filing:{second.filing_id}")) == [Ack()]

    assert sorted(await items(catalog, "operator")) == ["demo-rst-002", "demo-rst-101"]

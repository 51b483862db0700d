"""Coverage of the yearly lists, and who answers for what is live."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from services.catalog.schedule import SCHEDULE
from shared.events.filing import PlanLinesAccepted
from shared.messaging.inbox import Ack
from shared.scheduling import run_once
from shared.security.identity import Actor
from tests.catalog.province import (
    JIUJIANG_PLACE,
    NANCHANG_PLACE,
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


def person(organisation: str, domain: str, phone: str, **changes):
    return {
        "organisation_id": organisation,
        "domain": domain,
        "name": "演示专人",
        "phone": phone,
        "valid_from": "2025-08-04",
        "valid_to": "2026-12-31",
        **changes,
    }


@pytest.mark.feature("C5")
@pytest.mark.clause("A12.2")
@pytest.mark.clause("A17.1")
async def test_a_vacancy_is_shown_and_raises_an_event_once_a_night(catalog: Catalog):
    await catalog.publish(content(**NANCHANG_PLACE))
    path = "/v1/responsible-persons"
    operation = await catalog.send(
        "POST", path, person("city-360100", "OPERATION", "19900000301"), NANCHANG
    )
    half = await unit(catalog, "city-360100")
    await catalog.send("POST", path, person("city-360100", "MAINTENANCE", "19900000302"), NANCHANG)
    full = await unit(catalog, "city-360100")
    database = catalog.suite.apps["catalog"].state.database
    check = next(entry for entry in SCHEDULE if entry.name.endswith("check_orphans"))

    async def found() -> list[str]:
        return [
            data["domain"]
            for name, data in await catalog.told("organisation:city-360100")
            if name == "orphan_found.v1"
        ]

    nights = []
    for instant in (
        datetime(2026, 12, 30, 3, tzinfo=UTC),
        datetime(2027, 1, 4, 3, tzinfo=UTC),
        datetime(2027, 1, 4, 4, tzinfo=UTC),
        datetime(2027, 1, 5, 3, tzinfo=UTC),
    ):
        catalog.suite.clock.set(instant)
        await run_once(database, "catalog", check)
        nights.append(await found())
    metrics = (await catalog.client.get("/metrics")).text
    catalog.suite.clock.reset()

    assert (half["orphan"], half["maintenance_person_id"]) == (True, None)
    assert half["operation_person_id"] == operation.json()["id"]
    assert full["orphan"] is False
    both = ["OPERATION", "MAINTENANCE"]
    assert nights == [[], both, both, both + both]
    assert "gft_catalog_orphans" in metrics


async def orphans(catalog: Catalog, actor: Actor = PROVINCE, *, listed: bool = True) -> set[str]:
    page = await catalog.get(f"/v1/coverage?orphan={str(listed).lower()}&limit=100", actor)
    return {each["organisation_id"] for each in page.json()["items"]}


@pytest.mark.feature("C5")
@pytest.mark.clause("A12.2")
async def test_the_orphan_list_holds_who_has_a_vacancy_and_loses_them_when_it_is_filled(
    catalog: Catalog,
):
    await catalog.publish(content(**JIUJIANG_PLACE))
    path = "/v1/responsible-persons"
    empty = await orphans(catalog)
    await catalog.send("POST", path, person("city-360400", "OPERATION", "19900000311"), JIUJIANG)
    half = await orphans(catalog)

    await catalog.send("POST", path, person("city-360400", "MAINTENANCE", "19900000312"), JIUJIANG)

    filled = await orphans(catalog)
    assert "city-360400" in empty
    assert "city-360400" in half
    assert "city-360400" not in filled
    assert "city-360400" in await orphans(catalog, listed=False)
    assert await orphans(catalog, NANCHANG) <= {"city-360100"}


@pytest.mark.feature("C5")
async def test_what_a_closed_unit_has_live_is_an_orphan_whoever_was_named(catalog: Catalog):
    await catalog.publish(content(**JIUJIANG_PLACE))
    for domain in ("OPERATION", "MAINTENANCE"):
        named = person("city-360400", domain, "19900000313")
        await catalog.send("POST", "/v1/responsible-persons", named, JIUJIANG)
    before = await orphans(catalog)
    close = "update organisations set active = $1 where id = 'city-360400'"
    await catalog.suite.sql("catalog", close, False)  # no command does this: the list would show it

    found = await unit(catalog, "city-360400", query="&orphan=true")

    await catalog.suite.sql("catalog", close, True)
    assert "city-360400" not in before
    assert found["orphan"] is True
    assert (found["operation_person_id"], found["maintenance_person_id"]) == (None, None)


@pytest.mark.feature("C5")
async def test_before_the_hour_of_the_nightly_check_nothing_is_told(catalog: Catalog):
    database = catalog.suite.apps["catalog"].state.database
    check = next(entry for entry in SCHEDULE if entry.name.endswith("check_orphans"))
    catalog.suite.clock.set(datetime(2027, 2, 1, 17, 30, tzinfo=UTC))  # 01:30 of 2 February here
    before = await catalog.outbox_size()

    await run_once(database, "catalog", check)

    after = await catalog.outbox_size()
    catalog.suite.clock.reset()
    assert after == before


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

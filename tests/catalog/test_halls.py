"""Halls that merge or are retained, and zones that open and close (A5.3, A5.5, A8.2)."""

import asyncio
from datetime import UTC, date, datetime
from typing import Any
from uuid import uuid4

import httpx
import pytest

from shared.events.filing import SubhallRetained
from shared.messaging.inbox import Nak
from tests.catalog.province import DONGHU_PLACE, NANCHANG_PLACE, Catalog, content
from tests.suite import HEALTH_INSURANCE, LABOUR, MINI_APP, NANCHANG, OPERATOR, PROVINCE, Suite

pytestmark = pytest.mark.clause("A5.3")


async def make_hall(catalog: Catalog, **changes: Any) -> str:
    """A county hall below Nanchang's, with an id of its own; gives its path."""
    hall = {
        "id": f"hall-{uuid4().hex[:8]}",
        "name": "东湖区分厅",
        "level": "COUNTY",
        "region": "360102",
        "organisation_id": "county-360102",
        "parent": "hall-360100",
        **changes,
    }
    made = await catalog.send("POST", "/v1/halls", hall)
    assert made.status_code == 201, made.text
    return str(made.headers["location"])


async def make_city_hall(catalog: Catalog) -> str:
    return await make_hall(
        catalog, level="CITY", region="360100", organisation_id="city-360100", parent="hall-36"
    )


async def put(catalog: Catalog, path: str, **changes: Any) -> httpx.Response:
    body = {"name": "东湖区分厅", "organisation_id": "county-360102", "state": "MERGING"}
    return await catalog.send("PUT", path, {**body, **changes}, if_match="*")


def id_of(path: str) -> str:
    return path.rpartition("/")[2]


def retained(path: str, since: str, until: str) -> SubhallRetained:
    return SubhallRetained(
        filing_id=uuid4(),
        hall_id=id_of(path),
        organisation_id="county-360102",
        since=date.fromisoformat(since),
        until=date.fromisoformat(until),
    )


async def tell(catalog: Catalog, event: SubhallRetained) -> None:
    await catalog.tell(event, f"hall:{event.hall_id}", region="360102")


async def shown(catalog: Catalog, path: str) -> dict[str, Any]:
    found: dict[str, Any] = (await catalog.get(path)).json()
    return found


async def test_a_merged_hall_s_services_zones_and_halls_move_to_the_other_and_links_follow(
    catalog: Catalog,
):
    path = await make_hall(catalog)
    document = content(**{**NANCHANG_PLACE, "hall_id": id_of(path), "title": "随厅迁移的服务"})
    listing = await catalog.publish(document)
    zone = {"id": "zone-moving", "name": "专区", "hall_id": id_of(path), "department": "jx-rst"}
    assert (await catalog.send("POST", "/v1/zones", zone)).status_code == 201
    before = await shown(catalog, f"/v1/listings/{listing}")

    too_early = await put(catalog, path, state="MERGED", merged_into="hall-360100")
    merging = await put(catalog, path, merged_into="hall-360100")
    nowhere = await put(catalog, path, state="MERGED")
    done = await put(catalog, path, state="MERGED", merged_into="hall-360100")

    assert (too_early.status_code, too_early.json()["code"]) == (409, "illegal_step")
    assert too_early.json()["allowed"] == ["START_MERGING"]
    assert merging.json()["state"] == "MERGING"
    assert nowhere.json()["errors"][0]["code"] == "merged_into_missing"
    assert (done.json()["state"], done.json()["merged_into"]) == ("MERGED", "hall-360100")
    after = await shown(catalog, f"/v1/listings/{listing}")
    assert after == {**before, "hall_id": "hall-360100"}  # its digest too: what was filed stays
    assert (await shown(catalog, "/v1/zones/zone-moving"))["hall_id"] == "hall-360100"
    link = await catalog.get(path)
    assert (link.status_code, link.headers["location"]) == (308, "/v1/halls/hall-360100")
    assert [data["state"] for _, data in await catalog.told(f"hall:{id_of(path)}")] == [
        "ACTIVE",
        "MERGING",
        "MERGED",
    ]
    assert (await catalog.told(f"listing:{listing}"))[-1] == (
        "listing_moved.v1",
        {
            "listing_id": str(listing),
            "hall_id": "hall-360100",
            "previous_hall_id": id_of(path),
        },
    )


async def test_a_merging_is_announced(catalog: Catalog):
    path = await make_hall(catalog, name="要并入的分厅")
    await put(catalog, path, name="要并入的分厅", merged_into="hall-360100")

    await put(catalog, path, name="要并入的分厅", state="MERGED", merged_into="hall-360100")

    notices = (await catalog.get("/v1/notices?kind=MERGE&region=360102")).json()["items"]
    assert "要并入的分厅" in notices[0]["title"]
    assert notices[0]["publisher"] == "operator"


async def test_what_was_filed_for_a_hall_before_its_merging_goes_live_in_the_other(
    catalog: Catalog,
):
    path = await make_hall(catalog)
    await put(catalog, path, merged_into="hall-360100")
    await put(catalog, path, state="MERGED", merged_into="hall-360100")

    listing = await catalog.publish(content(**{**NANCHANG_PLACE, "hall_id": id_of(path)}))

    assert (await shown(catalog, f"/v1/listings/{listing}"))["hall_id"] == "hall-360100"


async def test_a_hall_that_moved_twice_is_followed_to_the_last(catalog: Catalog):
    county, city = await make_hall(catalog), await make_city_hall(catalog)
    listing = await catalog.publish(content(**{**NANCHANG_PLACE, "hall_id": id_of(county)}))
    for path, into in ((county, id_of(city)), (city, "hall-360100")):
        await put(catalog, path, merged_into=into)
        assert (await put(catalog, path, state="MERGED", merged_into=into)).status_code == 200

    found = await shown(catalog, f"/v1/listings/{listing}")

    assert found["hall_id"] == "hall-360100"


async def test_halls_below_a_merged_city_hall_hang_below_the_other(catalog: Catalog):
    city = await make_city_hall(catalog)
    county = await make_hall(catalog, parent=id_of(city))
    await put(catalog, city, merged_into="hall-360400")

    await put(catalog, city, state="MERGED", merged_into="hall-360400")

    assert (await shown(catalog, county))["parent"] == "hall-360400"


async def test_a_merging_that_closes_a_circle_is_refused(catalog: Catalog):
    one, other = await make_city_hall(catalog), await make_city_hall(catalog)
    await put(catalog, one, merged_into=id_of(other))

    circle = await put(catalog, other, merged_into=id_of(one))

    assert (circle.status_code, circle.json()["code"]) == (409, "merge_circle")
    assert circle.json()["clause"] == "A5.3"
    assert (await shown(catalog, other))["state"] == "ACTIVE"


async def test_of_two_mergings_into_each_other_at_once_one_is_refused(catalog: Catalog):
    one, other = await make_city_hall(catalog), await make_city_hall(catalog)

    answers = await asyncio.gather(
        put(catalog, one, merged_into=id_of(other)), put(catalog, other, merged_into=id_of(one))
    )

    assert sorted(each.status_code for each in answers) == [200, 409]


@pytest.mark.parametrize(
    "into",
    ["hall-36", "hall-360400", "hall-360102"],
    ids=["the province's", "another city's", "another county's"],
)
async def test_a_county_hall_merges_into_its_own_city_s_only(catalog: Catalog, into):
    path = await make_hall(catalog)

    answer = await put(catalog, path, merged_into=into)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["code"] == "merged_into_unfit"


async def test_a_merged_hall_does_not_change_and_takes_nothing_in(catalog: Catalog):
    path = await make_hall(catalog)
    await put(catalog, path, merged_into="hall-360100")
    await put(catalog, path, state="MERGED", merged_into="hall-360100")
    zone = {"id": "zone-late", "name": "专区", "hall_id": id_of(path), "department": "jx-rst"}

    renamed = await put(catalog, path, name="改名", state="MERGED", merged_into="hall-360100")
    placed = await catalog.send("POST", "/v1/zones", zone)

    assert (renamed.status_code, renamed.json()["code"]) == (409, "hall_merged")
    assert placed.json()["errors"][0]["code"] == "hall_gone"


@pytest.mark.clause("A5.5")
async def test_a_merging_hall_is_kept_by_an_accepted_filing_until_its_day(
    catalog: Catalog, suite: Suite
):
    path = await make_hall(catalog)
    await put(catalog, path, merged_into="hall-360100")
    today = suite.clock.now().date()
    event = retained(path, str(today), "2099-06-30")

    await tell(catalog, event)

    kept = await shown(catalog, path)
    assert (kept["state"], kept["retained_until"]) == ("RETAINED", "2099-06-30")
    assert kept["retention_filing_id"] == str(event.filing_id)
    assert kept["merged_into"] is None
    suite.clock.set(datetime(2099, 6, 30, 3, tzinfo=UTC))
    await suite.tick("catalog", "end_retentions")
    assert (await shown(catalog, path))["state"] == "RETAINED"
    suite.clock.set(datetime(2099, 7, 1, 3, tzinfo=UTC))
    await suite.tick("catalog", "end_retentions")
    await suite.tick("catalog", "end_retentions")
    suite.clock.reset()
    over = await shown(catalog, path)
    assert (over["state"], over["retained_until"]) == ("MERGING", None)
    assert [data["state"] for _, data in await catalog.told(f"hall:{id_of(path)}")] == [
        "ACTIVE",
        "MERGING",
        "RETAINED",
        "MERGING",
    ]


@pytest.mark.clause("A5.5")
@pytest.mark.feature("E3")
async def test_a_retention_heard_twice_counts_once(catalog: Catalog):
    path = await make_hall(catalog)
    await put(catalog, path, merged_into="hall-360100")
    event = retained(path, "2026-01-01", "2099-06-30")
    await tell(catalog, event)
    told = await catalog.told(f"hall:{id_of(path)}")

    await tell(catalog, event)

    assert await catalog.told(f"hall:{id_of(path)}") == told


@pytest.mark.clause("A5.5")
async def test_without_the_filing_nobody_keeps_a_hall(catalog: Catalog):
    path = await make_hall(catalog)
    await put(catalog, path, merged_into="hall-360100")

    answer = await put(catalog, path, state="RETAINED")

    assert (answer.status_code, answer.json()["code"]) == (409, "retention_missing")
    assert answer.json()["clause"] == "A5.5"
    assert (await shown(catalog, path))["state"] == "MERGING"


@pytest.mark.clause("A5.5")
@pytest.mark.parametrize(
    ("merging", "since", "until", "reason"),
    [
        (False, "2026-01-01", "2099-01-01", "not_merging"),
        (True, "2025-09-01", "2025-12-31", "over"),
    ],
)
async def test_a_retention_that_cannot_hold_changes_nothing_and_is_told(
    catalog: Catalog, merging, since, until, reason
):
    path = await make_hall(catalog)
    if merging:
        await put(catalog, path, merged_into="hall-360100")
    before = await shown(catalog, path)
    event = retained(path, since, until)

    await tell(catalog, event)

    assert await shown(catalog, path) == before
    name, data = (await catalog.told(f"hall:{id_of(path)}"))[-1]
    assert name == "hall_retention_refused.v1"
    assert (data["reason"], data["filing_id"]) == (reason, str(event.filing_id))


@pytest.mark.clause("A5.5")
async def test_an_overlapping_retention_is_refused_and_a_renewal_goes_on(catalog: Catalog):
    path = await make_hall(catalog)
    await put(catalog, path, merged_into="hall-360100")
    await tell(catalog, retained(path, "2026-01-01", "2098-06-30"))

    await tell(catalog, retained(path, "2098-06-30", "2099-06-30"))
    overlapping = (await catalog.told(f"hall:{id_of(path)}"))[-1]
    await tell(catalog, retained(path, "2098-07-01", "2099-06-30"))

    assert overlapping[0] == "hall_retention_refused.v1"
    assert overlapping[1]["reason"] == "overlap"
    assert (await shown(catalog, path))["retained_until"] == "2099-06-30"


@pytest.mark.clause("A5.5")
async def test_a_retention_of_an_unknown_hall_waits_to_be_tried_again(catalog: Catalog):
    event = retained("/v1/halls/hall-nowhere", "2026-01-01", "2099-01-01")

    (verdict,) = await catalog.hear(catalog.envelope(event, f"hall:{event.hall_id}"))

    assert isinstance(verdict, Nak)


@pytest.mark.clause("A5.4")
async def test_a_county_s_standard_service_stays_out_whatever_its_hall(catalog: Catalog):
    document = content(**{**DONGHU_PLACE, "kind": "STANDARD"})

    listing = await catalog.publish(document)

    assert (await catalog.get(f"/v1/listings/{listing}")).status_code == 404


ZONE = {"name": "人社专区", "operated_by": "operator", "pages": ["社保", "就业"]}


async def make_zone(catalog: Catalog) -> str:
    zone = {
        "id": f"zone-{uuid4().hex[:8]}",
        "name": "专区",
        "hall_id": "hall-36",
        "department": "jx-rst",
    }
    made = await catalog.send("POST", "/v1/zones", zone)
    assert made.status_code == 201, made.text
    return str(made.headers["location"])


async def put_zone(catalog: Catalog, path: str, state: str, actor=LABOUR) -> httpx.Response:
    return await catalog.send("PUT", path, {**ZONE, "state": state}, actor, if_match="*")


@pytest.mark.clause("A8.2")
async def test_a_department_opens_suspends_and_closes_its_zone(catalog: Catalog):
    path = await make_zone(catalog)

    steps = [
        (await put_zone(catalog, path, state)).json()["state"]
        for state in ("LISTED", "SUSPENDED", "LISTED", "DELISTED", "LISTED")
    ]

    assert steps == ["LISTED", "SUSPENDED", "LISTED", "DELISTED", "LISTED"]
    zone = await shown(catalog, path)
    assert (zone["operated_by"], zone["pages"]) == ("operator", ["社保", "就业"])
    assert [data["state"] for _, data in await catalog.told(f"zone:{id_of(path)}")] == [
        "DRAFT",
        *steps,
    ]


@pytest.mark.clause("A8.2")
async def test_an_illegal_step_of_a_zone_names_the_legal_ones(catalog: Catalog):
    path = await make_zone(catalog)

    suspended = await put_zone(catalog, path, "SUSPENDED")
    undone = await put_zone(catalog, path, "LISTED")
    drafted = await put_zone(catalog, path, "DRAFT")

    assert (suspended.status_code, suspended.json()["allowed"]) == (409, ["PUBLISH"])
    assert undone.status_code == 200
    assert (drafted.status_code, drafted.json()["allowed"]) == (409, ["SUSPEND", "DELIST"])


@pytest.mark.clause("A8.2")
@pytest.mark.clause("A4.1")
@pytest.mark.parametrize(
    ("actor", "code"),
    [
        (HEALTH_INSURANCE, "outside_remit"),
        (NANCHANG, "operation_forbidden"),
        (MINI_APP, "operation_forbidden"),
    ],
    ids=["another department", "a city", "a mini-app"],
)
async def test_only_its_department_the_operator_and_the_province_change_a_zone(
    catalog: Catalog, actor, code
):
    path = await make_zone(catalog)

    refused = await put_zone(catalog, path, "LISTED", actor)

    assert (refused.status_code, refused.json()["code"]) == (403, code)
    for other in (OPERATOR, PROVINCE):
        assert (await put_zone(catalog, path, "LISTED", other)).status_code == 200


@pytest.mark.clause("A8.2")
async def test_a_zone_with_live_services_does_not_close_and_a_closed_one_takes_none(
    catalog: Catalog,
):
    path = await make_zone(catalog)
    await put_zone(catalog, path, "LISTED")
    document = content(zone_id=id_of(path), title="专区里的服务")
    listing = await catalog.publish(document)

    held = await put_zone(catalog, path, "DELISTED")
    await catalog.decide("DELIST", document, listing=listing)
    closed = await put_zone(catalog, path, "DELISTED")
    late = await catalog.publish(content(zone_id=id_of(path)))

    assert (held.status_code, held.json()["code"]) == (409, "zone_holds_listings")
    assert closed.json()["state"] == "DELISTED"
    assert (await catalog.get(f"/v1/listings/{late}")).status_code == 404


@pytest.mark.feature("API4")
async def test_a_zone_changes_by_its_current_version_only(catalog: Catalog):
    path = await make_zone(catalog)
    first = (await catalog.get(path)).headers["etag"]
    body = {**ZONE, "state": "LISTED"}

    done = await catalog.send("PUT", path, body, LABOUR, if_match=first)
    stale = await catalog.send("PUT", path, body, LABOUR, if_match=first)
    unknown = await catalog.send("PUT", "/v1/zones/zone-none", body, LABOUR, if_match="*")

    assert (done.status_code, stale.status_code) == (200, 412)
    assert unknown.json()["code"] == "zone_not_found"

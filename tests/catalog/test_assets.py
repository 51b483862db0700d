"""The asset ledger of informatisation projects (A6.4)."""

import asyncio
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.catalog.province import NANCHANG_PLACE, Catalog, content
from tests.suite import DONGHU, JIUJIANG, LABOUR, MINI_APP, NANCHANG, OPERATOR, PROVINCE

pytestmark = pytest.mark.clause("A6.4")


def system(**changes: Any) -> dict[str, Any]:
    return {
        "project": "移动政务服务二期（演示）",
        "system": f"查询后台 {uuid4().hex[:6]}",
        "contract_number": "demo-2025-017",
        "in_service_from": "2025-09-01",
        "in_service_until": None,
        "listing_ids": [],
        "zone_ids": [],
        **changes,
    }


async def enter(catalog: Catalog, actor=NANCHANG, **changes: Any) -> httpx.Response:
    body = {"organisation_id": "city-360100", **system(**changes)}
    return await catalog.send("POST", "/v1/assets", body, actor)


async def entered(catalog: Catalog, actor=NANCHANG, **changes: Any) -> tuple[str, dict[str, Any]]:
    made = await enter(catalog, actor, **changes)
    assert made.status_code == 201, made.text
    return made.headers["location"], made.json()


async def found(catalog: Catalog, query: str = "", actor=PROVINCE) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    cursor: str | None = ""
    while cursor is not None:
        path = f"/v1/assets?limit=2{query and f'&{query}'}{cursor and f'&cursor={cursor}'}"
        part = (await catalog.get(path, actor)).json()
        items += part["items"]
        cursor = part["next_cursor"]
    assert len(items) == part["total"]
    return items


async def test_an_asset_is_entered_changed_and_told_with_what_it_serves(catalog: Catalog):
    listing = str(await catalog.publish(content(**NANCHANG_PLACE), confirmed_by=["jx-rst"]))
    path, made = await entered(catalog, listing_ids=[listing])
    etag = (await catalog.get(path, NANCHANG)).headers["etag"]
    changes = system(in_service_until="2027-08-31", zone_ids=["zone-rst"])

    changed = await catalog.send("PUT", path, changes, NANCHANG, if_match=etag)

    assert (made["region"], made["listing_ids"], made["version"]) == ("360100", [listing], 1)
    assert changed.status_code == 200, changed.text
    assert (
        (await catalog.get(path, NANCHANG)).json()
        == changed.json()
        == {
            "id": made["id"],
            "organisation_id": "city-360100",
            "region": "360100",
            **changes,
            "version": 2,
        }
    )
    facts = await catalog.told(f"asset:{made['id']}")
    assert [name for name, _ in facts] == ["asset_registered.v1"] * 2
    assert facts[-1][1]["zone_ids"] == ["zone-rst"]
    acts = await catalog.suite.sql(
        "catalog",
        "select operation from audit_log where subject = $1 union all"
        " select operation from audit_pending where subject = $1",
        f"asset:{made['id']}",
    )
    assert {act["operation"] for act in acts} == {"registerAsset", "updateAsset"}


async def test_the_same_system_under_the_same_contract_is_entered_once(catalog: Catalog):
    _, made = await entered(catalog, system="社保 后台", contract_number="demo-once")
    other, _ = await entered(catalog, contract_number="demo-once")

    again = await enter(catalog, system="社保后台", contract_number="demo-once")
    renamed = await catalog.send(
        "PUT", other, system(system="社保后台", contract_number="demo-once"), if_match="*"
    )
    elsewhere = await enter(catalog, system="社保后台", contract_number="demo-other")

    assert (again.status_code, again.json()["code"]) == (409, "already_registered")
    assert (renamed.status_code, renamed.json()["code"]) == (409, "already_registered")
    assert elsewhere.status_code == 201
    ids = [each["id"] for each in await found(catalog, "contract=demo-once")]
    assert len(ids) == 2
    assert made["id"] in ids


async def test_of_many_who_enter_the_same_system_at_once_one_does(catalog: Catalog):
    body = {"system": "同时登记的后台", "contract_number": "demo-race"}

    answers = await asyncio.gather(*(enter(catalog, **body) for _ in range(6)))

    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409, 409]


async def test_an_asset_names_only_what_is_there_and_does_not_end_before_it_begins(
    catalog: Catalog,
):
    nobody = str(uuid4())

    wrong = await enter(catalog, listing_ids=[nobody], zone_ids=["zone-rst", "zone-none"])
    unowned = await catalog.send(
        "POST", "/v1/assets", {"organisation_id": "unit-nowhere", **system()}
    )
    backwards = await enter(catalog, in_service_until="2025-08-31")
    twice = await enter(catalog, zone_ids=["zone-rst", "zone-rst"])

    assert wrong.status_code == 422
    assert [(flaw["pointer"], flaw["code"]) for flaw in wrong.json()["errors"]] == [
        ("/listing_ids/0", "listing_unknown"),
        ("/zone_ids/1", "zone_unknown"),
    ]
    assert unowned.json()["errors"][0]["code"] == "organisation_unknown"
    assert backwards.json()["errors"][0]["code"] == "field_order"
    assert twice.json()["errors"][0]["code"] == "field_repeated"


@pytest.mark.clause("A4.1")
@pytest.mark.parametrize(
    ("actor", "entering", "changing"),
    [
        (JIUJIANG, (403, "outside_remit"), (404, "asset_not_found")),
        (DONGHU, (403, "outside_remit"), (404, "asset_not_found")),
        (LABOUR, (403, "outside_remit"), (404, "asset_not_found")),
        (OPERATOR, (403, "operation_forbidden"), (403, "operation_forbidden")),
        (MINI_APP, (403, "operation_forbidden"), (403, "operation_forbidden")),
    ],
    ids=["another city", "its county", "a department", "the operator", "a mini-app"],
)
async def test_an_asset_is_its_owner_s_to_enter_and_to_change(
    catalog: Catalog, actor, entering, changing
):
    path, _ = await entered(catalog)

    made = await enter(catalog, actor)
    changed = await catalog.send("PUT", path, system(), actor, if_match="*")

    assert (made.status_code, made.json()["code"]) == entering
    assert (changed.status_code, changed.json()["code"]) == changing
    assert (await catalog.send("PUT", path, system(), if_match="*")).status_code == 200


@pytest.mark.clause("A4.1")
async def test_the_ledger_shows_a_city_its_own_and_its_counties_and_others_nothing(
    catalog: Catalog,
):
    contract = f"demo-{uuid4().hex[:8]}"
    body = {"organisation_id": "county-360102", **system(contract_number=contract)}
    made = await catalog.send("POST", "/v1/assets", body, NANCHANG)
    path, query = made.headers["location"], f"contract={contract}"

    seen = [len(await found(catalog, query, who)) for who in (PROVINCE, OPERATOR, NANCHANG, DONGHU)]
    hidden = [len(await found(catalog, query, who)) for who in (JIUJIANG, LABOUR)]
    refused = await catalog.get(path, JIUJIANG)

    assert (seen, hidden) == ([1, 1, 1, 1], [0, 0])
    assert (refused.status_code, refused.json()["code"]) == (404, "asset_not_found")
    assert (await catalog.get(path, DONGHU)).status_code == 200


@pytest.mark.feature("API4")
async def test_an_asset_changes_by_its_current_version_only(catalog: Catalog):
    path, _ = await entered(catalog)
    etag = (await catalog.get(path, NANCHANG)).headers["etag"]

    done = await catalog.send("PUT", path, system(), NANCHANG, if_match=etag)
    stale = await catalog.send("PUT", path, system(), NANCHANG, if_match=etag)
    unknown = await catalog.send("PUT", f"/v1/assets/{uuid4()}", system(), NANCHANG, if_match="*")

    assert (done.status_code, stale.status_code) == (200, 412)
    assert (unknown.status_code, unknown.json()["code"]) == (404, "asset_not_found")


@pytest.mark.feature("API5")
async def test_assets_are_found_by_each_filter_and_walk_in_pages(catalog: Catalog):
    listing = str(await catalog.publish())
    contract = f"demo-{uuid4().hex[:8]}"
    ours = {"contract_number": contract}
    _, serving = await entered(catalog, **ours, listing_ids=[listing], zone_ids=["zone-rst"])
    _, retired = await entered(catalog, **ours, in_service_until="2026-01-31")
    _, later = await entered(catalog, **ours, in_service_from="2027-01-01")

    async def ids(query: str) -> set[str]:
        items = await found(catalog, f"contract={contract}&{query}")
        assert [each["id"] for each in items] == sorted(each["id"] for each in items)
        return {each["id"] for each in items}

    everything = {serving["id"], retired["id"], later["id"]}
    assert await ids(f"listing={listing}") == {serving["id"]}
    assert await ids("zone=zone-rst") == {serving["id"]}
    assert await ids("in_service_on=2026-01-31") == {serving["id"], retired["id"]}
    assert await ids("in_service_on=2026-02-01") == {serving["id"]}
    assert await ids("organisation=city-360100") == await ids("region=36") == everything
    assert await ids("region=360400") == await ids("organisation=jx-rst") == set()

"""The register over HTTP: regulation, code sets, regions, organisations, halls, norms, items."""

from dataclasses import replace
from typing import Any

import pytest

from tests.catalog.province import NANCHANG_PLACE, Catalog, content, item
from tests.suite import MINI_APP, NANCHANG, OPERATOR, PROVINCE


@pytest.mark.clause("P0")
@pytest.mark.clause("A28")
async def test_the_regulation_record_is_public_and_in_force_from_its_issue(catalog: Catalog):
    found = (await catalog.get("/v1/regulation")).json()

    assert found["issued_on"] == found["effective_from"] == "2025-08-04"
    assert found["public"] is True
    assert [article["number"] for article in found["articles"]] == list(range(1, 29))
    for article in found["articles"]:
        assert article["summary"]["zh-CN"]
        assert article["summary"]["en"]
        assert all(
            clause.removeprefix("A").partition(".")[0] == str(article["number"])
            for clause in article["clauses"]
        )


@pytest.mark.clause("P0")
async def test_the_addressees_are_the_cities_the_new_area_and_the_province_s_units(
    catalog: Catalog,
):
    cities = (await catalog.get("/v1/organisations?kind=CITY_AUTHORITY")).json()["items"]

    assert {each["region"] for each in cities} == {"360100", "360400", "36GJ00"}
    regions = (await catalog.get("/v1/regions?parent=36")).json()["items"]
    (new_area,) = [each for each in regions if each["level"] == "NEW_AREA"]
    assert (new_area["id"], new_area["gb2260"]) == ("36GJ00", None)


@pytest.mark.clause("A2.1")
async def test_item_types_are_those_of_the_standard_in_two_languages(catalog: Catalog):
    found = (await catalog.get("/v1/item-types")).json()["items"]

    names = {each["code"]: each["name"] for each in found}
    assert len(names) == 12
    assert names["01"] == {"zh-CN": "行政许可", "en": "Administrative licence"}
    assert names["20"]["zh-CN"] == "公共服务事项"


NEW = {
    "id": "jx-new",
    "name": "江西省测试厅",
    "short_name": "省测试厅",
    "kind": "PROVINCIAL_DEPARTMENT",
    "region": "36",
    "parent": "jx-zwfw",
}


@pytest.mark.clause("A3")
@pytest.mark.clause("A4.1")
async def test_a_registered_organisation_is_readable_by_all_and_told(catalog: Catalog):
    made = await catalog.send("POST", "/v1/organisations", NEW)

    assert made.status_code == 201, made.text
    assert made.headers["location"] == "/v1/organisations/jx-new"
    shown = await catalog.get("/v1/organisations/jx-new", MINI_APP)
    assert shown.headers["etag"] == made.headers["etag"]
    assert shown.json() == made.json()
    (told,) = await catalog.told("organisation:jx-new")
    assert told == (
        "organisation_registered.v1",
        {
            "organisation_id": "jx-new",
            "name": "江西省测试厅",
            "kind": "PROVINCIAL_DEPARTMENT",
            "region": "36",
            "parent": "jx-zwfw",
            "mandate_from": None,
            "mandate_to": None,
        },
    )


@pytest.mark.parametrize(
    ("change", "pointer", "code"),
    [
        ({"region": "360499"}, "/region", "region_unknown"),
        ({"region": "360100"}, "/region", "level_unfit"),
        ({"parent": "jx-none"}, "/parent", "organisation_unknown"),
        ({"parent": "jx-bad"}, "/parent", "own_parent"),
        ({"mandate_from": "2026-01-01"}, "/mandate_from", "mandate_unfit"),
    ],
)
async def test_an_organisation_that_does_not_fit_is_refused_with_its_place(
    catalog: Catalog, change, pointer, code
):
    answer = await catalog.send("POST", "/v1/organisations", {**NEW, "id": "jx-bad", **change})

    assert answer.status_code == 422
    assert answer.json()["code"] == "references_wrong"
    assert [(each["pointer"], each["code"]) for each in answer.json()["errors"]] == [
        (pointer, code)
    ]
    assert (await catalog.get("/v1/organisations/jx-bad")).status_code == 404


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"id": "JX"}, "field_pattern"),
        ({"name": ""}, "field_too_short"),
        ({"name": " "}, "field_blank"),
        ({"name": "a\u0007b"}, "field_blank"),
        ({"name": "长" * 101}, "field_too_long"),
        ({"name": 5}, "field_type"),
        ({"name": True}, "field_type"),
        ({"kind": "KING"}, "field_choice"),
        ({"colour": "red"}, "field_unknown"),
        ({"mandate_from": 20260101}, "field_type"),
        ({"mandate_from": "1026-01-01"}, "field_range"),
    ],
)
async def test_a_body_of_another_form_is_refused_member_by_member(catalog: Catalog, change, code):
    answer = await catalog.send("POST", "/v1/organisations", {**NEW, **change})

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["code"] == code
    assert answer.json()["errors"][0]["pointer"] == "/" + next(iter(change))


async def test_a_classified_marker_is_refused(catalog: Catalog):
    answer = await catalog.send("POST", "/v1/organisations", {**NEW, "name": "机密★10年"})

    assert answer.status_code == 422
    assert answer.json()["code"] == "classified_marker_refused"


async def test_an_id_that_is_taken_is_a_conflict_in_both_languages(catalog: Catalog):
    body = {**NEW, "id": "jx-rst"}

    zh = await catalog.send("POST", "/v1/organisations", body)
    en = await catalog.send("POST", "/v1/organisations", body, accept_language="en")

    assert zh.status_code == en.status_code == 409
    assert zh.json()["code"] == en.json()["code"] == "already_registered"
    assert "jx-rst" in zh.json()["detail"]
    assert en.json()["title"] == "The id is taken"


@pytest.mark.clause("A9.1")
async def test_the_operator_has_a_mandate_that_ends_after_it_begins(catalog: Catalog):
    shown = await catalog.get("/v1/organisations/operator")
    body = {
        "name": shown.json()["name"],
        "short_name": "运营机构",
        "parent": "jx-zwfw",
        "mandate_from": "2026-01-01",
        "mandate_to": "2027-12-31",
    }
    path = "/v1/organisations/operator"

    wrong = await catalog.send("PUT", path, {**body, "mandate_to": "2025-01-01"}, if_match="*")
    right = await catalog.send("PUT", path, body, if_match=shown.headers["etag"])
    stale = await catalog.send("PUT", path, body, if_match=shown.headers["etag"])

    assert (wrong.status_code, wrong.json()["errors"][0]["code"]) == (422, "field_order")
    assert right.json()["mandate_to"] == "2027-12-31"
    assert (await catalog.told("organisation:operator"))[-1][1]["mandate_from"] == "2026-01-01"
    assert stale.status_code == 412


@pytest.mark.feature("C5")
async def test_a_unit_with_live_listings_is_neither_closed_nor_renamed(catalog: Catalog):
    listing_id = await catalog.publish(content(**NANCHANG_PLACE))
    path = "/v1/organisations/city-360100"
    body = {"name": "南昌市另一个名称", "short_name": "南昌", "parent": "jx-zwfw"}

    closed = await catalog.send("DELETE", path, None, if_match="*")
    renamed = await catalog.send("PUT", path, body, if_match="*")
    imported = await catalog.import_rows(
        "organisations",
        [{**body, "id": "city-360100", "kind": "CITY_AUTHORITY", "region": "360100"}],
    )

    assert closed.status_code == renamed.status_code == 409
    assert closed.json()["code"] == "organisation_owns_listings"
    assert str(listing_id) in closed.json()["detail"]
    assert [(e["column"], e["code"]) for e in imported["errors"]] == [
        ("name", "organisation_owns_listings")
    ]
    short = {**body, "name": "南昌市人民政府办公室"}
    assert (await catalog.send("PUT", path, short, if_match="*")).status_code == 200


@pytest.mark.feature("C5")
async def test_a_unit_without_live_listings_is_closed_once_and_takes_no_more(catalog: Catalog):
    await catalog.send("POST", "/v1/organisations", {**NEW, "id": "jx-old", "name": "旧单位"})
    path = "/v1/organisations/jx-old"

    closed = await catalog.send("DELETE", path, None, if_match="*")
    again = await catalog.send("DELETE", path, None, if_match="*")
    child = await catalog.send(
        "POST", "/v1/organisations", {**NEW, "id": "jx-child", "name": "下级", "parent": "jx-old"}
    )

    assert closed.status_code == 204
    assert again.json()["code"] == "organisation_closed"
    assert child.json()["errors"][0]["code"] == "organisation_closed"
    assert (await catalog.get(path)).json()["active"] is False
    listed = (await catalog.get("/v1/organisations?limit=100")).json()["items"]
    assert "jx-old" not in {each["id"] for each in listed}
    assert (await catalog.told("organisation:jx-old"))[-1][0] == "organisation_closed.v1"


@pytest.mark.parametrize(
    ("change", "pointer", "code"),
    [
        ({"parent": None}, "/parent", "parent_missing"),
        ({"parent": "hall-36"}, "/parent", "level_unfit"),
        ({"parent": "hall-none"}, "/parent", "hall_unknown"),
        ({"level": "CITY", "parent": "hall-36"}, "/level", "level_unfit"),
        ({"organisation_id": "none"}, "/organisation_id", "organisation_unknown"),
    ],
)
async def test_a_hall_stands_in_the_tree_of_its_level(catalog: Catalog, change, pointer, code):
    hall = {
        "id": "hall-x1",
        "name": "厅",
        "level": "COUNTY",
        "region": "360102",
        "organisation_id": "county-360102",
        "parent": "hall-360100",
    }

    answer = await catalog.send("POST", "/v1/halls", {**hall, **change})

    assert answer.status_code == 422
    assert (pointer, code) in {(e["pointer"], e["code"]) for e in answer.json()["errors"]}


async def test_a_zone_belongs_to_a_provincial_department(catalog: Catalog):
    zone = {"id": "zone-ybj", "name": "医保专区", "hall_id": "hall-36", "department": "jx-ybj"}

    made = await catalog.send("POST", "/v1/zones", zone)
    wrong = await catalog.send(
        "POST", "/v1/zones", {**zone, "id": "zone-b", "department": "city-360100"}
    )

    assert made.status_code == 201
    listed = await catalog.get("/v1/zones?department=jx-ybj")
    (shown,) = listed.json()["items"]
    assert shown.items() >= zone.items()
    assert (shown["state"], shown["version"]) == ("DRAFT", 1)
    assert wrong.json()["errors"][0]["code"] == "not_a_department"


@pytest.mark.clause("A6.3")
@pytest.mark.clause("A10.1")
async def test_an_issued_norm_never_changes(catalog: Catalog):
    norm = {
        "id": "platform-technical-norm",
        "title": "平台技术管理规范（演示二）",
        "version": "demo-2.0",
        "effective_from": "2026-12-01",
        "checklist": ["大字版可用"],
    }

    made = await catalog.send("POST", "/v1/norms", norm)
    again = await catalog.send("POST", "/v1/norms", {**norm, "title": "改过的"})
    imported = await catalog.import_rows("norms", [{**norm, "title": "改过的"}])

    assert made.status_code == 201
    assert again.json()["code"] == "already_registered"
    assert imported["errors"][0]["code"] == "norm_issued"
    shown = (await catalog.get("/v1/norms")).json()["items"]
    assert norm in shown
    (told,) = await catalog.told("norm:demo-2.0")
    assert told[1]["checklist"] == ["大字版可用"]


@pytest.mark.clause("A2.1")
async def test_items_are_found_by_text_type_and_department(catalog: Catalog):
    found = (await catalog.get("/v1/items?q=社会保险&department=jx-rst&item_type=20")).json()

    assert [each["code"] for each in found["items"]] == ["demo-rst-001", "demo-rst-002"]
    assert found["total"] == 2
    one = await catalog.get("/v1/items/demo-rst-001")
    assert one.json()["initiation"] == "ON_APPLICATION"
    assert (await catalog.get("/v1/items/demo-none")).json()["code"] == "item_not_found"


async def test_a_renamed_item_type_reaches_the_public_document(catalog: Catalog):
    row = item("demo-rst-050", "临时事项")
    await catalog.import_rows("items", [row])
    listing_id = await catalog.publish(content(item_code="demo-rst-050", title="改类型的服务"))

    await catalog.import_rows("items", [{**row, "item_type": "05"}])

    assert (await catalog.get(f"/v1/listings/{listing_id}")).json()["item_type"] == "05"
    assert await catalog.total("q=改类型的服务&item_type=05") == 1
    assert await catalog.total("q=改类型的服务&item_type=20") == 0


@pytest.mark.feature("API5")
async def test_every_list_of_the_register_walks_in_pages_with_one_total(catalog: Catalog):
    for path in ("regions", "organisations", "halls", "zones", "norms", "items"):
        whole = (await catalog.get(f"/v1/{path}?limit=100")).json()
        walked: list[dict[str, Any]] = []
        cursor: str | None = ""
        while cursor is not None:
            part = (await catalog.get(f"/v1/{path}?limit=1{cursor and f'&cursor={cursor}'}")).json()
            walked += part["items"]
            cursor = part["next_cursor"]
            assert part["total"] == whole["total"]
        assert walked == whole["items"]


@pytest.mark.clause("A6.1")
@pytest.mark.clause("A4.1")
@pytest.mark.parametrize("actor", [OPERATOR, NANCHANG, MINI_APP])
async def test_only_the_province_writes_the_register(catalog: Catalog, actor):
    answer = await catalog.send("POST", "/v1/organisations", NEW, actor)

    assert answer.status_code == 403
    assert answer.json()["code"] == "operation_forbidden"


async def test_a_province_without_the_scope_is_refused(catalog: Catalog):
    answer = await catalog.send(
        "POST", "/v1/organisations", NEW, replace(PROVINCE, scopes=frozenset())
    )

    assert answer.json()["code"] == "scope_missing"

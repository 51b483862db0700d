"""The demo's norm, items and listings: in the code sets, found by everyday words, and in use."""

import re
from collections import Counter

import pytest

from tests.deploy.demo_files import CAPABILITIES, by, parts, rows

EVERYDAY_WORDS = (
    "社保 医保 公积金 驾照 护照 户口 结婚 房产证 营业执照 高考 低保 天气 高速 发票 残疾 退伍 "
    "公证 图书馆 脐橙 砍树 水位 环评 挂号 药店 交电费 交水费 公交 停车 消防 景区"
)


def test_the_norm_is_marked_as_a_demo_and_is_in_force_with_the_measures():
    (norm,) = rows("norms")

    assert norm["version"] == "demo-1.0"
    assert "演示" in norm["title"]
    assert norm["effective_from"] == "2025-08-04"
    assert len(parts(norm["checklist"])) >= 8


def test_items_are_at_least_320_and_none_is_there_twice():
    items = by("code", "items")
    by("name", "items")
    by("summary", "items")

    assert len(items) >= 320


def test_items_use_the_code_sets_of_gb_t_39046_and_demo_codes():
    organisations = by("id", "organisations")

    for item in rows("items"):
        department = item["department"]
        assert item["code_scheme"] == "demo"
        assert re.fullmatch(rf"demo-{department.removeprefix('jx-')}-\d{{3}}", item["code"])
        assert item["item_type"] in {*(f"{n:02d}" for n in range(1, 11)), "20"}
        assert item["level"] in set("234567")
        assert set(parts(item["audiences"])) <= set("123456")
        assert item["initiation"] in {"ON_APPLICATION", "EX_OFFICIO"}
        assert organisations[department]["kind"] == "PROVINCIAL_DEPARTMENT"


def test_an_item_s_summary_is_one_sentence_without_numbers_and_has_keywords():
    for item in rows("items"):
        assert re.fullmatch(r"[^。\d]{6,60}。", item["summary"]), item
        assert len(parts(item["keywords"])) >= 2


@pytest.mark.parametrize("word", EVERYDAY_WORDS.split())
def test_an_everyday_word_finds_an_item(word: str):
    found = [item for item in rows("items") if word in item["name"] + item["keywords"]]

    assert found


def test_every_item_is_listed_and_every_listing_is_of_an_item():
    listed = {listing["item"] for listing in rows("listings")}

    assert len(rows("listings")) >= 330
    assert listed == set(by("code", "items"))


def test_no_item_is_listed_twice_by_one_organisation_and_paths_and_titles_are_unique():
    pairs = Counter((listing["item"], listing["organisation"]) for listing in rows("listings"))

    assert set(pairs.values()) == {1}
    by("entry_path", "listings")
    by("title", "listings")


def test_listings_stand_in_their_organisation_s_hall_and_region():
    organisations = by("id", "organisations")
    halls = by("id", "halls")

    for listing in rows("listings"):
        assert listing["region"] == organisations[listing["organisation"]]["region"]
        assert listing["region"] == halls[listing["hall"]]["region"]


def test_listings_are_of_items_that_their_level_of_government_exercises():
    items = by("code", "items")
    organisations = by("id", "organisations")
    per_kind: Counter[str] = Counter()

    for listing in rows("listings"):
        organisation = organisations[listing["organisation"]]
        level = items[listing["item"]]["level"]
        per_kind[organisation["kind"]] += 1
        match organisation["kind"]:
            case "PROVINCIAL_DEPARTMENT":
                assert level in {"2", "7"}
                assert organisation["id"] == items[listing["item"]]["department"]
            case "CITY_AUTHORITY":
                assert level in {"3", "4", "7"}
            case kind:
                assert kind == "COUNTY_AUTHORITY"
                assert level in {"4", "7"}

    assert per_kind["PROVINCIAL_DEPARTMENT"] >= 180
    assert per_kind["CITY_AUTHORITY"] >= 120
    assert per_kind["COUNTY_AUTHORITY"] >= 30


def test_counties_list_local_scenarios_and_nobody_else_does():
    organisations = by("id", "organisations")

    for listing in rows("listings"):
        county = organisations[listing["organisation"]]["kind"] == "COUNTY_AUTHORITY"
        assert listing["kind"] == ("LOCAL_SCENARIO" if county else "STANDARD")


def test_all_cities_all_county_halls_and_all_zones_are_in_use():
    used = rows("listings")

    assert {listing["hall"] for listing in used} == set(by("id", "halls"))
    assert {listing["zone"] for listing in used if listing["zone"]} == set(by("id", "zones"))


def test_a_listing_in_a_zone_is_of_the_zone_s_department_and_hall():
    zones = by("id", "zones")

    for listing in rows("listings"):
        if listing["zone"]:
            zone = zones[listing["zone"]]
            assert (listing["hall"], listing["organisation"]) == (zone["hall"], zone["department"])
        else:
            own = [zone for zone in zones.values() if zone["department"] == listing["organisation"]]
            assert not own


def test_listings_serve_their_item_s_audiences_through_known_channels_and_paths():
    items = by("code", "items")

    for listing in rows("listings"):
        audiences = parts(listing["audiences"])
        assert set(audiences) <= set(parts(items[listing["item"]]["audiences"]))
        assert set(parts(listing["channels"])) <= {"APP", "WECHAT_MINI", "ALIPAY_MINI"}
        assert re.fullmatch(r"/[a-z0-9]+/[a-z0-9]+(-[a-z0-9]+)*", listing["entry_path"])


def test_every_listing_offers_something_and_always_complaint_and_rating():
    for listing in rows("listings"):
        offered = parts(listing["capabilities"])
        assert offered == [capability for capability in CAPABILITIES if capability in offered]
        assert offered[-2:] == ["COMPLAINT", "RATING"]
        assert len(offered) >= 3

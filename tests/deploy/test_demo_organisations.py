"""The demo's organisations, halls, zones and persons follow its regions."""

import re
from collections import Counter
from datetime import date

import pytest

from tests.deploy.demo_files import by, rows


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

"""Responsible persons: sealed at rest, masked in every view, disclosed with a reason only."""

import pytest

from tests.catalog.province import Catalog
from tests.suite import DONGHU, JIUJIANG, LABOUR, MINI_APP, NANCHANG, OPERATOR, PROVINCE

PATH = "/v1/responsible-persons"


def person(organisation: str, phone: str, **changes):
    return {
        "organisation_id": organisation,
        "domain": "OPERATION",
        "name": "演示专人",
        "phone": phone,
        "valid_from": "2025-08-04",
        "valid_to": None,
        **changes,
    }


@pytest.mark.feature("API13")
@pytest.mark.clause("A12.2")
@pytest.mark.clause("A17.1")
@pytest.mark.clause("A21.2")
async def test_a_named_person_is_masked_in_views_and_sealed_in_the_database(catalog: Catalog):
    made = await catalog.send("POST", PATH, person("city-360100", "19900000101"), NANCHANG)

    assert made.status_code == 201, made.text
    assert made.json()["name"] == "演***"
    assert made.json()["phone"] == "199****0101"
    shown = await catalog.get(made.headers["location"], NANCHANG)
    assert shown.json() == made.json()
    rows = await catalog.suite.sql("catalog", "select t::text as whole from responsible_persons t")
    kept = await catalog.suite.sql("catalog", "select body from idempotency_keys")
    stored = "".join(row["whole"] for row in rows) + "".join(str(row["body"]) for row in kept)
    assert "19900000101" not in stored
    assert "演示专人" not in stored
    (told,) = await catalog.told(f"person:{made.json()['id']}")
    assert set(told[1]) == {
        "person_id",
        "organisation_id",
        "domain",
        "post",
        "valid_from",
        "valid_to",
    }


@pytest.mark.feature("API13")
@pytest.mark.clause("A21.2")
async def test_a_disclosure_needs_a_reason_enters_the_audit_and_is_not_kept(catalog: Catalog):
    made = await catalog.send("POST", PATH, person("city-360100", "19900000102"), NANCHANG)
    path = f"{made.headers['location']}/disclosure"

    without = await catalog.send("POST", path, {}, OPERATOR)
    headers = catalog.suite.headers(OPERATOR)
    answer = await catalog.client.post(path, json={"reason": "故障联系"}, headers=headers)
    again = await catalog.client.post(path, json={"reason": "故障联系"}, headers=headers)

    assert without.status_code == 422
    assert (answer.json()["name"], answer.json()["phone"]) == ("演示专人", "19900000102")
    assert answer.headers["cache-control"] == "no-store"
    assert again.json()["code"] == "answer_not_kept"
    entries = (await catalog.get("/v1/catalog/audit?limit=100", PROVINCE)).json()["items"]
    (entry,) = [each for each in entries if each["action"] == "person.disclosed"]
    assert entry["subject"] == f"person:{made.json()['id']}"
    assert entry["details"] == {"reason": "故障联系"}
    assert entry["organisation"] == "operator"
    kept = await catalog.suite.sql("catalog", "select body from idempotency_keys")
    assert all(b"19900000102" not in bytes(row["body"]) for row in kept)


@pytest.mark.feature("API13")
@pytest.mark.parametrize(
    ("actor", "phone"),
    [(NANCHANG, "19900000121"), (LABOUR, "19900000122"), (MINI_APP, "19900000123")],
)
async def test_nobody_else_may_have_the_full_values(catalog: Catalog, actor, phone):
    made = await catalog.send("POST", PATH, person("jx-ybj", phone))

    answer = await catalog.send(
        "POST", f"{made.headers['location']}/disclosure", {"reason": "看看"}, actor
    )

    assert answer.status_code == 403


@pytest.mark.clause("A21.2")
async def test_a_masked_value_is_refused_as_a_write(catalog: Catalog):
    made = await catalog.send("POST", PATH, person("city-360100", "19900000104"), NANCHANG)
    shown = made.json()
    body = {key: shown[key] for key in ("name", "phone", "valid_from", "valid_to")}

    answer = await catalog.send("PUT", made.headers["location"], body, NANCHANG, if_match="*")

    assert answer.status_code == 422
    assert [(e["pointer"], e["code"]) for e in answer.json()["errors"]] == [
        ("/name", "masked_value_refused"),
        ("/phone", "masked_value_refused"),
    ]


@pytest.mark.clause("A12.2")
async def test_a_hand_over_keeps_the_entry_and_counts_its_version(catalog: Catalog):
    made = await catalog.send("POST", PATH, person("city-360100", "19900000105"), NANCHANG)
    body = {
        "name": "接任专人",
        "phone": "19900000106",
        "valid_from": "2026-01-01",
        "valid_to": "2027-12-31",
    }

    changed = await catalog.send(
        "PUT", made.headers["location"], body, NANCHANG, if_match=made.headers["etag"]
    )
    stale = await catalog.send(
        "PUT", made.headers["location"], body, NANCHANG, if_match=made.headers["etag"]
    )

    assert changed.json()["version"] == 2
    assert changed.json()["phone"] == "199****0106"
    assert stale.status_code == 412
    found = await catalog.get(f"{PATH}?phone=%2B86 199 0000 0106".replace(" ", ""), NANCHANG)
    assert [each["id"] for each in found.json()["items"]] == [made.json()["id"]]


@pytest.mark.clause("A4.1")
async def test_each_sees_the_persons_of_its_own_remit(catalog: Catalog):
    county = await catalog.send("POST", PATH, person("county-360102", "19900000107"), DONGHU)
    place = county.headers["location"]

    seen = {
        name: (await catalog.get(place, actor)).status_code
        for name, actor in (
            ("county", DONGHU),
            ("city above", NANCHANG),
            ("other city", JIUJIANG),
            ("province", PROVINCE),
            ("operator", OPERATOR),
            ("department", LABOUR),
            ("app", MINI_APP),
        )
    }

    assert seen == {
        "county": 200,
        "city above": 200,
        "other city": 404,
        "province": 200,
        "operator": 200,
        "department": 404,
        "app": 403,
    }
    jiujiang = (await catalog.get(f"{PATH}?limit=100", JIUJIANG)).json()
    assert county.json()["id"] not in {each["id"] for each in jiujiang["items"]}
    assert jiujiang["total"] == len(jiujiang["items"])


@pytest.mark.clause("A4.1")
async def test_a_city_names_for_its_own_tree_and_for_nobody_else(catalog: Catalog):
    own = await catalog.send("POST", PATH, person("county-360102", "19900000108"), NANCHANG)
    other = await catalog.send("POST", PATH, person("city-360400", "19900000108"), NANCHANG)
    upwards = await catalog.send("POST", PATH, person("city-360100", "19900000108"), DONGHU)

    assert own.status_code == 201
    assert (other.status_code, other.json()["code"]) == (403, "outside_remit")
    assert (upwards.status_code, upwards.json()["clause"]) == (403, "A12.2")


async def test_the_same_number_twice_for_a_domain_is_a_conflict(catalog: Catalog):
    await catalog.send("POST", PATH, person("jx-rst", "19900000109"), LABOUR)

    twice = await catalog.send("POST", PATH, person("jx-rst", "+8619900000109"), LABOUR)
    domain = await catalog.send(
        "POST", PATH, person("jx-rst", "19900000109", domain="MAINTENANCE"), LABOUR
    )

    assert twice.json()["code"] == "person_named_twice"
    assert domain.status_code == 201


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"phone": "12345"}, "field_pattern"),
        ({"phone": 19900000110}, "field_type"),
        ({"domain": "COOKING"}, "field_choice"),
        ({"valid_to": "2020-01-01"}, "field_order"),
        ({"organisation_id": "jx-none"}, "organisation_unknown"),
    ],
)
async def test_a_wrong_entry_is_refused(catalog: Catalog, change, code):
    answer = await catalog.send("POST", PATH, {**person("jx-rst", "19900000110"), **change})

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["code"] == code


async def test_row_level_security_repeats_the_filter(catalog: Catalog):
    await catalog.send("POST", PATH, person("city-360400", "19900000111"), JIUJIANG)
    database = catalog.suite.apps["catalog"].state.database
    async with database.transaction(NANCHANG) as tx:
        raw = await tx.raw()
        regions = await raw.fetch("select distinct region from responsible_persons")

    assert {row["region"] for row in regions} <= {"360100", "360102"}

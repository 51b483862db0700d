"""The working calendar: a year comes in, is told, and is missed when it is due."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from services.catalog.schedule import SCHEDULE
from shared.scheduling import run_once
from tests.catalog.province import Catalog
from tests.shared.notices import official
from tests.suite import PROVINCE


def notice(year: int, status: str = "OFFICIAL") -> dict[str, Any]:
    days = [
        {"date": row.day.isoformat(), "kind": row.kind.value, "name": "放假安排"}
        for row in official(year)
    ]
    return {"status": status, "source": f"{year} 年放假通知", "days": days}


def provisional(year: int) -> dict[str, Any]:
    days = [
        {"date": f"{year}-{day}", "kind": "HOLIDAY", "name": "法定"}
        for day in ("01-01", "05-01", "10-01")
    ]
    return {"status": "PROVISIONAL", "source": "全国年节及纪念日放假办法", "days": days}


@pytest.mark.feature("F4")
async def test_an_imported_year_is_readable_and_told_with_its_days(catalog: Catalog):
    missing = await catalog.get("/v1/calendar/2025")

    made = await catalog.send("PUT", "/v1/calendar/2025", notice(2025), if_match="*")

    assert missing.json()["code"] == "calendar_year_not_found"
    assert made.status_code == 200, made.text
    assert made.json()["version"] == 1
    shown = await catalog.get("/v1/calendar/2025")
    assert shown.json() == made.json()
    assert {"date": "2025-01-26", "kind": "WORKDAY", "name": "放假安排"} in shown.json()["days"]
    (told,) = await catalog.told("calendar:2025")
    assert told[0] == "calendar_imported.v1"
    assert len(told[1]["days"]) == len(notice(2025)["days"])
    assert (told[1]["status"], told[1]["version"]) == ("OFFICIAL", 1)


@pytest.mark.feature("F4")
async def test_the_same_year_again_changes_nothing_and_tells_nothing(catalog: Catalog):
    await catalog.send("PUT", "/v1/calendar/2026", notice(2026), if_match="*")
    before = await catalog.outbox_size()
    shuffled = notice(2026)
    shuffled["days"].reverse()

    again = await catalog.send("PUT", "/v1/calendar/2026", shuffled, if_match="*")

    assert again.json()["version"] == 1
    assert await catalog.outbox_size() == before


@pytest.mark.feature("F4")
async def test_a_provisional_year_becomes_official_and_never_goes_back(catalog: Catalog):
    path = "/v1/calendar/2027"
    first = await catalog.send("PUT", path, provisional(2027), if_match="*")
    official_2027 = {**provisional(2027), "status": "OFFICIAL", "source": "通知"}

    second = await catalog.send("PUT", path, official_2027, if_match=first.headers["etag"])
    back = await catalog.send("PUT", path, provisional(2027), if_match="*")
    stale = await catalog.send("PUT", path, official_2027, if_match=first.headers["etag"])

    assert (first.json()["status"], second.json()["status"]) == ("PROVISIONAL", "OFFICIAL")
    assert second.json()["version"] == 2
    assert back.json()["code"] == "calendar_official"
    assert stale.status_code == 412
    assert [data["version"] for _, data in await catalog.told("calendar:2027")] == [1, 2]


@pytest.mark.parametrize(
    ("days", "pointer", "code"),
    [
        ([{"date": "2029-01-01", "kind": "HOLIDAY", "name": "元旦"}], "/days/0/date",
         "calendar_other_year"),
        ([{"date": "2028-01-03", "kind": "WORKDAY", "name": "班"}], "/days/0/kind",
         "calendar_workday"),
        ([{"date": "2028-01-01", "kind": "HOLIDAY", "name": "元旦"}] * 2, "/days/1/date",
         "field_repeated"),
        ([{"date": "2028-01-01", "kind": "HOLIDAY", "name": "元旦"}], "/days",
         "calendar_incomplete"),
    ],
)  # fmt: skip
async def test_a_wrong_table_is_refused_with_its_place(catalog: Catalog, days, pointer, code):
    body = {"status": "OFFICIAL", "source": "通知", "days": days}

    answer = await catalog.send("PUT", "/v1/calendar/2028", body, if_match="*")

    assert answer.status_code == 422
    assert [(e["pointer"], e["code"]) for e in answer.json()["errors"]] == [(pointer, code)]


@pytest.mark.parametrize("year", ["1999", "2101", "x", "2026.5"])
async def test_a_year_outside_of_reason_is_a_problem(catalog: Catalog, year):
    assert (await catalog.get(f"/v1/calendar/{year}")).status_code == 422


@pytest.mark.feature("F4")
async def test_from_november_a_missing_next_year_is_told_once_a_night(catalog: Catalog):
    database = catalog.suite.apps["catalog"].state.database
    check = next(entry for entry in SCHEDULE if entry.name.endswith("check_calendar"))
    found = []
    for instant in (
        datetime(2028, 10, 31, 3, tzinfo=UTC),
        datetime(2028, 11, 1, 3, tzinfo=UTC),
        datetime(2028, 11, 1, 5, tzinfo=UTC),
        datetime(2028, 11, 2, 3, tzinfo=UTC),
    ):
        catalog.suite.clock.set(instant)
        await run_once(database, "catalog", check)
        found.append(len(await catalog.told("calendar:2029")))
    metrics = (await catalog.client.get("/metrics")).text
    catalog.suite.clock.reset()

    assert found == [0, 1, 1, 2]
    assert "gft_catalog_calendar_missing 1.0" in metrics


async def test_a_calendar_is_the_province_s_to_import(catalog: Catalog):
    answer = await catalog.client.put(
        "/v1/calendar/2026",
        content=json.dumps(notice(2026)),
        headers={**catalog.suite.headers(PROVINCE), "Content-Type": "application/json"},
    )

    assert answer.status_code == 428
    assert answer.json()["code"] == "if_match_missing"

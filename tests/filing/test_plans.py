"""The yearly list: dry run, row errors, one filing, re-import is a no-op, later lists replace."""

import time
from typing import Any

import pytest

from tests.filing.world import EVIDENCE, World, refusal
from tests.suite import DONGHU, HEALTH_INSURANCE, LABOUR, NANCHANG, PROVINCE

HEADER = "item_code,hall_id,kind,planned_on,note"
CSV = {"Content-Type": "text/csv"}


def sheet(*rows: str, encoding: str = "utf-8") -> bytes:
    return "\r\n".join([HEADER, *rows, ""]).encode(encoding)


def row(code: str, *, year: int, hall: str = "hall-36", note: str = "") -> str:
    return f"{code},{hall},STANDARD,{year}-06-30,{note}"


async def _file(world: World, actor: Any, year: int, body: bytes) -> dict[str, Any]:
    return await world.ok(actor, "POST", f"/v1/listing-plans?year={year}", body, **CSV)


@pytest.mark.feature("C6")
@pytest.mark.clause("A10.2")
async def test_a_list_becomes_one_filing_and_its_lines_are_told_once_accepted(world: World):
    filing = await _file(world, LABOUR, 2030, sheet(row("demo-rst-001", year=2030)))

    accepted = await world.accept(filing)

    lines = await world.ok(LABOUR, "GET", f"/v1/plan-lines?filing={filing['id']}")
    assert (filing["filing_type"], filing["state"]) == ("LISTING_PLAN", "SUBMITTED")
    assert filing["content"] == {"year": 2030, "line_count": 1}
    assert accepted["state"] == "ACCEPTED"
    assert [(each["item_code"], each["state"]) for each in lines["items"]] == [
        ("demo-rst-001", "ACTIVE")
    ]
    told = (await world.events(f"filing:{filing['id']}"))[-1]
    assert told[0] == "plan_lines_accepted"
    assert told[1]["item_codes"] == ["demo-rst-001"]


@pytest.mark.feature("C6")
@pytest.mark.feature("DEP4")
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
async def test_a_list_is_read_in_the_encodings_that_offices_use(world: World, encoding: str):
    body = sheet(row("demo-rst-001", year=2031, note="首批，重点"), encoding=encoding)

    preview = await world.ok(LABOUR, "POST", "/v1/listing-plans/preview?year=2031", body, **CSV)

    assert preview["valid"] is True
    assert preview["added"][0]["note"] == "首批，重点"


@pytest.mark.feature("C6")
async def test_the_dry_run_names_every_wrong_cell_and_stores_nothing(world: World):
    body = sheet(
        row("demo-rst-001", year=2032),
        row("demo-none-1", year=2032),
        row("demo-rst-001", year=2032),
        row("demo-rst-001", year=2033, hall="hall-none"),
        "demo-rst-001,hall-36,OTHER,2032-13-45,",
        "demo-rst-001",
        row("demo-rst-001", year=2032) + ",more",
    )
    before = await world.suite.sql("filing", "select count(*) from filings")

    preview = await world.ok(LABOUR, "POST", "/v1/listing-plans/preview?year=2032", body, **CSV)
    filed = await world.call(LABOUR, "POST", "/v1/listing-plans?year=2032", body, **CSV)

    found = {(each["row"], each["column"], each["code"]) for each in preview["errors"]}
    assert found == {
        (2, "item_code", "item_unknown"),
        (3, "item_code", "row_repeated"),
        (4, "hall_id", "hall_unknown"),
        (4, "planned_on", "date_outside_year"),
        (5, "kind", "cell_invalid"),
        (5, "planned_on", "cell_invalid"),
        (6, "hall_id", "field_missing"),
        (6, "kind", "field_missing"),
        (6, "planned_on", "field_missing"),
        (6, "note", "field_missing"),
        (7, "?", "field_unknown"),
    }
    assert (preview["rows"], preview["valid"]) == (7, False)
    assert next(e["detail"] for e in preview["errors"] if e["row"] == 3) == "与第 1 行重复"
    assert refusal(filed) == (422, "plan_rows_invalid")
    assert len(filed.json()["errors"]) == len(preview["errors"])
    assert await world.suite.sql("filing", "select count(*) from filings") == before


@pytest.mark.feature("C6")
async def test_the_dry_run_shows_the_difference_to_the_list_in_force(world: World):
    for code in ("demo-rst-011", "demo-rst-012", "demo-rst-013"):
        await world.know_item(code, "jx-rst")
    first = sheet(*(row(f"demo-rst-01{n}", year=2034) for n in (1, 2)))
    await world.accept(await _file(world, LABOUR, 2034, first))
    second = sheet(row("demo-rst-012", year=2034, note="改期"), row("demo-rst-013", year=2034))

    preview = await world.ok(LABOUR, "POST", "/v1/listing-plans/preview?year=2034", second, **CSV)

    assert [each["item_code"] for each in preview["added"]] == ["demo-rst-013"]
    assert [each["item_code"] for each in preview["removed"]] == ["demo-rst-011"]
    assert [each["note"] for each in preview["changed"]] == ["改期"]
    assert preview["unchanged"] == 0
    assert preview["filing_id"] is None


@pytest.mark.feature("C6")
async def test_the_same_list_again_makes_nothing_new_pending_or_in_force(world: World):
    for code in ("demo-rst-021", "demo-rst-022"):
        await world.know_item(code, "jx-rst")
    rows = [row("demo-rst-021", year=2035), row("demo-rst-022", year=2035)]
    filing = await _file(world, LABOUR, 2035, sheet(*rows))

    pending = await world.call(
        LABOUR, "POST", "/v1/listing-plans?year=2035", sheet(*reversed(rows)), **CSV
    )
    await world.accept(filing)
    in_force = await world.call(
        LABOUR, "POST", "/v1/listing-plans?year=2035", sheet(*rows, encoding="gb18030"), **CSV
    )

    assert (pending.status_code, pending.json()["id"]) == (200, filing["id"])
    assert (in_force.status_code, in_force.json()["id"]) == (200, filing["id"])
    assert len(await world.facts(f"filing:{filing['id']}")) == 3


@pytest.mark.feature("C6")
async def test_a_later_list_of_the_year_replaces_on_acceptance(world: World):
    await world.know_item("demo-rst-031", "jx-rst")
    await world.accept(await _file(world, LABOUR, 2036, sheet(row("demo-rst-001", year=2036))))
    second = await _file(world, LABOUR, 2036, sheet(row("demo-rst-031", year=2036)))
    before = await world.ok(LABOUR, "GET", "/v1/plan-lines?year=2036&state=ACTIVE")

    await world.accept(second)

    after = await world.ok(LABOUR, "GET", "/v1/plan-lines?year=2036&state=ACTIVE")
    replaced = await world.ok(LABOUR, "GET", "/v1/plan-lines?year=2036&state=REPLACED")
    assert [each["item_code"] for each in before["items"]] == ["demo-rst-001"]
    assert [each["item_code"] for each in after["items"]] == ["demo-rst-031"]
    assert [each["item_code"] for each in replaced["items"]] == ["demo-rst-001"]


async def test_another_list_waits_for_the_pending_one_and_a_returned_one_is_corrected(
    world: World,
):
    await world.know_item("demo-rst-041", "jx-rst")
    filing = await _file(world, LABOUR, 2037, sheet(row("demo-rst-001", year=2037)))
    other = sheet(row("demo-rst-041", year=2037))
    waits = await world.call(LABOUR, "POST", "/v1/listing-plans?year=2037", other, **CSV)
    await world.ok(
        PROVINCE,
        "POST",
        f"/v1/filings/{filing['id']}/return",
        {"clause": "A10.2", "opinion": "缺事项", "evidence": EVIDENCE},
    )

    corrected = await world.call(LABOUR, "POST", "/v1/listing-plans?year=2037", other, **CSV)

    assert refusal(waits) == (409, "filing_pending")
    assert (corrected.status_code, corrected.json()["id"]) == (200, filing["id"])
    assert (corrected.json()["round"], corrected.json()["state"]) == (2, "SUBMITTED")
    lines = await world.ok(LABOUR, "GET", "/v1/plan-lines?year=2037")
    assert [each["item_code"] for each in lines["items"]] == ["demo-rst-041"]


async def test_the_lines_of_a_withdrawn_list_are_no_longer_filed(world: World):
    filing = await _file(world, LABOUR, 2038, sheet(row("demo-rst-001", year=2038)))

    await world.ok(LABOUR, "POST", f"/v1/filings/{filing['id']}/withdrawal", {"reason": "重报"})

    lines = await world.ok(LABOUR, "GET", "/v1/plan-lines?year=2038")
    assert [each["state"] for each in lines["items"]] == ["WITHDRAWN"]


@pytest.mark.feature("C6")
@pytest.mark.feature("DEP4")
async def test_five_thousand_rows_are_filed_and_told_in_parts(world: World):
    codes = [f"demo-bulk-{n:04}" for n in range(5000)]
    await world.suite.sql(
        "filing",
        "insert into known_items select c, 'jx-ybj', true from unnest($1::text[]) c",
        codes,
    )
    body = sheet(*(row(code, year=2039) for code in codes))
    started = time.monotonic()

    filing = await _file(world, HEALTH_INSURANCE, 2039, body)

    seconds = time.monotonic() - started
    await world.accept(filing)
    parts = [
        data
        for fact, data in await world.events(f"filing:{filing['id']}")
        if fact == "plan_lines_accepted"
    ]
    print(f"5,000 rows filed in {seconds:.1f} s")  # noqa: T201 the figure that C6 asks for
    assert seconds < 60  # generous on a busy machine; 10 is what the row asks of a quiet one
    assert filing["content"]["line_count"] == 5000
    assert [len(each["item_codes"]) for each in parts] == [200] * 25
    assert [each["part"] for each in parts] == list(range(1, 26))
    assert {each["parts"] for each in parts} == {25}
    assert sorted(code for each in parts for code in each["item_codes"]) == codes


async def test_a_list_has_a_row_and_not_too_many(world: World):
    empty = await world.call(LABOUR, "POST", "/v1/listing-plans?year=2040", sheet(), **CSV)
    rows = [row("demo-rst-001", year=2040)] * 5001
    long = await world.call(LABOUR, "POST", "/v1/listing-plans?year=2040", sheet(*rows), **CSV)

    assert refusal(empty) == (422, "plan_too_long")
    assert refusal(long) == (422, "plan_too_long")


@pytest.mark.clause("A5.4")
async def test_a_county_plans_local_scenarios_only(world: World):
    body = sheet(row("demo-ybj-001", year=2041, hall="hall-360102"))

    answer = await world.call(DONGHU, "POST", "/v1/listing-plans?year=2041", body, **CSV)

    assert refusal(answer) == (422, "plan_rows_invalid")
    assert answer.json()["errors"][0]["code"] == "county_only_local_scenario"
    assert answer.json()["clause"] == "A5.4"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"\xff\xfe\x00", "plan_unreadable"),
        (b"item,hall\r\nx,y\r\n", "plan_unreadable"),
        (sheet('"demo'), "plan_unreadable"),
        (sheet("demo\x00,hall-36,STANDARD,2042-01-01,"), "plan_unreadable"),
        (b"", "plan_unreadable"),
    ],
    ids=["encoding", "header", "quotes", "NUL", "nothing"],
)
async def test_a_file_that_is_no_list_is_refused(world: World, body: bytes, code: str):
    answer = await world.call(LABOUR, "POST", "/v1/listing-plans?year=2042", body, **CSV)

    assert refusal(answer) == (422, code)


@pytest.mark.clause("A21.4")
@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
async def test_a_classified_mark_in_a_file_is_refused_and_not_repeated(world: World, encoding: str):
    mark = "机密★10年"
    body = sheet(row("demo-rst-001", year=2043, note=mark), encoding=encoding)

    answer = await world.call(LABOUR, "POST", "/v1/listing-plans?year=2043", body, **CSV)

    assert refusal(answer) == (422, "classified_marker_refused")
    assert answer.json()["clause"] == "A21.4"
    assert mark not in answer.text


async def test_the_template_opens_in_a_spreadsheet_and_is_a_list_without_rows(world: World):
    answer = await world.call(NANCHANG, "GET", "/v1/listing-plans/template")

    again = await world.call(LABOUR, "POST", "/v1/listing-plans?year=2044", answer.content, **CSV)
    assert answer.content.startswith(b"\xef\xbb\xbf" + HEADER.encode())
    assert answer.headers["content-type"].startswith("text/csv")
    assert refusal(again) == (422, "plan_too_long")


async def test_lines_are_seen_by_their_organisation_and_those_above(world: World):
    path = "/v1/plan-lines?organisation=county-360102&state=ACTIVE"

    seen = {
        actor.organisation: (await world.ok(actor, "GET", path))["total"]
        for actor in (DONGHU, NANCHANG, PROVINCE, LABOUR)
    }

    assert seen == {"county-360102": 1, "city-360100": 1, "jx-zwfw": 1, "jx-rst": 0}

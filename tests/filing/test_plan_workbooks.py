"""The yearly list as a workbook: its template, its dry run and its filing (DEP4, C6)."""

from typing import Any

import pytest

from shared.security.files import FileKind, Limits, read_table_apart
from shared.spreadsheets import write_xlsx
from tests.filing.test_plans import HEADER, row
from tests.filing.world import World, refusal
from tests.shared.security.documents import archive
from tests.suite import LABOUR

XLSX = {"Content-Type": FileKind.XLSX}
PREVIEW = "/v1/listing-plans/preview?year=2041"


def book(*rows: str) -> bytes:
    return write_xlsx([each.split(",") for each in (HEADER, *rows)])


@pytest.mark.feature("C6")
@pytest.mark.feature("DEP4")
async def test_a_list_is_tried_and_filed_as_a_workbook_like_the_same_list_as_csv(world: World):
    template = await world.call(LABOUR, "GET", "/v1/listing-plans/template?format=xlsx")
    lines = [row("demo-rst-001", year=2041, note="首批")]
    plain = "\r\n".join([HEADER, *lines, ""]).encode()

    preview = await world.ok(LABOUR, "POST", PREVIEW, book(*lines), **XLSX)
    filed = await world.ok(LABOUR, "POST", "/v1/listing-plans?year=2041", book(*lines), **XLSX)
    again = await world.call(
        LABOUR, "POST", "/v1/listing-plans?year=2041", plain, **{"Content-Type": "text/csv"}
    )

    columns = await read_table_apart(template.content, limits=Limits(), most=5)
    assert columns == [HEADER.split(",")]
    assert (preview["valid"], preview["rows"]) == (True, 1)
    assert preview["added"][0]["note"] == "首批"
    assert (again.status_code, again.json()["id"]) == (200, filed["id"])


@pytest.mark.feature("DEP4")
async def test_a_wrong_cell_of_a_workbook_is_named_by_row_and_column(world: World):
    data = book(row("demo-rst-001", year=2041), row("demo-none-1", year=2041), "demo-rst-001")

    preview = await world.ok(LABOUR, "POST", PREVIEW, data, **XLSX)

    found = {(each["row"], each["column"], each["code"]) for each in preview["errors"]}
    assert (2, "item_code", "item_unknown") in found
    assert (3, "planned_on", "field_missing") in found


@pytest.mark.feature("DEP4")
async def test_the_wrong_cells_come_back_as_a_workbook_in_both_languages(world: World):
    lines = [row("demo-rst-001", year=2041), row("=cmd", year=2041)]

    answer = await world.call(LABOUR, "POST", f"{PREVIEW}&format=xlsx", book(*lines), **XLSX)

    header, *errors = await read_table_apart(answer.content, limits=Limits(), most=10)
    assert answer.headers["content-type"] == FileKind.XLSX
    assert header == ["row", "column", "code", "zh-CN", "en"]
    assert [tuple(each[:3]) for each in errors] == [("2", "item_code", "cell_invalid")]
    assert all(errors[0][3:])


@pytest.mark.feature("DEP4")
@pytest.mark.clause("A21.4")
@pytest.mark.parametrize(
    ("data", "refused"),
    [
        pytest.param(HEADER.encode(), (415, "file_type_refused"), id="CSV under its name"),
        pytest.param(archive(("a.txt", b"x")), (422, "file_type_mismatch"), id="an archive"),
        pytest.param(
            archive(("xl/workbook.xml", b"0" * 110_000_000)),
            (422, "archive_too_large"),
            id="a bomb",
        ),
        pytest.param(write_xlsx([["a", "b"]]), (422, "plan_unreadable"), id="another header"),
        pytest.param(book("机密★10年"), (422, "classified_marker_refused"), id="a classified mark"),
    ],
)
async def test_what_is_no_honest_workbook_is_no_list(
    world: World, data: bytes, refused: tuple[int, str]
):
    answer: Any = await world.call(LABOUR, "POST", PREVIEW, data, **XLSX)

    assert refusal(answer) == refused

"""Imports as XLSX: the template, the file and the errors in the form that offices use (DEP4)."""

import time

import pytest

from shared.security.files import FileKind, Limits, read_table_apart
from shared.spreadsheets import write_xlsx
from tests.catalog.import_files import HEADER, items_csv, start
from tests.catalog.province import Catalog
from tests.shared.security.documents import archive, docx
from tests.suite import PROVINCE

XLSX = {"content_type": FileKind.XLSX}
GENEROUS = 60  # seconds on a busy machine; 10 is what the row asks of a quiet one


async def sheet(data: bytes) -> list[list[str]]:
    return await read_table_apart(data, limits=Limits(), most=100)


def items_xlsx(count: int, prefix: str) -> bytes:
    return write_xlsx([line.split(",") for line in items_csv(count, prefix).splitlines()])


async def done(catalog: Catalog, data: bytes):
    begun = await start(catalog, "items", data, **XLSX)
    assert begun.status_code == 202, begun.text
    return await catalog.finished(begun.headers["location"])


@pytest.mark.feature("DEP4")
async def test_a_template_that_was_filled_in_as_a_workbook_is_imported_once(catalog: Catalog):
    template = await catalog.get("/v1/import-templates/items?format=xlsx")
    [columns] = await sheet(template.content)
    line = items_csv(1, "demo-book").splitlines()[1].split(",")[:-1]
    filled = write_xlsx([columns, line, [], [*line[:1], ""]])

    first = await done(catalog, filled)
    second = await done(catalog, write_xlsx([columns, line]))

    assert template.headers["content-type"] == FileKind.XLSX
    assert template.headers["content-disposition"] == 'attachment; filename="items.xlsx"'
    assert columns == HEADER.split(",")
    assert (first["inserted"], first["failed"]) == (1, 1)
    assert (second["unchanged"], second["inserted"]) == (1, 0)
    item = (await catalog.get("/v1/items/demo-book-00000")).json()
    assert (item["name"], item["audiences"]) == ("批量事项0", ["1", "2"])


@pytest.mark.feature("DEP4")
async def test_the_errors_of_a_workbook_come_back_as_one_with_neutral_cells(catalog: Catalog):
    rows = [
        HEADER.split(","),
        [
            "demo-book-2",
            "demo",
            "好的一行",
            "20",
            "7",
            "jx-rst",
            "1",
            "ON_APPLICATION",
            "事项。",
            "",
        ],
        ["demo-book-3", "demo", "部门不对", "20", "7", "=cmd", "1", "ON_APPLICATION", "事项。", ""],
    ]

    job = await done(catalog, write_xlsx(rows))

    path = f"/v1/import-jobs/{job['id']}/errors"
    report = await catalog.get(f"{path}?format=xlsx", PROVINCE)
    assert (job["inserted"], job["failed"]) == (1, 1)
    header, *errors = await sheet(report.content)
    assert header == ["row", "column", "code", "zh-CN", "en"]
    assert [(each[0], each[1]) for each in errors] == [("2", "department")]
    assert report.headers["content-type"] == FileKind.XLSX
    assert not any(cell.startswith(("=", "+", "-", "@")) for each in errors for cell in each)
    assert (await catalog.get(f"{path}?format=ods", PROVINCE)).status_code == 422


@pytest.mark.feature("DEP4")
async def test_five_thousand_rows_of_a_workbook_are_imported_and_the_time_is_told(
    catalog: Catalog, record_property
):
    data = items_xlsx(5000, "demo-sheet")
    begun = time.monotonic()

    job = await done(catalog, data)

    took = time.monotonic() - begun
    record_property("seconds", round(took, 1))
    told = f"5,000 rows of {len(data)} bytes imported in {took:.1f} s"
    print(told)  # noqa: T201 the figure that DEP4 asks for
    assert (job["inserted"], job["failed"]) == (5000, 0)
    assert took < GENEROUS


@pytest.mark.feature("DEP4")
@pytest.mark.clause("A21.4")
@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        pytest.param(items_csv(1).encode(), 415, "file_type_refused", id="CSV under its name"),
        pytest.param(docx(["x"]), 422, "file_type_mismatch", id="a letter under its name"),
        pytest.param(archive(("../x.xml", b"")), 422, "archive_entry_refused", id="a path outside"),
        pytest.param(
            archive(("xl/workbook.xml", b"0" * 110_000_000)), 422, "archive_too_large", id="a bomb"
        ),
        pytest.param(
            write_xlsx([HEADER.split(","), ["机密★10年"]]),
            422,
            "classified_marker_refused",
            id="a mark",
        ),
        pytest.param(write_xlsx([]), 422, "import_file_wrong", id="no line"),
        pytest.param(write_xlsx([["code"], ["x"]]), 422, "import_file_wrong", id="other columns"),
    ],
)
async def test_what_is_no_honest_workbook_starts_no_import(
    catalog: Catalog, data: bytes, status: int, code: str
):
    count = "select count(*) from imports"
    before = await catalog.suite.sql("catalog", count)

    answer = await start(catalog, "items", data, **XLSX)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert await catalog.suite.sql("catalog", count) == before

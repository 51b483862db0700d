"""Tables as spreadsheets: neutral cells out, plain words in, and nothing hostile (DEP4)."""

import io
import zipfile
from datetime import datetime

import pytest
from xlsxwriter import Workbook

from shared.errors import DomainError
from shared.security.errors import ClassifiedMarkerRefused
from shared.security.files import (
    ArchiveEntryRefused,
    ArchiveTooLarge,
    FileTypeMismatch,
    FileTypeRefused,
    FileUnreadable,
    FileWithProgram,
    Limits,
    read_table_apart,
)
from shared.spreadsheets import write_xlsx
from tests.shared.security.documents import archive, docx, pdf


async def read(data: bytes, *, most: int = 100, **limits: int) -> list[list[str]]:
    return await read_table_apart(data, limits=Limits(**limits), most=most)


def typed(*cells: object) -> bytes:
    """A line as an office types it, with numbers and dates."""
    told = io.BytesIO()
    with Workbook(told) as book:
        sheet = book.add_worksheet()
        day = book.add_format({"num_format": "yyyy-mm-dd"})
        for column, cell in enumerate(cells):
            if isinstance(cell, datetime):
                sheet.write_datetime(0, column, cell, day)
            else:
                sheet.write(0, column, cell)
    return told.getvalue()


@pytest.mark.feature("DEP4")
async def test_what_is_written_is_read_again_with_its_leading_zeros_and_chinese():
    rows = [["id", "name"], ["0012", "江西省"], ["", "只有名称"]]

    assert await read(write_xlsx(rows)) == rows


@pytest.mark.feature("DEP4")
@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t"])
async def test_a_cell_that_a_spreadsheet_would_work_out_is_written_neutral(sign: str):
    data = write_xlsx([["=1+1" if sign == "=" else f"{sign}cmd|' /C calc'!A0"]])

    with zipfile.ZipFile(io.BytesIO(data)) as book:
        sheet = book.read("xl/worksheets/sheet1.xml").decode()
    assert "<f>" not in sheet
    [[cell]] = await read(data)
    assert cell.startswith(f"'{sign}".rstrip())


@pytest.mark.feature("DEP4")
async def test_numbers_and_days_are_read_as_one_would_type_them():
    data = typed("36", 360100, 1.5, datetime(2026, 6, 30), True, " 空格 ")  # noqa: DTZ001 no zones

    assert await read(data) == [["36", "360100", "1.5", "2026-06-30", "true", "空格"]]


@pytest.mark.feature("DEP4")
async def test_the_same_table_is_the_same_file():
    assert write_xlsx([["a"]]) == write_xlsx([["a"]])


async def test_no_more_rows_are_read_than_asked_for():
    assert len(await read(write_xlsx([["x"]] * 50), most=20)) == 20


def _vast() -> bytes:
    """Two cells so far apart that the table between them would fill the memory."""
    cells = "".join(
        f'<row r="{row}"><c r="{column}{row}"><v>1</v></c></row>'
        for column, row in (("A", 1), ("XFD", 1048576))
    )
    with zipfile.ZipFile(io.BytesIO(write_xlsx([["x"]]))) as book:
        parts = [(name, book.read(name)) for name in book.namelist()]
    sheet = (
        '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
        f"<sheetData>{cells}</sheetData></worksheet>"
    )
    return archive(
        *((name, sheet if name == "xl/worksheets/sheet1.xml" else data) for name, data in parts)
    )


def _with(name: str, data: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(write_xlsx([["x"]]))) as book:
        return archive(*((each, book.read(each)) for each in book.namelist()), (name, data))


@pytest.mark.feature("DEP4")
@pytest.mark.clause("A21.4")
@pytest.mark.parametrize(
    ("data", "refusal"),
    [
        pytest.param(b"id,name\n36,x\n", FileTypeRefused, id="words"),
        pytest.param(b"", FileUnreadable, id="nothing"),
        pytest.param(pdf("x"), FileTypeMismatch, id="a PDF"),
        pytest.param(docx(["x"]), FileTypeMismatch, id="a letter"),
        pytest.param(archive(("a.txt", b"x")), FileTypeMismatch, id="an archive"),
        pytest.param(write_xlsx([["x"]])[:-40], FileUnreadable, id="cut off"),
        pytest.param(archive(("xl/workbook.xml", "<workbook/>")), FileUnreadable, id="no sheet"),
        pytest.param(_vast(), FileUnreadable, id="a sheet of no end"),
        pytest.param(_with("xl/media/1.bin", b"0" * 2_000_000), ArchiveTooLarge, id="a bomb"),
        pytest.param(_with("../../etc/x.xml", b"<x/>"), ArchiveEntryRefused, id="a path outside"),
        pytest.param(_with("xl/vbaProject.bin", b"x"), FileWithProgram, id="macros"),
        pytest.param(write_xlsx([["机密★10年"]]), ClassifiedMarkerRefused, id="a classified mark"),
    ],
)
async def test_what_is_no_honest_workbook_is_refused(data: bytes, refusal: type[DomainError]):
    with pytest.raises(refusal):
        await read(data, expanded_bytes=1_000_000, seconds=5)

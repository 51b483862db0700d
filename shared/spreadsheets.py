"""Tables as spreadsheets: written with neutral cells, read as the text that one would type (DEP4).

Reading is for the process that looks into files alone (`shared.security.files.read_table_apart`):
a sheet may claim more cells than memory holds.
"""

import io
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Final

MADE_ON: Final = datetime(2025, 8, 4)  # noqa: DTZ001 XLSX has no zones; the same bytes each time
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_MIDNIGHT: Final = (0, 0, 0, 0)


def neutral(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def write_xlsx(rows: Iterable[Sequence[str]]) -> bytes:
    """One sheet of words; ids keep their leading zeros, because no cell is a number."""
    from xlsxwriter import Workbook  # here, because few processes ever write one

    told = io.BytesIO()
    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with Workbook(told, options) as book:
        book.set_properties({"created": MADE_ON})
        words = book.add_format({"num_format": "@"})
        sheet = book.add_worksheet()
        sheet.set_column(0, 30, 20, words)  # what is typed into a template stays words too
        for place, row in enumerate(rows):
            for column, cell in enumerate(row):
                sheet.write_string(place, column, neutral(cell), words)
    return told.getvalue()


def read_xlsx(data: bytes, *, most: int) -> list[list[str]]:
    """The first sheet, at most so many rows; ValueError for what is no workbook with a sheet."""
    from python_calamine import CalamineError, CalamineWorkbook

    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(data))
        rows = book.get_sheet_by_index(0).to_python(skip_empty_area=False, nrows=most)
    except (CalamineError, IndexError) as error:
        raise ValueError from error
    return [_without_end([_text(cell) for cell in row]) for row in rows]


def _without_end(row: list[str]) -> list[str]:
    """Cells that were only formatted are none."""
    while row and not row[-1]:
        row.pop()
    return row


def _text(cell: object) -> str:
    """What stands in a cell, as it would stand in CSV: 36.0 is 36, a day is its ISO date."""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if isinstance(cell, datetime):
        clock = (cell.hour, cell.minute, cell.second, cell.microsecond)
        return cell.date().isoformat() if clock == _MIDNIGHT else cell.isoformat()
    if isinstance(cell, date):
        return cell.isoformat()
    return str(cell).strip()

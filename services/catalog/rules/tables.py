"""The form of import files: encodings, columns, cells, and the order of work (DEP4)."""

import codecs
import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from shared.spreadsheets import neutral

LIST_SEPARATOR = ";"
CHUNK = 250
"""Rows in one transaction: small enough to leave the event loop to other callers in between."""
DIFF_ROWS = 50
ERRORS_SHOWN = 100
MAX_ROWS = 20_000
_CHARSETS = {
    "utf-8": "utf-8-sig",
    "utf8": "utf-8-sig",
    "gb18030": "gb18030",
    "gbk": "gb18030",
    "gb2312": "gb18030",
}


class ImportState(StrEnum):
    PENDING = "PENDING"
    RUNNING = "RUNNING"
    DONE = "DONE"
    FAILED = "FAILED"


class Outcome(StrEnum):
    INSERTED = "INSERTED"
    UPDATED = "UPDATED"
    UNCHANGED = "UNCHANGED"
    FAILED = "FAILED"


class FileFlaw(Exception):
    """A file that cannot be read as a table: a stable code and its parameters."""

    def __init__(self, code: str, **params: object) -> None:
        super().__init__(code)
        self.code = code
        self.params = params


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns of one resource: in order, which may be empty, which hold lists."""

    columns: tuple[str, ...]
    key: tuple[str, ...]
    optional: frozenset[str] = frozenset()
    lists: frozenset[str] = frozenset()
    upper: frozenset[str] = frozenset()
    parent: str | None = None


LAYOUTS: Mapping[str, Layout] = {
    "regions": Layout(
        ("id", "name", "level", "parent", "gb2260"),
        key=("id",),
        optional=frozenset({"parent", "gb2260"}),
        upper=frozenset({"level"}),
        parent="parent",
    ),
    "organisations": Layout(
        (
            "id",
            "name",
            "short_name",
            "kind",
            "region",
            "parent",
            "mandate_from",
            "mandate_to",
        ),
        key=("id",),
        optional=frozenset({"parent", "mandate_from", "mandate_to"}),
        parent="parent",
    ),
    "halls": Layout(
        ("id", "name", "level", "region", "organisation", "parent"),
        key=("id",),
        optional=frozenset({"parent"}),
        upper=frozenset({"level"}),
        parent="parent",
    ),
    "zones": Layout(("id", "name", "hall", "department"), key=("id",)),
    "norms": Layout(
        ("id", "title", "version", "effective_from", "checklist"),
        key=("version",),
        lists=frozenset({"checklist"}),
    ),
    "items": Layout(
        (
            "code",
            "code_scheme",
            "name",
            "item_type",
            "level",
            "department",
            "audiences",
            "initiation",
            "summary",
            "keywords",
        ),
        key=("code",),
        optional=frozenset({"keywords"}),
        lists=frozenset({"audiences", "keywords"}),
    ),
    "responsible-persons": Layout(
        ("organisation", "domain", "post", "name", "phone", "valid_from", "valid_to"),
        key=("organisation", "domain", "post", "phone"),
        optional=frozenset({"post", "valid_to"}),
    ),
}
PERSONAL = frozenset({"responsible-persons"})
"""Resources whose cells are about people: stored encrypted while they wait, never quoted."""

_MAY_BE_ABSENT = {
    "organisations": frozenset({"mandate_from", "mandate_to"}),
    "responsible-persons": frozenset({"post"}),
}


def decode(body: bytes, charset: str | None) -> str:
    """The text of a CSV file: the named charset, else BOM, else UTF-8, else GB18030."""
    if charset is not None:
        name = _CHARSETS.get(charset.strip("\"' ").lower())
        if name is None:
            raise FileFlaw("import_charset", charset=charset)
        return _decoded(body, name)
    if body.startswith(codecs.BOM_UTF8):
        return _decoded(body, "utf-8-sig")
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        return _decoded(body, "gb18030")


def _decoded(body: bytes, name: str) -> str:
    try:
        return body.decode(name)
    except UnicodeDecodeError:
        raise FileFlaw("import_charset", charset=name.removesuffix("-sig")) from None


def read_csv(resource: str, text: str) -> list[dict[str, str] | None]:
    """The rows by column; None for a row with a wrong number of cells. FileFlaw for the whole."""
    if "\0" in text:
        raise FileFlaw("import_malformed")
    try:
        return _by_column(resource, list(csv.reader(io.StringIO(text, newline=""), strict=True)))
    except csv.Error:
        raise FileFlaw("import_malformed") from None


def read_sheet(resource: str, lines: Sequence[Sequence[str]]) -> list[dict[str, str] | None]:
    """As `read_csv`; a sheet does not write empty cells at the end of a line."""
    if not lines:
        raise FileFlaw("import_empty")
    width = len(lines[0])
    return _by_column(resource, [[*line, *[""] * (width - len(line))] for line in lines])


def _by_column(resource: str, lines: Sequence[Sequence[str]]) -> list[dict[str, str] | None]:
    if not lines:
        raise FileFlaw("import_empty")
    header, *rows = lines
    check_columns(resource, [name.strip() for name in header])
    columns = [name.strip() for name in header]
    return [
        {name: cell.strip() for name, cell in zip(columns, row, strict=True)}
        if len(row) == len(columns)
        else None
        for row in rows
        if any(cell.strip() for cell in row)
    ]


def check_columns(resource: str, found: Sequence[str]) -> None:
    """FileFlaw naming the columns that are missing, unknown or there twice."""
    layout = LAYOUTS[resource]
    needed = set(layout.columns) - _MAY_BE_ABSENT.get(resource, frozenset())
    missing = sorted(needed - set(found))
    unknown = sorted(set(found) - set(layout.columns))
    repeated = sorted({name for name in found if list(found).count(name) > 1})
    if missing or unknown or repeated:
        raise FileFlaw(
            "import_columns", missing=missing, unknown=[name[:40] for name in unknown + repeated]
        )


def members(resource: str, cells: Mapping[str, object]) -> dict[str, object]:
    """A row's cells as the members of a body: lists split, empty cells left out."""
    layout = LAYOUTS[resource]
    found: dict[str, object] = {}
    for column, cell in cells.items():
        if cell is None or cell == "":
            continue
        if isinstance(cell, str) and column in layout.lists:
            found[column] = [part.strip() for part in cell.split(LIST_SEPARATOR) if part.strip()]
        elif isinstance(cell, str) and column in layout.upper:
            found[column] = cell.upper()
        else:
            found[column] = cell
    return found


def parents_first(rows: Sequence[tuple[str, str | None]]) -> list[int]:
    """Places of (key, parent key) rows in an order in which a parent stands before its children."""
    by_key: dict[str, int] = {}
    for place, (key, _) in enumerate(rows):
        by_key.setdefault(key, place)
    ordered: dict[int, None] = {}
    for start in range(len(rows)):
        line: dict[int, None] = {}
        above: int | None = start
        while above is not None and above not in ordered and above not in line:
            line[above] = None
            above = by_key.get(rows[above][1] or "\0")
        ordered.update(dict.fromkeys(reversed(line)))
    return list(ordered)


def write_csv(rows: Iterable[Sequence[str]]) -> bytes:
    """UTF-8 with BOM, as spreadsheets expect Chinese, with neutral cells."""
    out = io.StringIO(newline="")
    csv.writer(out).writerows([neutral(cell) for cell in row] for row in rows)
    return codecs.BOM_UTF8 + out.getvalue().encode()

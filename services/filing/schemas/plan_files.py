"""Reading a yearly list: CSV in UTF-8, UTF-8 with BOM or GB18030, or JSON; each row by itself."""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from services.filing.errors import PlanUnreadable
from services.filing.rules import Flaw, PlanLine
from services.filing.rules.plan import COLUMNS
from services.filing.schemas.contents import PlanLineDocument
from shared.errors import FieldError
from shared.security.files import FileKind
from shared.security.markers import refuse_markers

MAX_ROWS: Final = 20_000
TEMPLATE: Final = "\ufeff" + ",".join(COLUMNS) + "\r\n"
_PATTERNS: Final = {
    "item_code": re.compile(r"[A-Za-z0-9._-]{1,50}"),
    "hall_id": re.compile(r"[a-z0-9-]{2,40}"),
    "kind": re.compile(r"STANDARD|LOCAL_SCENARIO"),
    "planned_on": re.compile(r"\d{4}-\d{2}-\d{2}"),
    "note": re.compile(r"[^\x00-\x1f\x7f\ud800-\udfff]{0,200}"),
}
_EXAMPLE: Final[dict[str, Any]] = {
    "lines": [
        {
            "item_code": "demo-rst-001",
            "hall_id": "hall-36",
            "kind": "STANDARD",
            "planned_on": "2026-03-31",
            "note": "",
        }
    ]
}


_PLAN_SCHEMA: Final[dict[str, Any]] = {
    "title": "ListingPlan",
    "type": "object",
    "additionalProperties": False,
    "required": ["lines"],
    "properties": {
        "lines": {"type": "array", "minItems": 1, "items": PlanLineDocument.model_json_schema()}
    },
    "examples": [_EXAMPLE],
}

PLAN_REQUEST: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": _PLAN_SCHEMA, "example": _EXAMPLE},
            "text/csv": {
                "schema": {"type": "string", "format": "binary"},
                "example": "item_code,hall_id,kind,planned_on,note\n"
                "demo-rst-001,hall-36,STANDARD,2026-03-31,\n",
            },
            FileKind.XLSX: {"schema": {"type": "string", "format": "binary"}, "example": "…"},
        },
    }
}


@dataclass(frozen=True, slots=True)
class PlanFile:
    """The rows that could be read, with their numbers from 1, and the flaws of the others."""

    rows: int
    lines: Sequence[tuple[int, PlanLine]]
    flaws: Sequence[Flaw]


def read_plan(body: bytes, parsed: Any, sheet: Sequence[Sequence[str]] | None = None) -> PlanFile:
    """A list from JSON or a sheet that is already read, or from CSV; `plan_unreadable` (422)."""
    if sheet is not None:
        rows = _from_sheet(sheet)
    else:
        rows = _from_json(parsed) if parsed is not None else _from_csv(_decoded(body))
    lines, flaws = [], []
    for number, row in enumerate(rows, start=1):
        wrong = [Flaw(code, f"/lines/{number}/{column}", "A10.2") for column, code in _wrong(row)]
        flaws += wrong
        if not wrong:
            planned_on = date.fromisoformat(row["planned_on"])
            lines.append((number, PlanLine(**{**row, "planned_on": planned_on})))
    return PlanFile(len(rows), lines, flaws)


def _wrong(row: Mapping[str, Any]) -> list[tuple[str, str]]:
    found = []
    for column in COLUMNS:
        value = row.get(column)
        if value is None or (value == "" and column != "note"):
            found.append((column, "field_missing"))
        elif not isinstance(value, str):
            found.append((column, "field_type"))
        elif not _PATTERNS[column].fullmatch(value) or (
            column == "planned_on" and not _is_date(value)
        ):
            found.append((column, "cell_invalid"))
    return [*found, *(("?", "field_unknown") for name in row if name not in COLUMNS)]


def _is_date(value: str) -> bool:
    try:
        date.fromisoformat(value)
    except ValueError:
        return False
    return True


def _from_json(parsed: Any) -> list[dict[str, Any]]:
    lines = parsed.get("lines") if isinstance(parsed, dict) else None
    if not isinstance(lines, list) or len(parsed) != 1:
        raise PlanUnreadable(errors=[FieldError("/lines", "field_type")])
    if not all(isinstance(line, dict) for line in lines):
        raise PlanUnreadable(errors=[FieldError("/lines", "field_type")])
    return [{"note": "", **line} for line in lines]


def _decoded(body: bytes) -> str:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return body.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise PlanUnreadable(errors=[FieldError("", "encoding_unknown")])


def _from_csv(text: str) -> list[dict[str, Any]]:
    """Rows under the exact header; classified marks are looked for in the whole text (A21.4)."""
    refuse_markers(text)
    if "\x00" in text:
        raise PlanUnreadable(errors=[FieldError("", "control_character_refused")])
    try:
        rows = [row for row in csv.reader(io.StringIO(text), strict=True) if row]
    except csv.Error:
        raise PlanUnreadable(errors=[FieldError("", "csv_malformed")]) from None
    return _under_header(rows)


def _from_sheet(lines: Sequence[Sequence[str]]) -> list[dict[str, Any]]:
    """As CSV; a sheet does not write empty cells at the end of a line."""
    if len(lines) > MAX_ROWS + 1:
        raise PlanUnreadable(errors=[FieldError("", "sheet_too_long", {"most": MAX_ROWS})])
    width = len(COLUMNS)
    return _under_header([[*line, *[""] * (width - len(line))] for line in lines if line])


def _under_header(rows: Sequence[Sequence[str]]) -> list[dict[str, Any]]:
    if not rows or [name.strip() for name in rows[0]] != list(COLUMNS):
        params = {"columns": ",".join(COLUMNS)}
        raise PlanUnreadable(errors=[FieldError("/0", "csv_header", params)])
    made = []
    for row in rows[1:]:
        cells: dict[str, Any] = dict(zip(COLUMNS, (cell.strip() for cell in row), strict=False))
        if len(row) > len(COLUMNS):
            cells["?"] = ""
        made.append(cells)
    return made

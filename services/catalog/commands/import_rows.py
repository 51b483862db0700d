"""One row of an import: its key, its reading, its flaws, what it would change (DEP4)."""

import json
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ValidationError

from services.catalog.commands.halls import HALLS, ITEMS, NORMS, ZONES
from services.catalog.commands.organisations import ORGANISATIONS, REGIONS
from services.catalog.commands.register import Register
from services.catalog.rules.tables import LAYOUTS, PERSONAL, Outcome, members
from services.catalog.schemas.persons import PersonInput
from services.catalog.tables import Import, ImportRow
from shared.errors import FieldError
from shared.security.encryption import Keyring, blind_index, decrypt

Row = Mapping[str, Any] | None
REGISTERS: Mapping[str, Register[Any, Any]] = {
    "regions": REGIONS,
    "organisations": ORGANISATIONS,
    "halls": HALLS,
    "zones": ZONES,
    "norms": NORMS,
    "items": ITEMS,
}
MEMBERS = {
    "halls": {"organisation": "organisation_id"},
    "zones": {"hall": "hall_id"},
    "responsible-persons": {"organisation": "organisation_id"},
}
_QUOTED = 60


def read_row(job: Import, row: ImportRow, keyring: Keyring) -> tuple[Any, list[FieldError]]:
    cells = row.cells
    if job.resource in PERSONAL:
        cells = decrypt(keyring, cells, context=place_of(job.id, row.number))
    return parse(job.resource, json.loads(cells))


def parse(resource: str, cells: Mapping[str, Any]) -> tuple[Any, list[FieldError]]:
    """A row as the body of one record, or what is wrong with which member."""
    renamed = MEMBERS.get(resource, {})
    given = {renamed.get(name, name): value for name, value in members(resource, cells).items()}
    body: type[BaseModel] = PersonInput if resource in PERSONAL else REGISTERS[resource].body
    try:
        return body.model_validate(given), []
    except ValidationError as error:
        return None, [_field_error(each) for each in error.errors(include_url=False)]


_CODES = {
    "missing": "field_missing",
    "extra_forbidden": "field_unknown",
    "string_too_short": "field_too_short",
    "string_too_long": "field_too_long",
    "too_short": "field_too_short",
    "too_long": "field_too_long",
    "string_pattern_mismatch": "field_pattern",
    "enum": "field_choice",
    "literal_error": "field_choice",
}


def _field_error(error: Any) -> FieldError:
    context = error.get("ctx", {})
    code = context.get("code") or _CODES.get(error["type"], "field_type")
    return FieldError(str(error["loc"][0]) if error["loc"] else "", code)


def as_columns(resource: str, errors: Sequence[FieldError]) -> list[FieldError]:
    columns = {member: column for column, member in MEMBERS.get(resource, {}).items()}
    return [
        FieldError(columns.get(each.pointer, each.pointer), each.code, each.params)
        for each in errors
    ]


def flaw_of(import_id: UUID, number: int, error: FieldError, place: int = 0) -> dict[str, Any]:
    return {
        "import_id": import_id,
        "number": number,
        "place": place,
        "column": error.pointer or None,
        "code": error.code,
        "params": {name: str(value)[:_QUOTED] for name, value in error.params.items()},
    }


def change_of(
    resource: str, row: ImportRow, outcome: Outcome, changed: Mapping[str, list[Any]]
) -> dict[str, Any]:
    shown = {} if outcome is Outcome.INSERTED else changed
    return {
        "row": row.number,
        "key": "" if resource in PERSONAL else row.key,
        "outcome": outcome,
        "changes": {name: [_plain(each) for each in pair] for name, pair in shown.items()},
    }


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value


def row_key(resource: str, row: Row, keyring: Keyring) -> str:
    """What makes a row the same record again; a phone number enters by its blind index only."""
    layout = LAYOUTS[resource]
    if row is None or not all(row.get(name) for name in layout.key if name not in layout.optional):
        return ""
    parts = [str(row.get(column) or "") for column in layout.key]
    if resource in PERSONAL:
        parts[-1] = blind_index(keyring, parts[-1], column="import_rows.key")
    return "|".join(parts)[:200]


def place_of(import_id: UUID, number: int) -> str:
    return f"import_rows|cells|{import_id}|{number}"

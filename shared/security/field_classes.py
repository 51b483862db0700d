"""Which stored fields are personal or important, as data: `fields.toml` of each component (A21.1).

The classes are those that a unit's own registry uses towards the province; the masks those of
`shared.security.masking`.
"""

import re
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from importlib.resources import files
from typing import Final


class FieldClass(StrEnum):
    """ORDINARY is for what only sounds like a person: its reason stands beside it."""

    PERSONAL = "PERSONAL"
    IMPORTANT = "IMPORTANT"
    ORDINARY = "ORDINARY"


class Mask(StrEnum):
    """How the field is shown: name 1, phone 3+4, not at all, or as it is."""

    NAME = "NAME"
    PHONE = "PHONE"
    HIDDEN = "HIDDEN"
    PLAIN = "PLAIN"


@dataclass(frozen=True, slots=True)
class Field:
    """One column with its class, its mask, whether it is stored encrypted, and why."""

    table: str
    column: str
    field_class: FieldClass
    mask: Mask
    encrypted: bool
    why: str


_TELLING: Final = frozenset(
    [
        "actor",
        "address",
        "birth",
        "contact",
        "email",
        "envelope",
        "identity",
        "liaison",
        "mobile",
        "name",
        "person",
        "persons",
        "phone",
        "receiver",
        "reporter",
        "sealed",
        "secret",
        "secrets",
        "stored",
    ]
)
_FILE: Final = "fields.toml"


def sounds_personal(column: str) -> bool:
    """Whether a column's name tells of a person or of a secret, so that it must be declared."""
    return not _TELLING.isdisjoint(re.split(r"[_\d]+", column.lower()))


def undeclared(columns: Iterable[tuple[str, str]], fields: Iterable[Field]) -> list[str]:
    """`table.column` of what sounds personal and stands in no registry."""
    known = {(field.table, field.column) for field in fields}
    return sorted(
        f"{table}.{column}"
        for table, column in columns
        if sounds_personal(column) and (table, column) not in known
    )


def read_fields(*packages: str) -> tuple[Field, ...]:
    """The fields that these packages declare; ValueError or KeyError for a row that is wrong."""
    return tuple(field for package in packages for field in _read(package))


def _read(package: str) -> Sequence[Field]:
    file = files(package).joinpath(_FILE)
    rows = tomllib.loads(file.read_text("utf-8")) if file.is_file() else {}
    return [
        Field(
            table=place.partition(".")[0],
            column=place.partition(".")[2],
            field_class=FieldClass(row["class"]),
            mask=Mask(row["mask"]),
            encrypted=bool(row["encrypted"]),
            why=str(row["why"]),
        )
        for place, row in rows.items()
    ]

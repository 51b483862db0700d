"""What a transaction writes, as the fewest statements that its dependencies allow.

A row whose insert must see another new row (by a foreign key, or by the row-level security of a
thread) goes with a later statement; all else leaves in one.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, Final, TypeAlias

import orjson
from sqlalchemy import FromClause, inspect
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase

_AT_ONCE: Final = 12  # writes in one statement: each number of them is a statement to prepare
_PLACE = re.compile(r"\$(\d+)")

Statement: TypeAlias = tuple[str, Sequence[Any]]  # with the values for its places


@dataclass(frozen=True, slots=True)
class Write:
    """A statement that changes rows, with its values counted from `$1` as if it stood alone.

    Others of the same round trip may read what it returns under its name.
    """

    sql: str
    values: Sequence[Any]
    name: str | None = None


def statements(rows: Sequence[DeclarativeBase], writes: Sequence[Write]) -> Iterator[Statement]:
    """That insert the rows, in their order where one needs another, and do the other writes."""
    waiting: list[Write] = []
    tables: set[FromClause] = set()
    for row in rows:
        shape = _shape(type(row))
        if shape.refers_to & tables or len(waiting) == _AT_ONCE:
            yield _together(waiting)
            waiting, tables = [], set()
        waiting.append(shape.insert(row))
        tables.add(shape.table)
    if waiting or writes:
        yield _together([*waiting, *writes])


def _together(writes: Sequence[Write]) -> Statement:
    text = _statement(tuple((each.name, each.sql, len(each.values)) for each in writes))
    return text, [value for each in writes for value in each.values]


@lru_cache(maxsize=256)
def _statement(parts: tuple[tuple[str | None, str, int], ...]) -> str:
    """One statement of several; the values of each are numbered on from those before."""
    shifted, before = [], 0
    for place, (name, sql, count) in enumerate(parts):
        text = _PLACE.sub(lambda found, by=before: f"${int(found[1]) + by}", sql)  # type: ignore[misc]  # a lambda's default
        shifted.append(f"{name or f'part_{place}'} as ({text})")
        before += count
    return f"with {', '.join(shifted)} select"


class NewRow:
    """A base of mapped rows that are made as plain objects: a new row has no history to keep."""

    def __init__(self, **members: Any) -> None:
        known = _names(type(self))  # type: ignore[arg-type]  # a class is hashable
        if not members.keys() <= known:
            wrong = ", ".join(sorted(members.keys() - known))
            raise TypeError(f"{type(self).__name__} has no {wrong}")
        self.__dict__.update(members)


@cache
def _names(kind: type[Any]) -> frozenset[str]:
    return frozenset(inspect(kind).attrs.keys())


@dataclass(frozen=True, slots=True)
class _Shape:
    """How rows of one mapped class are inserted without a unit of work."""

    table: FromClause
    sql: str
    members: tuple[str, ...]  # the attribute of each value
    json_at: tuple[int, ...]  # which of them are written as JSON
    refers_to: frozenset[FromClause]

    def insert(self, row: DeclarativeBase) -> Write:
        values = list(map(row.__dict__.get, self.members))
        for place in self.json_at:
            if values[place] is not None:
                values[place] = orjson.dumps(values[place]).decode()
        return Write(self.sql, values)


@cache
def _shape(kind: type[DeclarativeBase]) -> _Shape:
    mapper = inspect(kind)
    members = [
        (attribute.key, attribute.columns[0])
        for attribute in mapper.column_attrs
        if attribute.columns[0].identity is None
    ]
    names = ", ".join(column.name for _, column in members)
    places = ", ".join(f"${number}" for number in range(1, len(members) + 1))
    return _Shape(
        table=mapper.local_table,
        sql=f"insert into {mapper.local_table} ({names}) values ({places})",  # noqa: S608 our own names
        members=tuple(key for key, _ in members),
        json_at=tuple(
            place for place, (_, column) in enumerate(members) if isinstance(column.type, JSONB)
        ),
        refers_to=frozenset(
            key.column.table for _, column in members for key in column.foreign_keys
        ),
    )

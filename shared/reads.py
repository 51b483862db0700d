"""Reads that are asked often: a Core statement compiled once, then run prepared on asyncpg.

Building and compiling a statement costs many times what Postgres needs for a page. What differs
from call to call is named by `bindparam` and given with each call, so a compiled read holds
nothing of whoever asked first.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Integer, Select, bindparam, literal_column, tuple_
from sqlalchemy.dialects.postgresql.asyncpg import dialect

from shared.http.pagination import PageRequest

_DIALECT: Final = dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy ships it untyped
ASK: Final = "ask"  # tells the rows of one ask from those of others in the same round trip


@dataclass(frozen=True, slots=True)
class Read:
    """Its text, the names of its values by place, and those that its shape has fixed.

    `guarded` by row-level security it needs a transaction with the settings of a scope.
    """

    sql: str
    names: Sequence[str]
    fixed: Mapping[str, Any]
    guarded: bool

    def values(self, given: Mapping[str, Any], *, ask: int = 0) -> list[Any]:
        """In the order of the text; raises KeyError for one that was not given."""
        known = {**self.fixed, **given, ASK: ask}
        return [known[name] for name in self.names]


def compiled(statement: Select[Any], *, guarded: bool) -> Read:
    """The statement as text; each row also carries the number of its ask."""
    made = statement.add_columns(bindparam(ASK, type_=Integer).label(ASK)).compile(dialect=_DIALECT)
    if "POSTCOMPILE" in str(made):
        raise TypeError("an IN list changes the text with each call: compare with = ANY")
    names = tuple(made.positiontup or ())
    fixed = {name: made.params[name] for name in names if not made.binds[name].required}
    return Read(str(made), names, fixed, guarded)


def page_of(
    statement: Select[Any],
    *,
    columns: Sequence[ColumnElement[Any]],
    continued: bool,
    limit: int,
) -> Select[Any]:
    """What `keyset` makes of a statement, for one that is compiled: `place` gives its values.

    `limit` stands in the text, where the planner sees how few rows are wanted.
    """
    if continued:
        places = (bindparam(_name(n), type_=each.type) for n, each in enumerate(columns))
        statement = statement.where(tuple_(*columns) > tuple_(*places))
    return statement.order_by(*columns).limit(literal_column(str(limit + 1), Integer))


def place(page: PageRequest, *kinds: Any) -> Mapping[str, Any]:
    """The place after which a page that is continued begins."""
    return {_name(number): part for number, part in enumerate(page.after(*kinds) or ())}


def _name(number: int) -> str:
    return f"after_{number}"

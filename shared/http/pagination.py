"""Keyset pages with an opaque cursor, and one filter for list and count (API5, C3).

A cursor carries the sort key and id of the last row, and a digest of the filter that it was made
with; another filter or a made-up cursor is refused with `cursor_invalid` (400).
"""

import base64
import binascii
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar
from urllib.parse import urlencode
from uuid import UUID

from fastapi import Depends, Query
from pydantic import BaseModel, Field
from sqlalchemy import Select, SQLColumnExpression, tuple_
from starlette.requests import Request
from starlette.responses import Response

from shared.errors import BadRequest

Item = TypeVar("Item")
Row = TypeVar("Row")
MAX_LIMIT = 100


class CursorInvalid(BadRequest):
    code = "cursor_invalid"


class Page(BaseModel, Generic[Item]):
    """One page; `next_cursor` is null on the last."""

    items: list[Item]
    next_cursor: str | None = Field(default=None, description="opaque; pass it back as ?cursor=")


class Results(Page[Item], Generic[Item]):
    """One page of a search with the number of all matches."""

    total: int = Field(ge=0, examples=[1])


@dataclass(frozen=True, slots=True)
class PageRequest:
    """`limit` rows (1–100, default 20) after `cursor`; `filters` is the rest of the query."""

    limit: int
    cursor: str | None
    filters: str

    def after(self, *kinds: Callable[[str], Any]) -> tuple[Any, ...] | None:
        """The sort key that the cursor holds, each part read by its kind."""
        if self.cursor is None:
            return None
        try:
            padded = self.cursor + "=" * (-len(self.cursor) % 4)
            filters, *parts = json.loads(base64.urlsafe_b64decode(padded.encode("ascii")))
            if filters != self.filters or len(parts) != len(kinds):
                raise CursorInvalid
            return tuple(kind(_storable(part)) for kind, part in zip(kinds, parts, strict=True))
        except (ValueError, TypeError, OverflowError, binascii.Error) as error:
            raise CursorInvalid from error

    def next(self, *parts: object) -> str:
        raw = json.dumps([self.filters, *map(_plain, parts)], ensure_ascii=False)
        return base64.urlsafe_b64encode(raw.encode()).decode().rstrip("=")


def page_request(
    request: Request,
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT, description="每页条数 / rows a page")] = 20,
    cursor: Annotated[
        str | None, Query(max_length=1024, description="上一页的 next_cursor")
    ] = None,
) -> PageRequest:
    rest = sorted(
        (name, value)
        for name, value in request.query_params.multi_items()
        if name not in ("cursor", "limit", "as_of")  # a past page hands out the cursor of its day
    )
    return PageRequest(limit, cursor, hashlib.sha256(urlencode(rest).encode()).hexdigest()[:16])


Paging = Annotated[PageRequest, Depends(page_request)]


def keyset(
    statement: Select[Any],
    page: PageRequest,
    *,
    columns: Sequence[SQLColumnExpression[Any]],
    kinds: Sequence[Callable[[str], Any]],
    descending: bool = False,
) -> Select[Any]:
    """Order by `columns` (the last one unique), start after the cursor, read one row ahead."""
    after = page.after(*kinds)
    if after is not None:
        key = tuple_(*columns)
        statement = statement.where(key < after if descending else key > after)
    order = [column.desc() if descending else column.asc() for column in columns]
    return statement.order_by(*order).limit(page.limit + 1)


def cut(
    rows: Sequence[Row], page: PageRequest, key: Callable[[Row], tuple[object, ...]]
) -> tuple[Sequence[Row], str | None]:
    """The rows of this page and the cursor of the next."""
    if len(rows) <= page.limit:
        return rows, None
    shown = rows[: page.limit]
    return shown, page.next(*key(shown[-1]))


def link_next(request: Request, response: Response, cursor: str | None) -> None:
    """`Link: <…>; rel="next"` (RFC 8288) beside the body's `next_cursor`."""
    if cursor is not None:
        given = request.query_params.multi_items()
        query = urlencode([*(each for each in given if each[0] != "cursor"), ("cursor", cursor)])
        response.headers["Link"] = f'<{request.scope["path"]}?{query}>; rel="next"'


def _storable(part: object) -> Any:
    """What Postgres can compare with: a made-up cursor must not become a fault of ours."""
    number = isinstance(part, int) and not isinstance(part, bool) and abs(part) < 2**63
    if not number and not (isinstance(part, str) and "\0" not in part and part.isprintable()):
        raise ValueError("not a part of a cursor")
    return part


def _plain(part: object) -> str | int:
    if isinstance(part, datetime):
        return part.isoformat()
    if isinstance(part, UUID):
        return str(part)
    if isinstance(part, int):
        return part
    return str(part)

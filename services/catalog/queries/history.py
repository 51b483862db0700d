"""What callers saw at an instant, byte for byte, and what caused each difference (C4).

An instant belongs to the change that was decided at it: a change is seen from the start of its own
transaction, which is some milliseconds before it commits.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import ColumnElement, DateTime, Select, and_, bindparam, func, or_, select, text
from sqlalchemy.orm import aliased

from services.catalog.errors import InstantAhead
from services.catalog.queries.listings import conditions, document_of, page_of, tier_of
from services.catalog.queries.search_index import Search
from services.catalog.rules.cursors import count, moment
from services.catalog.rules.search_terms import NOTHING, Wanted, wanted
from services.catalog.schemas.history import CauseView, ChangeView
from services.catalog.tables import ListingAppearance as Seen
from shared import reads
from shared.database import Transaction
from shared.http.pagination import PageRequest, cut, keyset
from shared.reads import Read, compiled

_SHOWN: Sequence[ColumnElement[Any]] = (Seen.number.expression, Seen.doc.expression)
_SETTLED = timedelta(minutes=1)  # longer than any transaction may last


class PastTotals:
    """How many listings a search found at an instant: the past stays, so it is counted once.

    Who reads a past page by page asks for the same instant with each page.
    """

    def __init__(self, most: int = 1000) -> None:
        self._most = most
        self._known: dict[tuple[Search, datetime], int] = {}

    async def of(self, tx: Transaction, search: Search, asked: Wanted, as_of: datetime) -> int:
        key = (search, as_of)
        total = self._known.get(key)
        if total is None:
            counted = total_of(found_at(search, asked, as_of))
            total = int(await tx.session.scalar(counted) or 0)
            if as_of < tx.now - _SETTLED:
                if len(self._known) >= self._most:
                    self._known.clear()
                self._known[key] = total
        return total


async def find_as_of(
    tx: Transaction, totals: PastTotals, search: Search, page: PageRequest, *, as_of: datetime
) -> tuple[bytes, str | None]:
    """The page that this search gave at that instant; `instant_ahead` (422) for the future."""
    refuse_ahead(tx, as_of)
    asked = wanted(search.q)
    if search.q and not asked:
        return page_of([], None, 0), None
    if not search.q:
        return await _find_without_text(tx, totals, search, page, as_of=as_of)
    await tx.session.execute(text("set local plan_cache_mode = force_custom_plan"))
    total = await totals.of(tx, search, asked, as_of)
    rows = await tx.session.execute(page_at(found_at(search, asked, as_of), page))
    shown, cursor = cut(rows.all(), page, lambda row: (row.tier, row.number))
    return page_of([row.doc for row in shown], cursor, total), cursor


async def _find_without_text(
    tx: Transaction, totals: PastTotals, search: Search, page: PageRequest, *, as_of: datetime
) -> tuple[bytes, str | None]:
    """The same where no title can come first: in the order of numbers, by a ready statement."""
    total = await totals.of(tx, search, NOTHING, as_of)
    after = page.after(count, count)
    read = numbered_at(search, continued=after is not None, limit=page.limit)
    rows = await tx.rows(read, at=as_of, after_0=after[1] if after else None)
    shown, cursor = cut(rows, page, lambda row: (0, row["number"]))
    return page_of([row["doc"] for row in shown], cursor, total), cursor


@lru_cache(maxsize=512)
def numbered_at(search: Search, *, continued: bool, limit: int) -> Read:
    """A page of the appearances at the instant `at`, in the order of their numbers."""
    at = bindparam("at", type_=DateTime(timezone=True))
    found = _seen_at(at), conditions(Seen, search, NOTHING)
    page = reads.page_of(
        select(*_SHOWN).where(*found), columns=_SHOWN[:1], continued=continued, limit=limit
    )
    return compiled(page, guarded=False)


def found_at(search: Search, asked: Wanted, as_of: datetime) -> Any:
    """The appearances that a search found at an instant, by their keys."""
    return (
        select(tier_of(Seen, asked), Seen.number, Seen.listing_id, Seen.epoch)
        .where(_seen_at(as_of), conditions(Seen, search, asked))
        .subquery("found")
    )


def total_of(found: Any) -> Select[Any]:
    return select(func.count()).select_from(found)


def page_at(found: Any, page: PageRequest) -> Select[Any]:
    """One page of them with their documents, which only the rows of the page are read for."""
    keys = keyset(
        select(found), page, columns=[found.c.tier, found.c.number], kinds=[count, count]
    ).subquery("keys")
    documents: Select[Any] = (
        select(keys.c.tier, keys.c.number, Seen.doc)
        .join(Seen, and_(Seen.listing_id == keys.c.listing_id, Seen.epoch == keys.c.epoch))
        .order_by(keys.c.tier, keys.c.number)
    )
    return documents


async def get_as_of(tx: Transaction, listing_id: UUID, *, as_of: datetime) -> str:
    """The document that the public saw at that instant; refused as it was refused then."""
    refuse_ahead(tx, as_of)
    row = (
        await tx.session.execute(
            select(Seen.state, Seen.doc)
            .where(Seen.listing_id == listing_id, _seen_at(as_of))
            .order_by(Seen.epoch.desc())
            .limit(1)
        )
    ).one_or_none()
    return document_of(row, listing_id)


async def list_changes(
    tx: Transaction,
    page: PageRequest,
    *,
    after: datetime,
    until: datetime,
    listing: UUID | None,
    organisation: str,
) -> tuple[list[ChangeView], str | None]:
    """Every change of what the public saw in (after, until], in the order that it happened."""
    rows = await tx.session.execute(
        changes_between(page, after=after, until=until, listing=listing, organisation=organisation)
    )
    shown, cursor = cut(rows.all(), page, lambda row: (row.Seen.seen_from, row.Seen.epoch))
    return [_change(row.Seen, row) for row in shown], cursor


def changes_between(
    page: PageRequest,
    *,
    after: datetime,
    until: datetime,
    listing: UUID | None = None,
    organisation: str = "",
) -> Select[Any]:
    """Each appearance that began then, beside the one before it."""
    seen, earlier = aliased(Seen, name="Seen"), aliased(Seen, name="earlier")
    before = (
        select(earlier.state.label("state_before"), earlier.doc.label("doc_before"))
        .where(earlier.listing_id == seen.listing_id, earlier.epoch < seen.epoch)
        .order_by(earlier.epoch.desc())
        .limit(1)
        .lateral("before")
    )
    statement: Select[Any] = (
        select(seen, before.c.state_before, before.c.doc_before)
        .outerjoin(before, _ALWAYS)
        .where(seen.seen_from > after, seen.seen_from <= until)
    )
    if listing is not None:
        statement = statement.where(seen.listing_id == listing)
    if organisation:
        statement = statement.where(seen.organisation_id == organisation)
    return keyset(statement, page, columns=[seen.seen_from, seen.epoch], kinds=[moment, count])


_ALWAYS = text("true")


def refuse_ahead(tx: Transaction, instant: datetime) -> None:
    """Nobody has seen what is to come."""
    if instant > tx.now:
        raise InstantAhead(instant=instant.isoformat())


def _seen_at(instant: datetime | ColumnElement[datetime]) -> ColumnElement[bool]:
    return and_(Seen.seen_from <= instant, or_(Seen.seen_to.is_(None), Seen.seen_to > instant))


def _change(seen: Seen, row: Any) -> ChangeView:
    return ChangeView(
        listing_id=seen.listing_id,
        at=seen.seen_from,
        epoch=seen.epoch,
        version=seen.version,
        state_before=row.state_before,
        state=seen.state,
        cause=CauseView(kind=seen.cause, id=seen.cause_id),
        changed=_changed(row.doc_before, seen.doc, state=row.state_before != seen.state),
    )


def _changed(before: str | None, after: str | None, *, state: bool) -> Sequence[str]:
    """The members of the public document that differ; of a new one none is named."""
    old: dict[str, Any] = orjson.loads(before or "{}")
    new: dict[str, Any] = orjson.loads(after or "{}")
    names = {name for name in old if old[name] != new.get(name)}
    return sorted(names | ({"state"} if state and old else set()))

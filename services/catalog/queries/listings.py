"""Listings as the public finds them, and their versions and filings as officers see them.

A search asks the index of this process, then fetches the documents together with the epoch that
they were read at: another replica's change in between is seen at once and the search repeated.
"""

import asyncio
import re
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Integer,
    Text,
    and_,
    any_,
    case,
    func,
    literal,
    or_,
    select,
    text,
)

from services.catalog.errors import ListingArchived, ListingNotFound
from services.catalog.queries.search_index import Entry, Place, Search, SearchIndex
from services.catalog.rules.cursors import count
from services.catalog.rules.listings import PUBLIC, FilingProgress, ListingState
from services.catalog.rules.search_terms import PAIR, Wanted, wanted
from services.catalog.schemas.listings import PendingView, VersionView
from services.catalog.tables import Listing, ListingAppearance, ListingFiling, ListingVersion
from shared.database import Database, Transaction
from shared.http.pagination import PageRequest, cut, keyset
from shared.security.identity import PROVINCE_REGION, scope_prefix, system
from shared.security.masking import mask_phone
from shared.security.scope import visible

_LOAD = 1000
_FAR_BEHIND = 200
_TRIES = 3
_AGAIN_SECONDS = 1.0
_PHONES = re.compile(r"(?<![0-9])(?:1[3-9][0-9]{9}|0[0-9]{2,3}-?[0-9]{7,8})(?![0-9])")
_PENDING = (FilingProgress.SUBMITTED, FilingProgress.RETURNED, FilingProgress.REFUSED)

_DOCUMENTS = (
    "select epoch, array(select doc from unnest($1::uuid[]) with ordinality as wanted(id, place)"
    " join listings using (id) order by place) as docs from search_epoch"
)
_CHANGES = (
    "select id, number, epoch, state, region, organisation_id, item_type, item_code, kind,"
    " audiences, channels, title_text, search_text from listings"
)


async def keep_index(database: Database, index: SearchIndex, log: Any) -> None:
    """Fill the index, trying until Postgres answers; from then on searches keep it fresh."""
    while not index.loaded:
        try:
            await load_index(database, index)
        except Exception as error:  # noqa: BLE001 searches use Postgres until it succeeds
            log.warning("index not read yet", error_type=type(error).__name__)
            await asyncio.sleep(_AGAIN_SECONDS)


async def load_index(database: Database, index: SearchIndex) -> None:
    """Read every public listing into an empty index, a part at a time."""
    async with database.transaction(system("catalog")) as tx:
        raw = await tx.raw()
        epoch = await raw.fetchval("select epoch from search_epoch")
        last = 0
        while True:
            rows = await raw.fetch(
                f"{_CHANGES} where number > $1 order by number limit $2", last, _LOAD
            )
            index.apply([_entry(row) for row in rows], epoch=index.epoch)
            if len(rows) < _LOAD:
                break
            last = rows[-1]["number"]
    index.apply([], epoch=epoch)


async def find_listings(
    tx: Transaction, index: SearchIndex, search: Search, page: PageRequest
) -> tuple[bytes, str | None]:
    """One page as JSON with `items`, `next_cursor` and `total`, and the next cursor."""
    after = page.after(count, count)
    raw: Any = await tx.raw()
    for _ in range(_TRIES):
        if not index.loaded:
            break
        seen = index.epoch
        matches = index.find(search, after=_place(after), limit=page.limit + 1)
        ids = matches.ids[: page.limit]
        row = await raw.fetchrow(_DOCUMENTS, ids)
        if row["epoch"] == seen:
            more = len(matches.ids) > page.limit
            cursor = page.next(*matches.places[page.limit - 1]) if more else None
            return page_of(row["docs"], cursor, matches.total), cursor
        if row["epoch"] - index.epoch > _FAR_BEHIND:
            break
        if row["epoch"] > index.epoch:
            await _refresh(tx, index)
    return await find_in_postgres(tx, search, page)


async def find_in_postgres(
    tx: Transaction, search: Search, page: PageRequest
) -> tuple[bytes, str | None]:
    """The same answer from Postgres alone, while the index is being read; its oracle in tests."""
    asked = wanted(search.q)
    if search.q and not asked:
        return page_of([], None, 0), None
    await tx.session.execute(text("set local plan_cache_mode = force_custom_plan"))
    found = (
        select(tier_of(Listing, asked), Listing.number, Listing.doc)
        .where(conditions(Listing, search, asked))
        .subquery("found")
    )
    total = await tx.session.scalar(select(func.count()).select_from(found))
    rows = await tx.session.execute(
        keyset(
            select(found.c.tier, found.c.number, found.c.doc),
            page,
            columns=[found.c.tier, found.c.number],
            kinds=[count, count],
        )
    )
    shown, cursor = cut(rows.all(), page, lambda row: (row.tier, row.number))
    return page_of([row.doc for row in shown], cursor, total or 0), cursor


Searched = type[Listing] | type[ListingAppearance]


def tier_of(table: Searched, asked: Wanted) -> ColumnElement[int]:
    """0 where the title matches, else 1."""
    tier: ColumnElement[int] = (
        case((and_(*_text_conditions(table.title_text, asked)), 0), else_=1)
        if asked
        else literal(0, Integer)
    )
    return tier.label("tier")


def conditions(table: Searched, search: Search, asked: Wanted) -> ColumnElement[bool]:
    """What a search asks for, of listings as they are or as they were."""
    states = [state for state in search.states if state in PUBLIC]
    found: list[ColumnElement[bool]] = [
        table.number.is_not(None),
        table.state == any_(literal(states, ARRAY(Text))),
    ]
    if search.region:
        below = table.region.startswith(scope_prefix(search.region), autoescape=True)
        province = table.region == PROVINCE_REGION
        found.append(or_(below, province) if search.include_provincial else below)
    for column, value in (
        (table.organisation_id, search.organisation),
        (table.item_type, search.item_type),
        (table.item_code, search.item),
        (table.kind, search.kind),
    ):
        if value:
            found.append(column == value)
    if search.audience:
        found.append(table.audiences.contains([search.audience]))
    if search.channel:
        found.append(table.channels.contains([search.channel]))
    pieces = [
        run[place : place + PAIR] for run in asked.runs for place in range(max(len(run) - 1, 1))
    ]
    if pieces:
        found.append(table.terms.contains(pieces))
    return and_(*found, *_text_conditions(table.search_text, asked))


def _text_conditions(column: Any, asked: Wanted) -> list[ColumnElement[bool]]:
    return [
        *(column.contains(run, autoescape=True) for run in asked.runs),
        *(column.op("~")(f"(^|[^a-z0-9]){word}") for word in asked.words),
    ]


async def _refresh(tx: Transaction, index: SearchIndex) -> None:
    """Enter what changed since; epoch and rows are of one snapshot."""
    raw = await tx.raw()
    rows = await raw.fetch(
        f"with changes as ({_CHANGES} where epoch > $1 and number is not null)"  # noqa: S608 a constant
        " select e.epoch as now_epoch, c.* from search_epoch e left join changes c on true",
        index.epoch,
    )
    index.apply([_entry(row) for row in rows if row["id"] is not None], epoch=rows[0]["now_epoch"])


def _entry(row: Any) -> Entry:
    return Entry(
        id=UUID(int=row["id"].int),
        number=row["number"],
        epoch=row["epoch"],
        state=row["state"],
        region=row["region"],
        organisation=row["organisation_id"],
        item_type=row["item_type"],
        item=row["item_code"],
        kind=row["kind"],
        audiences=tuple(row["audiences"]),
        channels=tuple(row["channels"]),
        title_text=row["title_text"],
        search_text=row["search_text"],
    )


def _place(after: tuple[Any, ...] | None) -> Place | None:
    return None if after is None else (after[0], after[1])


def page_of(docs: list[str], cursor: str | None, total: int) -> bytes:
    """The body of a page: documents as they are kept, the cursor, the number of all."""
    tail = orjson.dumps({"next_cursor": cursor, "total": total})
    return b'{"items":[' + ",".join(docs).encode() + b"]," + tail[1:]


async def get_listing(tx: Transaction, listing_id: UUID) -> str:
    """The public document; `listing_not_found` (404), `listing_archived` (410)."""
    row = (
        await tx.session.execute(select(Listing.state, Listing.doc).where(Listing.id == listing_id))
    ).one_or_none()
    return document_of(row, listing_id)


def document_of(row: Any, listing_id: UUID) -> str:
    """What the public sees of a listing in this state, or why it does not."""
    if row is not None and row.state == ListingState.ARCHIVED:
        raise ListingArchived(id=listing_id)
    if row is None or row.doc is None or row.state not in PUBLIC:
        raise ListingNotFound(id=listing_id)
    doc: str = row.doc
    return doc


async def list_versions(
    tx: Transaction, listing_id: UUID, page: PageRequest
) -> tuple[list[VersionView], str | None]:
    """Every version of a listing that the actor's unit or region owns."""
    seen = await tx.session.scalar(
        select(Listing.id).where(
            Listing.id == listing_id,
            visible(tx.actor, region=Listing.region, organisation=Listing.organisation_id),
        )
    )
    if seen is None:
        raise ListingNotFound(id=listing_id)
    rows = await tx.session.scalars(
        keyset(
            select(ListingVersion).where(ListingVersion.listing_id == listing_id),
            page,
            columns=[ListingVersion.version],
            kinds=[count],
        )
    )
    shown, cursor = cut(rows.all(), page, lambda row: (row.version,))
    return [_version_view(row) for row in shown], cursor


def _version_view(version: ListingVersion) -> VersionView:
    contact = str(version.content.get("operations_contact", ""))
    view = VersionView.model_validate(version)
    view.content = {
        **version.content,
        "operations_contact": _PHONES.sub(lambda found: mask_phone(found[0]), contact),
    }
    return view


async def list_pending(
    tx: Transaction, page: PageRequest, *, organisation: str = ""
) -> tuple[list[PendingView], str | None]:
    """Filings about listings that are under way, among what the actor may see."""
    statement: Any = (
        select(ListingFiling, Listing.state)
        .outerjoin(Listing, Listing.id == ListingFiling.listing_id)
        .where(
            ListingFiling.state.in_(_PENDING),
            visible(
                tx.actor,
                region=ListingFiling.region,
                organisation=ListingFiling.organisation_id,
                named=ListingFiling.department == tx.actor.organisation,
            ),
        )
    )
    if organisation:
        statement = statement.where(ListingFiling.organisation_id == organisation)
    rows = await tx.session.execute(
        keyset(statement, page, columns=[ListingFiling.filing_id], kinds=[UUID])
    )
    shown, cursor = cut(rows.all(), page, lambda row: (row[0].filing_id,))
    views = []
    for filing, state in shown:
        fields = {
            name: getattr(filing, name)
            for name in PendingView.model_fields
            if hasattr(filing, name)
        }
        views.append(PendingView(**fields, listing_state=state or ListingState.DRAFT))
    return views, cursor

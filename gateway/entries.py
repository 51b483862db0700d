"""Where a listing's entry is and whether it is open: written by events, kept in memory (G6, C8)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from gateway.errors import EntryDelisted, EntrySuspended, EntryUnknown
from gateway.tables import ENTRY_REVISIONS, EntryPoint
from shared.database import Database, Transaction
from shared.security.identity import system

LISTED: Final = "LISTED"
SUSPENDED: Final = "SUSPENDED"
DELISTED: Final = "DELISTED"
_OVERLAP: Final = 512


async def open_entry(tx: Transaction, listing_id: str, *, entry_url: str, at: datetime) -> None:
    await _write(tx, listing_id, at=at, state=LISTED, entry_url=entry_url, notice_id=None)


async def close_entry(
    tx: Transaction, listing_id: str, *, state: str, notice_id: str | None, at: datetime
) -> None:
    """Close at once; a notice that is already known stays."""
    known = {} if notice_id is None else {"notice_id": notice_id}
    await _write(tx, listing_id, at=at, state=state, **known)


async def name_notice(tx: Transaction, listing_id: str, *, notice_id: str, at: datetime) -> None:
    """Tell callers of a closed entry which notice explains it."""
    row = await tx.session.get(EntryPoint, listing_id, with_for_update=True)
    if row is not None and row.state != LISTED:
        await _write(tx, listing_id, at=at, notice_id=notice_id)


async def _write(tx: Transaction, listing_id: str, *, at: datetime, **values: str | None) -> None:
    """Write what is newer: catalog and filing tell of one listing, each in its own order."""
    changed = {**values, "changed_at": at, "revision": ENTRY_REVISIONS.next_value()}
    fresh = {"state": DELISTED, "entry_url": "", "notice_id": None, **changed}
    await tx.session.execute(
        insert(EntryPoint)
        .values(listing_id=listing_id, **fresh)
        .on_conflict_do_update(
            index_elements=[EntryPoint.listing_id],
            set_=changed,
            where=EntryPoint.changed_at <= at,
        )
    )


@dataclass(frozen=True, slots=True)
class Entry:
    state: str
    url: str
    notice_id: str | None


class Entries:
    """This process's copy, refreshed twice a second; it stays when the database is away."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._entries: dict[str, Entry] = {}
        self._seen = 0

    async def refresh(self) -> None:
        """Read what changed; a little further back, since revisions may commit out of order."""
        async with self._database.transaction(system("gateway")) as tx:
            rows = await tx.session.execute(
                select(
                    EntryPoint.listing_id,
                    EntryPoint.state,
                    EntryPoint.entry_url,
                    EntryPoint.notice_id,
                    EntryPoint.revision,
                ).where(EntryPoint.revision > self._seen - _OVERLAP)
            )
            for row in rows:
                self._entries[row.listing_id] = Entry(row.state, row.entry_url, row.notice_id)
                self._seen = max(self._seen, row.revision)

    def find(self, listing_id: str) -> Entry:
        """The open entry; 404 unknown, 503 suspended, 410 delisted, each with its notice."""
        entry = self._entries.get(listing_id)
        if entry is None:
            raise EntryUnknown(listing_id=listing_id)
        if entry.state == SUSPENDED:
            raise EntrySuspended(notice_id=entry.notice_id or "", clause="A11.6", retry_after=300)
        if entry.state == DELISTED:
            raise EntryDelisted(notice_id=entry.notice_id or "", clause="A11.6")
        return entry

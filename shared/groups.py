"""Group commit, and reads in groups: one transaction, or round trip, for all who wait for it.

A transaction that has only added rows, and told nothing, needs no connection of its own. It is
committed with the others of the same scope, by its own statements, under that scope's row-level
security (ADR 0018).
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final, TypeAlias

import asyncpg
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.connections import Driver, Work, borrowed
from shared.reads import ASK, Read
from shared.together import Together
from shared.writes import Statement

_READS_AT_ONCE: Final = 1
_PAGES_AT_ONCE: Final = 2
_COMMITS_AT_ONCE: Final = 2  # so that one group is written while another waits for the disk

Scope: TypeAlias = tuple[tuple[str, str], ...]
_NO_SCOPE: Final[Scope] = ()
_Added: TypeAlias = Sequence[Statement]
_Asked: TypeAlias = tuple[Read, Mapping[str, Any]]
_Rows: TypeAlias = list[asyncpg.Record]


class Groups:
    """The groups of one engine; Postgres is reached through its pool."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._reads: dict[str, Together[Sequence[Any], asyncpg.Record]] = {}
        self._pages: dict[Scope, Together[_Asked, _Rows]] = {}
        self._commits: dict[Scope, Together[_Added, None]] = {}

    async def read(self, sql: str, values: Sequence[Any]) -> asyncpg.Record:
        """The one row of this read; it begins after this call, in no scope."""
        if sql not in self._reads:
            self._reads[sql] = Together(partial(self._fetch, sql), at_once=_READS_AT_ONCE)
        return await self._reads[sql].ask(values)

    async def rows(
        self, settings: Mapping[str, str], read: Read, given: Mapping[str, Any]
    ) -> _Rows:
        """The rows of this read as this scope sees them; it begins after this call."""
        scope = tuple(settings.items()) if read.guarded else _NO_SCOPE
        if scope not in self._pages:
            self._pages[scope] = Together(partial(self._page, scope), at_once=_PAGES_AT_ONCE)
        return await self._pages[scope].ask((read, given))

    async def write(self, settings: Mapping[str, str], added: Sequence[Statement]) -> None:
        """Commit these statements; a refusal by Postgres is raised to this caller alone."""
        scope = tuple(settings.items())
        if scope not in self._commits:
            self._commits[scope] = Together(partial(self._commit, scope), at_once=_COMMITS_AT_ONCE)
        await self._commits[scope].ask(added)

    async def finish(self) -> None:
        """Wait for what is under way."""
        for reads in self._reads.values():
            await reads.finish()
        for pages in self._pages.values():
            await pages.finish()
        for commits in self._commits.values():
            await commits.finish()

    async def _fetch(self, sql: str, asks: Sequence[Sequence[Any]]) -> Sequence[asyncpg.Record]:
        async with borrowed(self._engine) as driver:
            return await driver.fetchmany(sql, asks)

    async def _page(self, scope: Scope, asks: Sequence[_Asked]) -> Sequence[_Rows]:
        if scope is _NO_SCOPE:
            async with borrowed(self._engine) as driver:
                return await _rows_of(driver, asks)
        work = Work(self._engine, **dict(scope))
        try:
            found = await _rows_of(await work.begin(), asks)
            await work.commit()
        except BaseException:
            await work.abandon()
            raise
        await work.close()
        return found

    async def _commit(self, scope: Scope, members: Sequence[_Added]) -> Sequence[None]:
        alike: defaultdict[tuple[str, ...], list[_Added]] = defaultdict(list)
        for added in members:
            alike[tuple(text for text, _ in added)].append(added)
        work = Work(self._engine, **dict(scope))
        try:
            driver = await work.begin()
            for texts, of_these in alike.items():
                for place, text in enumerate(texts):
                    await driver.executemany(text, [added[place][1] for added in of_these])
            await work.commit()
        except BaseException:
            await work.abandon()
            raise
        await work.close()
        return [None] * len(members)


async def _rows_of(driver: Driver, asks: Sequence[_Asked]) -> Sequence[_Rows]:
    alike: defaultdict[str, list[Sequence[Any]]] = defaultdict(list)
    for place, (read, given) in enumerate(asks):
        alike[read.sql].append(read.values(given, ask=place))
    found: list[_Rows] = [[] for _ in asks]
    for sql, values in alike.items():
        for row in await driver.fetchmany(sql, values):
            found[row[ASK]].append(row)
    return found

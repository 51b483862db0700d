"""Group commit, and reads in groups: one round trip and one fsync for all who wait for them.

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

from shared.connections import Work, borrowed
from shared.together import Together
from shared.writes import Statement

_READS_AT_ONCE: Final = 1
_COMMITS_AT_ONCE: Final = 2  # so that one group is written while another waits for the disk

Scope: TypeAlias = tuple[tuple[str, str], ...]
_Added: TypeAlias = Sequence[Statement]


class Groups:
    """The groups of one engine; Postgres is reached through its pool."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._reads: dict[str, Together[Sequence[Any], asyncpg.Record]] = {}
        self._commits: dict[Scope, Together[_Added, None]] = {}

    async def read(self, sql: str, values: Sequence[Any]) -> asyncpg.Record:
        """The one row of this read; it begins after this call, in no scope."""
        if sql not in self._reads:
            self._reads[sql] = Together(partial(self._fetch, sql), at_once=_READS_AT_ONCE)
        return await self._reads[sql].ask(values)

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
        for commits in self._commits.values():
            await commits.finish()

    async def _fetch(self, sql: str, asks: Sequence[Sequence[Any]]) -> Sequence[asyncpg.Record]:
        async with borrowed(self._engine) as driver:
            return await driver.fetchmany(sql, asks)

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

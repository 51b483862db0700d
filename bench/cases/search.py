"""Chinese search over fifty thousand listings: the index in memory, Postgres, pg_trgm."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter
from typing import Any, TypeVar
from uuid import UUID

import asyncpg
import orjson

from bench.cases import Case
from bench.harness import OTHERS, Row, Sample, Variant, check, on_cores, quantile, watched
from bench.seed import LISTINGS, seed_listings
from bench.stage import Stage
from services.catalog.queries.listings import find_in_postgres, load_index
from services.catalog.queries.search_index import Search, SearchIndex
from shared.clock import SystemClock
from shared.database import Database
from shared.http.pagination import PageRequest
from shared.security.identity import system

SHOWN = 20
PAIRS = "社保 医保 养老 户口 驾驶 登记 查询 证明 婚姻 生育 公积 企业 残疾 车辆 预约 南昌".split()  # noqa: SIM905 a list of Chinese words reads better so
LONGER = ("公积金", "身份证", "不动产", "营业执照", "社会保险")
PAGE = PageRequest(limit=SHOWN, cursor=None, filters="")

# The same rows and the same two answers from an index that knows no Chinese words: how many match,
# and the first by rank. Postgres may use it or not, as it sees fit.
_TRGM = """
    create table bench.trgm as table catalog.listings;
    create index on bench.trgm using gin (search_text extensions.gin_trgm_ops);
    analyze bench.trgm;
"""
_TRGM_COUNT = "select count(*) from bench.trgm where state = 'LISTED' and search_text like $1"
_TRGM_FIRST = """
    select id from bench.trgm where state = 'LISTED' and search_text like $1
    order by (case when title_text like $1 then 0 else 1 end), number limit $2
"""

T = TypeVar("T")
_TEXTS = "select id, number, title_text, search_text from catalog.listings order by number"

Answer = tuple[int, list[UUID]]
Find = Callable[[str], Awaitable[Answer]]


@dataclass
class _Library:
    """What every listing says, to look up the truth."""

    rows: Sequence[Any]

    def answer(self, query: str) -> Answer:
        found = [row for row in self.rows if query in row["search_text"]]
        found.sort(key=lambda row: (query not in row["title_text"], row["number"]))
        return len(found), [UUID(int=row["id"].int) for row in found[:SHOWN]]


@contextmanager
def _searching(stage: Stage) -> Iterator[Mapping[str, Variant]]:
    seed_listings(stage)
    stage.sql(_TRGM)
    library = _Library(
        stage.sql(
            "select id, number, title_text, search_text from catalog.listings order by number"
        )
    )
    truth = {query: library.answer(query) for query in (*PAIRS, *LONGER)}
    check(all(total for total, _ in truth.values()), "a query of this case finds nothing")
    index = SearchIndex()
    asyncio.run(_with_database(stage, lambda database: load_index(database, index)))
    check(len(index) == LISTINGS, f"the index holds {len(index)} of {LISTINGS}")
    with on_cores(OTHERS):  # beside Postgres: the wall is the sum of both, wherever they run
        yield {
            "memory": lambda: asyncio.run(_timed(_in_memory(index), truth, PAIRS, times=20)),
            "memory_longer": lambda: asyncio.run(
                _timed(_in_memory(index), truth, LONGER, times=20)
            ),
            "pairs": lambda: _in_postgres(stage, truth, PAIRS),
            "pairs_longer": lambda: _in_postgres(stage, truth, LONGER),
            "trgm": lambda: asyncio.run(_by_trgm(stage, truth, PAIRS)),
            "trgm_longer": lambda: asyncio.run(_by_trgm(stage, truth, LONGER)),
        }


async def _timed(
    find: Find, truth: Mapping[str, Answer], queries: Sequence[str], *, times: int
) -> Sample:
    """The median over the queries of each one's fastest time; each answer must be the truth."""
    fastest = []
    with watched() as used:
        for query in queries:
            seconds = []
            for _ in range(times):
                begun = perf_counter()
                answer = await find(query)
                seconds.append(perf_counter() - begun)
                check(answer == truth[query], f"{query}: {answer[0]} found, {truth[query][0]} are")
            fastest.append(min(seconds))
    return used.sample(len(queries) * times, p50=quantile(sorted(fastest), 0.5))


def _in_memory(index: SearchIndex) -> Find:
    async def find(query: str) -> Answer:
        matches = index.find(Search(q=query), after=None, limit=SHOWN)
        return matches.total, matches.ids

    return find


def _in_postgres(stage: Stage, truth: Mapping[str, Answer], queries: Sequence[str]) -> Sample:
    """The service's own fallback, its two statements and what SQLAlchemy adds."""

    async def run(database: Database) -> Sample:
        async with database.transaction(system("catalog"), whole_province=True) as tx:

            async def find(query: str) -> Answer:
                body, _ = await find_in_postgres(tx, Search(q=query), PAGE)
                page = orjson.loads(body)
                return page["total"], [UUID(item["id"]) for item in page["items"]]

            return await _timed(find, truth, queries, times=2)

    return asyncio.run(_with_database(stage, run))


async def _by_trgm(stage: Stage, truth: Mapping[str, Answer], queries: Sequence[str]) -> Sample:
    connection = await asyncpg.connect(
        stage.dsn, server_settings={"plan_cache_mode": "force_custom_plan"}
    )

    async def find(query: str) -> Answer:
        pattern = f"%{query}%"
        total = await connection.fetchval(_TRGM_COUNT, pattern)
        rows = await connection.fetch(_TRGM_FIRST, pattern, SHOWN)
        return total, [UUID(int=row["id"].int) for row in rows]

    try:
        return await _timed(find, truth, queries, times=2)
    finally:
        await connection.close()


async def _with_database(stage: Stage, work: Callable[[Database], Awaitable[T]]) -> T:
    database = Database(
        stage.servers.database_urls["catalog_app"], schema="catalog", clock=SystemClock()
    )
    try:
        return await work(database)
    finally:
        await database.close()


def _ratios(medians: Mapping[str, Sample]) -> Iterator[Row]:
    p50 = {name: _p50(sample) for name, sample in medians.items()}
    pairs, memory, trgm = p50["pairs"], p50["memory"], p50["trgm"]
    longer = p50["trgm_longer"] / p50["pairs_longer"]
    said = f"{pairs * 1e3:.1f} ms, pg_trgm {trgm * 1e3:.0f} ms; of 3 and more {longer:.1f}x"
    yield Row("search_postgres", trgm / pairs, said, medians["pairs"].foreign, busy=1)
    longer = p50["trgm_longer"] / p50["memory_longer"]
    said = f"{memory * 1e6:.0f} µs; of 3 and more {longer:,.0f}x; first {SHOWN} and total exact"
    yield Row("search_memory", trgm / memory, said, medians["memory"].foreign, busy=1)


def _p50(sample: Sample) -> float:
    assert sample.p50 is not None
    return sample.p50


CASES = (Case("search", _searching, _ratios),)

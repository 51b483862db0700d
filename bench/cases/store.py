"""Results on their way into Postgres: the service's batches beside single inserts."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import asyncpg

from bench.cases import Case
from bench.harness import OTHERS, Row, Sample, Variant, check, on_cores, watched
from bench.stage import Stage
from services.monitoring.commands.results import Result, keep_days, store_results
from services.monitoring.commands.shards import hold_shards
from services.monitoring.rules.hysteresis import Thresholds
from shared.clock import SystemClock
from shared.database import Database
from shared.security.identity import system

BATCH, BATCHES, SINGLE = 500, 20, 2_000
NAME, VANTAGE = "bench", "bench"
_TABLE = """
    create table bench.samples (like monitoring.samples);
    create index on bench.samples (probe_id, at);
"""
_INSERT = """
    insert into bench.samples values
        ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
"""
_THRESHOLDS = Thresholds(failures=3, successes=2, hold=timedelta(minutes=10), vantages=2)


@contextmanager
def _storing(stage: Stage) -> Iterator[Mapping[str, Variant]]:
    stage.sql(_TABLE)
    with on_cores(OTHERS):
        yield {
            "batches": lambda: asyncio.run(_in_batches(stage)),
            "single": lambda: asyncio.run(_one_by_one(stage)),
        }


async def _in_batches(stage: Stage) -> Sample:
    """As the prober stores them: lease, COPY into the day's partition, nothing that turns."""
    url = stage.servers.database_urls["monitoring_app"]
    database = Database(url, schema="monitoring", clock=SystemClock())
    try:
        async with database.transaction(system("monitoring")) as tx:
            held, _ = await hold_shards(tx, NAME, vantage=VANTAGE, lease=60, idle=())
            await keep_days(tx, {tx.now}, oldest=tx.now - timedelta(days=1))
        leases = {each.shard: each for each in held}
        batches = [[_result() for _ in range(BATCH)] for _ in range(BATCHES)]
        with watched(postgres=stage.postgres) as used:
            for results in batches:
                async with database.transaction(system("monitoring")) as tx:
                    await store_results(
                        tx,
                        results,
                        holder=NAME,
                        vantage=VANTAGE,
                        leases=leases,
                        watched={},
                        thresholds=_THRESHOLDS,
                    )
    finally:
        await database.close()
    ids = [each.probe_id for results in batches for each in results]
    stored = await _count(stage, ids)
    check(stored == BATCH * BATCHES, f"{stored} of {BATCH * BATCHES} results were stored")
    return used.sample(BATCH * BATCHES)


async def _one_by_one(stage: Stage) -> Sample:
    """What is written at first: a prepared insert for each, each its own transaction."""
    connection = await asyncpg.connect(stage.dsn)
    try:
        statement = await connection.prepare(_INSERT)
        rows = [_result().row(VANTAGE) for _ in range(SINGLE)]
        with watched(postgres=stage.postgres) as used:
            for row in rows:
                await statement.fetch(*row)
    finally:
        await connection.close()
    return used.sample(SINGLE)


async def _count(stage: Stage, ids: list[UUID]) -> int:
    connection = await asyncpg.connect(stage.dsn)
    try:
        statement = "select count(*) from monitoring.samples where probe_id = any($1)"
        return int(await connection.fetchval(statement, ids))
    finally:
        await connection.close()


def _result() -> Result:
    now = datetime.now(UTC)
    return Result(
        probe_id=uuid4(),
        shard=0,
        version=now,
        at=now,
        ok=True,
        evidence=True,
        reused=False,
        lag=1.0,
        total=20.0,
        phases=(1.0, 2.0, 5.0, 10.0, 2.0),
        status=200,
        error=None,
        failure=None,
    )


def _ratios(medians: Mapping[str, Sample]) -> Iterator[Row]:
    ours, single = medians["batches"], medians["single"]
    ratio = single.cost("postgres") / ours.cost("postgres")
    detail = (
        f"{ours.cost('postgres') * 1e6:.1f} µs, single {single.cost('postgres') * 1e6:.0f} µs;"
        f" {ours.rate:,.0f}/s, single {single.rate:,.0f}/s"
    )
    yield Row("store_row", ratio, detail, ours.foreign)


CASES = (Case("store", _storing, _ratios),)

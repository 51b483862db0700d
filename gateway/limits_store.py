"""The shared half of the limits: one row per key and window, one statement per lease."""

from collections.abc import Callable, Sequence
from typing import Final, Self

import asyncpg
from sqlalchemy import BigInteger, Column, DateTime, Double, MetaData, Table, Text, func

from gateway.limits import ROUNDING
from gateway.limits_lease import Ask, Lease

SCHEMA: Final = "gateway"
KEEP_DAYS: Final = 40  # a month's row outlives its month
_TIDY_EVERY = 3600  # leases

# What is there for everybody; an ask of more than two thirds of it leaves the rest to the others,
# so that the last replica of a round finds something too.
_GRANT = """case
    when excluded.asked <= 0 then excluded.asked
    when f.free < 1 then 0
    else least(excluded.asked, greatest(1, floor(f.free * 2 / 3)))
end"""
_FREE = f"floor((excluded.clock - b.base) / excluded.step + {ROUNDING})"

_LEASE = f"""
insert into {SCHEMA}.rate_leases as lease
    (key, "window", clock, step, tolerance, asked, arrival, granted)
select key, "window", clock, step, tolerance, asked, clock - tolerance + g.granted * step, g.granted
from (
    select key, "window", step, tolerance, asked,
           coalesce(standing, $7, extract(epoch from clock_timestamp()))::float8 as clock
    from unnest($1::text[], $2::text[], $3::bigint[], $4::float8[], $5::float8[], $6::float8[])
         as ask (key, "window", asked, standing, step, tolerance)
) as excluded,
lateral (select clock - tolerance as base) as b,
lateral (select {_FREE} as free) as f,
lateral (select greatest(0, {_GRANT})::bigint as granted) as g
order by key, "window"
on conflict (key, "window") do update
set (clock, step, tolerance, asked, arrival, granted, touched_at) = (
    select excluded.clock, excluded.step, excluded.tolerance, excluded.asked,
           b.base + g.granted * excluded.step, g.granted, now()
    from (select greatest(lease.arrival, excluded.clock - excluded.tolerance) as base) as b,
    lateral (select {_FREE} as free) as f,
    lateral (select ({_GRANT})::bigint as granted) as g
)
returning key, "window", granted,
    greatest(0, floor((clock - arrival) / step + {ROUNDING}))::bigint as remaining
"""  # noqa: S608 only constants of this module

_TIDY = f"delete from {SCHEMA}.rate_leases where touched_at < now() - interval '{KEEP_DAYS} days'"  # noqa: S608 same


def add_lease_table(metadata: MetaData) -> Table:
    """Declare the table in the gateway's schema."""
    return Table(
        "rate_leases",
        metadata,
        Column("key", Text, primary_key=True),
        Column("window", Text, primary_key=True),
        Column("arrival", Double, nullable=False, comment="theoretical arrival time (GCRA)"),
        Column("clock", Double, nullable=False, comment="of the last lease, in the same unit"),
        Column("step", Double, nullable=False),
        Column("tolerance", Double, nullable=False),
        Column("asked", BigInteger, nullable=False),
        Column("granted", BigInteger, nullable=False),
        Column("touched_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
        schema=SCHEMA,
    )


def create_lease_table() -> None:
    """The first migration's part; rows are rewritten every second, so pages keep room for it."""
    from alembic import op  # only a migration needs it

    metadata = MetaData(naming_convention={"pk": "pk_%(table_name)s"})
    add_lease_table(metadata).create(op.get_bind())
    op.execute(f"alter table {SCHEMA}.rate_leases set (fillfactor = 50)")


def drop_lease_table() -> None:
    from alembic import op  # only a migration needs it

    op.drop_table("rate_leases", schema=SCHEMA)


class PostgresLeaseStore:
    """Leases from Postgres; `now` replaces the database's clock in simulations."""

    def __init__(
        self, pool: "asyncpg.Pool[asyncpg.Record]", *, now: Callable[[], float] | None = None
    ) -> None:
        self._pool = pool
        self._now = now
        self._leases = 0

    @classmethod
    async def connect(cls, dsn: str, *, now: Callable[[], float] | None = None) -> Self:
        """One connection of its own: a full pool elsewhere must not stop the limits.

        A lease lost in a crash of Postgres is a second's worth; it need not wait for the disk.
        """
        pool = await asyncpg.create_pool(
            dsn,
            min_size=0,
            max_size=1,
            command_timeout=2,
            timeout=2,
            server_settings={"synchronous_commit": "off", "application_name": "ganfutong-limits"},
        )
        return cls(pool, now=now)

    async def close(self) -> None:
        await self._pool.close()

    async def lease(self, asks: Sequence[Ask]) -> list[Lease]:
        """Grant in one statement; rows are locked in one order, so replicas cannot deadlock."""
        self._leases += 1
        columns = list(zip(*asks, strict=True))
        at = None if self._now is None else self._now()
        async with self._pool.acquire(timeout=2) as connection:
            rows = await connection.fetch(_LEASE, *columns, at)
        if self._leases % _TIDY_EVERY == 0:
            await self.tidy()
        return [Lease(*row) for row in rows]

    async def tidy(self) -> None:
        """Remove what nobody has leased for longer than a month."""
        async with self._pool.acquire(timeout=2) as connection:
            await connection.execute(_TIDY)

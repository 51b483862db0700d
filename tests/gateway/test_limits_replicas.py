"""Three gateways, one limit: leases on a real Postgres under a simulated clock."""

import random
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime

import asyncpg
import pytest

from gateway.limits import Charge, Plan, Window, plan_of
from gateway.limits_lease import INTERVAL, Ask, Lease, LeasedLimiter
from gateway.limits_store import PostgresLeaseStore
from shared.clock import SHANGHAI
from tests.suite import Servers

START = datetime(2026, 3, 10, 9, tzinfo=SHANGHAI).timestamp()
TICK = 0.02


class Province:
    """Three limiters on one store, and a clock that moves in small steps."""

    def __init__(self, store: PostgresLeaseStore, seed: int) -> None:
        self.now = START
        self.away = False
        self.random = random.Random(seed)
        self.store = store
        self.limiters = [LeasedLimiter(self, now=lambda: self.now) for _ in range(3)]
        self._renewed = [START - INTERVAL + replica / 3 for replica in range(3)]
        self._tried = [START] * 3

    async def lease(self, asks: Sequence[Ask]) -> list[Lease]:
        if self.away:
            raise ConnectionRefusedError
        return await self.store.lease(asks)

    async def demand(
        self, charge: Charge, seconds: float, rates: Sequence[float]
    ) -> tuple[int, int]:
        """Poisson-like callers at these rates per replica; (requests, passed)."""
        sent = passed = 0
        end = self.now + seconds
        while self.now < end:
            for replica, rate in enumerate(rates):
                expected = rate * TICK
                count = int(expected) + (self.random.random() < expected % 1)
                sent += count
                for _ in range(count):
                    passed += self.limiters[replica].take([charge]).allowed
            self.now += TICK
            await self._renew()
        return sent, passed

    async def _renew(self) -> None:
        """As `run` does: each second, and after a tenth of one for callers who ran dry."""
        for replica, limiter in enumerate(self.limiters):
            if self.now - self._renewed[replica] >= INTERVAL:
                self._renewed[replica] = self._tried[replica] = self.now
                await limiter.renew()
            elif self.now - self._tried[replica] >= 0.1 and limiter.any_dry:
                self._tried[replica] = self.now
                await limiter.renew(only_dry=True)


@pytest.fixture(scope="module")
def dsn(servers: Servers) -> str:
    return servers.dsn("gateway_app", "gft_template")


@pytest.fixture(params=[1, 2, 3])
async def province(dsn: str, request: pytest.FixtureRequest) -> AsyncIterator[Province]:
    made: list[Province] = []
    store = await PostgresLeaseStore.connect(dsn, now=lambda: made[0].now)
    made.append(Province(store, seed=request.param))
    yield made[0]
    await store.close()


@pytest.fixture
def charge(request: pytest.FixtureRequest) -> Charge:
    plan = plan_of(burst=50, per_minute=6000, per_month=50_000_000)
    return Charge(f"app-{request.node.name}", plan)


Note = Callable[[str, object], None]


@pytest.mark.feature("G2")
@pytest.mark.parametrize("shares", [(1, 1, 1), (7, 2, 1), (1, 0, 0), (0, 5, 5)])
async def test_three_replicas_together_let_pass_the_configured_rate(
    province: Province, charge: Charge, shares: tuple[int, ...], record_testsuite_property: Note
) -> None:
    rates = [300 * share / sum(shares) for share in shares]
    await province.demand(charge, 5, rates)

    _, passed = await province.demand(charge, 60, rates)

    record_testsuite_property("allowed / limit", passed / 6000)
    assert abs(passed / 6000 - 1) <= 0.02


@pytest.mark.feature("G2")
async def test_the_rate_holds_while_the_demand_moves_between_replicas(
    province: Province, charge: Charge, record_testsuite_property: Note
) -> None:
    rates = [(300.0, 0.0, 0.0), (0.0, 300.0, 0.0), (0.0, 0.0, 300.0), (100.0, 100.0, 100.0)]
    await province.demand(charge, 5, rates[-1])

    passed = 0
    for turn in range(12):
        passed += (await province.demand(charge, 5, rates[turn % 4]))[1]

    record_testsuite_property("allowed / limit", passed / 6000)
    assert abs(passed / 6000 - 1) <= 0.02


@pytest.mark.feature("G2")
async def test_a_caller_below_the_limit_is_hardly_ever_refused(
    province: Province, charge: Charge, record_testsuite_property: Note
) -> None:
    await province.demand(charge, 5, (60.0, 20.0, 10.0))

    sent, passed = await province.demand(charge, 60, (60.0, 20.0, 10.0))

    record_testsuite_property("passed / sent at 90 % of the limit", passed / sent)
    assert passed / sent >= 0.98


@pytest.mark.feature("G2")
async def test_a_month_is_used_up_exactly_and_begins_anew(
    province: Province, request: pytest.FixtureRequest, record_testsuite_property: Note
) -> None:
    plan = plan_of(burst=200, per_minute=60_000, per_month=10_000)
    charge = Charge(f"app-{request.node.name}", plan)
    province.now = datetime(2026, 3, 31, 23, 59, tzinfo=SHANGHAI).timestamp() - 1

    _, march = await province.demand(charge, 55, (200.0, 200.0, 100.0))
    verdict = province.limiters[0].take([charge])
    province.now = datetime(2026, 4, 1, tzinfo=SHANGHAI).timestamp()
    _, april = await province.demand(charge, 10, (100.0, 100.0, 100.0))

    record_testsuite_property("allowed / quota of the month", march / 10_000)
    assert 0.98 <= march / 10_000 <= 1.0
    assert not verdict.allowed
    assert verdict.retry_after in (6, 7)
    assert april > 2000


@pytest.mark.feature("G2")
async def test_without_the_store_the_last_leases_live_on_and_never_open_wide(
    province: Province, charge: Charge, record_testsuite_property: Note
) -> None:
    await province.demand(charge, 30, (200.0, 70.0, 30.0))
    province.away = True
    await province.demand(charge, 2, (200.0, 70.0, 30.0))

    _, passed = await province.demand(charge, 30, (200.0, 70.0, 30.0))
    province.away = False
    await province.demand(charge, 3, (200.0, 70.0, 30.0))
    _, again = await province.demand(charge, 30, (200.0, 70.0, 30.0))

    record_testsuite_property("allowed / limit without the store", passed / 3000)
    assert 0.7 <= passed / 3000 <= 1.0
    assert abs(again / 3000 - 1) <= 0.02


@pytest.mark.feature("G2")
async def test_a_caller_first_seen_without_the_store_gets_a_little(
    province: Province, charge: Charge
) -> None:
    province.away = True
    await province.demand(charge, 2, (100.0, 100.0, 100.0))

    _, passed = await province.demand(charge, 10, (100.0, 100.0, 100.0))

    assert 200 <= passed <= 320  # a tenth of 100/s on each of three


async def test_an_idle_caller_hands_everything_back(province: Province, charge: Charge) -> None:
    await province.demand(charge, 3, (30.0, 30.0, 30.0))
    await province.demand(charge, 70, (0.0, 0.0, 0.0))

    [lease] = await province.store.lease(
        [Ask(charge.key, "minute", 0, None, 60 / 6000, 2 * INTERVAL)]
    )

    assert all(not limiter.meters for limiter in province.limiters)
    assert lease.remaining == 200


async def test_a_short_burst_of_a_quiet_caller_passes(province: Province, charge: Charge) -> None:
    await province.demand(charge, 10, (1.0, 1.0, 1.0))

    passed = [province.limiters[0].take([charge]).allowed for _ in range(4)]

    assert all(passed)


async def test_replicas_that_ask_at_once_never_deadlock_nor_overdraw(dsn: str) -> None:
    import asyncio

    stores = [await PostgresLeaseStore.connect(dsn, now=lambda: START) for _ in range(4)]
    asks = [Ask(f"race-{number:03}", "minute", 40, None, 0.01, 1.0) for number in range(100)]

    rounds = await asyncio.gather(
        *(
            store.lease(random.Random(seed).sample(asks, len(asks)))
            for seed, store in enumerate(stores * 5)
        )
    )
    for store in stores:
        await store.close()

    granted = dict.fromkeys((ask.key for ask in asks), 0)
    for leases in rounds:
        for lease in leases:
            granted[lease.key] += lease.granted
    assert set(granted.values()) == {100}


async def test_old_rows_are_removed(dsn: str) -> None:
    store = await PostgresLeaseStore.connect(dsn, now=lambda: START)
    await store.lease([Ask("gone", "month:1", 1, 10.0, 1.0, 10.0)])
    connection = await asyncpg.connect(dsn)
    await connection.execute(
        "update gateway.rate_leases set touched_at = now() - interval '41 days' where key = 'gone'"
    )

    await store.tidy()

    left = await connection.fetchval("select count(*) from gateway.rate_leases where key = 'gone'")
    await connection.close()
    await store.close()
    assert left == 0


def test_a_plan_of_one_window_may_be_tiny() -> None:
    assert Plan((Window("hour", 1, 3600),)).windows[0].tolerance == 3600

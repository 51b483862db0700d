"""Results by the hour, and the availability test of government sites on them."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.monitoring.commands.hours import keep_hours, sum_up
from services.monitoring.commands.results import Result
from services.monitoring.rules.hours import SiteRule, SiteVerdict, Visit, site_test
from shared.security.identity import system
from tests.monitoring.world import World
from tests.suite import JIUJIANG, LABOUR, Suite

ENTRY = "https://entry.example.invalid/a"
START = datetime(2026, 3, 2, tzinfo=UTC)
RULE = SiteRule(days=7, visits=20, longest=15_000, share=0.05)
PASSED, FAILED, INSUFFICIENT = SiteVerdict


def visits(hours: int, *, failing: int = 0, slow: int = 0) -> list[Visit]:
    """One an hour up to START; the first ones fail, the next ones are slow."""
    return [
        Visit(
            START - number * timedelta(hours=1),
            ok=True,
            opened=number >= failing,
            total=15_001.0 if failing <= number < failing + slow else 15_000.0,
        )
        for number in range(hours)
    ]


@pytest.mark.clause("A17.3")
@pytest.mark.parametrize(
    ("seen", "verdict", "failures", "short_days"),
    [
        (visits(168), PASSED, 0, 0),
        (visits(168, failing=8), PASSED, 8, 0),
        (visits(168, failing=9), FAILED, 9, 0),
        (visits(168, failing=4, slow=5), FAILED, 9, 0),
        (visits(164), PASSED, 0, 0),
        (visits(163), INSUFFICIENT, 0, 1),
        (visits(24), INSUFFICIENT, 0, 6),
        ([], INSUFFICIENT, 0, 7),
    ],
)
def test_a_site_fails_from_the_twentieth_part_of_its_visits_on(
    seen: list[Visit], verdict: SiteVerdict, failures: int, short_days: int
):
    found = site_test(seen, RULE, until=START)

    assert (found.verdict, found.failures, found.short_days) == (verdict, failures, short_days)


def test_what_is_older_than_the_days_of_the_test_or_later_than_its_end_is_not_counted():
    older = [Visit(START - timedelta(days=7, hours=n), True, False, 1.0) for n in range(1, 50)]
    later = [Visit(START + timedelta(hours=n), True, False, 1.0) for n in range(1, 50)]

    found = site_test([*visits(168), *older, *later], RULE, until=START)

    assert (found.verdict, found.visits) == (PASSED, 168)


def result(probe: UUID, at: datetime, **changes: Any) -> Result:
    values: dict[str, Any] = {"ok": True, "total": 20.0, "status": 200, "error": None} | changes
    return Result(
        probe_id=probe,
        shard=0,
        version=at,
        at=at,
        evidence=changes.pop("evidence", True),
        reused=False,
        lag=0.0,
        phases=(None, None, None, None, None),
        failure=None,
        **{name: value for name, value in values.items() if name != "evidence"},
    )


@pytest.fixture(scope="module")
async def world(suite: Suite) -> World:
    await suite.start("monitoring")
    return World(suite)


async def seen(world: World, results: list[Result], vantage: str = "default") -> None:
    database = world.suite.apps["monitoring"].state.database
    async with database.transaction(system("monitoring")) as tx:
        await keep_hours(tx, sum_up({}, results), vantage=vantage)


async def test_hours_are_added_up_however_often_they_are_written(world: World):
    listing = await world.publish(url=ENTRY)
    probe = UUID((await world.probe_of(listing))["id"])
    hour = world.suite.clock.now().replace(minute=0, second=0, microsecond=0)
    at = [hour + timedelta(minutes=number) for number in range(5)]

    await seen(world, [result(probe, at[0]), result(probe, at[1], ok=False, total=90.0)])
    await seen(world, [result(probe, at[2], total=10.0), result(probe, at[3], evidence=False)])
    await seen(world, [result(probe, at[4] - timedelta(hours=1))])

    now, before = await world.items(f"/v1/probes/{probe}/hours", LABOUR)
    assert (now["visits"], now["failed"], now["mean"], now["slowest"]) == (3, 1, 40.0, 90.0)
    assert before["visits"] == 1
    hidden = await world.get(f"/v1/probes/{probe}/hours", JIUJIANG)
    assert hidden.status_code == 404


@pytest.mark.clause("A17.3")
async def test_a_listing_is_judged_by_its_entrys_first_visit_of_each_hour(world: World):
    """Its second vantage point sees more faults, later in each hour: one visit is counted."""
    listing = await world.publish(url=ENTRY)
    probe = UUID((await world.probe_of(listing))["id"])
    now = world.suite.clock.now().replace(minute=30, second=0, microsecond=0)
    hours = [now - timedelta(hours=number) for number in range(1, 24 * 7)]

    await seen(world, [result(probe, at, status=503 if at == hours[3] else 200) for at in hours])
    later = timedelta(minutes=10)
    await seen(world, [result(probe, at + later, error="timeout_dns") for at in hours], "second")

    path = f"/v1/site-tests/{listing}"
    answer = await world.get(path, LABOUR, until=now.isoformat())
    early = await world.get(path, until=(now - timedelta(days=2)).isoformat())
    hidden = await world.get(path, JIUJIANG)
    nothing = await world.get(f"/v1/site-tests/{uuid4()}")
    shown = answer.json()
    assert (shown["verdict"], shown["visits"], shown["failures"]) == ("PASSED", 167, 1)
    assert (shown["visits_a_day"], shown["limit_seconds"], shown["failing_share"]) == (20, 15, 0.05)
    assert (early.json()["verdict"], early.json()["short_days"]) == ("INSUFFICIENT", 2)
    assert {hidden.status_code, nothing.status_code} == {404}


async def test_hours_go_by_policy(world: World):
    listing = await world.publish(url=ENTRY)
    probe = UUID((await world.probe_of(listing))["id"])
    await seen(world, [result(probe, world.suite.clock.now() - timedelta(days=367))])

    await world.suite.tick("monitoring", "turn_days")

    assert await world.items(f"/v1/probes/{probe}/hours") == []

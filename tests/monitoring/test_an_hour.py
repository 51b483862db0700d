"""An hour of a thousand endpoints of which a hundred flap, against a model that reads text (M3)."""

import random
import re
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest

from tests.monitoring.eyes import MINUTE, Eye
from tests.monitoring.world import World
from tests.suite import Suite

ENDPOINTS, FLAPPING, MINUTES = 1000, 100, 60
KILLED_AFTER = 30  # minutes: from then on another replica probes
HOLD = 10  # minutes
_LISTINGS = """
    insert into known_listings (id, organisation_id, region, title, entry_url, state)
    select id, 'jx-rst', '36', 'endpoint', 'https://a.example.invalid/', 'LISTED'
    from unnest($1::uuid[]) as id
"""
_PROBES = """
    insert into probes (id, listing_id, organisation_id, region, purpose, name, url, method,
        conditions, interval_seconds, timeout_seconds, redirects, listed, paused, shard,
        changed_at, version)
    select id, id, 'jx-rst', '36', 'ENTRY', 'entry', 'https://a.example.invalid/', 'GET',
        '{[STATUS] < 400}', 60, 15, 0, true, false, (row_number() over ())::int % 32, now(), 1
    from unnest($1::uuid[]) as id
"""
_STANDINGS = """
    insert into probe_standings (probe_id, state, failures, successes, incident_open, seen)
    select id, 'UNKNOWN', 0, 0, false, false from unnest($1::uuid[]) as id
"""
Fault = tuple[int, int, int | None, int]  # failed first, opened, closed, reopened


def weather(chance: random.Random) -> str:
    """A minute a letter: `.` passes, `x` fails; some flap by the minute, some for long."""
    stays = chance.uniform(0.3, 0.95)
    row, letter = "", "."
    for _ in range(MINUTES):
        letter = letter if chance.random() < stays else ".x"[letter == "."]
        row += letter
    return row


def faults(row: str) -> list[Fault]:
    """What must be told: three failures in a row begin a fault, two passes in a row end it.

    Written from the words of M3 alone, with expressions over the text.
    """
    found: list[Fault] = []
    at = 0
    while begin := re.compile("xxx").search(row, at):
        end = re.compile(r"\.\.").search(row, begin.end())
        closed = None if end is None else end.end() - 1
        before = found[-1] if found else None
        if before is not None and before[2] is not None and begin.start() - before[2] <= HOLD:
            found[-1] = (before[0], before[1], closed, before[3] + 1)
        else:
            found.append((begin.start(), begin.end() - 1, closed, 0))
        at = len(row) if end is None else end.end()
    return found


async def endpoints(world: World) -> list[UUID]:
    """Listings with their entry probes, as if catalog had told of each."""
    ids = [uuid4() for _ in range(ENDPOINTS)]
    for each in (_LISTINGS, _PROBES, _STANDINGS):
        await world.suite.sql("monitoring", each, ids)
    return ids


@pytest.mark.feature("M3")
@pytest.mark.feature("M4")
@pytest.mark.clause("A17.3")
async def test_an_hour_gives_exactly_the_incidents_that_the_model_predicts(suite: Suite):
    await suite.start("monitoring")
    world = World(suite)
    chance = random.Random(20251201)
    ids = await endpoints(world)
    rows = {each: weather(chance) if place < FLAPPING else "." * MINUTES
            for place, each in enumerate(ids)}  # fmt: skip
    start = suite.clock.now().replace(microsecond=0)
    eyes = (Eye(world), Eye(world))

    for minute in range(MINUTES):
        at = start + minute * MINUTE
        suite.clock.set(at)
        eye = eyes[minute >= KILLED_AFTER]
        await eye.hold()
        await eye.see({each: row[minute] == "." for each, row in rows.items()}, at=at)

    told = await suite.sql(
        "monitoring",
        "select probe_id, started_at, opened_at, closed_at, reopened from incidents"
        " order by opened_at",
    )
    seen: dict[UUID, list[Fault]] = {each: [] for each in ids}
    for row in told:
        times = [_minute(row[name], start) for name in ("started_at", "opened_at", "closed_at")]
        seen[row["probe_id"]].append((times[0] or 0, times[1] or 0, times[2], row["reopened"]))
    expected = {each: faults(row) for each, row in rows.items()}
    assert seen == expected
    assert sum(map(len, expected.values())) > FLAPPING / 2, "the weather is rough enough"
    assert any(fault[3] for row in expected.values() for fault in row)
    events = await suite.sql(
        "monitoring",
        "select split_part(type, '.', 2) as told, count(*) from outbox"
        " where type like 'monitoring.incident%' group by 1",
    )
    reopened = sum(fault[3] for row in expected.values() for fault in row)
    ended = sum(each["closed_at"] is not None for each in told) + reopened
    assert {each["told"]: each["count"] for each in events} == {
        "incident_opened": len(told),
        "incident_reopened": reopened,
        "incident_settled": ended,
        "incident_closed": ended,
    }
    [stored] = await suite.sql("monitoring", "select count(*) from samples")
    assert stored["count"] == ENDPOINTS * MINUTES


def _minute(at: datetime | None, start: datetime) -> int | None:
    return None if at is None else int((at - start) / timedelta(minutes=1))

"""Filed windows: known by filing alone, readable, and correcting the past in the open."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.monitoring.rules.accounting import Span
from services.monitoring.rules.windows import Cover, changed_past, cover
from shared.events.filing import WindowPlanned
from tests.monitoring.world import World
from tests.suite import (
    DONGHU,
    HEALTH_INSURANCE,
    JIUJIANG,
    LABOUR,
    NANCHANG,
    OPERATOR,
    PROVINCE,
    Suite,
)

ENTRY = "https://entry.example.invalid/a"


@pytest.fixture(scope="module")
async def world(suite: Suite) -> World:
    """A replica that answers and does not probe."""
    await suite.start("monitoring")
    return World(suite)


async def watched(world: World, *states: tuple[float, str], owner: Any = LABOUR) -> tuple[str, str]:
    """A listing and its probe, which was in these states from so many seconds ago on."""
    listing = await world.publish(owner, url=ENTRY)
    probe = (await world.probe_of(listing))["id"]
    await world.seen(probe, *states)
    return listing, probe


async def availability(world: World, probe: str) -> dict[str, Any]:
    shown: dict[str, Any] = (await world.get(f"/v1/probes/{probe}/availability")).json()
    return shown


async def corrections(world: World, window: WindowPlanned, **more: Any) -> list[dict[str, Any]]:
    return await world.items("/v1/availability-corrections", window=window.window_id, **more)


@pytest.mark.feature("F7")
@pytest.mark.clause("A16.3")
async def test_a_window_is_known_with_the_scope_that_was_filed(world: World):
    listing = await world.publish(url=ENTRY)

    told = await world.plan_window(listing, starts=3600, ends=7200, times=2)

    shown = (await world.get(f"/v1/known-windows/{told.window_id}", LABOUR)).json()
    assert shown["filing_id"] == str(told.filing_id)
    assert (shown["listing_ids"], shown["organisation_id"]) == ([listing], "jx-rst")
    assert datetime.fromisoformat(shown["starts_at"]) == told.starts_at
    assert datetime.fromisoformat(shown["ends_at"]) == told.ends_at
    assert (shown["standing"], shown["impact"], shown["late"]) == ("UPCOMING", "UNAVAILABLE", False)
    assert await corrections(world, told) == []


@pytest.mark.feature("F7")
@pytest.mark.clause("A16.3")
async def test_change_early_end_and_cancellation_follow(world: World):
    listing = await world.publish(url=ENTRY)
    told = await world.plan_window(listing, starts=-60, ends=3600)
    called_off = await world.plan_window(listing, starts=3600, ends=7200)

    changed = await world.plan_window(
        listing, starts=-60, ends=1800, window_id=told.window_id, impact="DEGRADED"
    )
    longer = (await world.get(f"/v1/known-windows/{told.window_id}")).json()
    await world.end_window(changed, ago=1, times=2)
    await world.cancel_window(called_off, times=2)

    ended = (await world.get(f"/v1/known-windows/{told.window_id}")).json()
    off = (await world.get(f"/v1/known-windows/{called_off.window_id}")).json()
    assert (longer["standing"], longer["impact"], longer["change"]) == ("RUNNING", "DEGRADED", 2)
    assert datetime.fromisoformat(longer["ends_at"]) == changed.ends_at
    assert ended["standing"] == "OVER"
    assert datetime.fromisoformat(ended["ends_at"]) < world.suite.clock.now()
    assert off["standing"] == "CANCELLED"
    over = await world.items("/v1/known-windows", listing=listing, standing="OVER")
    assert [each["id"] for each in over] == [str(told.window_id)]


@pytest.mark.clause("A4.1")
async def test_windows_are_seen_by_their_unit_and_the_authorities_above_it(world: World):
    listing = await world.publish(DONGHU, url=ENTRY)
    told = await world.plan_window(listing, starts=60, ends=120, owner=DONGHU)
    path = f"/v1/known-windows/{told.window_id}"

    seen = [
        (await world.get(path, each)).status_code
        for each in (DONGHU, NANCHANG, PROVINCE, OPERATOR, JIUJIANG, HEALTH_INSURANCE)
    ]
    listed = [
        await world.items("/v1/known-windows", each, organisation=DONGHU.organisation)
        for each in (NANCHANG, JIUJIANG)
    ]

    assert seen == [200, 200, 200, 200, 404, 404]
    assert [len(each) for each in listed] == [1, 0]
    unknown = await world.get(f"/v1/known-windows/{uuid.uuid4()}")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "window_unknown")


@pytest.mark.feature("M8")
@pytest.mark.feature("M7")
@pytest.mark.clause("A16.3")
async def test_a_window_accepted_late_corrects_the_past_in_the_open(world: World):
    listing, probe = await watched(world, (7200, "UP"), (3600, "DOWN"), (1800, "UP"))
    before = await availability(world, probe)

    told = await world.plan_window(listing, starts=-4000, ends=-1000, times=2)

    after = await availability(world, probe)
    [correction] = await corrections(world, told)
    shown = (await world.get(f"/v1/known-windows/{told.window_id}")).json()
    assert shown["late"] is True
    assert after["raw_availability"] == pytest.approx(before["raw_availability"], abs=1e-3)
    assert before["adjusted_availability"] == before["raw_availability"]
    assert after["adjusted_availability"] == 1
    assert (correction["probe_id"], correction["filing_id"]) == (probe, str(told.filing_id))
    assert (correction["down_seconds"], correction["up_seconds"]) == (
        pytest.approx(1800, abs=5),
        pytest.approx(1200, abs=5),
    )
    assert (await world.facts(f"probe:{probe}")).count("availability_corrected") == 1
    assert await corrections(world, told, by=LABOUR) == [correction]
    assert await corrections(world, told, by=HEALTH_INSURANCE) == []


@pytest.mark.feature("M8")
async def test_an_early_end_gives_time_back_and_a_cancelled_window_all_of_it(world: World):
    listing, probe = await watched(world, (7200, "UP"), (3600, "DOWN"))
    ended = await world.plan_window(listing, starts=-3000, ends=3600)
    await world.end_window(ended, ago=600, times=2)
    apart, own = await watched(world, (7200, "UP"), (3600, "DOWN"))
    called_off = await world.plan_window(apart, starts=-3000, ends=3600)

    await world.cancel_window(called_off, times=2)

    back = [each["down_seconds"] for each in await corrections(world, ended, probe=probe)]
    all_back = [each["down_seconds"] for each in await corrections(world, called_off, probe=own)]
    assert back == [pytest.approx(-600, abs=5), pytest.approx(3000, abs=5)]
    assert all_back == [pytest.approx(-3000, abs=5), pytest.approx(3000, abs=5)]
    assert (await availability(world, own))["maintenance"] == 0


@pytest.mark.feature("M8")
async def test_a_minute_that_another_window_covers_already_is_corrected_once(world: World):
    owner = HEALTH_INSURANCE
    listing, probe = await watched(world, (7200, "DOWN"), owner=owner)
    first = await world.plan_window(listing, starts=-3600, ends=-1800, owner=owner)

    second = await world.plan_window(starts=-2400, ends=-1200, owner=owner)

    [one], [other] = await corrections(world, first), await corrections(world, second, probe=probe)
    assert one["down_seconds"] == pytest.approx(1800, abs=5)
    assert other["down_seconds"] == pytest.approx(600, abs=5)
    assert (await availability(world, probe))["maintenance"] == pytest.approx(2400, abs=5)


@pytest.mark.feature("M8")
async def test_a_window_without_effect_and_one_that_lies_ahead_correct_nothing(world: World):
    listing, probe = await watched(world, (7200, "DOWN"))

    without = await world.plan_window(listing, starts=-3600, ends=-1800, impact="NONE")
    ahead = await world.plan_window(listing, starts=3600, ends=7200)

    assert await corrections(world, without) == []
    assert await corrections(world, ahead) == []
    assert (await availability(world, probe))["maintenance"] == 0


async def test_corrections_come_in_pages_the_newest_first(world: World):
    listing, probe = await watched(world, (7200, "DOWN"))
    for ends in (-3000, -2000, -1000):
        await world.plan_window(listing, starts=ends - 600, ends=ends)

    first = (await world.get("/v1/availability-corrections", probe=probe, limit=2)).json()
    rest = await world.items(
        "/v1/availability-corrections", probe=probe, limit=2, cursor=first["next_cursor"]
    )

    found = [each["corrected_at"] for each in [*first["items"], *rest]]
    assert (len(found), found) == (3, sorted(found, reverse=True))


NOON = datetime(2026, 3, 2, 4, tzinfo=UTC)


def shape(
    starts: int, ends: int, *, state: str = "PLANNED", impact: str = "DEGRADED"
) -> Cover | None:
    """Of a window from one hour to another, counted from noon."""
    return cover(
        state=state,
        impact=impact,
        listing_ids=[],
        starts_at=NOON + timedelta(hours=starts),
        ends_at=NOON + timedelta(hours=ends),
    )


@pytest.mark.feature("M8")
@pytest.mark.parametrize(
    ("before", "after", "past"),
    [
        (None, shape(1, 2), None),
        (None, shape(-1, 2), (-1, 0)),
        (None, shape(-3, -1), (-3, -1)),
        (shape(-2, 2), shape(-2, -1), (-2, 0)),
        (shape(-2, 2), None, (-2, 0)),
        (shape(-2, 2), shape(-2, 2), None),
        (None, shape(-2, 2, impact="NONE"), None),
        (None, shape(-2, 2, state="CANCELLED"), None),
        (None, shape(-2, -2), None),
    ],
)
def test_only_what_has_passed_is_corrected(before, after, past):
    found = changed_past(before, after, now=NOON)

    hours = None if past is None else Span(*(NOON + timedelta(hours=each) for each in past))
    assert found == hours

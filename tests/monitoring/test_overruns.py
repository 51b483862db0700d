"""Alerts that a window holds back, turn by turn: what is one alert, and who ends it (M8)."""

import asyncio
import uuid
from datetime import timedelta
from typing import Any

import pytest

from services.monitoring.commands.incidents import open_overruns, turn_incident
from services.monitoring.rules.hysteresis import Turn
from services.monitoring.tables import Probe
from shared.events.filing import WindowPlanned
from shared.security.identity import system
from tests.monitoring.incidents import ENTRY
from tests.monitoring.world import World
from tests.suite import Suite


@pytest.fixture(scope="module")
async def world(suite: Suite) -> World:
    """A replica that answers and does not probe: the test turns probes itself."""
    await suite.start("monitoring")
    return World(suite)


async def turn(
    world: World, probe: str, to: Turn, incident: str | None = None, *, ago: float = 0
) -> str:
    """As a prober that has come to this; the id that the probe's standing then carries."""
    database = world.suite.apps["monitoring"].state.database
    async with database.transaction(system("monitoring")) as tx:
        found = await turn_incident(
            tx,
            await tx.session.get_one(Probe, uuid.UUID(probe)),
            to,
            incident_id=uuid.UUID(incident) if incident is not None else None,
            cause="conditions",
            detail="[STATUS] (503) < 400",
            started_at=tx.now - timedelta(seconds=ago),
            at=tx.now,
        )
    return str(found)


async def stand(world: World, probe: str, incident: str) -> None:
    """Down since then, and still watched."""
    await world.seen(probe)
    await world.suite.sql(
        "monitoring",
        "update probe_standings set state = 'DOWN', incident_open = true, incident_id = $2"
        " where probe_id = $1",
        uuid.UUID(probe),
        uuid.UUID(incident),
    )


async def covered(world: World) -> tuple[str, str, WindowPlanned]:
    """A listing and its probe within a window that runs."""
    listing = await world.publish(url=ENTRY)
    window = await world.plan_window(listing, starts=-1, ends=3600)
    return listing, (await world.probe_of(listing))["id"], window


async def alerts(world: World, listing: str) -> list[dict[str, Any]]:
    return await world.items("/v1/suppressed-alerts", listing=listing)


@pytest.mark.feature("M8")
@pytest.mark.feature("M3")
async def test_a_return_within_the_hold_time_is_the_same_alert_and_a_later_fault_another(
    world: World,
):
    listing, probe, _ = await covered(world)

    first = await turn(world, probe, Turn.OPENED)
    await turn(world, probe, Turn.CLOSED, first)
    again = await turn(world, probe, Turn.REOPENED, first)
    await turn(world, probe, Turn.CLOSED, again)
    later = await turn(world, probe, Turn.OPENED, again)

    assert again == first
    assert later != first
    assert sorted(each["times"] for each in await alerts(world, listing)) == [1, 2]


@pytest.mark.feature("M8")
async def test_a_return_after_the_window_is_an_incident_of_its_own(world: World):
    listing, probe, window = await covered(world)
    first = await turn(world, probe, Turn.OPENED)
    await turn(world, probe, Turn.CLOSED, first)
    await world.end_window(window, ago=0)

    opened = await turn(world, probe, Turn.REOPENED, first)

    [incident] = await world.items("/v1/incidents", listing=listing)
    assert incident["id"] == opened
    assert (incident["window_id"], opened != first) == (None, True)


@pytest.mark.feature("M8")
async def test_what_nobody_watches_opens_nothing_when_its_window_ends(world: World):
    listing, probe, window = await covered(world)
    alert = await turn(world, probe, Turn.OPENED)
    await stand(world, probe, alert)
    await world.suite.sql("monitoring", "update shard_leases set watched_until = null")

    await world.end_window(window, ago=0)
    await world.suite.tick("monitoring", "open_overruns")
    unwatched = await world.items("/v1/incidents", listing=listing)
    await world.seen(probe)
    await world.suite.tick("monitoring", "open_overruns")

    assert unwatched == []
    assert [each["id"] for each in await world.items("/v1/incidents", listing=listing)] == [alert]


@pytest.mark.feature("M8")
@pytest.mark.parametrize("_round", range(5))
async def test_an_overrun_and_a_recovery_at_once_leave_nothing_open(world: World, _round: int):
    listing, probe, window = await covered(world)
    alert = await turn(world, probe, Turn.OPENED)
    await stand(world, probe, alert)
    await world.end_window(window, ago=0)
    database = world.suite.apps["monitoring"].state.database

    async def sweep() -> None:
        async with database.transaction(system("monitoring")) as tx:
            await open_overruns(tx)

    await asyncio.gather(sweep(), turn(world, probe, Turn.CLOSED, alert), sweep())

    [held] = await alerts(world, listing)
    incidents = await world.items("/v1/incidents", listing=listing)
    assert held["outcome"] in ("RECOVERED", "OVERRUN")
    assert [each["state"] for each in incidents] in ([], ["CLOSED"])
    assert bool(incidents) is (held["outcome"] == "OVERRUN")


@pytest.mark.feature("M8")
async def test_another_window_that_overlaps_the_end_goes_on_holding_back(world: World):
    listing, probe, first = await covered(world)
    alert = await turn(world, probe, Turn.OPENED)
    await stand(world, probe, alert)
    second = await world.plan_window(starts=-1, ends=3600)

    await world.end_window(first, ago=0)
    await world.suite.tick("monitoring", "open_overruns")
    held = await alerts(world, listing)
    quiet = await world.items("/v1/incidents", listing=listing)
    await world.cancel_window(second)
    await world.suite.tick("monitoring", "open_overruns")

    [incident] = await world.items("/v1/incidents", listing=listing)
    assert ([each["ended_at"] for each in held], quiet) == ([None], [])
    assert (incident["id"], incident["window_id"]) == (alert, str(first.window_id))


@pytest.mark.feature("M8")
async def test_a_window_of_another_listing_or_without_effect_holds_nothing_back(world: World):
    listing, other = [await world.publish(url=ENTRY) for _ in range(2)]
    await world.plan_window(other, starts=-1, ends=3600)
    await world.plan_window(listing, starts=-1, ends=3600, impact="NONE")
    await world.plan_window(listing, starts=60, ends=3600)
    await world.cancel_window(await world.plan_window(listing, starts=-1, ends=3600))

    await turn(world, (await world.probe_of(listing))["id"], Turn.OPENED)

    [incident] = await world.items("/v1/incidents", listing=listing)
    assert incident["window_id"] is None
    assert await alerts(world, listing) == []


@pytest.mark.feature("M8")
async def test_a_listing_that_goes_off_ends_what_its_window_held_back(world: World):
    listing, probe, _ = await covered(world)
    await stand(world, probe, await turn(world, probe, Turn.OPENED))

    await world.delist(listing, times=2)

    assert [each["outcome"] for each in await alerts(world, listing)] == ["UNLISTED"]
    assert await world.items("/v1/incidents", listing=listing) == []


@pytest.mark.feature("M8")
@pytest.mark.clause("A16.3")
async def test_what_outlasts_a_window_grows_graver_from_its_end_on(world: World):
    """Hours that were filed as downtime make no major fault."""
    listing, probe, window = await covered(world)
    alert = await turn(world, probe, Turn.OPENED, ago=5 * 3600)
    await stand(world, probe, alert)

    await world.end_window(window, ago=0)
    await world.suite.tick("monitoring", "open_overruns")
    await world.suite.tick("monitoring", "grade_by_duration")

    [incident] = await world.items("/v1/incidents", listing=listing)
    [row] = await world.suite.sql(
        "monitoring",
        "select grade_due_at - opened_at as ahead from incidents where id = $1",
        uuid.UUID(alert),
    )
    assert incident["severity"] == "GENERAL"
    assert row["ahead"] == timedelta(minutes=60)

"""Within a filed window probing goes on and nobody is alerted; what outlasts it opens by itself."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import pytest

from shared.events.filing import WindowPlanned
from tests.monitoring.world import HASTY, Department, World, served
from tests.suite import HEALTH_INSURANCE, LABOUR, Suite, eventually


@pytest.fixture(scope="module")
async def world(suite: Suite) -> World:
    """A prober in a hurry, which may reach loopback."""
    made = World(suite)
    await made.set_policies(HASTY)
    await suite.start("monitoring", probing=True, probe_networks=("127.0.0.0/8",))
    return made


@pytest.fixture
async def department() -> AsyncIterator[Department]:
    made = Department()
    server = await served(made)
    yield made
    server.close()


async def live(world: World, department: Department) -> str:
    listing = await world.publish(url=department.url())
    await world.until(listing, lambda each: each["state"] == "UP")
    return listing


async def alert_of(world: World, window: WindowPlanned, **params: Any) -> dict[str, Any]:
    """The alert that a window holds back, as soon as it is so."""

    async def found() -> Any:
        return await world.items("/v1/suppressed-alerts", window=window.window_id, **params)

    [alert] = await eventually(found, within=30)
    return dict(alert)


async def incident_of(world: World, listing: str, *, state: str) -> dict[str, Any]:
    async def found() -> Any:
        incidents = await world.items("/v1/incidents", listing=listing)
        return [each for each in incidents if each["state"] == state]

    [incident] = await eventually(found, within=30)
    return dict(incident)


@pytest.mark.feature("M8")
@pytest.mark.clause("A16.3")
async def test_a_fault_within_a_window_is_seen_and_alerts_nobody(
    world: World, department: Department
):
    listing = await live(world, department)
    window = await world.plan_window(listing, starts=1, ends=600)
    await asyncio.sleep(2)

    department.status = 503
    alert = await alert_of(world, window)
    asked = len(department.asked)
    down = await world.until(listing, lambda each: each["state"] == "DOWN")
    await asyncio.sleep(2.5)
    department.status = 200
    await world.until(listing, lambda each: each["state"] == "UP")
    over = await alert_of(world, window, open=False)

    assert (alert["window_id"], alert["filing_id"]) == (
        str(window.window_id),
        str(window.filing_id),
    )
    assert (alert["listing_id"], alert["cause"], alert["outcome"]) == (listing, "conditions", None)
    assert alert["detail"] == "[STATUS] (503) < 400"
    assert len(department.asked) > asked, "probing went on"
    assert down["incident_id"] is None
    assert (over["id"], over["outcome"]) == (alert["id"], "RECOVERED")
    assert await world.items("/v1/incidents", listing=listing) == []
    assert await world.facts(f"alert:{alert['id']}") == ["alert_suppressed"]
    shown = (await world.get(f"/v1/probes/{down['id']}/availability")).json()
    assert shown["down"] == 0
    assert shown["maintenance"] > 2
    assert 0 < shown["raw_availability"] < 1
    assert shown["adjusted_availability"] == 1
    assert await world.items("/v1/suppressed-alerts", HEALTH_INSURANCE, listing=listing) == []


@pytest.mark.feature("M8")
@pytest.mark.clause("A16.3")
async def test_a_fault_that_outlasts_its_window_opens_an_incident_by_itself(
    world: World, department: Department
):
    listing = await live(world, department)
    window = await world.plan_window(listing, starts=-1, ends=7)

    department.status = 503
    alert = await alert_of(world, window)
    incident = await incident_of(world, listing, state="OPEN")
    probe = await world.probe_of(listing)
    department.status = 200
    closed = await incident_of(world, listing, state="CLOSED")

    over = await alert_of(world, window)
    timeline = await world.items(f"/v1/incidents/{incident['id']}/timeline")
    health = await world.items("/v1/health", LABOUR)
    assert (incident["id"], over["outcome"]) == (alert["id"], "OVERRUN")
    assert (incident["window_id"], incident["filing_id"]) == (
        str(window.window_id),
        str(window.filing_id),
    )
    assert datetime.fromisoformat(incident["opened_at"]) >= window.ends_at
    assert incident["started_at"] == alert["started_at"]
    assert probe["incident_id"] == incident["id"]
    assert closed["id"] == incident["id"]
    assert [each["action"] for each in timeline] == ["OPENED", "WINDOW_OVERRUN", "CLOSED"]
    assert timeline[1]["detail"] == str(window.filing_id)
    facts = await world.facts(f"incident:{incident['id']}")
    assert facts == ["incident_opened", "incident_closed", "incident_settled"]
    assert health[0]["open_incidents"] == 0


@pytest.mark.feature("M8")
async def test_what_was_open_before_the_window_resolves_within_it(
    world: World, department: Department
):
    listing = await live(world, department)
    department.status = 503
    incident = await incident_of(world, listing, state="OPEN")

    window = await world.plan_window(listing, starts=-300, ends=600)
    department.status = 200
    closed = await incident_of(world, listing, state="CLOSED")

    timeline = await world.items(f"/v1/incidents/{incident['id']}/timeline")
    assert closed["id"] == incident["id"]
    assert [each["action"] for each in timeline] == ["OPENED", "RECLASSED", "CLOSED"]
    assert timeline[1]["detail"] == str(window.filing_id)
    assert await world.items("/v1/suppressed-alerts", window=window.window_id) == []

"""One picture of a listing from every side, and the health of cities; to each what is its own."""

import uuid
from typing import Any

import pytest

from tests.monitoring.incidents import ENTRY, recorded
from tests.monitoring.world import World, asked
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


@pytest.fixture(scope="module")
async def world(suite: Suite) -> World:
    """A replica that answers and does not probe."""
    await suite.start("monitoring")
    return World(suite)


async def stand(world: World, listing: str, state: str) -> None:
    """Leave the entry probe as a prober would that has just looked."""
    probe = await world.probe_of(listing)
    await world.seen(probe["id"], (60, state))
    await world.suite.sql(
        "monitoring",
        "update probe_standings set state = $2, failure = $3, seen = true where probe_id = $1",
        uuid.UUID(probe["id"]),
        state,
        "[STATUS] (503) < 400" if state == "DOWN" else None,
    )


async def picture(world: World, listing: str, by: Any = PROVINCE) -> dict[str, Any]:
    shown: dict[str, Any] = (await world.get(f"/v1/live-listings/{listing}", by)).json()
    return shown


async def test_a_listing_shows_its_probes_incidents_and_windows_at_once(world: World):
    listing = await world.publish(url=ENTRY)
    extra = {"listing_id": listing, **asked()}
    assert (await world.post("/v1/probes", extra)).status_code == 201
    await stand(world, listing, "DOWN")
    incident = await recorded(world, listing_id=listing, data_loss=True)
    window = await world.plan_window(listing, starts=-5, ends=600, impact="DEGRADED")
    await world.plan_window(listing, starts=600, ends=900)
    await world.plan_window(listing, starts=-5, ends=600, impact="NONE")

    shown = await picture(world, listing)

    assert (shown["state"], shown["listing_state"]) == ("DOWN", "LISTED")
    assert sorted(each["state"] for each in shown["probes"]) == ["DOWN", "UNKNOWN"]
    assert [(each["id"], each["severity"]) for each in shown["incidents"]] == [
        (incident["id"], "MAJOR")
    ]
    assert [each["id"] for each in shown["windows"]] == [str(window.window_id)]
    assert (shown["suppressed_alerts"], shown["open_complaints"]) == (0, None)


async def test_a_listing_without_trouble_says_so_and_is_not_among_the_troubled(world: World):
    well, ill = [await world.publish(HEALTH_INSURANCE, url=ENTRY) for _ in range(2)]
    await stand(world, well, "UP")
    await recorded(world, HEALTH_INSURANCE, listing_id=ill)

    shown = await picture(world, well)
    troubled = await world.items("/v1/live-listings", HEALTH_INSURANCE, troubled=True)
    others = await world.items("/v1/live-listings", HEALTH_INSURANCE, troubled=False)

    assert (shown["state"], shown["incidents"], shown["windows"]) == ("UP", [], [])
    assert [each["listing_id"] for each in troubled] == [ill]
    assert [each["listing_id"] for each in others] == [well]


@pytest.mark.clause("A4.1")
async def test_the_picture_is_shown_to_the_unit_and_those_above_it(world: World):
    listing = await world.publish(DONGHU, url=ENTRY)
    path = f"/v1/live-listings/{listing}"

    seen = [
        (await world.get(path, each)).status_code
        for each in (DONGHU, NANCHANG, PROVINCE, OPERATOR, JIUJIANG, HEALTH_INSURANCE)
    ]
    listed = [
        {each["listing_id"] for each in await world.items("/v1/live-listings", by)}
        for by in (NANCHANG, JIUJIANG)
    ]

    assert seen == [200, 200, 200, 200, 404, 404]
    assert [listing in each for each in listed] == [True, False]


async def test_listings_come_in_pages(world: World):
    made = {await world.publish(JIUJIANG, url=ENTRY) for _ in range(3)}

    first = (await world.get("/v1/live-listings", JIUJIANG, limit=2)).json()
    rest = await world.items("/v1/live-listings", JIUJIANG, limit=2, cursor=first["next_cursor"])

    assert {each["listing_id"] for each in [*first["items"], *rest]} == made


async def test_a_city_is_counted_with_its_counties_and_departments_as_the_province(world: World):
    for owner in (NANCHANG, DONGHU, LABOUR):
        await stand(world, await world.publish(owner, url=ENTRY), "UP")

    rows = {each["region"]: each for each in await world.items("/v1/region-health")}
    own = await world.items("/v1/region-health", NANCHANG)

    assert rows["360100"]["units"] == 2
    assert rows["360100"]["up"] >= 2
    assert rows["36"]["up"] >= 1
    assert [each["region"] for each in own] == ["360100"]

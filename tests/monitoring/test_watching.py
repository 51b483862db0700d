"""What is listed is watched for real: probes, incidents, findings, and who looked."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from services.monitoring.clients.prober import Prober
from services.monitoring.clients.resolving import SystemResolver
from services.monitoring.clients.web import client_context
from services.monitoring.rules.addresses import read_allowed
from services.monitoring.rules.probing import SHARDS
from services.monitoring.schedule.watching import Watch
from shared.logging import get_logger
from tests.monitoring.world import HASTY, Department, World, asked, served
from tests.suite import LABOUR, NANCHANG, Suite, eventually


@pytest.fixture(scope="module")
async def department() -> AsyncIterator[Department]:
    made = Department()
    server = await served(made)
    yield made
    server.close()


@pytest.fixture(scope="module")
async def world(suite: Suite) -> World:
    """A prober in a hurry, which may reach loopback."""
    made = World(suite)
    await made.set_policies(HASTY)
    await suite.start("monitoring", probing=True, probe_networks=("127.0.0.0/8",))
    return made


@pytest.mark.feature("M9")
@pytest.mark.clause("A17.3")
async def test_a_listing_that_goes_live_is_soon_seen(world: World, department: Department):
    listing = await world.publish(url=department.url("/entry"))

    probe = await world.until(listing, lambda each: each["state"] == "UP")

    assert (probe["running"], probe["incident_id"], probe["failure"]) == (True, None, None)
    assert probe["conditions"] == ["[STATUS] < 400"]
    assert "/entry" in department.asked
    [due] = await world.suite.sql(
        "monitoring", "select probe_due_at from known_listings where id = $1", uuid.UUID(listing)
    )
    assert due["probe_due_at"] is None
    assert await world.items("/v1/findings", listing=listing) == []


@pytest.mark.feature("M3")
@pytest.mark.feature("M7")
@pytest.mark.clause("A17.3")
async def test_a_fault_is_one_incident_from_its_first_failure_to_its_end(world: World):
    own = Department()
    server = await served(own)
    listing = await world.publish(url=own.url())
    await world.until(listing, lambda each: each["state"] == "UP")

    own.status = 503
    down = await world.until(listing, lambda each: each["state"] == "DOWN")
    own.status = 200
    up = await world.until(listing, lambda each: each["state"] == "UP")
    own.status = 500
    again = await world.until(listing, lambda each: each["state"] == "DOWN")
    own.status = 200
    await world.until(listing, lambda each: each["state"] == "UP")
    server.close()

    assert down["failure"] == "[STATUS] (503) < 400"
    assert again["incident_id"] == down["incident_id"], "a return within the hold time is no other"
    assert up["incident_id"] is None
    [incident] = await world.items("/v1/incidents", listing=listing)
    assert (incident["state"], incident["reopened"]) == ("CLOSED", 1)
    assert incident["cause"] == "conditions"
    assert incident["started_at"] < incident["opened_at"] < incident["closed_at"]
    timeline = await world.items(f"/v1/incidents/{incident['id']}/timeline")
    assert [each["action"] for each in timeline] == ["OPENED", "CLOSED", "REOPENED", "CLOSED"]
    assert timeline[0]["detail"] == "[STATUS] (503) < 400"
    facts = await world.suite.sql(
        "monitoring",
        "select type from outbox where subject = $1 order by id",
        f"incident:{incident['id']}",
    )
    assert [each["type"].split(".")[1] for each in facts] == [
        "incident_opened", "incident_closed", "incident_settled",
        "incident_reopened", "incident_closed", "incident_settled",
    ]  # fmt: skip
    shown = (await world.get(f"/v1/probes/{down['id']}/availability")).json()
    parts = shown["up"] + shown["down"] + shown["maintenance"] + shown["unknown"]
    assert parts == pytest.approx(86_400)
    assert shown["down"] >= 3
    assert 0 < shown["raw_availability"] < 1


@pytest.mark.clause("A16.5")
@pytest.mark.clause("A17.5")
async def test_a_major_fault_that_is_over_waits_for_its_notice(world: World):
    own = Department(status=503)
    server = await served(own)
    listing = await world.publish(url=own.url())
    down = await world.until(listing, lambda each: each["incident_id"])
    path = f"/v1/incidents/{down['incident_id']}"
    graver = {"severity": "MAJOR", "reason": "影响面大。"}
    assert (await world.put(f"{path}/severity", graver)).status_code == 200
    now = world.suite.clock.now().isoformat()
    by_hand = await world.post(f"{path}/closure", {"resolved_at": now, "reason": "已恢复。"})

    own.status = 200
    await world.until(listing, lambda each: each["state"] == "UP")
    waiting = (await world.get(path)).json()
    own.status = 500
    await world.until(listing, lambda each: each["incident_id"])
    back = (await world.get(path)).json()
    own.status = 200
    await world.until(listing, lambda each: each["state"] == "UP")
    notice = await world.publish_notice(listing, times=2)
    server.close()

    closed = (await world.get(path)).json()
    assert by_hand.json()["code"] == "incident_probed"
    assert (waiting["state"], waiting["closed_at"]) == ("RECOVERED", None)
    assert waiting["seconds_to_resolve"] > 0
    assert (back["state"], back["reopened"], back["resolved_at"]) == ("OPEN", 1, None)
    assert (closed["state"], closed["notice_id"]) == ("CLOSED", notice)
    assert closed["resolved_at"] < closed["closed_at"]
    assert (await world.facts(f"incident:{down['incident_id']}"))[-2:] == [
        "incident_closed",
        "incident_settled",
    ]


async def test_samples_tell_their_phases_and_the_newest_first(world: World, department: Department):
    listing = await world.publish(url=department.url("/samples"))
    probe = await world.until(listing, lambda each: each["state"] == "UP")

    async def three() -> list[Any]:
        found = await world.items(f"/v1/probes/{probe['id']}/samples")
        return found if len(found) >= 3 else []

    found = await eventually(three, within=30)

    assert [each["at"] for each in found] == sorted((e["at"] for e in found), reverse=True)
    assert all(each["ok"] and each["evidence"] and each["status"] == 200 for each in found)
    assert all(each["first_byte"] > 0 and each["lag"] >= 0 for each in found)
    first = (await world.get(f"/v1/probes/{probe['id']}/samples", limit=2)).json()
    rest = await world.items(
        f"/v1/probes/{probe['id']}/samples", limit=2, cursor=first["next_cursor"]
    )
    assert [each["at"] for each in [*first["items"], *rest]] == sorted(
        {each["at"] for each in [*first["items"], *rest]}, reverse=True
    )


@pytest.mark.feature("M4")
async def test_one_target_is_never_probed_twice_at_once_and_a_host_only_so_often(world: World):
    own = Department(pause=0.4)
    server = await served(own)
    listing = await world.publish(url=own.url("/same"))
    for number in range(5):
        body = {"listing_id": listing, **asked(url=own.url(f"/{number}"), interval_seconds=2,
                timeout_seconds=2)}  # fmt: skip
        answer = await world.post("/v1/probes", body)
        assert answer.status_code == 201, answer.text
    twin = {"listing_id": listing, **asked(url=own.url("/same"), interval_seconds=2,
            timeout_seconds=2)}  # fmt: skip
    assert (await world.post("/v1/probes", twin)).status_code == 201

    targets = {"/same", *(f"/{each}" for each in range(5))}

    async def often() -> bool:
        return len(own.asked) >= 20 and set(own.asked) == targets

    await eventually(often, within=60)

    await world.delist(listing)
    server.close()
    assert own.most_at_once == 2


@pytest.mark.feature("M9")
async def test_a_probe_that_may_not_go_there_is_no_probe_and_no_outage(world: World):
    listing = await world.publish(url="http://10.255.255.1/")
    probe = await world.probe_of(listing)

    async def refused() -> list[Any]:
        return await world.items(f"/v1/probes/{probe['id']}/samples")

    samples = await eventually(refused, within=30)
    await world.suite.sql(
        "monitoring",
        "update known_listings set probe_due_at = $2 where id = $1",
        uuid.UUID(listing),
        world.suite.clock.now() - timedelta(seconds=1),
    )
    await world.suite.tick("monitoring", "raise_missing_probes")

    assert (samples[0]["error"], samples[0]["evidence"]) == ("address_refused", False)
    assert (await world.probe_of(listing))["state"] == "UNKNOWN"
    assert await world.items("/v1/incidents", listing=listing) == []
    [finding] = await world.items("/v1/findings", listing=listing)
    assert (finding["kind"], finding["closed_at"]) == ("PROBE_MISSING", None)


@pytest.mark.feature("M9")
async def test_a_finding_of_a_missing_probe_is_closed_by_a_probe_alone(
    world: World, department: Department
):
    listing = await world.publish(url="http://10.255.255.2/")
    await world.suite.sql(
        "monitoring",
        "update known_listings set probe_due_at = $2 where id = $1",
        uuid.UUID(listing),
        world.suite.clock.now() - timedelta(seconds=1),
    )
    await world.suite.tick("monitoring", "raise_missing_probes")
    [before] = await world.items("/v1/findings", listing=listing, open=True)

    await world.publish(url=department.url("/found"), listing_id=uuid.UUID(listing))
    await world.until(listing, lambda each: each["state"] == "UP")

    [after] = await world.items("/v1/findings", listing=listing)
    assert (after["id"], after["closed_at"] is not None) == (before["id"], True)
    facts = await world.suite.sql(
        "monitoring",
        "select type from outbox where subject = $1 order by id",
        f"finding:{before['id']}",
    )
    assert [each["type"].split(".")[1] for each in facts] == ["finding_raised", "finding_closed"]


async def test_a_listing_that_goes_off_is_watched_no_more_and_its_incident_ends(world: World):
    own = Department(status=500)
    server = await served(own)
    listing = await world.publish(NANCHANG, url=own.url())
    await world.until(listing, lambda each: each["state"] == "DOWN")

    await world.delist(listing, times=2)

    probe = await world.probe_of(listing)
    [incident] = await world.items("/v1/incidents", listing=listing)
    timeline = await world.items(f"/v1/incidents/{incident['id']}/timeline")
    assert (probe["running"], probe["state"], probe["incident_id"]) == (False, "UNKNOWN", None)
    assert (incident["state"], timeline[-1]["detail"]) == ("CLOSED", "UNLISTED")

    async def silent() -> bool:
        before = len(own.asked)
        await asyncio.sleep(3)
        return len(own.asked) == before

    assert await eventually(silent, within=30)
    server.close()


@pytest.mark.feature("M7")
async def test_what_nobody_watched_is_unknown_and_keeps_its_incident(
    world: World, department: Department
):
    listing = await world.publish(url=department.url("/gap"))
    probe = await world.until(listing, lambda each: each["state"] == "UP")

    world.suite.clock.advance(timedelta(minutes=10))
    away = await world.probe_of(listing)
    await world.until(listing, lambda each: each["state"] == "UP")

    shown = (await world.get(f"/v1/probes/{probe['id']}/availability")).json()
    gap = 86_400 - shown["up"] - shown["down"] - shown["maintenance"]
    states = await world.suite.sql(
        "monitoring",
        "select state from state_changes where probe_id = $1 order by number",
        uuid.UUID(probe["id"]),
    )
    assert away["state"] == "UNKNOWN"
    assert [each["state"] for each in states] == ["UP", "UNKNOWN", "UP"]
    assert shown["unknown"] == pytest.approx(gap)
    assert shown["up"] < 600


@pytest.mark.feature("M4")
async def test_shards_are_shared_and_go_over_when_their_holder_is_gone(
    world: World, department: Department
):
    """The second replica ends without a word; the first takes over, and nothing is told twice."""
    listing = await world.publish(url=department.url("/lease"))
    await world.until(listing, lambda each: each["state"] == "UP")
    second = await start_second(world)

    async def shared() -> bool:
        rows = await world.suite.sql(
            "monitoring", "select holder, count(*) from shard_leases group by holder"
        )
        return [each["count"] for each in rows] == [SHARDS // 2] * 2

    await eventually(shared, within=60)
    await second.die()

    async def whole() -> bool:
        rows = await world.suite.sql(
            "monitoring",
            "select count(distinct holder) as holders, count(holder) as held from shard_leases"
            " where until > $1",
            world.suite.clock.now(),
        )
        return (rows[0]["holders"], rows[0]["held"]) == (1, SHARDS)

    await eventually(whole, within=60)
    incidents = await world.items("/v1/incidents", listing=listing)
    assert incidents == []


@pytest.mark.feature("M4")
async def test_a_replica_that_stops_hands_on_what_it_saw_and_what_it_summed_up(
    world: World, department: Department
):
    listing = await world.publish(url=department.url("/hours"))
    probe = await world.until(listing, lambda each: each["state"] == "UP")
    leaving = await start_second(world, vantage="leaving")

    async def seen() -> bool:
        found = await world.items(f"/v1/probes/{probe['id']}/samples")
        return [each["vantage"] for each in found].count("leaving") >= 2

    await eventually(seen, within=40)
    await leaving.stop()

    hours = await world.items(f"/v1/probes/{probe['id']}/hours")
    [own] = [each for each in hours if each["vantage"] == "leaving"]
    samples = await world.items(f"/v1/probes/{probe['id']}/samples")
    assert own["visits"] == sum(each["vantage"] == "leaving" for each in samples)
    assert (own["failed"], own["mean"] > 0) == (0, True)
    held = await world.suite.sql(
        "monitoring", "select from shard_leases where vantage = 'leaving' and holder is not null"
    )
    assert held == []


class Second:
    """Another replica's part in the probing, which can be cut off without handing on."""

    def __init__(self, watch: Watch, task: asyncio.Task[None]) -> None:
        self.watch = watch
        self.task = task

    async def stop(self) -> None:
        await self.die()
        await self.watch.end()

    async def die(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


async def start_second(world: World, *, vantage: str = "default") -> Second:
    state = world.suite.apps["monitoring"].state
    watch = Watch(
        database=state.database,
        prober=Prober(SystemResolver(), (read_allowed("127.0.0.0/8"),), client_context()),
        clock=state.clock,
        vantage=vantage,
        most=64,
        log=get_logger("monitoring"),
    )
    return Second(watch, asyncio.create_task(watch.run()))


async def test_health_counts_probes_by_unit(world: World, department: Department):
    listing = await world.publish(LABOUR, url=department.url("/health"))
    await world.until(listing, lambda each: each["state"] == "UP")

    own = await world.items("/v1/health", LABOUR)
    city = await world.items("/v1/health", NANCHANG)

    assert [each["organisation_id"] for each in own] == ["jx-rst"]
    assert own[0]["up"] >= 1
    assert all(each["organisation_id"] != "jx-rst" for each in city)

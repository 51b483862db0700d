"""k of n vantage points decide an outage; what fewer see is an advisory with its evidence (M5)."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from services.monitoring.rules.hysteresis import ProbeState
from services.monitoring.rules.vantages import Sight, verdict
from tests.monitoring.eyes import MINUTE, REFUSED, Eye, look
from tests.monitoring.world import World, asked
from tests.suite import JIUJIANG, LABOUR, Suite

ENTRY = "https://entry.example.invalid/a"
START = datetime(2026, 3, 2, tzinfo=UTC)
STATES = {"u": ProbeState.UP, "d": ProbeState.DOWN, "?": ProbeState.UNKNOWN}


@pytest.mark.feature("M5")
@pytest.mark.parametrize(
    ("seen", "needed", "said"),
    [
        ("u", 2, ("UP", 0)),
        ("d", 2, ("DOWN", 0)),
        ("?", 2, None),
        ("", 2, None),
        ("ud", 2, ("UP", 0)),
        ("dd", 2, ("DOWN", 1)),
        ("d?", 2, None),
        ("u?", 2, ("UP", 0)),
        ("ddu", 2, ("DOWN", 1)),
        ("duu", 2, ("UP", 2)),
        ("du?", 2, None),
        ("d u", 1, ("DOWN", 0)),
        ("ddd", 3, ("DOWN", 2)),
        ("ddu", 3, ("UP", 2)),
        ("dX", 2, ("DOWN", 0)),
        ("uXX", 2, ("UP", 0)),
    ],
)
def test_so_many_must_see_it_of_those_that_look(seen: str, needed: int, said: Any):
    """The n-th looked n minutes after the first; X and a blank do not look."""
    sights = [
        Sight(STATES.get(each, ProbeState.DOWN), START + place * MINUTE, each in STATES)
        for place, each in enumerate(seen)
    ]

    found = verdict(sights, needed=needed)

    told = None if found is None else (found.state.value, (found.since - START) // MINUTE)
    assert told == said


@pytest.fixture(scope="module")
async def module_world(suite: Suite) -> World:
    await suite.start("monitoring")
    return World(suite)


@pytest.fixture
async def world(module_world: World) -> World:
    """Nobody has looked at anything yet."""
    await module_world.suite.sql(
        "monitoring", "update shard_leases set watched_until = null, holder = null"
    )
    return module_world


@pytest.fixture
async def eyes(world: World) -> list[Eye]:
    return [Eye(world, vantage) for vantage in ("nanchang", "jiujiang", "ganzhou")]


@pytest.mark.feature("M5")
@pytest.mark.clause("A17.3")
async def test_one_failing_vantage_is_an_advisory_and_no_outage(world: World, eyes: list[Eye]):
    listing = await world.publish(url=ENTRY)
    probe = UUID((await world.probe_of(listing))["id"])

    await look([(eyes[0], "..xxxx"), (eyes[1], "......"), (eyes[2], "......")], probe)

    shown = await world.probe_of(listing)
    assert (shown["state"], shown["incident_id"], shown["failure"]) == ("UP", None, None)
    assert await world.items("/v1/incidents", listing=listing) == []
    [advisory] = await world.items("/v1/advisories", LABOUR, probe=str(probe), open=True)
    assert (advisory["vantage"], advisory["cause"]) == ("nanchang", REFUSED)
    assert (advisory["detail"], advisory["incident_id"]) == (REFUSED, None)
    assert advisory["started_at"] < advisory["opened_at"]
    seen = await world.items(f"/v1/probes/{probe}/vantages")
    assert {each["vantage"]: (each["state"], each["failure"]) for each in seen} == {
        "nanchang": ("DOWN", REFUSED), "jiujiang": ("UP", None), "ganzhou": ("UP", None),
    }  # fmt: skip
    assert await world.items("/v1/advisories", JIUJIANG, probe=str(probe)) == []
    hidden = await world.get(f"/v1/probes/{probe}/vantages", JIUJIANG)
    assert hidden.status_code == 404

    await look([(eyes[0], ".."), (eyes[1], ".."), (eyes[2], "..")], probe)

    [ended] = await world.items("/v1/advisories", probe=str(probe), open=False)
    assert (ended["id"], ended["incident_id"]) == (advisory["id"], None)


@pytest.mark.feature("M5")
@pytest.mark.feature("M3")
async def test_two_failing_vantages_are_one_outage_that_names_the_advisory(
    world: World, eyes: list[Eye]
):
    listing = await world.publish(url=ENTRY)
    probe = UUID((await world.probe_of(listing))["id"])
    began = world.suite.clock.now()

    await look([(eyes[0], ".xxxxxxx"), (eyes[1], "...xxxxx"), (eyes[2], "........")], probe)

    [incident] = await world.items("/v1/incidents", listing=listing)
    [advisory] = await world.items("/v1/advisories", probe=str(probe))
    assert advisory["incident_id"] == incident["id"]
    begun = (datetime.fromisoformat(incident["started_at"]) - began) // MINUTE
    assert (incident["state"], begun) == ("OPEN", 3), "since the second saw it"

    await look([(eyes[0], "xx"), (eyes[1], ".."), (eyes[2], "..")], probe)

    [closed] = await world.items("/v1/incidents", listing=listing)
    [left] = await world.items("/v1/advisories", probe=str(probe), open=True)
    assert (closed["state"], left["vantage"]) == ("CLOSED", "nanchang")
    shown = (await world.get(f"/v1/probes/{probe}/availability")).json()
    assert shown["down"] == pytest.approx(5 * 60, abs=10)
    assert shown["up"] + shown["down"] + shown["unknown"] == pytest.approx(86_400)


@pytest.mark.feature("M5")
async def test_a_vantage_that_is_gone_decides_nothing(world: World, eyes: list[Eye]):
    """One of two sees a fault; as soon as the other has looked no more, the one decides."""
    listing = await world.publish(url=ENTRY)
    probe = UUID((await world.probe_of(listing))["id"])

    await look([(eyes[0], ".xxxx"), (eyes[1], ".....")], probe)
    before = await world.items("/v1/incidents", listing=listing)
    await look([(eyes[0], "xxxx")], probe)
    during = await world.items("/v1/incidents", listing=listing)
    await look([(eyes[0], "xxx"), (eyes[1], "..")], probe)
    after = await world.items("/v1/incidents", listing=listing)

    assert before == []
    assert [each["state"] for each in during] == ["OPEN"]
    assert [each["state"] for each in after] == ["CLOSED"], "the other sees it up again"


@pytest.mark.feature("M5")
async def test_an_incident_does_not_close_because_a_vantage_comes_back_blind(
    world: World, eyes: list[Eye]
):
    listing = await world.publish(url=ENTRY)
    probe = UUID((await world.probe_of(listing))["id"])
    await look([(eyes[0], ".xxxx"), (eyes[1], ".xxxx")], probe)

    await look([(eyes[0], "xxxx")], probe)
    await eyes[1].hold()
    await look([(eyes[0], "xx")], probe)
    shown = await world.items(f"/v1/probes/{probe}/vantages")

    [incident] = await world.items("/v1/incidents", listing=listing)
    assert incident["state"] == "OPEN"
    assert [each["state"] for each in shown] == ["UNKNOWN", "DOWN"]


@pytest.mark.feature("M5")
async def test_a_probe_may_ask_for_fewer_or_more_vantages_than_the_policy(
    world: World, eyes: list[Eye]
):
    listing = await world.publish(url=ENTRY)
    body = {"listing_id": listing, **asked(vantages=1)}
    answer = await world.post("/v1/probes", body)
    refused = await world.post("/v1/probes", {"listing_id": listing, **asked(vantages=0)})
    probe = UUID(answer.json()["id"])

    await look([(eyes[0], ".xxx"), (eyes[1], "....")], probe)

    assert (answer.json()["vantages"], refused.status_code) == (1, 422)
    assert (await world.get(f"/v1/probes/{probe}")).json()["state"] == "DOWN"
    assert await world.items("/v1/advisories", probe=str(probe)) == []


@pytest.mark.feature("M5")
async def test_what_is_delisted_has_no_advisory_and_no_fault_when_it_comes_back(
    world: World, eyes: list[Eye]
):
    listing = await world.publish(url=ENTRY)
    probe = UUID((await world.probe_of(listing))["id"])
    await look([(eyes[0], ".xxx"), (eyes[1], "....")], probe)

    await world.delist(listing)
    ended = await world.items("/v1/advisories", probe=str(probe), open=True)
    await world.publish(url=ENTRY, listing_id=UUID(listing))
    await look([(eyes[0], ".x"), (eyes[1], ".x")], probe)

    assert ended == []
    assert await world.items("/v1/incidents", listing=listing) == []


@pytest.mark.feature("M4")
@pytest.mark.feature("M5")
async def test_another_replica_of_the_vantage_goes_on_where_its_owner_was_killed(world: World):
    """Two intervals are lost at most, the fault keeps its count, and nothing is told twice."""
    first, second = Eye(world, "nanchang"), Eye(world, "nanchang")
    listing = await world.publish(url=ENTRY)
    probe = UUID((await world.probe_of(listing))["id"])
    await look([(first, "..xxx")], probe)

    await look([(second, "xx")], probe)
    late = dict(first.watched)
    await first.see({probe: True})

    [incident] = await world.items("/v1/incidents", listing=listing)
    told = await world.suite.sql(
        "monitoring", "select type from outbox where subject = $1", f"incident:{incident['id']}"
    )
    assert (incident["state"], len(told)) == ("OPEN", 1)
    assert first.watched == late, "who lost the lease changes nothing any more"


@pytest.mark.feature("M7")
@pytest.mark.feature("M5")
async def test_time_is_unknown_only_where_no_vantage_looked(world: World, eyes: list[Eye]):
    listing = await world.publish(url=ENTRY)
    probe = UUID((await world.probe_of(listing))["id"])
    await look([(eyes[0], "....."), (eyes[1], ".....")], probe)

    await look([(eyes[0], "........")], probe)
    world.suite.clock.advance(10 * MINUTE)
    away = await world.probe_of(listing)
    await look([(eyes[1], "..")], probe)

    states = await world.suite.sql(
        "monitoring", "select state from state_changes where probe_id = $1 order by number", probe
    )
    assert away["state"] == "UNKNOWN"
    assert [each["state"] for each in states] == ["UP", "UNKNOWN", "UP"]

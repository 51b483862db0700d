"""A parent that is down explains its children: their new alerts wait, all else goes on (M6)."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.monitoring.rules.dependencies import circle
from tests.monitoring.eyes import MINUTE, Eye, look
from tests.monitoring.world import World, asked
from tests.suite import LABOUR, NANCHANG, PROVINCE, Suite

ENTRY = "https://entry.example.invalid/a"


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


async def made(world: World, **changes: Any) -> str:
    """A listing's entry probe that depends on what `parents` names."""
    listing = await world.publish(url=ENTRY)
    probe = await world.probe_of(listing)
    if changes:
        answer = await world.put(f"/v1/probes/{probe['id']}", asked(url=ENTRY, **changes))
        assert answer.status_code == 200, answer.text
    found: str = probe["id"]
    return found


async def incidents_of(world: World, probe: str) -> list[dict[str, Any]]:
    found = await world.items("/v1/incidents")
    return [each for each in found if each["probe_id"] == probe]


async def timeline(world: World, incident: dict[str, Any]) -> list[tuple[str, str | None]]:
    found = await world.items(f"/v1/incidents/{incident['id']}/timeline")
    return [(each["action"], each["detail"]) for each in found]


async def together(eye: Eye, rows: dict[str, str]) -> None:
    """Results of several probes in one batch, in this order, a minute apart."""
    for place in range(max(map(len, rows.values()))):
        await eye.hold()
        await eye.see({UUID(each): row[place] == "." for each, row in rows.items()})
        eye.world.suite.clock.advance(MINUTE)


@pytest.mark.feature("M6")
@pytest.mark.clause("A17.3")
async def test_while_its_parent_is_down_a_childs_fault_is_no_alert_of_its_own(world: World):
    eye = Eye(world)
    parent = await made(world)
    child = await made(world, parents=[parent])

    await together(eye, {parent: ".xxxx", child: "....."})
    await together(eye, {parent: "xxxx", child: ".xxx"})

    [above] = await incidents_of(world, parent)
    [below] = await incidents_of(world, child)
    assert (above["state"], above["parent_incident_id"]) == ("OPEN", None)
    assert (below["state"], below["parent_incident_id"]) == ("OPEN", above["id"])
    assert await timeline(world, below) == [
        ("OPENED", "connection_refused"),
        ("SUPPRESSED", above["id"]),
    ]
    [told] = await world.suite.sql(
        "monitoring",
        "select data::jsonb->>'parent_incident_id' as parent from outbox where subject = $1",
        f"incident:{below['id']}",
    )
    assert told["parent"] == above["id"]
    shown = (await world.get(f"/v1/probes/{child}")).json()
    assert (shown["state"], shown["parents"]) == ("DOWN", [parent]), "its history goes on"

    await together(eye, {parent: "..", child: ".."})

    assert [each["state"] for each in await incidents_of(world, child)] == ["CLOSED"]


@pytest.mark.feature("M6")
async def test_a_childs_fault_that_outlasts_its_parents_becomes_an_alert(world: World):
    eye = Eye(world)
    parent = await made(world)
    child = await made(world, parents=[parent])
    await together(eye, {parent: "xxxxxx", child: ".xxxxx"})

    await together(eye, {parent: "..", child: "xx"})
    [while_closing] = await incidents_of(world, child)
    await together(eye, {parent: ".", child: "x"})
    await together(eye, {parent: ".", child: "x"})

    [below] = await incidents_of(world, child)
    assert while_closing["parent_incident_id"] is not None
    assert (below["state"], below["parent_incident_id"]) == ("OPEN", None)
    assert [action for action, _ in await timeline(world, below)] == [
        "OPENED", "SUPPRESSED", "DETACHED",
    ]  # fmt: skip
    told = await world.suite.sql(
        "monitoring",
        "select type from outbox where subject = $1 order by id",
        f"incident:{below['id']}",
    )
    assert [each["type"].split(".")[1] for each in told] == ["incident_opened", "incident_detached"]


@pytest.mark.feature("M6")
@pytest.mark.parametrize("first", ["parent", "child"])
async def test_both_fail_at_once_and_one_alert_is_told_whoever_is_seen_first(
    world: World, first: str
):
    eye = Eye(world)
    parent = await made(world)
    child = await made(world, parents=[parent])
    order = [parent, child] if first == "parent" else [child, parent]

    await together(eye, dict.fromkeys(order, "." + "x" * 5))

    [above] = await incidents_of(world, parent)
    [below] = await incidents_of(world, child)
    assert above["parent_incident_id"] is None
    assert below["parent_incident_id"] == above["id"]
    assert below["started_at"][:16] == above["started_at"][:16], "it failed from the first on"


@pytest.mark.feature("M6")
async def test_a_childs_fault_that_was_told_of_before_is_not_taken_back(world: World):
    eye = Eye(world)
    parent = await made(world)
    child = await made(world, parents=[parent])

    await together(eye, {parent: "....", child: ".xxx"})
    await together(eye, {parent: "xxxx", child: "xxxx"})

    [below] = await incidents_of(world, child)
    assert below["parent_incident_id"] is None
    assert await timeline(world, below) == [("OPENED", "connection_refused")]


@pytest.mark.feature("M6")
async def test_the_fault_of_a_grandparent_explains_all_that_is_below_it(world: World):
    """The middle one passes still, and where both are down the cause that is named is the root."""
    eye = Eye(world)
    root = await made(world)
    middle = await made(world, parents=[root])
    leaf = await made(world, parents=[middle])

    await together(eye, {root: "xxxxxx", middle: "..xxxx", leaf: "...xxx"})

    [above] = await incidents_of(world, root)
    found = [*await incidents_of(world, middle), *await incidents_of(world, leaf)]
    assert [each["parent_incident_id"] for each in found] == [above["id"]] * 2


@pytest.mark.feature("M6")
async def test_a_parent_that_keeps_failing_undecided_holds_a_child_back_only_for_so_long(
    world: World,
):
    eye = Eye(world)
    parent = await made(world)
    child = await made(world, parents=[parent])

    await together(eye, {parent: "xx.xx.xx.xx.", child: "xxxxxxxxxxxx"})

    [below] = await incidents_of(world, child)
    assert (below["state"], below["parent_incident_id"]) == ("OPEN", None)
    assert await incidents_of(world, parent) == []


@pytest.mark.feature("M6")
async def test_a_parent_that_nobody_probes_any_more_explains_nothing(world: World):
    eye = Eye(world)
    parent = await made(world)
    child = await made(world, parents=[parent])
    await look([(eye, "xxx")], UUID(parent))
    await world.put(f"/v1/probes/{parent}", asked(url=ENTRY, paused=True))

    await look([(eye, "xxx")], UUID(child))

    [below] = await incidents_of(world, child)
    assert below["parent_incident_id"] is None


# --- what may depend on what


@pytest.mark.feature("M6")
async def test_a_circle_is_refused_and_named(world: World):
    first = await made(world)
    second = await made(world, parents=[first])
    third = await made(world, parents=[second])

    itself = await world.put(f"/v1/probes/{first}", asked(url=ENTRY, parents=[first]))
    around = await world.put(f"/v1/probes/{first}", asked(url=ENTRY, parents=[third]))

    assert (itself.status_code, itself.json()["code"]) == (409, "dependency_circle")
    assert (around.status_code, around.json()["code"]) == (409, "dependency_circle")
    assert f"{first} → {third} → {second} → {first}" in around.json()["detail"]
    assert (await world.get(f"/v1/probes/{first}")).json()["parents"] == []


@pytest.mark.feature("M6")
async def test_two_halves_of_a_circle_set_at_once_are_not_both_taken(world: World):
    probes = [await made(world) for _ in range(6)]
    ring = list(zip(probes, [*probes[1:], probes[0]], strict=True))

    answers = await asyncio.gather(
        *(world.put(f"/v1/probes/{one}", asked(url=ENTRY, parents=[next_])) for one, next_ in ring)
    )

    assert sorted(each.status_code for each in answers) == [200] * 5 + [409]


@pytest.mark.feature("M6")
@pytest.mark.clause("A4.1")
async def test_a_listing_stands_for_its_entry_and_only_what_is_seen_may_be_named(world: World):
    own = await world.publish(url=ENTRY)
    entry = (await world.probe_of(own))["id"]
    strange = await world.publish(NANCHANG, url=ENTRY)
    child = await made(world)
    path = f"/v1/probes/{child}"

    by_listing = await world.put(path, asked(url=ENTRY, parents=[own, entry]))
    unseen = await world.put(path, asked(url=ENTRY, parents=[entry, strange, str(uuid4())]))
    by_province = await world.put(path, asked(url=ENTRY, parents=[strange]), PROVINCE)
    set_then = by_province.json()["parents"]
    kept = await world.put(path, asked(url=ENTRY, parents=set_then), LABOUR)
    gone = await world.put(path, asked(url=ENTRY), LABOUR)

    assert by_listing.json()["parents"] == [entry]
    assert (unseen.status_code, unseen.json()["code"]) == (422, "probe_invalid")
    assert [(each["pointer"], each["code"]) for each in unseen.json()["errors"]] == [
        ("/parents/1", "probe.parent_unknown"),
        ("/parents/2", "probe.parent_unknown"),
    ]
    assert set_then == [(await world.probe_of(strange))["id"]]
    assert kept.json()["parents"] == set_then, "its owner keeps what the province named"
    assert gone.json()["parents"] == []


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=25))
def test_edges_that_are_taken_one_by_one_never_form_a_circle(edges):
    ids = [UUID(int=number) for number in range(7)]
    known: dict[UUID, list[UUID]] = {each: [] for each in ids}

    for child, parent in edges:
        if circle(ids[child], [ids[parent]], known) is None:
            known[ids[child]].append(ids[parent])

    left = set(ids)
    while free := {each for each in left if not left & set(known[each])}:
        left -= free
    assert not left, "each can be taken away after its parents"

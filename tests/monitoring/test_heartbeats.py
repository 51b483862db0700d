"""Heartbeats: a beat that does not come is a failed probe, and nobody guesses a token."""

from typing import Any
from uuid import UUID

import pytest

from tests.monitoring.world import HASTY, World, asked
from tests.suite import JIUJIANG, LABOUR, PROVINCE, Suite, eventually


@pytest.fixture(scope="module")
async def world(suite: Suite) -> World:
    made = World(suite)
    await made.set_policies(HASTY)
    await suite.start("monitoring", probing=True)
    return made


def beating(**changes: Any) -> dict[str, Any]:
    return {"name": "夜间批量", "interval_seconds": 2, "grace_seconds": 1, **changes}


async def made(world: World, **changes: Any) -> dict[str, Any]:
    listing = await world.publish(url="http://10.255.255.1/")
    answer = await world.post("/v1/heartbeats", {"listing_id": listing, **beating(**changes)})
    assert answer.status_code == 201, answer.text
    assert answer.headers["cache-control"] == "no-store"
    found: dict[str, Any] = answer.json()
    return found


@pytest.mark.clause("A17.3")
async def test_beats_keep_it_up_and_their_end_is_one_incident(world: World):
    heartbeat = await made(world)
    path = f"/v1/heartbeats/{heartbeat['id']}"

    async def stands(state: str, *, beat: bool) -> Any:
        if beat:
            answer = await world.post("/v1/beats", {"token": heartbeat["token"]})
            assert answer.status_code == 200, answer.text
        shown = (await world.get(path, LABOUR)).json()
        return shown if shown["state"] == state else None

    up = await eventually(lambda: stands("UP", beat=True), within=30)
    down = await eventually(lambda: stands("DOWN", beat=False), within=40)
    again = await eventually(lambda: stands("UP", beat=True), within=40)

    assert up["incident_id"] is None
    assert again["incident_id"] is None
    [incident] = await world.items("/v1/incidents", listing=heartbeat["listing_id"])
    assert (incident["id"], incident["cause"]) == (down["incident_id"], "beat_missed")
    assert (incident["state"], incident["probe_id"]) == ("CLOSED", heartbeat["id"])


@pytest.mark.clause("A4.1")
async def test_the_token_is_shown_once_kept_as_a_digest_and_of_no_use_to_others(world: World):
    heartbeat = await made(world)
    path, token = f"/v1/heartbeats/{heartbeat['id']}", heartbeat["token"]

    shown = await world.get(path, PROVINCE)
    beat = await world.post("/v1/beats", {"token": token})
    strange = await world.post("/v1/beats", {"token": token}, JIUJIANG)
    guessed = await world.post("/v1/beats", {"token": token[:-1] + "0" * 2})
    hidden = await world.get(path, JIUJIANG)

    [row] = await world.suite.sql(
        "monitoring", "select probes::text as all from probes where id = $1", UUID(heartbeat["id"])
    )
    assert "token" not in shown.json()
    assert token not in row["all"]
    assert beat.json()["heartbeat_id"] == heartbeat["id"]
    assert beat.json()["due_at"] > beat.json()["beat_at"]
    assert (strange.status_code, strange.json()["code"]) == (404, "beat_unknown")
    assert (guessed.status_code, guessed.json()["code"]) == (404, "beat_unknown")
    assert (hidden.status_code, hidden.json()["code"]) == (404, "heartbeat_not_found")


async def test_a_renewed_token_ends_the_one_before(world: World):
    heartbeat = await made(world)

    strange = await world.post(f"/v1/heartbeats/{heartbeat['id']}/tokens", None, JIUJIANG)
    renewed = await world.post(f"/v1/heartbeats/{heartbeat['id']}/tokens", None)
    old = await world.post("/v1/beats", {"token": heartbeat["token"]})
    new = await world.post("/v1/beats", {"token": renewed.json()["token"]})

    assert strange.status_code == 404
    assert renewed.status_code == 201
    assert [old.status_code, new.status_code] == [404, 200]


async def test_a_paused_heartbeat_takes_no_beat_and_is_changed_as_one(world: World):
    heartbeat = await made(world)
    path = f"/v1/heartbeats/{heartbeat['id']}"

    paused = await world.put(path, beating(paused=True))
    beat = await world.post("/v1/beats", {"token": heartbeat["token"]})
    as_probe = await world.put(f"/v1/probes/{heartbeat['id']}", asked())
    as_walk = await world.get(f"/v1/walks/{heartbeat['id']}")
    often = await world.put(path, beating(interval_seconds=0))
    strange = await world.put(path, beating(), JIUJIANG)

    assert (paused.status_code, paused.json()["running"]) == (200, False)
    assert beat.status_code == 404
    assert (as_probe.status_code, as_probe.json()["code"]) == (409, "probe_of_other_kind")
    assert as_walk.status_code == 404
    assert (often.status_code, strange.status_code) == (422, 404)

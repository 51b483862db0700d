"""Mock transactions for real: values go from step to step, the clean-up always follows (M2)."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest

from services.monitoring.clients.prober import Prober
from services.monitoring.clients.resolving import SystemResolver
from services.monitoring.clients.walker import walk
from services.monitoring.clients.web import client_context
from services.monitoring.rules.addresses import read_allowed
from services.monitoring.rules.conditions import Observation
from services.monitoring.rules.walking import Step, ValueUnusable, capture, fill, hide
from tests.monitoring.office import PASSWORD, SESSION, Office, opened, through
from tests.monitoring.world import HASTY, World, asked
from tests.suite import JIUJIANG, LABOUR, NANCHANG, PROVINCE, Suite, eventually


@pytest.fixture(scope="module")
async def world(suite: Suite) -> World:
    made = World(suite)
    await made.set_policies({**HASTY, "shard_lease": 15, "walk_interval_shortest": 1})
    await suite.start("monitoring", probing=True, probe_networks=("127.0.0.0/8",))
    return made


@pytest.fixture
async def office() -> AsyncIterator[Office]:
    made = Office()
    server = await opened(made)
    yield made
    server.close()


async def created(world: World, office: Office, **changes: Any) -> dict[str, Any]:
    """A walk through that office; the entry of its listing is nobody's concern here."""
    listing = await world.publish(url="http://10.255.255.1/")
    answer = await world.post("/v1/walks", {"listing_id": listing, **through(office, **changes)})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def first_run(world: World, walk_id: str) -> dict[str, Any]:
    async def ended() -> Any:
        found = await world.items(f"/v1/walks/{walk_id}/runs", LABOUR)
        return found[-1] if found and found[-1]["state"] == "DONE" else None

    run: dict[str, Any] = await eventually(ended, within=40)
    return run


@pytest.mark.feature("M2")
@pytest.mark.clause("A17.3")
async def test_a_walk_hands_values_on_and_clears_away_what_it_made(world: World, office: Office):
    made = await created(world, office)

    run = await first_run(world, made["id"])

    assert [method for method, _ in office.asked[:4]] == ["POST", "POST", "GET", "DELETE"]
    assert office.asked[2][1].startswith("/applications/a%2F"), "a value is no path of its own"
    assert office.applications == {}
    assert (run["ok"], run["failed_step"], run["cleaned"]) == (True, None, True)
    assert [(each["part"], each["name"], each["status"]) for each in run["steps"]] == [
        ("STEP", "登录", 200), ("STEP", "申请", 201), ("STEP", "查询", 200),
        ("CLEANUP", "撤回", 200),
    ]  # fmt: skip
    assert all(each["total"] > 0 for each in run["steps"])
    assert run["total"] == pytest.approx(sum(each["total"] for each in run["steps"]), rel=0.01)
    shown = (await world.get(f"/v1/walks/{made['id']}", LABOUR)).json()
    assert (shown["state"], shown["secrets"]) == ("UP", ["password"])


@pytest.mark.feature("M2")
@pytest.mark.feature("M3")
async def test_a_step_that_fails_ends_the_walk_which_is_one_alert_and_cleans_up_all_the_same(
    world: World, office: Office
):
    made = await created(world, office, interval_seconds=1, timeout_seconds=1)
    await first_run(world, made["id"])
    office.applications["kept"] = {}

    office.answers["/applications"] = (500, '{"detail": "full"}')

    async def down() -> Any:
        found = (await world.get(f"/v1/walks/{made['id']}", LABOUR)).json()
        return found if found["state"] == "DOWN" else None

    shown = await eventually(down, within=40)
    office.answers.clear()
    [run, *_] = [
        each for each in await world.items(f"/v1/walks/{made['id']}/runs") if each["ok"] is False
    ]
    assert shown["failure"] == "申请: [STATUS] (500) == 201"
    assert (run["failed_step"], [each["name"] for each in run["steps"]]) == (
        "申请", ["登录", "申请"],
    )  # fmt: skip
    assert run["cleaned"] is None, "nothing was made that could be cleared away"
    incidents = await world.items("/v1/incidents", listing=made["listing_id"])
    assert [each["id"] for each in incidents] == [shown["incident_id"]]
    assert set(office.applications) == {"kept"}


@pytest.mark.feature("M2")
async def test_the_clean_up_follows_a_failed_step_and_its_own_failure_is_the_walks(
    world: World, office: Office
):
    steps = through(office)["steps"]
    steps[2]["conditions"] = ["[BODY].state == DONE"]
    half = await created(world, office, steps=steps)
    stuck = await created(world, office, cleanup=[
        {**through(office)["cleanup"][0], "conditions": ["[STATUS] == 204"]}])  # fmt: skip

    failed = await first_run(world, half["id"])
    left = await first_run(world, stuck["id"])

    assert (failed["ok"], failed["failed_step"], failed["cleaned"]) == (False, "查询", True)
    assert (left["ok"], left["failed_step"], left["cleaned"]) == (False, "撤回", False)
    samples = await world.items(f"/v1/probes/{stuck['id']}/samples")
    assert samples[-1]["error"] == "cleanup_failed"


@pytest.mark.feature("M2")
async def test_no_answer_and_no_evidence_holds_a_secret(world: World, office: Office):
    """The office sends the wrong password back, as careless ones do."""
    steps = through(office)["steps"]
    steps[0]["conditions"] = ["[BODY] == nothing"]
    wrong = f"wrong-{PASSWORD}"
    made = await created(world, office, steps=steps, secrets={"password": wrong})

    run = await first_run(world, made["id"])

    texts = [
        (await world.get(path, LABOUR)).text
        for path in (
            f"/v1/walks/{made['id']}", "/v1/walks", f"/v1/walks/{made['id']}/runs",
            f"/v1/walk-runs/{run['id']}", f"/v1/probes/{made['id']}",
            f"/v1/probes/{made['id']}/samples",
        )
    ]  # fmt: skip
    assert "***" in run["steps"][0]["failure"]
    assert not any(wrong in text or SESSION in text for text in texts)
    [row] = await world.suite.sql(
        "monitoring", "select probes::text as all from probes where id = $1", UUID(made["id"])
    )
    assert wrong not in row["all"]


@pytest.mark.feature("M2")
@pytest.mark.clause("A4.1")
async def test_owner_and_province_ask_for_a_run_and_nobody_else(world: World, office: Office):
    office.pause = 0.4
    made = await created(world, office, interval_seconds=86_400)
    await first_run(world, made["id"])
    path = f"/v1/walks/{made['id']}/runs"

    strange = await world.post(path, None, JIUJIANG)
    asked_for = await world.post(path, None, PROVINCE)
    again = await world.post(path, None, LABOUR)
    hidden = await world.get(asked_for.headers["location"], NANCHANG)

    async def ended() -> Any:
        found = (await world.get(asked_for.headers["location"], LABOUR)).json()
        return found if found["state"] == "DONE" else None

    run = await eventually(ended, within=30)
    assert (strange.status_code, strange.json()["code"]) == (404, "walk_not_found")
    assert (asked_for.status_code, asked_for.json()["state"]) == (202, "REQUESTED")
    assert asked_for.json()["ok"] is None
    assert (again.status_code, again.json()["code"]) == (409, "walk_run_waits")
    assert hidden.status_code == 404
    assert (run["requested"], run["ok"], run["vantage"]) == (True, True, "default")
    assert len(await world.items(path)) == 2
    paused = through(office, paused=True, secrets={"password": None})
    await world.put(f"/v1/walks/{made['id']}", paused)
    resting = await world.post(path, None, LABOUR)
    assert (resting.status_code, resting.json()["code"]) == (409, "walk_not_running")


@pytest.mark.feature("M2")
async def test_a_secret_that_is_not_given_again_stays_and_one_that_never_was_is_missed(
    world: World, office: Office
):
    made = await created(world, office)
    path = f"/v1/walks/{made['id']}"

    once = await world.put(path, through(office))
    kept = await world.put(path, through(office, secrets={"password": None}))
    missed = await world.put(path, through(office, secrets={"password": None, "pin": None}))
    strange = await world.put(path, through(office), JIUJIANG)
    late = await world.put(path, through(office), match=once.headers["etag"])
    as_probe = await world.put(f"/v1/probes/{made['id']}", asked())
    not_walk = await world.get(f"/v1/walks/{(await world.probe_of(made['listing_id']))['id']}")
    run = await first_run(world, made["id"])

    assert kept.status_code == 200, kept.text
    assert [(each["pointer"], each["code"]) for each in missed.json()["errors"]] == [
        ("/secrets/pin", "walk.secret_missing")
    ]
    assert (strange.status_code, late.status_code) == (404, 412)
    assert (as_probe.status_code, as_probe.json()["code"]) == (409, "probe_of_other_kind")
    assert not_walk.status_code == 404
    assert run["ok"] is True


@pytest.mark.feature("M2")
@pytest.mark.parametrize(
    ("change", "pointer", "code"),
    [
        ({"url": "ftp://a.example/"}, "/steps/0/url", "target.scheme"),
        ({"url": "http://a{{secret.password}}.b/"}, "/steps/0/url", "walk.host_not_fixed"),
        ({"url": "tcp://a.example:80"}, "/steps/0/url", "walk.http_only"),
        ({"url": "http://a.example/{{id}}"}, "/steps/0", "walk.value_unknown"),
        ({"body": "{{secret.pin}}"}, "/steps/0", "walk.value_unknown"),
        ({"headers": {"Host": "b"}}, "/steps/0/headers/Host", "walk.header_refused"),
        ({"headers": {"Cookie": "s=1"}}, "/steps/0/headers/Cookie", "walk.secret_in_clear"),
        ({"headers": {"X": "a\r\nY: b"}}, "/steps/0/headers/X", "target.characters"),
        ({"method": "GET"}, "/steps/0/body", "walk.body_refused"),
        ({"conditions": ["[X] == 1"]}, "/steps/0/conditions/0", "condition.placeholder_unknown"),
        ({"captures": {"session": "BODY.x"}}, "/steps/0/captures/session",
         "condition.nothing_observed"),
    ],
)  # fmt: skip
async def test_a_walk_that_cannot_be_carried_out_is_refused(
    world: World, change: dict[str, Any], pointer: str, code: str
):
    listing = await world.publish(url="http://10.255.255.1/")
    body = through(Office(port=9))
    body["steps"] = [{**body["steps"][0], **change}]
    body["cleanup"] = []

    answer = await world.post("/v1/walks", {"listing_id": listing, **body})

    assert answer.status_code == 422, answer.text
    found = {(each["pointer"], each["code"]) for each in answer.json()["errors"]}
    assert (pointer, code) in found


@pytest.mark.feature("M2")
async def test_a_walk_may_go_only_where_a_probe_may(world: World, office: Office):
    steps = through(office)["steps"][:2]
    steps[1]["url"] = "http://169.254.169.254/latest/{{session}}"
    made = await created(world, office, steps=steps, cleanup=[])

    run = await first_run(world, made["id"])

    assert run["steps"][1]["error"] == "address_refused"
    assert (await world.get(f"/v1/probes/{made['id']}")).json()["state"] == "UNKNOWN"


@pytest.mark.feature("M2")
async def test_a_walk_that_is_cut_off_still_clears_away(office: Office):
    """Its replica stops while a step waits for an answer."""
    body = through(office)
    steps, cleanup = ([Step(**each) for each in body[part]] for part in ("steps", "cleanup"))
    office.answers["/slow"], office.pause = (200, "{}"), 0.3
    steps[2] = Step("慢", office.url("/slow"), conditions=["[STATUS] == 200"])

    with Prober(SystemResolver(), (read_allowed("127.0.0.0/8"),), client_context()) as prober:
        secrets = {"secret.password": PASSWORD}
        task = asyncio.create_task(walk(prober, steps, cleanup, secrets=secrets, seconds=5))

        async def applied() -> bool:
            return bool(office.applications)

        await eventually(applied, within=5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    assert office.applications == {}


@pytest.mark.parametrize(
    ("text", "value", "filled"),
    [
        ("http://a.example/{{v}}?q={{ v }}", "../b c&d=é", "..%2Fb%20c%26d%3D%C3%A9"),
        ("http://a.example/{{v}}", "http://evil.example/", "http%3A%2F%2Fevil.example%2F"),
    ],
)
def test_a_value_stays_one_part_of_a_url(text: str, value: str, filled: str):
    assert fill(Step("s", text), {"v": value}).url == text.replace("{{v}}", filled).replace(
        "{{ v }}", filled
    )


def test_a_value_stays_one_string_of_a_json_body_and_one_line_of_a_head():
    step = Step("s", "http://a.example/", "POST", {"X": "{{v}}"}, '{"a": "{{v}}"}')

    filled = fill(step, {"v": 'x"y'})

    assert (filled.headers, filled.body) == ({"X": 'x"y'}, b'{"a": "x\\"y"}')
    with pytest.raises(ValueUnusable):
        fill(step, {"v": "a\r\nb: c"})
    with pytest.raises(ValueUnusable):
        capture(Step("s", "http://a.example/", captures={"v": "[BODY].a"}), Observation())


def test_secrets_and_long_captured_values_are_hidden():
    values = {"secret.pin": "1234", "id": "17", "session": "abcdefgh"}

    assert hide("1234 17 abcdefgh", values) == "*** 17 ***"

"""Channels beside the platform: none new, the old ones move in (A5.1, A5.2)."""

import asyncio
from datetime import UTC, date, datetime
from typing import Any
from uuid import uuid4

import httpx
import pytest

from shared.events.filing import ChannelExceptionGranted
from shared.messaging.inbox import Nak
from tests.catalog.province import Catalog
from tests.suite import DONGHU, JIUJIANG, LABOUR, MINI_APP, NANCHANG, OPERATOR, PROVINCE

pytestmark = pytest.mark.clause("A5.2")
PLAN = {
    "into": "hall-360100",
    "steps": ["接入统一身份认证", "服务迁入分厅"],
    "starts_on": "2026-03-01",
    "due_on": "2099-06-30",
}


def channel(**changes: Any) -> dict[str, Any]:
    return {
        "name": f"市民应用 {uuid4().hex[:6]}",
        "kind": "APP",
        "organisation_id": "city-360100",
        "independent": True,
        "in_service_since": "2021-05-01",
        **changes,
    }


async def registered(catalog: Catalog, **changes: Any) -> tuple[str, dict[str, Any]]:
    made = await catalog.send("POST", "/v1/channels", channel(**changes), NANCHANG)
    assert made.status_code == 201, made.text
    return made.headers["location"], made.json()


async def test_of_many_who_register_the_same_channel_at_once_one_does(catalog: Catalog):
    body = channel()

    answers = await asyncio.gather(
        *(catalog.send("POST", "/v1/channels", body, NANCHANG) for _ in range(6))
    )

    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409, 409]


async def put(catalog: Catalog, path: str, actor=NANCHANG, **changes: Any) -> httpx.Response:
    body = {"name": f"市民应用 {path[-12:]}", **changes}
    return await catalog.send("PUT", path, body, actor, if_match="*")


def granted(name: str = "专项业务端", until: str = "2099-12-31", **changes: Any):
    values: dict[str, Any] = {
        "filing_id": uuid4(),
        "channel_name": name,
        "channel_kind": "APP",
        "organisation_id": "city-360100",
        "until": date.fromisoformat(until),
    }
    return ChannelExceptionGranted(**{**values, **changes})


async def tell(catalog: Catalog, event: ChannelExceptionGranted) -> None:
    await catalog.tell(event, f"filing:{event.filing_id}", region="360100")


async def flagged(catalog: Catalog) -> list[dict[str, Any]]:
    query = "/v1/channels?flagged=true&organisation=city-360100&limit=100"
    items: list[dict[str, Any]] = (await catalog.get(query)).json()["items"]
    return items


async def test_an_existing_channel_is_planned_migrated_integrated_and_retired(catalog: Catalog):
    path, made = await registered(catalog)

    steps = [(await put(catalog, path, state="PLANNED", plan=PLAN)).json()]
    steps += [
        (await put(catalog, path, state=state)).json()
        for state in ("MIGRATING", "INTEGRATED", "RETIRED")
    ]

    assert (made["state"], made["region"], made["flagged"]) == ("EXISTING", "360100", False)
    assert [step["state"] for step in steps] == ["PLANNED", "MIGRATING", "INTEGRATED", "RETIRED"]
    assert steps[-1]["plan"] == PLAN
    told = [data["state"] for _, data in await catalog.told(f"channel:{made['id']}")]
    assert told == ["EXISTING", "PLANNED", "MIGRATING", "INTEGRATED", "RETIRED"]
    late = await put(catalog, path, state="RETIRED")
    assert (late.status_code, late.json()["code"]) == (409, "illegal_step")


async def test_a_channel_does_not_skip_a_step_or_go_back(catalog: Catalog):
    path, _ = await registered(catalog)

    skipped = await put(catalog, path, state="MIGRATING", plan=PLAN)
    await put(catalog, path, state="PLANNED", plan=PLAN)
    back = await put(catalog, path, state="EXISTING")

    assert (skipped.status_code, skipped.json()["allowed"]) == (409, ["PLAN"])
    assert (back.status_code, back.json()["allowed"]) == (409, ["MIGRATE"])


async def test_no_channel_moves_without_a_plan_that_names_an_open_hall(catalog: Catalog):
    path, _ = await registered(catalog)

    without = await put(catalog, path, state="PLANNED")
    nowhere = await put(catalog, path, state="PLANNED", plan={**PLAN, "into": "hall-none"})
    backwards = await put(catalog, path, state="PLANNED", plan={**PLAN, "due_on": "2026-02-01"})

    assert without.json()["errors"][0]["code"] == "plan_missing"
    (flaw,) = nowhere.json()["errors"]
    assert (flaw["pointer"], flaw["code"]) == ("/plan/into", "hall_unknown")
    assert backwards.status_code == 422


@pytest.mark.clause("A5.1")
async def test_a_new_independent_channel_is_refused_without_its_exception(catalog: Catalog):
    refused = await catalog.send(
        "POST", "/v1/channels", channel(in_service_since="2025-08-04"), NANCHANG
    )
    inside = await catalog.send(
        "POST", "/v1/channels", channel(in_service_since="2026-01-01", independent=False), NANCHANG
    )

    assert (refused.status_code, refused.json()["code"]) == (409, "channel_exception_missing")
    assert refused.json()["clause"] == "A5.1"
    assert inside.status_code == 201


@pytest.mark.clause("A5.1")
async def test_an_accepted_exception_registers_the_channel_flagged(catalog: Catalog):
    event = granted("例外渠道一")

    await tell(catalog, event)
    await tell(catalog, event)

    (found,) = [each for each in await flagged(catalog) if each["name"] == "例外渠道一"]
    assert found["exception_filing_id"] == str(event.filing_id)
    assert (found["flagged"], found["independent"], found["state"]) == (True, True, "EXISTING")
    assert (found["exception_until"], found["version"]) == ("2099-12-31", 1)
    assert len(await catalog.told(f"channel:{found['id']}")) == 1


@pytest.mark.clause("A5.1")
async def test_a_second_exception_for_the_same_channel_prolongs_the_first(catalog: Catalog):
    await tell(catalog, granted("例外 渠道二", until="2098-12-31"))

    await tell(catalog, granted("例外渠道二", until="2099-12-31"))

    (found,) = [each for each in await flagged(catalog) if "渠道二" in each["name"]]
    assert (found["exception_until"], found["version"]) == ("2099-12-31", 2)


async def test_an_exception_of_an_unknown_unit_waits_to_be_tried_again(catalog: Catalog):
    event = granted(organisation_id="unit-nowhere")

    (verdict,) = await catalog.hear(catalog.envelope(event, f"filing:{event.filing_id}"))

    assert isinstance(verdict, Nak)


@pytest.mark.clause("A5.1")
async def test_what_is_over_or_late_is_told_once_each(catalog: Catalog):
    await tell(catalog, granted("会到期的渠道", until="2097-03-31"))
    (found,) = [each for each in await flagged(catalog) if each["name"] == "会到期的渠道"]
    path = f"/v1/channels/{found['id']}"
    plan = {**PLAN, "due_on": "2097-06-30"}
    await put(catalog, path, name="会到期的渠道", state="PLANNED", plan=plan)
    told = []

    for day in ((2097, 3, 31), (2097, 4, 1), (2097, 4, 2), (2097, 7, 1), (2097, 7, 2)):
        catalog.suite.clock.set(datetime(*day, 4, tzinfo=UTC))
        await catalog.suite.tick("catalog", "tell_overdue")
        facts = await catalog.told(f"channel:{found['id']}")
        told.append([data["what"] for name, data in facts if name == "channel_overdue.v1"])
    catalog.suite.clock.reset()

    once, both = ["exception"], ["exception", "migration"]
    assert told == [[], once, once, both, both]
    assert (await catalog.get(path)).json()["overdue"] == both


async def test_a_name_is_taken_however_it_is_spaced(catalog: Catalog):
    first, _ = await registered(catalog, name="一名 两写")

    again = await catalog.send("POST", "/v1/channels", channel(name="一名两写"), NANCHANG)
    other, _ = await registered(catalog)
    renamed = await put(catalog, other, name="一名两写", state="EXISTING")

    assert (again.status_code, again.json()["code"]) == (409, "already_registered")
    assert (renamed.status_code, renamed.json()["code"]) == (409, "already_registered")
    assert (await catalog.get(first)).json()["name"] == "一名 两写"


@pytest.mark.clause("A4.1")
@pytest.mark.parametrize(
    ("actor", "code"),
    [
        (JIUJIANG, "outside_remit"),
        (DONGHU, "outside_remit"),
        (LABOUR, "outside_remit"),
        (OPERATOR, "operation_forbidden"),
        (MINI_APP, "operation_forbidden"),
    ],
    ids=["another city", "its county", "a department", "the operator", "a mini-app"],
)
async def test_a_channel_is_its_owner_s_to_register_and_to_move(catalog: Catalog, actor, code):
    path, _ = await registered(catalog)

    made = await catalog.send("POST", "/v1/channels", channel(), actor)
    moved = await put(catalog, path, actor, state="PLANNED", plan=PLAN)

    assert {(each.status_code, each.json()["code"]) for each in (made, moved)} == {(403, code)}
    assert (await put(catalog, path, PROVINCE, state="PLANNED", plan=PLAN)).status_code == 200


@pytest.mark.feature("API4")
async def test_a_channel_changes_by_its_current_version_only(catalog: Catalog):
    path, _ = await registered(catalog)
    etag = (await catalog.get(path)).headers["etag"]
    body = {"name": "改名的应用", "state": "EXISTING"}

    done = await catalog.send("PUT", path, body, NANCHANG, if_match=etag)
    stale = await catalog.send("PUT", path, body, NANCHANG, if_match=etag)
    unknown = await catalog.send("PUT", f"/v1/channels/{uuid4()}", body, NANCHANG, if_match="*")

    assert (done.status_code, stale.status_code) == (200, 412)
    assert unknown.json()["code"] == "channel_not_found"


@pytest.mark.feature("API5")
async def test_channels_are_found_by_each_filter_and_walk_in_pages(catalog: Catalog):
    await registered(catalog, kind="WEBSITE")
    whole = (await catalog.get("/v1/channels?limit=100")).json()

    walked: list[dict[str, Any]] = []
    cursor: str | None = ""
    while cursor is not None:
        query = f"/v1/channels?limit=2{cursor and f'&cursor={cursor}'}"
        part = (await catalog.get(query)).json()
        walked += part["items"]
        cursor = part["next_cursor"]

    assert walked == whole["items"]
    assert whole["total"] == len(whole["items"])
    for name, value in (("kind", "WEBSITE"), ("region", "360100"), ("state", "EXISTING")):
        found = (await catalog.get(f"/v1/channels?{name}={value}&limit=100")).json()
        assert [each["id"] for each in found["items"]] == [
            each["id"] for each in whole["items"] if each[name] == value
        ]
    assert (await catalog.get("/v1/channels?region=360400")).json()["total"] == 0

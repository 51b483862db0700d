"""A document that was returned and never corrected has paid nothing (A12.3, F8)."""

from datetime import datetime
from typing import Any

import pytest

from tests.filing.test_documents import DOCUMENT, artefact, open_all, owed
from tests.filing.world import EVIDENCE, World
from tests.suite import JIUJIANG, NANCHANG, PROVINCE


@pytest.mark.clause("A12.3")
@pytest.mark.feature("F8")
async def test_a_returned_plan_that_lapses_is_owed_again_by_the_date_it_had(world: World):
    subject = "document:OPERATION_PLAN:2026"
    await open_all(world)
    filed = await world.send(NANCHANG, DOCUMENT, artefact("OPERATION_PLAN", "2026"))
    [paid] = await owed(world, NANCHANG, subject)
    await return_(world, filed)

    await world.sweep_at("2026-03-20T10:00:00+08:00")
    [again] = await owed(world, NANCHANG, subject)
    new = await world.send(NANCHANG, DOCUMENT, artefact("OPERATION_PLAN", "2026"))
    await open_all(world)

    [after] = await owed(world, NANCHANG, subject)
    assert (await world.ok(NANCHANG, "GET", f"/v1/filings/{filed['id']}"))["state"] == "LAPSED"
    assert (paid["state"], again["state"], after["state"]) == ("FULFILLED", "OPEN", "FULFILLED")
    assert again["due_at"] == paid["due_at"] == "2026-05-07T00:00:00+08:00"
    assert (again["fulfilled_by"], again["late"]) == (None, False)
    assert again["clock"]["state"] == "RUNNING"
    assert after["fulfilled_by"] == new["id"]
    assert await world.facts(f"obligation:{after['id']}") == [
        "obligation_opened",
        "obligation_fulfilled",
        "obligation_reopened",
        "obligation_fulfilled",
    ]


@pytest.mark.clause("A12.3")
@pytest.mark.feature("F8")
@pytest.mark.feature("K4")
async def test_what_lapses_after_its_date_is_breached_once_and_climbs_once(world: World):
    subject = "document:OPERATION_PLAN:2026"
    await open_all(world)
    world.suite.clock.set(datetime.fromisoformat("2026-05-06T10:00:00+08:00"))
    filed = await world.send(JIUJIANG, DOCUMENT, artefact("OPERATION_PLAN", "2026"))
    await return_(world, filed)
    await world.sweep_at("2026-06-10T10:00:00+08:00")
    [first] = await owed(world, JIUJIANG, subject)
    second = await world.send(JIUJIANG, DOCUMENT, artefact("OPERATION_PLAN", "2026"))
    await return_(world, second)

    await world.sweep_at("2026-07-20T10:00:00+08:00")

    [again] = await owed(world, JIUJIANG, subject)
    facts = await world.facts(f"obligation:{again['id']}")
    assert (first["state"], first["late"]) == (again["state"], again["late"]) == ("OPEN", True)
    assert first["breached_at"] == again["breached_at"]
    assert facts.count("obligation_breached") == 1
    assert facts.count("obligation_reopened") == 2
    rungs = [each["rung"] for each in again["ladder"]]
    assert len(rungs) == len(set(rungs)) > 0


async def return_(world: World, filing: dict[str, Any]) -> None:
    why = {"clause": "A12.3", "opinion": "请补充分工。", "evidence": EVIDENCE}
    await world.ok(PROVINCE, "POST", f"/v1/filings/{filing['id']}/return", why)

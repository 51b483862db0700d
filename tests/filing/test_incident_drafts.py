"""A major incident that monitoring tells of has its report drafted, and owed from detection on."""

import uuid
from datetime import timedelta
from typing import Any

import pytest

from shared.events.monitoring import IncidentGraded
from shared.messaging.inbox import Ack
from tests.filing.world import World
from tests.suite import HEALTH_INSURANCE, LABOUR, PROVINCE


async def graded(
    world: World, *, severity: str = "MAJOR", incident: uuid.UUID | None = None, times: int = 1
) -> str:
    """Monitoring tells how grave an incident of the labour department is."""
    found, now = incident or uuid.uuid4(), world.suite.clock.now()
    event = IncidentGraded(
        incident_id=found,
        kind="FAULT",
        organisation_id="jx-rst",
        listing_id=None,
        severity=severity,
        previous="GENERAL",
        started_at=now - timedelta(minutes=6),
        detected_at=now - timedelta(minutes=5),
        graded_at=now,
    )
    verdicts = await world.tell(event, f"incident:{found}", times=times)
    assert verdicts == [Ack()] * times
    return str(found)


async def owed(world: World, incident: str) -> dict[str, dict[str, Any]]:
    found = await world.ok(LABOUR, "GET", "/v1/obligations?limit=100")
    subject = f"incident:{incident}"
    return {each["kind"]: each for each in found["items"] if each["subject"] == subject}


@pytest.mark.clause("A16.4")
async def test_a_major_incident_is_one_draft_of_its_unit_however_often_it_is_told(world: World):
    incident = await graded(world, times=2)
    await graded(world, severity="SPECIAL_MAJOR", incident=uuid.UUID(incident))

    draft = await world.ok(LABOUR, "GET", f"/v1/filings/{incident}")

    assert (draft["state"], draft["filing_type"]) == ("DRAFT", "INCIDENT_REPORT")
    assert (draft["content"]["stage"], draft["content"]["severity"]) == ("FIRST", "MAJOR")
    assert draft["organisation_id"] == "jx-rst"
    debts = await owed(world, incident)
    assert {kind: each["state"] for kind, each in debts.items()} == {"FIRST_REPORT": "OPEN"}
    foreign = await world.call(HEALTH_INSURANCE, "GET", f"/v1/filings/{incident}")
    assert foreign.status_code == 404


async def test_a_lighter_incident_has_no_draft(world: World):
    incident = await graded(world, severity="LARGER")

    answer = await world.call(PROVINCE, "GET", f"/v1/filings/{incident}")

    assert answer.status_code == 404
    assert await owed(world, incident) == {}


@pytest.mark.clause("A16.4")
async def test_the_draft_is_written_and_sent_and_pays_what_was_owed(world: World):
    incident = await graded(world)
    draft = await world.ok(LABOUR, "GET", f"/v1/filings/{incident}")
    words = {"summary": "查询接口超时。", "impact": "全省不可用。", "measures": "已切换。"}
    body = {"filing_type": "INCIDENT_REPORT", "content": {**draft["content"], **words}}

    await world.ok(LABOUR, "PUT", f"/v1/filings/{incident}", body)
    sent = await world.ok(LABOUR, "POST", f"/v1/filings/{incident}/submission", {})

    debts = await owed(world, incident)
    [(fact, told)] = await world.events(f"incident:{incident}")
    assert sent["state"] == "SUBMITTED"
    assert (debts["FIRST_REPORT"]["state"], debts["FIRST_REPORT"]["late"]) == ("FULFILLED", False)
    assert debts["FINAL_REPORT"]["state"] == "OPEN"
    assert (fact, told["incident_id"], told["stage"]) == ("incident_reported", incident, "FIRST")


@pytest.mark.clause("A16.4")
async def test_a_draft_that_is_not_sent_in_time_is_a_breach(world: World):
    incident = await graded(world)

    world.suite.clock.advance(timedelta(minutes=26))
    await world.suite.tick("filing", "sweep_clocks")

    assert (await owed(world, incident))["FIRST_REPORT"]["late"] is True

"""How grave an incident is, and the clocks of reports that follow from it (A16.4, A20.1)."""

import asyncio
import uuid
from datetime import timedelta
from typing import Any

import pytest

from services.monitoring.commands.limits import DEFAULTS
from services.monitoring.commands.report_clocks import sweep_report_clocks
from services.monitoring.rules.incidents import Impact, IncidentKind, Severity, read_matrix
from shared.events.filing import IncidentReported
from shared.security.identity import system
from tests.monitoring.incidents import actions, clocks, major, path_of, recorded
from tests.monitoring.test_responding import refusal
from tests.monitoring.world import World
from tests.suite import HEALTH_INSURANCE, LABOUR, NANCHANG, OPERATOR, PROVINCE, Suite

FAULTS = read_matrix({each.key: each for each in DEFAULTS}, IncidentKind.FAULT)
MAJOR = {"severity": "MAJOR", "reason": "影响面大。"}


@pytest.fixture(scope="module")
async def world(suite: Suite) -> World:
    """A replica that answers and does not probe."""
    await suite.start("monitoring")
    return World(suite)


async def reported(
    world: World, incident: dict[str, Any], *, stage: str = "FIRST", times: int = 1
) -> None:
    """Filing tells that the unit has reported."""
    now = world.suite.clock.now()
    event = IncidentReported(
        incident_id=uuid.UUID(incident["id"]),
        filing_id=uuid.UUID(incident["id"]),
        organisation_id="jx-rst",
        stage=stage,
        severity="MAJOR",
        listing_ids=[],
        started_at=now - timedelta(minutes=6),
        detected_at=now - timedelta(minutes=5),
        reported_at=now,
        late=False,
    )
    await world.tell(event, f"incident:{incident['id']}", times=times)


@pytest.mark.clause("A16.4")
@pytest.mark.parametrize(
    ("impact", "minutes", "severity"),
    [
        (Impact(), 0, Severity.GENERAL),
        (Impact(percent=9), 59, Severity.GENERAL),
        (Impact(percent=10), 0, Severity.LARGER),
        (Impact(), 60, Severity.LARGER),
        (Impact(core_function=True), 0, Severity.LARGER),
        (Impact(percent=30), 0, Severity.MAJOR),
        (Impact(data_loss=True), 0, Severity.MAJOR),
        (Impact(), 240, Severity.MAJOR),
        (Impact(percent=50, core_function=True), 1, Severity.SPECIAL_MAJOR),
        (Impact(), 1440, Severity.SPECIAL_MAJOR),
    ],
)
def test_the_matrix_takes_the_gravest_of_its_four(impact: Impact, minutes: int, severity: Severity):
    assert FAULTS.grade(impact, timedelta(minutes=minutes)) is severity


@pytest.mark.clause("A16.4")
async def test_a_severity_is_set_with_its_reason_and_lighter_by_the_province_alone(world: World):
    shown = await recorded(world)
    path = path_of(shown, "severity")

    graver = await world.put(path, MAJOR)
    lighter = {"severity": "GENERAL", "reason": "影响面小。", "percent": 30}
    by_unit = await world.put(path, lighter)
    by_operator = await world.put(path, lighter, OPERATOR)
    by_province = await world.put(path, lighter, PROVINCE)

    assert (graver.status_code, graver.json()["severity"]) == (200, "MAJOR")
    assert refusal(by_unit) == (403, "severity_below_matrix")
    assert by_unit.json()["matrix"] == "MAJOR"
    assert refusal(by_operator) == (403, "severity_below_matrix")
    assert (by_province.json()["severity"], by_province.json()["percent"]) == ("GENERAL", 30)
    timeline = await world.items(path_of(shown, "timeline"))
    graded = [each["detail"] for each in timeline if each["action"] == "GRADED"]
    assert graded[1:] == ["GENERAL → MAJOR: 影响面大。", "MAJOR → GENERAL: 影响面小。"]


async def test_another_unit_and_one_without_the_version_set_no_severity(world: World):
    shown = await recorded(world)
    read = (await world.get(path_of(shown), LABOUR)).headers["etag"]
    await world.post(path_of(shown, "comments"), {"text": "窗口已通知。"})

    foreign = await world.put(path_of(shown, "severity"), MAJOR, HEALTH_INSURANCE)
    city = await world.put(path_of(shown, "severity"), MAJOR, NANCHANG)
    stale = await world.put(path_of(shown, "severity"), MAJOR, match=read)

    assert refusal(foreign) == refusal(city) == (404, "incident_not_found")
    assert refusal(stale) == (412, "stale_version")


@pytest.mark.clause("A16.4")
async def test_what_lasts_becomes_graver_by_itself(world: World):
    shown = await recorded(world)

    world.suite.clock.advance(timedelta(hours=5))
    await world.suite.tick("monitoring", "grade_by_duration")
    await world.suite.tick("monitoring", "grade_by_duration")

    after = (await world.get(path_of(shown))).json()
    timeline = await world.items(path_of(shown, "timeline"))
    graded = [each["detail"] for each in timeline if each["action"] == "GRADED"]
    assert after["severity"] == "MAJOR"
    assert graded[1:] == ["GENERAL → MAJOR: DURATION"]


@pytest.mark.clause("A16.4")
async def test_the_first_report_of_a_major_incident_is_due_from_detection_on(world: World):
    shown = await major(world, minutes_ago=5)

    clock = (await clocks(world, shown))["FIRST_REPORT"]

    assert (clock["state"], clock["amount"], clock["unit"]) == ("RUNNING", 30, "minutes")
    detected = await world.suite.sql(
        "monitoring",
        "select due_at - opened_at as limit from incidents join incident_clocks"
        " on incident_id = incidents.id where incidents.id = $1",
        uuid.UUID(shown["id"]),
    )
    assert detected[0]["limit"] == timedelta(minutes=30)
    assert await clocks(world, await recorded(world)) == {}


@pytest.mark.clause("A16.4")
async def test_the_ladder_fires_each_rung_once_and_lateness_stays(world: World):
    shown = await major(world, minutes_ago=1)
    subject = f"incident:{shown['id']}"

    for minutes in (15, 10, 10):
        world.suite.clock.advance(timedelta(minutes=minutes))
        for _ in range(2):
            await world.suite.tick("monitoring", "sweep_report_clocks")
    before = await world.facts(subject)
    await reported(world, shown, times=2)

    clock = (await clocks(world, shown))["FIRST_REPORT"]
    assert before.count("incident_report_reminded") == 2
    assert before.count("incident_report_overdue") == 1
    assert clock["fired"] == ["report_first_reminder", "report_second_reminder"]
    assert (clock["state"], clock["outcome"], clock["late"]) == ("STOPPED", "REPORTED", True)
    assert (await actions(world, shown))[-4:] == [
        "REPORT_REMINDED",
        "REPORT_REMINDED",
        "REPORT_OVERDUE",
        "REPORTED",
    ]


@pytest.mark.feature("F5")
async def test_two_sweepers_at_once_fire_a_rung_once(world: World):
    shown = await major(world, minutes_ago=20)
    database = world.suite.apps["monitoring"].state.database

    async def sweep() -> None:
        async with database.transaction(system("monitoring")) as tx:
            await sweep_report_clocks(tx)

    await asyncio.gather(sweep(), sweep())
    await world.suite.tick("monitoring", "sweep_report_clocks")

    told = await world.facts(f"incident:{shown['id']}")
    assert told.count("incident_report_reminded") == 1
    assert (await clocks(world, shown))["FIRST_REPORT"]["fired"] == ["report_first_reminder"]


@pytest.mark.clause("A16.5")
async def test_what_waits_for_a_notice_closes_when_it_turns_out_lighter(world: World):
    """As when its probe has recovered: over, major, and announced nowhere."""
    shown = await major(world)
    await world.suite.sql(
        "monitoring",
        "update incidents set resolved_at = $2 where id = $1",
        uuid.UUID(shown["id"]),
        world.suite.clock.now(),
    )
    waiting = (await world.get(path_of(shown))).json()
    lighter = {"severity": "GENERAL", "reason": "误判。"}

    answer = await world.put(path_of(shown, "severity"), lighter, PROVINCE)

    assert waiting["state"] == "RECOVERED"
    assert answer.json()["state"] == "CLOSED"


async def test_incidents_are_found_by_kind_and_severity(world: World):
    security, fault = await major(world, kind="SECURITY"), await major(world)

    async def found(**params: Any) -> set[str]:
        rows = await world.items("/v1/incidents", limit=100, **params)
        return {each["id"] for each in rows}

    assert security["id"] in await found(kind="SECURITY", severity="MAJOR")
    assert fault["id"] not in await found(kind="SECURITY")
    assert fault["id"] not in await found(severity="GENERAL")


@pytest.mark.clause("A16.4")
async def test_a_report_in_time_stops_the_clock_and_a_final_one_does_not(world: World):
    shown = await major(world, minutes_ago=5)

    await reported(world, shown, stage="FINAL")
    running = (await clocks(world, shown))["FIRST_REPORT"]
    await reported(world, shown, times=2)

    stopped = (await clocks(world, shown))["FIRST_REPORT"]
    after = (await world.get(path_of(shown))).json()
    assert running["state"] == "RUNNING"
    assert (stopped["state"], stopped["late"]) == ("STOPPED", False)
    assert after["report_filing_id"] == shown["id"]
    assert (await actions(world, shown)).count("REPORTED") == 1


async def test_a_lighter_severity_ends_the_clock_and_a_graver_one_starts_another(world: World):
    shown = await major(world)
    path = path_of(shown, "severity")

    await world.put(path, {"severity": "GENERAL", "reason": "误判。"}, PROVINCE)
    ended = (await clocks(world, shown))["FIRST_REPORT"]
    await world.put(path, MAJOR)
    both = await world.items(path_of(shown, "clocks"))

    assert (ended["state"], ended["outcome"]) == ("STOPPED", "DOWNGRADED")
    assert sorted(each["state"] for each in both) == ["RUNNING", "STOPPED"]


@pytest.mark.clause("A20.1")
@pytest.mark.parametrize(("critical", "hours"), [(True, 1), (False, 4)])
async def test_a_security_incident_is_reported_to_the_authority_in_its_hours(
    world: World, critical: bool, hours: int
):
    shown = await major(world, kind="SECURITY", critical=critical)
    path = path_of(shown, "authority-report")
    now = world.suite.clock.now()
    body = {"authority": "CYBERSPACE", "reference": "2026-001", "reported_at": now.isoformat()}
    ahead = {**body, "reported_at": (now + timedelta(hours=1)).isoformat()}

    clock = (await clocks(world, shown))["AUTHORITY_REPORT"]
    early = await world.post(path, ahead)
    sent = await world.post(path, body)

    after = await clocks(world, shown)
    assert (clock["amount"], clock["unit"]) == (hours, "hours")
    assert refusal(early) == (422, "incident_times_wrong")
    assert sent.status_code == 200
    assert after["AUTHORITY_REPORT"]["outcome"] == "REPORTED"
    assert after["FIRST_REPORT"]["state"] == "RUNNING"


@pytest.mark.clause("A20.1")
async def test_the_province_names_who_coordinates_a_security_incident(world: World):
    shown, fault = await major(world, kind="SECURITY"), await major(world)
    body = {"organisation_id": "jx-zwfw", "reason": "涉及多个单位。"}

    named = await world.put(path_of(shown, "coordinator"), body, PROVINCE)
    by_unit = await world.put(path_of(shown, "coordinator"), body, LABOUR)
    of_fault = await world.put(path_of(fault, "coordinator"), body, PROVINCE)

    assert named.json()["coordinator"] == "jx-zwfw"
    assert refusal(by_unit) == (403, "operation_forbidden")
    assert refusal(of_fault) == (409, "incident_not_security")
    assert (await actions(world, shown))[-1] == "COORDINATED"

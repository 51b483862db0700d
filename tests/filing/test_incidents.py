"""Major faults are reported at once, by severity from detection on, and finally (A16.4)."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.filing.world import EVIDENCE, World, refusal
from tests.suite import HEALTH_INSURANCE, LABOUR, PROVINCE

REPORT = "INCIDENT_REPORT"


def first(world: World, *, minutes_ago: int = 20, **changes: Any) -> dict[str, Any]:
    detected = world.suite.clock.now() - timedelta(minutes=minutes_ago)
    return {
        "stage": "FIRST",
        "severity": "MAJOR",
        "listing_ids": [],
        "started_at": (detected - timedelta(minutes=5)).isoformat(),
        "detected_at": detected.isoformat(),
        "summary": "查询接口持续超时。",
        "impact": "全省参保查询不可用。",
        "measures": "已切换备用节点。",
        "contact_office": "运维值班岗",
        **changes,
    }


def final(world: World, filing: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        **filing["content"],
        "stage": "FINAL",
        "incident_id": filing["id"],
        "resolved_at": world.suite.clock.now().isoformat(),
        "cause": "连接池耗尽。",
        "improvement": "扩容并增加告警。",
        **changes,
    }


async def debts(world: World, filing: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What the incident has been owed, by kind."""
    found = await world.ok(LABOUR, "GET", "/v1/obligations?limit=100")
    subject = f"incident:{filing['id']}"
    return {each["kind"]: each for each in found["items"] if each["subject"] == subject}


@pytest.mark.clause("A16.4")
@pytest.mark.feature("F1")
async def test_a_first_report_in_time_pays_its_clock_and_opens_the_final_ones(world: World):
    filed = await world.send(LABOUR, REPORT, first(world, minutes_ago=29))

    owed = await debts(world, filed)
    [(fact, told)] = await world.events(f"incident:{filed['id']}")
    assert filed["flow"] == "NOTIFY"
    assert (owed["FIRST_REPORT"]["state"], owed["FIRST_REPORT"]["late"]) == ("FULFILLED", False)
    assert owed["FIRST_REPORT"]["fulfilled_by"] == filed["id"]
    assert filed["obligation_id"] == owed["FIRST_REPORT"]["id"]
    assert (owed["FINAL_REPORT"]["state"], owed["FINAL_REPORT"]["clause"]) == ("OPEN", "A16.4")
    assert owed["FINAL_REPORT"]["due_at"] == "2026-03-10T00:00:00+08:00"
    assert (fact, told["stage"], told["late"]) == ("incident_reported", "FIRST", False)


@pytest.mark.clause("A16.4")
@pytest.mark.feature("F8")
@pytest.mark.parametrize(
    ("severity", "minutes", "late"),
    [
        ("SPECIAL_MAJOR", 29, False),
        ("SPECIAL_MAJOR", 31, True),
        ("MAJOR", 31, True),
        ("LARGER", 31, False),
        ("LARGER", 241, True),
        ("GENERAL", 241, False),
        ("GENERAL", 1441, True),
    ],
)
async def test_the_first_clock_runs_from_detection_by_severity(
    world: World, severity: str, minutes: int, late: bool
):
    content = first(world, minutes_ago=minutes, severity=severity)

    filed = await world.send(LABOUR, REPORT, content)

    owed = (await debts(world, filed))["FIRST_REPORT"]
    facts = await world.facts(f"obligation:{owed['id']}")
    assert owed["late"] is late
    assert (owed["breached_at"] is not None) is late
    assert facts == [
        "obligation_opened",
        *(["obligation_breached"] if late else []),
        "obligation_fulfilled",
    ]


@pytest.mark.clause("A16.4")
async def test_the_final_report_closes_what_the_first_one_opened(world: World):
    filed = await world.send(LABOUR, REPORT, first(world))
    world.suite.clock.advance(timedelta(days=1))

    done = await world.send(LABOUR, REPORT, final(world, filed))

    owed = (await debts(world, filed))["FINAL_REPORT"]
    told = (await world.events(f"incident:{filed['id']}"))[-1][1]
    assert (owed["state"], owed["fulfilled_by"], owed["late"]) == ("FULFILLED", done["id"], False)
    assert (told["incident_id"], told["stage"]) == (filed["id"], "FINAL")
    assert told["resolved_at"] is not None


@pytest.mark.clause("A16.4")
@pytest.mark.feature("F8")
async def test_a_missing_final_report_is_chased_and_its_breach_stays(world: World):
    filed = await world.send(LABOUR, REPORT, first(world))

    await world.sweep_at("2026-03-05T17:00:00+08:00")
    await world.sweep_at("2026-03-09T10:00:00+08:00")
    await world.sweep_at("2026-03-10T00:00:01+08:00")
    late = await world.send(LABOUR, REPORT, final(world, filed))

    owed = (await debts(world, filed))["FINAL_REPORT"]
    facts = await world.facts(f"obligation:{owed['id']}")
    assert facts.count("obligation_reminded") == 2
    assert facts[-2:] == ["obligation_breached", "obligation_fulfilled"]
    assert (owed["state"], owed["late"]) == ("FULFILLED", True)
    assert owed["breached_at"] is not None
    assert late["obligation_id"] == owed["id"]


@pytest.mark.clause("A16.4")
async def test_a_corrected_report_owes_nothing_twice(world: World):
    filed = await world.send(LABOUR, REPORT, first(world))
    why = {"clause": "A16.4", "opinion": "请写明影响。", "evidence": EVIDENCE}
    await world.ok(PROVINCE, "POST", f"/v1/filings/{filed['id']}/return", why)
    world.suite.clock.advance(timedelta(days=1))

    await world.ok(LABOUR, "POST", f"/v1/filings/{filed['id']}/submission", {})

    owed = await debts(world, filed)
    assert set(owed) == {"FIRST_REPORT", "FINAL_REPORT"}
    assert owed["FIRST_REPORT"]["late"] is False
    assert await world.facts(f"incident:{filed['id']}") == ["incident_reported"] * 2


async def test_a_report_that_was_sent_is_not_withdrawn(world: World):
    filed = await world.send(LABOUR, REPORT, first(world))

    answer = await world.call(
        LABOUR, "POST", f"/v1/filings/{filed['id']}/withdrawal", {"reason": "误报"}
    )

    assert refusal(answer) == (409, "written_filing_stays")
    assert "WITHDRAW" not in filed["allowed_actions"]


@pytest.mark.clause("A16.4")
async def test_a_final_report_names_a_first_report_of_its_own_unit(world: World):
    filed = await world.send(LABOUR, REPORT, first(world))
    done = await world.send(LABOUR, REPORT, final(world, filed))

    foreign = await world.try_to_send(HEALTH_INSURANCE, REPORT, final(world, filed))
    unknown = await world.try_to_send(
        LABOUR, REPORT, final(world, filed, incident_id="7a1d4f6c-3a0e-4c1d-9c55-2f0d8a6e7b01")
    )
    of_a_final = await world.try_to_send(LABOUR, REPORT, final(world, done))
    second = await world.try_to_send(LABOUR, REPORT, final(world, filed))

    assert foreign == (404, "incident_not_found")
    assert unknown == (404, "incident_not_found")
    assert of_a_final == (404, "incident_not_found")
    assert second == (409, "filing_pending")


@pytest.mark.clause("A16.4")
@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"cause": "未知"}, "member_not_for_step"),
        ({"detected_at": "2026-03-02T10:01:00+08:00"}, "incident_times"),
        ({"started_at": "2026-03-02T09:59:00+08:00"}, "incident_times"),
        ({"listing_ids": ["7a1d4f6c-3a0e-4c1d-9c55-2f0d8a6e7b01"]}, "listing_not_yours"),
    ],
)
async def test_times_follow_one_another_and_the_scope_is_ones_own(
    world: World, changes: dict[str, Any], code: str
):
    refused = await world.try_to_send(LABOUR, REPORT, {**first(world), **changes})

    assert refused == (422, code)


async def test_a_final_report_without_its_end_is_refused(world: World):
    filed = await world.send(LABOUR, REPORT, first(world))
    before = datetime.fromisoformat(filed["content"]["started_at"]) - timedelta(minutes=1)

    open_ = await world.try_to_send(LABOUR, REPORT, final(world, filed, resolved_at=None))
    early = await world.try_to_send(
        LABOUR, REPORT, final(world, filed, resolved_at=before.isoformat())
    )

    assert open_ == (422, "member_not_for_step")
    assert early == (422, "incident_times")

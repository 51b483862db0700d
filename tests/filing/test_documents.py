"""Recurring artefacts are owed for their period, chased, and filed; vacancies are owed too."""

import asyncio
from datetime import date, datetime
from typing import Any

import pytest

from services.filing.commands import chase_vacancies, open_due_documents
from services.filing.rules import KINDS, Period
from shared.security.identity import Actor
from tests.filing.world import EVIDENCE, REPORT, World, refusal
from tests.suite import DONGHU, HEALTH_INSURANCE, JIUJIANG, LABOUR, NANCHANG, PROVINCE

DOCUMENT = "DOCUMENT"
FIELD = {
    "system": "社保查询系统",
    "field": "参保单位名称",
    "level": "GENERAL",
    "category": "单位信息",
    "purpose": "展示参保记录",
    "shared_with": [],
}


def artefact(kind: str, period: str | None, **changes: Any) -> dict[str, Any]:
    return {
        "kind": kind,
        "period": period,
        "title": "年度材料",
        "summary": "目标、措施和分工。",
        "attachments": [REPORT],
        **changes,
    }


def promotion(period: str, **changes: Any) -> dict[str, Any]:
    channels = ["NEW_MEDIA", "SERVICE_VENUE", "XIAOGAN_LIVE"]
    return artefact("PROMOTION_PLAN", period, **{"channels": channels, **changes})


async def owed(world: World, who: Actor, subject: str) -> list[dict[str, Any]]:
    """What a unit owes or has owed for a subject, or for all that begin so."""
    rows = await world.suite.sql(
        "filing",
        "select id from obligations where organisation_id = $1 and starts_with(subject, $2)",
        who.organisation,
        subject,
    )
    return [await world.ok(who, "GET", f"/v1/obligations/{row['id']}") for row in rows]


async def open_all(world: World) -> None:
    while await world.run(open_due_documents):
        pass


# --- documents -----------------------------------------------------------------------------------


@pytest.mark.clause("A12.3")
@pytest.mark.feature("F1")
async def test_a_plan_is_owed_once_for_its_period_and_paid_when_it_is_filed(world: World):
    await open_all(world)
    [before] = await owed(world, LABOUR, "document:OPERATION_PLAN:2026")

    filed = await world.send(LABOUR, DOCUMENT, artefact("OPERATION_PLAN", "2026"))
    accepted = await world.accept(filed)
    await open_all(world)

    [after] = await owed(world, LABOUR, "document:OPERATION_PLAN:2026")
    facts = await world.events(f"filing:{filed['id']}")
    assert (before["state"], before["clause"], before["kind"]) == ("OPEN", "A12.3", "DOCUMENT")
    assert before["due_at"] == "2026-05-07T00:00:00+08:00"  # the last day lies in a holiday
    assert (after["state"], after["fulfilled_by"], after["late"]) == (
        "FULFILLED",
        filed["id"],
        False,
    )
    assert accepted["obligation_id"] == after["id"]
    assert facts[-1][0] == "document_filed"
    assert (facts[-1][1]["kind"], facts[-1][1]["period"]) == ("OPERATION_PLAN", "2026")


@pytest.mark.clause("A12.3")
@pytest.mark.feature("F8")
async def test_what_is_not_filed_is_chased_and_its_breach_stays(world: World):
    await open_all(world)

    await world.sweep_at("2026-04-01T10:00:00+08:00")
    await world.sweep_at("2026-04-20T10:00:00+08:00")
    await world.sweep_at("2026-05-07T00:00:01+08:00")
    late = await world.send(HEALTH_INSURANCE, DOCUMENT, artefact("OPERATION_PLAN", "2026"))

    [due] = await owed(world, HEALTH_INSURANCE, "document:OPERATION_PLAN:2026")
    assert await world.facts(f"obligation:{due['id']}") == [
        "obligation_opened",
        "obligation_reminded",
        "obligation_reminded",
        "obligation_breached",
        "obligation_fulfilled",
    ]
    assert (due["late"], due["fulfilled_by"]) == (True, late["id"])
    assert due["breached_at"] is not None


@pytest.mark.parametrize(
    ("who", "kind", "period"),
    [
        pytest.param(NANCHANG, "IMPLEMENTATION_PLAN", "2026", marks=pytest.mark.clause("A7.1")),
        pytest.param(DONGHU, "IMPLEMENTATION_PLAN", "2026", marks=pytest.mark.clause("A7.1")),
        pytest.param(NANCHANG, "LOCAL_PROMOTION", "2026", marks=pytest.mark.clause("A7.3")),
        pytest.param(LABOUR, "ZONE_PROMOTION", "2026", marks=pytest.mark.clause("A8.3")),
        pytest.param(LABOUR, "BUDGET_PLAN", "2026"),
        pytest.param(DONGHU, "SECURITY_TRAINING", "2026-H1", marks=pytest.mark.clause("A20.2")),
    ],
)
async def test_each_unit_owes_its_artefacts_and_pays_them_by_filing(
    world: World, who: Actor, kind: str, period: str
):
    await open_all(world)
    subject = f"document:{kind}:{period}"
    [before] = await owed(world, who, subject)

    filed = await world.send(who, DOCUMENT, artefact(kind, period))

    [after] = await owed(world, who, subject)
    assert (before["state"], before["clause"]) == ("OPEN", KINDS[kind].clause)
    assert (after["state"], after["fulfilled_by"]) == ("FULFILLED", filed["id"])


@pytest.mark.clause("A13")
async def test_a_plan_of_promotion_is_owed_and_names_the_channels_that_it_uses(world: World):
    await open_all(world)
    subject = "document:PROMOTION_PLAN:2026"
    [before] = await owed(world, JIUJIANG, subject)

    without = await world.try_to_send(JIUJIANG, DOCUMENT, promotion("2026", channels=[]))
    unknown = await world.try_to_send(JIUJIANG, DOCUMENT, promotion("2026", channels=["TV"]))
    elsewhere = await world.try_to_send(
        JIUJIANG, DOCUMENT, artefact("OPERATION_PLAN", "2026", channels=["OWN_MEDIA"])
    )
    filed = await world.send(JIUJIANG, DOCUMENT, promotion("2026"))

    [after] = await owed(world, JIUJIANG, subject)
    assert without == (422, "promotion_channels_missing")
    assert unknown[0] == 422
    assert elsewhere == (422, "part_not_for_document")
    assert (before["state"], before["clause"]) == ("OPEN", "A13")
    assert (after["state"], after["fulfilled_by"]) == ("FULFILLED", filed["id"])
    assert filed["content"]["channels"] == ["NEW_MEDIA", "SERVICE_VENUE", "XIAOGAN_LIVE"]


@pytest.mark.clause("A7.1")
@pytest.mark.clause("A7.3")
@pytest.mark.clause("A8.3")
async def test_each_promotes_and_plans_for_its_own_part_and_no_other(world: World):
    await open_all(world)
    foreign = {
        "a department, a city's plan": (LABOUR, "IMPLEMENTATION_PLAN"),
        "a department, a city's promotion": (LABOUR, "LOCAL_PROMOTION"),
        "a city, a department's zone": (NANCHANG, "ZONE_PROMOTION"),
    }

    refused = {
        who: await world.try_to_send(actor, DOCUMENT, artefact(kind, "2026"))
        for who, (actor, kind) in foreign.items()
    }

    assert refused == dict.fromkeys(foreign, (422, "document_not_for_organisation"))
    for actor, kind in foreign.values():
        assert await owed(world, actor, f"document:{kind}:") == []
    evidence = artefact("LOCAL_PROMOTION", "2027", channels=["OWN_MEDIA"])
    assert (await world.send(DONGHU, DOCUMENT, evidence))["state"] == "SUBMITTED"


async def test_a_new_period_is_owed_anew_and_no_unit_for_another_kind_of_unit(world: World):
    await open_all(world)
    halves = len(await owed(world, JIUJIANG, "document:SECURITY_TRAINING:"))

    world.suite.clock.set(datetime.fromisoformat("2026-07-01T09:00:00+08:00"))
    await open_all(world)

    found = await owed(world, JIUJIANG, "document:SECURITY_TRAINING:")
    assert (halves, len(found)) == (1, 2)
    assert {each["subject"].rpartition(":")[2] for each in found} == {"2026-H1", "2026-H2"}
    assert await owed(world, LABOUR, "document:IMPLEMENTATION_PLAN:") == []
    assert await owed(world, PROVINCE, "document:") == []


async def test_what_was_filed_before_it_was_looked_for_is_not_owed(world: World):
    await world.send(NANCHANG, DOCUMENT, artefact("OPERATION_PLAN", "2027"))
    world.suite.clock.set(datetime.fromisoformat("2027-01-04T09:00:00+08:00"))

    await open_all(world)

    assert await owed(world, NANCHANG, "document:OPERATION_PLAN:2027") == []
    assert len(await owed(world, JIUJIANG, "document:OPERATION_PLAN:2027")) == 1


async def test_two_sweepers_open_each_document_once(world: World):
    world.suite.clock.set(datetime.fromisoformat("2028-01-04T09:00:00+08:00"))

    await asyncio.gather(*(world.run(open_due_documents) for _ in range(2)), return_exceptions=True)
    await open_all(world)

    for who in (LABOUR, NANCHANG, DONGHU):
        assert len(await owed(world, who, "document:BUDGET_PLAN:2028")) == 1


@pytest.mark.clause("A12.3")
@pytest.mark.parametrize(
    ("content", "code"),
    [
        (artefact("IMPLEMENTATION_PLAN", "2026"), "document_not_for_organisation"),
        (artefact("OPERATION_PLAN", "2026-H1"), "period_wrong"),
        (artefact("OPERATION_PLAN", "2030"), "period_wrong"),
        (artefact("OPERATION_PLAN", None), "period_wrong"),
        (artefact("OPERATION_PLAN", "2026", fields=[FIELD]), "part_not_for_document"),
        (artefact("FIELD_CLASSIFICATION", "2026"), "part_not_for_document"),
    ],
)
async def test_a_document_is_of_its_unit_its_period_and_its_parts(
    world: World, content: dict[str, Any], code: str
):
    refused = await world.try_to_send(LABOUR, DOCUMENT, content)

    assert refused == (422, code)


async def test_a_document_cites_a_file_and_is_not_withdrawn(world: World):
    bare = await world.try_to_send(LABOUR, DOCUMENT, promotion("2027", attachments=[]))
    filed = await world.send(LABOUR, DOCUMENT, promotion("2027"))
    taken_back = await world.call(
        LABOUR, "POST", f"/v1/filings/{filed['id']}/withdrawal", {"reason": "重报"}
    )
    second = await world.try_to_send(LABOUR, DOCUMENT, promotion("2027"))

    assert bare[0] == 422
    assert refusal(taken_back) == (409, "written_filing_stays")
    assert second == (409, "filing_pending")


def test_a_day_lies_in_one_period_of_each_length():
    day = date(2026, 8, 4)

    names = {period: period.holding(day) for period in Period}

    assert names == {
        "YEAR": "2026",
        "HALF_YEAR": "2026-H2",
        "QUARTER": "2026-Q3",
        "MONTH": "2026-08",
        "NEVER": None,
    }


# --- the registry of fields ----------------------------------------------------------------------


@pytest.mark.clause("A21.1")
async def test_the_newest_accepted_registry_of_fields_is_in_force(world: World):
    two = [FIELD, {**FIELD, "field": "身份证件类型", "level": "IMPORTANT"}]
    first = artefact("FIELD_CLASSIFICATION", "2026", fields=two)
    await world.accept(await world.send(LABOUR, DOCUMENT, first))
    second = artefact("FIELD_CLASSIFICATION", "2026", fields=[{**FIELD, "level": "CORE"}])
    filed = await world.send(LABOUR, DOCUMENT, second)
    path = "/v1/classified-fields?organisation=jx-rst"

    before = (await world.ok(LABOUR, "GET", path))["items"]
    await world.accept(filed)

    after = (await world.ok(PROVINCE, "GET", path))["items"]
    foreign = (await world.ok(NANCHANG, "GET", path))["items"]
    assert {each["level"] for each in before} == {"GENERAL", "IMPORTANT"}
    assert [(each["level"], each["filing_id"]) for each in after] == [("CORE", filed["id"])]
    assert foreign == []


# --- vacancies -----------------------------------------------------------------------------------


@pytest.mark.clause("A12.2")
@pytest.mark.clause("A17.1")
@pytest.mark.feature("F8")
async def test_a_unit_without_a_responsible_person_owes_one_until_it_has_named_one(world: World):
    await world.run(chase_vacancies)
    again = await world.run(chase_vacancies)

    [operation] = await owed(world, LABOUR, "person:OPERATION:")
    [maintenance] = await owed(world, LABOUR, "person:MAINTENANCE:")
    await world.name(LABOUR.organisation)
    await world.sweep_at("2026-03-10T00:00:01+08:00")

    [filled] = await owed(world, LABOUR, "person:OPERATION:")
    [vacant] = await owed(world, LABOUR, "person:MAINTENANCE:")
    assert again == 0
    assert (operation["clause"], maintenance["clause"]) == ("A12.2", "A17.1")
    assert operation["due_at"] == "2026-03-10T00:00:00+08:00"
    assert (filled["state"], filled["late"]) == ("FULFILLED", False)
    assert (await world.facts(f"obligation:{filled['id']}"))[-1] == "obligation_fulfilled"
    assert vacant["breached_at"] is not None


@pytest.mark.clause("A12.2")
async def test_a_mandate_that_runs_out_is_a_vacancy_again(world: World):
    await world.name(JIUJIANG.organisation, until=date(2026, 3, 3))
    await world.run(chase_vacancies)
    named = await owed(world, JIUJIANG, "person:OPERATION:")
    world.suite.clock.set(datetime.fromisoformat("2026-03-04T08:00:00+08:00"))

    await world.run(chase_vacancies)

    found = await owed(world, JIUJIANG, "person:OPERATION:")
    assert [each["state"] for each in found if each["id"] not in {one["id"] for one in named}] == [
        "OPEN"
    ]
    assert all(each["state"] == "FULFILLED" for each in named)


async def test_evidence_of_a_return_does_not_reopen_what_was_paid(world: World):
    await open_all(world)
    filed = await world.send(DONGHU, DOCUMENT, promotion("2026"))
    why = {"clause": "A13", "opinion": "请补充渠道。", "evidence": EVIDENCE}

    await world.ok(PROVINCE, "POST", f"/v1/filings/{filed['id']}/return", why)
    await world.ok(DONGHU, "POST", f"/v1/filings/{filed['id']}/submission", {})

    [due] = await owed(world, DONGHU, "document:PROMOTION_PLAN:2026")
    assert (due["state"], due["fulfilled_by"]) == ("FULFILLED", filed["id"])
    assert (await world.facts(f"obligation:{due['id']}")).count("obligation_fulfilled") == 1

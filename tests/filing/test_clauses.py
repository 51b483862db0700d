"""A decision cites the measures, or what the technical norm in force lists (A10.1, C2)."""

from typing import Any

import pytest

from services.filing.rules import known_clauses, of_the_measures
from tests.filing.test_appeals import FIRST, OTHER, appealed, outcome
from tests.filing.test_four_eyes import RETURN
from tests.filing.test_partners import APPLICATION, application, partner
from tests.filing.world import World, refusal
from tests.suite import JIUJIANG, LABOUR, PROVINCE


@pytest.mark.parametrize(
    ("clause", "known"),
    [("A10.3", True), ("A28", True), ("A29", False), ("A0", False), ("A010", False), ("N1", False)],
)
def test_a_clause_of_the_measures_is_one_of_its_articles(clause: str, known: bool):
    assert of_the_measures(clause) is known


def test_a_line_of_a_checklist_is_cited_by_its_own_number_or_its_place():
    lines = ["投诉和评价入口可用", "5.2 大字版可用", "APP 页面一致", "3 异常有提示"]

    assert list(known_clauses(lines)) == ["N1", "5.2", "N3", "3"]


@pytest.mark.feature("C2")
@pytest.mark.clause("A10.1")
async def test_a_clause_that_the_norm_does_not_list_is_refused_naming_those_that_it_does(
    world: World,
):
    filing = await world.file(LABOUR)
    place = f"/v1/filings/{filing['id']}/return"

    unknown = await world.call(PROVINCE, "POST", place, {**RETURN, "clause": "N4"})
    beyond = await world.call(PROVINCE, "POST", place, {**RETURN, "clause": "A29"})
    listed = await world.call(PROVINCE, "POST", place, {**RETURN, "clause": "N3"})

    assert refusal(unknown) == refusal(beyond) == (422, "clause_unknown")
    assert unknown.json()["allowed"] == ["N1", "N2", "N3"]
    assert unknown.json()["errors"][0]["pointer"] == "/clause"
    assert listed.json()["history"][-1]["clause"] == "N3"


@pytest.mark.feature("C2")
@pytest.mark.clause("A10.1")
async def test_the_checklist_is_that_of_the_version_in_force_on_the_day(world: World):
    await world.issue_norm("demo-2.0", effective_from="2026-09-01", checklist=["9.1 新的要求"])
    filing, later = await world.file(LABOUR), await world.file(LABOUR)
    path = "/v1/filings/{}/return"

    early = await world.call(
        PROVINCE, "POST", path.format(filing["id"]), {**RETURN, "clause": "9.1"}
    )
    world.suite.clock.set(world.suite.clock.now().replace(month=9))
    now = await world.call(PROVINCE, "POST", path.format(later["id"]), {**RETURN, "clause": "9.1"})
    old = await world.call(PROVINCE, "POST", path.format(filing["id"]), {**RETURN, "clause": "N3"})

    assert refusal(early) == refusal(old) == (422, "clause_unknown")
    assert old.json()["allowed"] == ["9.1"]
    assert now.status_code == 200, now.text


@pytest.mark.feature("C2")
async def test_every_decision_against_a_filer_cites_a_known_clause(world: World):
    local = await world.file(JIUJIANG)
    who = await partner(world, "partner-clause")
    applied = await world.send(who, APPLICATION, application(150))
    returned = await world.file(LABOUR)
    await world.ok(FIRST, "POST", f"/v1/filings/{returned['id']}/return", RETURN)
    appeal = await appealed(world, returned)
    wrong: dict[str, Any] = {**RETURN, "clause": "X-1"}

    answers = [
        await world.call(LABOUR, "POST", f"/v1/filings/{local['id']}/refusal", wrong),
        await world.call(PROVINCE, "POST", f"/v1/filings/{applied['id']}/rejection", wrong),
        await world.call(
            OTHER, "POST", f"{appeal}/decision", {**outcome("UPHELD"), "clause": "X-1"}
        ),
    ]

    assert [refusal(each) for each in answers] == [(422, "clause_unknown")] * 3
    assert (await world.ok(LABOUR, "GET", appeal))["state"] == "OPEN"

"""Electronic supervision: each rule with what sets it off, once for a subject and a period."""

import uuid
from datetime import date, timedelta
from typing import Any

import pytest

from services.monitoring.event_handlers import HANDLERS
from services.monitoring.rules.electronic import HEARD, RULES, Fact, fired, settled, unpassed
from services.monitoring.rules.rectifications import KINDS, Retest
from shared.events import filing, monitoring
from tests.monitoring.supervision import MONDAY, READER, Supervision, refusal, started
from tests.suite import JIUJIANG, LABOUR, NANCHANG, Suite

ENTRY = "https://entry.example.invalid/watched"
ID = uuid.UUID(int=7)
UNIT = {"organisation_id": "jx-rst"}
EXAMPLES: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    # rule: the event's type, what sets it off, and one member that makes it harmless
    "obligation_overdue": (
        "filing.obligation_breached.v1", {**UNIT, "obligation_id": str(ID)},
        {"obligation_id": None},
    ),
    "case_overdue": (
        "complaints.case_overdue.v1", {**UNIT, "case_id": str(ID)}, {"organisation_id": None},
    ),
    "rating_drop": (
        "complaints.rating_dropped.v1",
        {**UNIT, "listing_id": str(ID), "before": "0.96", "after": "0.81"}, {"after": "0.97"},
    ),
    "window_overrun": (
        "monitoring.incident_opened.v1",
        {**UNIT, "incident_id": str(ID), "cause": "conditions", "window_id": str(ID)},
        {"window_id": None},
    ),
}  # fmt: skip
WAITING = {
    "case_overdue": {"complaints.case_overdue.v1", "complaints.case_closed.v1"},
    "rating_drop": {"complaints.rating_dropped.v1"},
}


@pytest.fixture(scope="module")
async def world(suite: Suite) -> Supervision:
    return await started(suite)


@pytest.fixture(autouse=True)
def _monday(suite: Suite) -> None:
    suite.clock.set(MONDAY)


@pytest.mark.clause("A24.1")
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.key)
def test_each_rule_is_set_off_by_its_example_and_by_nothing_less(rule):
    type_, data, harmless = EXAMPLES[rule.key]

    [found] = fired(Fact(type_, data))

    assert (found.rule, found.match.organisation_id) == (rule, "jx-rst")
    assert found.match.about_id == ID
    assert list(fired(Fact(type_, {**data, **harmless}))) == []
    assert list(fired(Fact(type_, {}))) == [], "an event of another shape is no fault"
    assert list(fired(Fact("some.other_event.v1", data))) == []
    assert KINDS[rule.kind].by_hand is False


@pytest.mark.clause("A24.1")
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.key)
def test_a_rule_fires_once_in_its_period(rule):
    type_, data, _ = EXAMPLES[rule.key]
    [found] = fired(Fact(type_, data))

    first = rule.source_id(found.match, date(2026, 3, 2))

    assert first == rule.source_id(found.match, date(2026, 3, 31))
    next_month = rule.source_id(found.match, date(2026, 4, 1))
    assert (first == next_month) is (rule.period is None)


def test_what_a_rule_can_test_again_has_an_event_that_settles_it():
    for rule in RULES:
        assert bool(rule.settled_by) is (KINDS[rule.kind].retest is Retest.RULE), rule.key
    fact = Fact("monitoring.incident_reopened.v1", {"incident_id": str(ID)})
    assert [(rule.key, subject, holds) for rule, subject, holds in settled(fact)] == [
        ("window_overrun", ID, False)
    ]


def test_the_rules_that_wait_for_another_service_are_known():
    """Once complaints tells of these, its handlers are added and this list is shortened."""
    handled = {event.type for event in HANDLERS}
    waiting = {
        rule.key: missing
        for rule in RULES
        if (missing := (rule.listens | rule.settled_by | rule.unsettled_by) - HEARD)
    }

    assert handled >= HEARD
    assert waiting == WAITING


@pytest.mark.parametrize(("hours", "expected"), [(23, False), (24, True), (240, True)])
def test_a_day_without_a_pass_is_a_day(hours: int, expected: bool):
    then = MONDAY - timedelta(hours=hours)

    assert unpassed(then, now=MONDAY, patience=timedelta(hours=24)) is expected


async def of_kind(world: Supervision, kind: str, about: str) -> list[dict[str, Any]]:
    found = await world.items("/v1/findings", source="RULE", limit=100)
    return [each for each in found if each["kind"] == kind and each["about_id"] == about]


def breach(obligation: uuid.UUID) -> filing.ObligationBreached:
    return filing.ObligationBreached(
        obligation_id=obligation,
        kind="DOCUMENT",
        organisation_id="city-360100",
        filing_id=None,
        subject="document:OPERATION_PLAN:2026",
        due_at=MONDAY,
        breached_at=MONDAY,
    )


@pytest.mark.clause("A24.1")
@pytest.mark.feature("M9")
async def test_an_overdue_obligation_is_a_finding_until_it_is_fulfilled(world: Supervision):
    obligation = uuid.uuid4()
    subject = f"obligation:{obligation}"
    await world.tell(breach(obligation), subject, region="360100", times=2)
    [finding] = await of_kind(world, "OBLIGATION_OVERDUE", str(obligation))
    path = f"/v1/findings/{finding['id']}"

    await world.submit(path, NANCHANG)
    waiting = await world.retested(path)
    by_hand = await world.verify(path, READER)
    paid = filing.ObligationFulfilled(
        obligation_id=obligation, fulfilled_by=None, fulfilled_at=MONDAY, late=True
    )
    await world.tell(paid, subject, region="360100", times=2)
    closed = await world.retested(path)

    assert (finding["state"], finding["organisation_id"]) == ("DISPATCHED", "city-360100")
    assert (finding["retest"], finding["clause"]) == ("RULE", "A16.2")
    assert waiting == "SUBMITTED"
    assert refusal(by_hand) == (409, "retest_decides")
    assert closed == "CLOSED"
    assert (await world.get(path, JIUJIANG)).status_code == 404


def opened(incident: uuid.UUID, **more: Any) -> monitoring.IncidentOpened:
    return monitoring.IncidentOpened(
        incident_id=incident,
        probe_id=uuid.uuid4(),
        listing_id=uuid.uuid4(),
        organisation_id="jx-rst",
        cause=more.pop("cause", "conditions"),
        started_at=MONDAY,
        opened_at=MONDAY,
        **more,
    )


@pytest.mark.clause("A24.1")
async def test_a_fault_that_outlasts_its_window_is_a_finding_and_another_fault_is_not(
    world: Supervision,
):
    overrun, other = uuid.uuid4(), uuid.uuid4()
    await world.tell(opened(overrun, cause="WINDOW_OVERRUN"), f"incident:{overrun}", times=2)
    await world.tell(opened(other), f"incident:{other}")
    [finding] = await of_kind(world, "WINDOW_OVERRUN", str(overrun))
    path = f"/v1/findings/{finding['id']}"

    closing = monitoring.IncidentClosed(
        incident_id=overrun, listing_id=uuid.uuid4(), organisation_id="jx-rst",
        reason="RECOVERED", closed_at=MONDAY,
    )  # fmt: skip
    again = monitoring.IncidentReopened(
        incident_id=overrun, listing_id=uuid.uuid4(), organisation_id="jx-rst",
        cause="conditions", started_at=MONDAY, times=1,
    )  # fmt: skip
    await world.tell(closing, f"incident:{overrun}")
    await world.tell(again, f"incident:{overrun}", times=2)
    await world.submit(path)
    down = await world.retested(path)
    await world.tell(closing, f"incident:{overrun}")
    up = await world.retested(path)

    assert await of_kind(world, "WINDOW_OVERRUN", str(other)) == []
    assert (down, up) == ("SUBMITTED", "CLOSED")


@pytest.mark.clause("A24.1")
async def test_a_listing_of_which_nothing_passed_for_a_day_is_one_finding(world: Supervision):
    listing = await world.publish(url=ENTRY)
    world.suite.clock.advance(timedelta(hours=23))
    await world.suite.tick("monitoring", "find_unpassed")
    early = await of_kind(world, "NOTHING_PASSED", listing)

    world.suite.clock.advance(timedelta(hours=2))
    await world.suite.tick("monitoring", "find_unpassed")
    world.suite.clock.advance(timedelta(hours=30))
    await world.suite.tick("monitoring", "find_unpassed")
    [finding] = await of_kind(world, "NOTHING_PASSED", listing)
    path = f"/v1/findings/{finding['id']}"
    await world.submit(path)
    await world.sample(listing, ok=True, times=2)
    closed = await world.retested(path)

    assert early == []
    assert (finding["listing_id"], finding["state"]) == (listing, "DISPATCHED")
    assert closed == "CLOSED"


async def test_people_order_where_the_policy_leaves_it_to_them(world: Supervision):
    await world.suite.sql(
        "monitoring",
        "insert into policies values ('automatic_orders', 2, 'false', 'flag', 'test', 'A16.2',"
        " '2025-08-04', 'test', now())",
    )
    obligation = uuid.uuid4()
    subject = f"obligation:{obligation}"

    await world.tell(breach(obligation), subject, region="360100")
    [finding] = await of_kind(world, "OBLIGATION_OVERDUE", str(obligation))
    paid = filing.ObligationFulfilled(
        obligation_id=obligation, fulfilled_by=None, fulfilled_at=MONDAY, late=True
    )
    await world.tell(paid, subject, region="360100")
    await world.suite.sql("monitoring", "delete from policies where key = 'automatic_orders'")

    assert (finding["state"], finding["due_at"]) == ("OPEN", None)
    gone = await world.finding(f"/v1/findings/{finding['id']}")
    assert (gone["state"], gone["closed_because"]) == ("CLOSED", "RESOLVED")


async def test_rules_are_read_with_what_each_still_waits_for(world: Supervision):
    shown = {each["key"]: each for each in await world.items("/v1/electronic-rules", LABOUR)}
    first = await world.items("/v1/electronic-rules", LABOUR, limit=1)

    assert set(shown) == {rule.key for rule in RULES}
    assert shown["case_overdue"]["heard"] == []
    assert shown["obligation_overdue"]["heard"] == ["filing.obligation_breached.v1"]
    assert [each["key"] for each in first] == ["case_overdue"]

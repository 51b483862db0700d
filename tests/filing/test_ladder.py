"""The ladder of what is owed: each rung once, to a named person; an empty post climbs (K4)."""

import asyncio
import random
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import pytest

from services.filing.commands import (
    apply_policies,
    chase_renewals,
    chase_vacancies,
    open_due_documents,
    sweep_clocks,
)
from services.filing.rules import POSTS, Level, Post, climb, level_of, seats
from shared.events import catalog
from shared.events.envelope import Envelope, Event, dataschema
from shared.messaging.handling import read_arrival
from shared.security.identity import Actor, Role
from tests.filing.test_clearances import check
from tests.filing.test_partners import active
from tests.filing.world import REPORT, World, refusal
from tests.shared.security.documents import PNG
from tests.suite import JIUJIANG, MINI_APP, PROVINCE, actor, eventually, officer

PLAN = "document:OPERATION_PLAN:2026"  # opened on 2026-03-02, due when 2026-05-06 ends
REMINDED = ("2026-04-02T10:00:00+08:00", "2026-04-20T10:00:00+08:00")
LATE = "2026-05-07T10:00:00+08:00"
ESCALATED = (LATE, "2026-05-08T10:00:00+08:00", "2026-05-11T10:00:00+08:00")
RUNGS = [
    "first_reminder",
    "second_reminder",
    "first_escalation",
    "second_escalation",
    "third_escalation",
]
TOP = "jx-zwfw"
AT_THE_TOP = uuid.UUID("6f0c9c1e-58f5-4e0a-9d4b-0d9a7c3e5b21")


@dataclass
class Units:
    """A county and the city above it, which no other test knows."""

    county: Actor
    city: Actor

    @property
    def names(self) -> tuple[str, str]:
        return self.county.organisation, self.city.organisation


@pytest.fixture
async def units(world: World) -> Units:
    """With its yearly operation plan owed since today."""
    world.made += 1
    number = world.made
    made = Units(
        actor(Role.COUNTY, f"county-new-{number}", f"36{50 + number}02"),
        actor(Role.CITY, f"city-new-{number}", f"36{50 + number}00"),
    )
    county, city = made.names
    await found(world, city, "CITY_AUTHORITY", made.city.region, TOP)
    await found(world, county, "COUNTY_AUTHORITY", made.county.region, city)
    while await world.run(open_due_documents):
        pass
    return made


async def found(world: World, name: str, kind: str, region: str, parent: str | None) -> None:
    await world.tell(registered(name, kind, region, parent), f"organisation:{name}")


def registered(
    name: str, kind: str, region: str, parent: str | None
) -> catalog.OrganisationRegistered:
    return catalog.OrganisationRegistered(
        organisation_id=name, name=name, kind=kind, region=region, parent=parent
    )


async def fill(world: World, units: Units) -> dict[tuple[str, str], str]:
    """Somebody on each post that the rungs are for."""
    county, city = units.names
    posts = [(county, Post.RESPONSIBLE), (county, Post.LEADER), (city, Post.RESPONSIBLE)]
    held = {(unit, str(post)): await world.name(unit, post=post) for unit, post in posts}
    held[TOP, Post.RESPONSIBLE] = await world.name(TOP, person=AT_THE_TOP)
    return held


async def owed(world: World, who: Actor, subject: str = PLAN) -> dict[str, Any]:
    [row] = await world.suite.sql(
        "filing",
        "select id from obligations where organisation_id = $1 and starts_with(subject, $2)",
        who.organisation,
        subject,
    )
    return await world.ok(who, "GET", f"/v1/obligations/{row['id']}")


async def ladder(world: World, who: Actor, instants: Iterable[str], *, rungs: int) -> Any:
    """Live through these instants; the rungs as the debtor sees them, when so many have fired."""
    for instant in instants:
        await world.sweep_at(instant)
    return await rungs_of(world, who, PLAN, count=rungs)


async def rungs_of(world: World, who: Actor, subject: str, *, count: int) -> Any:
    """The rungs of a debt when so many have fired."""

    async def shown() -> Any:
        await world.sweep()  # one that the service's own sweep holds is left to it
        fired = (await owed(world, who, subject))["ladder"]
        return fired if len(fired) >= count else None

    return await eventually(shown)


def where(rung: dict[str, Any]) -> tuple[str, str, str | None]:
    to = rung["to"]
    return rung["rung"], rung["level"], to and f"{to['organisation_id']} {to['post']}"


def passed(rung: dict[str, Any]) -> list[str]:
    return [f"{each['organisation_id']} {each['post']}" for each in rung["skipped"]]


@pytest.mark.clause("A4.1")
@pytest.mark.clause("A12.2")
@pytest.mark.feature("K4")
@pytest.mark.feature("F8")
async def test_each_rung_goes_once_to_one_named_person_of_its_level(world: World, units: Units):
    held = await fill(world, units)
    county, city = units.names

    fired = await ladder(world, units.county, (*REMINDED, *ESCALATED), rungs=5)
    await world.sweep_at("2026-06-01T10:00:00+08:00")

    after = await owed(world, units.county)
    assert after["ladder"] == fired
    assert [where(each) for each in fired] == [
        ("first_reminder", "RESPONSIBLE", f"{county} RESPONSIBLE"),
        ("second_reminder", "RESPONSIBLE", f"{county} RESPONSIBLE"),
        ("first_escalation", "LEADER", f"{county} LEADER"),
        ("second_escalation", "SUPERVISOR", f"{city} RESPONSIBLE"),
        ("third_escalation", "PROVINCE", f"{TOP} RESPONSIBLE"),
    ]
    for each in fired:
        to = each["to"]
        assert to["person_id"] == held[to["organisation_id"], to["post"]]
        assert (to["domain"], each["skipped"]) == ("OPERATION", [])
    assert await world.facts(f"obligation:{after['id']}") == [
        "obligation_opened",
        "obligation_reminded",
        "obligation_reminded",
        "obligation_breached",
        "obligation_escalated",
        "obligation_escalated",
        "obligation_escalated",
    ]
    assert after["clock"]["next_due_at"] is None


@pytest.mark.feature("K4")
async def test_a_rung_waits_for_the_office_to_open(world: World, units: Units):
    await fill(world, units)

    await world.sweep_at("2026-04-02T00:30:00+08:00")
    by_night = await owed(world, units.county)
    fired = await ladder(world, units.county, ("2026-04-02T09:00:00+08:00",), rungs=1)

    assert by_night["ladder"] == []
    assert by_night["clock"]["next_due_at"] == "2026-04-02T09:00:00+08:00"
    assert fired[0]["fired_at"].startswith("2026-04-02T09:00:0")


@pytest.mark.clause("A4.1")
@pytest.mark.clause("A12.2")
@pytest.mark.feature("K4")
async def test_an_empty_post_climbs_in_the_same_sweep_and_is_itself_a_finding(
    world: World, units: Units
):
    county, city = units.names
    above = await world.name(city)

    [fired] = await ladder(world, units.county, REMINDED[:1], rungs=1)
    while await world.run(chase_vacancies):
        pass

    plan = await owed(world, units.county)
    finding = await owed(world, units.county, "person:OPERATION:")
    fact, told = (await world.events(f"obligation:{plan['id']}"))[-1]
    empty = [f"{county} {post}" for post in ("RESPONSIBLE", "DEPUTY", "LEADER")]
    assert (where(fired), passed(fired)) == (
        ("first_reminder", "RESPONSIBLE", f"{city} RESPONSIBLE"),
        empty,
    )
    assert fired["to"]["person_id"] == above
    assert (fact, told["to"], told["skipped"]) == (
        "obligation_reminded",
        fired["to"],
        fired["skipped"],
    )
    assert (finding["kind"], finding["clause"], finding["state"]) == (
        "RESPONSIBLE_PERSON",
        "A12.2",
        "OPEN",
    )


@pytest.mark.feature("K4")
async def test_a_deputy_stands_in_before_the_leader_is_asked(world: World, units: Units):
    county, _ = units.names
    deputy = await world.name(county, post=Post.DEPUTY)
    await world.name(county, post=Post.LEADER)

    [fired] = await ladder(world, units.county, REMINDED[:1], rungs=1)

    assert fired["to"]["person_id"] == deputy
    assert passed(fired) == [f"{county} RESPONSIBLE"]


@pytest.mark.clause("A12.2")
@pytest.mark.feature("K4")
async def test_a_post_that_is_filled_later_gets_the_later_rungs_and_not_the_old_ones(
    world: World, units: Units
):
    county, city = units.names
    above = await world.name(city)
    await ladder(world, units.county, REMINDED[:1], rungs=1)

    late = await world.name(county, since=date(2026, 4, 3))
    first, second = await ladder(world, units.county, REMINDED[1:], rungs=2)

    assert (first["to"]["person_id"], second["to"]["person_id"]) == (above, late)
    assert second["skipped"] == []


@pytest.mark.clause("A17.1")
@pytest.mark.feature("K4")
async def test_a_handed_over_post_is_reminded_by_its_new_holder(world: World, units: Units):
    county, _ = units.names
    leaving = uuid.uuid4()
    await world.name(county, person=leaving)
    await world.name(county, person=leaving, until=date(2026, 4, 9))
    coming = await world.name(county, since=date(2026, 4, 10))

    first, second = await ladder(world, units.county, REMINDED, rungs=2)

    assert first["to"]["person_id"] == str(leaving)
    assert second["to"]["person_id"] == coming


@pytest.mark.feature("K4")
async def test_nobody_up_to_the_top_is_said_and_the_rung_is_spent(world: World, units: Units):
    county, city = units.names
    await world.name(county, "OPERATION")  # the debt is maintenance's
    subject = "document:SECURITY_TRAINING:2026-H1"
    await world.sweep_at("2026-05-18T10:00:00+08:00")

    [fired] = await rungs_of(world, units.county, subject, count=1)
    await world.name(county, "MAINTENANCE")
    await world.sweep_at("2026-05-19T10:00:00+08:00")

    training = await owed(world, units.county, subject)
    assert training["domain"] == "MAINTENANCE"
    assert training["ladder"] == [fired]
    assert fired["to"] is None
    assert passed(fired) == [
        f"{unit} {post}"
        for unit in (county, city, TOP)
        for post in ("RESPONSIBLE", "DEPUTY", "LEADER")
    ]


@pytest.mark.feature("K4")
async def test_a_vacancy_is_never_told_to_the_post_that_is_vacant(world: World, units: Units):
    county, _ = units.names
    leader = await world.name(county, "MAINTENANCE", Post.LEADER)
    while await world.run(chase_vacancies):
        pass
    await world.sweep_at("2026-03-06T10:00:00+08:00")

    [fired] = await rungs_of(world, units.county, "person:MAINTENANCE:", count=1)

    assert fired["to"] == {
        "organisation_id": county,
        "domain": "MAINTENANCE",
        "post": "LEADER",
        "person_id": leader,
    }


@pytest.mark.feature("K4")
async def test_the_posts_of_a_closed_unit_are_empty(world: World, units: Units):
    _, city = units.names
    await world.name(city)
    top = await world.name(TOP, person=AT_THE_TOP)
    await world.tell(catalog.OrganisationClosed(organisation_id=city), f"organisation:{city}")

    [fired] = await ladder(world, units.county, REMINDED[:1], rungs=1)

    assert fired["to"]["organisation_id"] == TOP
    assert f"{city} RESPONSIBLE" in passed(fired)
    assert fired["to"]["person_id"] == top


@pytest.mark.feature("F5")
@pytest.mark.feature("K4")
async def test_a_rung_fires_once_whoever_sweeps(world: World, units: Units):
    county, _ = units.names
    await world.name(county)
    await world.name(county, post=Post.LEADER)

    world.suite.clock.set(datetime.fromisoformat(LATE))
    await asyncio.gather(*(world.run(sweep_clocks) for _ in range(6)))
    fired = await ladder(world, units.county, (), rungs=3)
    await asyncio.gather(*(world.run(sweep_clocks) for _ in range(6)))

    plan = await owed(world, units.county)
    facts = await world.facts(f"obligation:{plan['id']}")
    assert plan["ladder"] == fired
    assert sorted(each["rung"] for each in fired) == sorted(RUNGS[:3])
    assert sorted(facts) == sorted(
        ["obligation_opened", "obligation_breached", "obligation_escalated"]
        + ["obligation_reminded"] * 2
    )


@pytest.mark.feature("F8")
async def test_what_is_paid_climbs_no_further_and_its_breach_stays(world: World, units: Units):
    await fill(world, units)
    fired = await ladder(world, units.county, (*REMINDED, LATE), rungs=3)
    plan = await owed(world, units.county)
    await world.upload(units.county, PNG, "截图.png", "image/png")
    filed = await world.send(
        units.county,
        "DOCUMENT",
        {
            "kind": "OPERATION_PLAN",
            "period": "2026",
            "title": "年度材料",
            "summary": "目标、措施和分工。",
            "attachments": [REPORT],
        },
    )

    await world.sweep_at("2026-06-01T10:00:00+08:00")

    paid = await owed(world, units.county)
    assert paid["ladder"] == fired
    assert (paid["state"], paid["late"], paid["fulfilled_by"]) == ("FULFILLED", True, filed["id"])
    assert paid["breached_at"] == plan["breached_at"] is not None
    assert (await world.facts(f"obligation:{plan['id']}"))[-1] == "obligation_fulfilled"


@pytest.mark.clause("A15.3")
@pytest.mark.feature("K4")
async def test_a_partner_is_reached_through_its_liaison_then_the_operators_then_its_superior(
    world: World,
):
    who = await active(world, "partner-ladder", 301)
    partner_side = await world.name(who.organisation, "SERVICE", until=date(2026, 3, 13))
    operator_side = await world.name("operator", "SERVICE", until=date(2026, 3, 24))
    superior = await world.name("city-360100", "MAINTENANCE")
    await world.tell(
        catalog.PartnerLiaisonNamed(
            partner_id=who.organisation,
            partner_person_id=uuid.UUID(partner_side),
            operator_person_id=uuid.UUID(operator_side),
        ),
        f"partner:{who.organisation}",
        times=2,
    )
    filed = await world.send(who, "DOCUMENT", check("partner-officer", until="2026-03-20"))
    await world.accept(filed)
    await world.run(chase_renewals)
    instants = ("03-13", "03-20", "03-24", "03-25")

    for instant in instants:
        await world.sweep_at(f"2026-{instant}T10:00:00+08:00")
    fired = await rungs_of(world, who, "clearance:", count=len(instants))

    assert [each["to"]["person_id"] for each in fired] == [
        partner_side,
        operator_side,
        operator_side,
        superior,
    ]
    own = [f"{who.organisation} {post}" for post in (Post.LIAISON, *POSTS)]
    assert [passed(each) for each in fired] == [[], own, own[-1:], ["operator LIAISON"]]


# --- who sees it ----------------------------------------------------------------------------------


@pytest.mark.clause("A4.1")
async def test_a_superior_unit_finds_what_has_climbed_to_it_and_another_city_does_not(
    world: World, units: Units
):
    _, city = units.names
    await fill(world, units)
    await ladder(world, units.county, (*REMINDED, *ESCALATED[:2]), rungs=4)
    plan = await owed(world, units.county)
    here = f"/v1/obligations?addressed_to={city}"

    mine = await world.ok(units.city, "GET", here)
    theirs = await world.ok(JIUJIANG, "GET", here)
    foreign = await world.call(JIUJIANG, "GET", f"/v1/obligations/{plan['id']}")
    citizen = await world.call(MINI_APP, "GET", here)
    before = await world.ok(units.city, "GET", f"/v1/obligations?addressed_to={TOP}")

    climbed = {each["id"]: each["ladder"] for each in mine["items"]}
    assert climbed[plan["id"]] == plan["ladder"]
    for rungs in climbed.values():
        assert city in {rung["to"]["organisation_id"] for rung in rungs if rung["to"]}
    assert theirs["items"] == []
    assert plan["id"] not in {each["id"] for each in before["items"]}
    assert refusal(foreign) == (404, "obligation_not_found")
    assert citizen.status_code == 403


async def test_the_calendar_counts_what_has_been_escalated(world: World, units: Units):
    path = "/v1/due-dates?from=2026-05-06&to=2026-05-06"

    async def day() -> Any:
        listed = await world.call(units.county, "GET", path)
        return [
            (each["overdue"], each["escalated"])
            for each in listed.json()
            if each["waiting_for"] == "DOCUMENT"
        ]

    await ladder(world, units.county, REMINDED, rungs=2)
    before = await day()
    await ladder(world, units.county, (LATE,), rungs=3)

    after = await day()
    assert before[0][1] == 0
    assert after[0][1] >= 1


# --- what it stands on ----------------------------------------------------------------------------


@pytest.mark.feature("E3")
async def test_posts_and_units_may_be_told_in_any_order(world: World):
    """Each aggregate's events in their own order are enough, whatever the order between them."""
    person, other = uuid.uuid4(), uuid.uuid4()

    def named(id_: uuid.UUID, *, until: date | None) -> catalog.ResponsiblePersonNamed:
        return catalog.ResponsiblePersonNamed(
            person_id=id_,
            organisation_id="county-shuffled",
            domain="OPERATION",
            post="LEADER",
            valid_from=date(2026, 1, 1),
            valid_to=until,
        )

    told: list[tuple[str, int, Event]] = [
        (f"person:{person}", 1, named(person, until=None)),
        (f"person:{person}", 2, named(person, until=date(2026, 2, 1))),
        (f"person:{other}", 1, named(other, until=None)),
        (
            "organisation:county-shuffled",
            1,
            registered("county-shuffled", "COUNTY_AUTHORITY", "369901", None),
        ),
        (
            "organisation:county-shuffled",
            2,
            registered("county-shuffled", "COUNTY_AUTHORITY", "369901", "city-shuffled"),
        ),
        (
            "organisation:city-shuffled",
            1,
            registered("city-shuffled", "CITY_AUTHORITY", "369900", TOP),
        ),
    ]
    arrivals = [arrival(*each) for each in told]
    inbox = world.suite.apps["filing"].state.messaging.inbox
    shuffle = random.Random(20260302)

    for _ in range(4):
        shuffle.shuffle(arrivals)
        for each in arrivals:
            await inbox.receive([each])

    units = await world.suite.sql(
        "filing",
        "select id, parent from known_organisations where id like '%-shuffled' order by id",
    )
    persons = await world.suite.sql(
        "filing",
        "select id, post, valid_to from known_persons where organisation_id = 'county-shuffled'",
    )
    assert [tuple(row) for row in units] == [
        ("city-shuffled", TOP),
        ("county-shuffled", "city-shuffled"),
    ]
    assert {tuple(row) for row in persons} == {
        (person, "LEADER", date(2026, 2, 1)),
        (other, "LEADER", None),
    }


def arrival(subject: str, sequence: int, event: Event) -> Any:
    envelope = Envelope[Any](
        id=uuid.uuid5(uuid.NAMESPACE_URL, f"{subject} {sequence}"),
        source="/catalog",
        type=event.type,
        subject=subject,
        time=datetime.now(UTC),
        dataschema=dataschema(event.type, "https://ganfutong.test"),
        sequence=sequence,
        region="36",
        data=event.model_dump(mode="json"),
    )
    return read_arrival(envelope.model_dump_json().encode(), 1, 1)


@pytest.mark.feature("K4")
async def test_units_that_name_each_other_end_at_the_province(world: World, units: Units):
    county, city = units.names
    await found(world, city, "CITY_AUTHORITY", units.city.region, county)
    top = await world.name(TOP, person=AT_THE_TOP)

    [fired] = await ladder(world, units.county, REMINDED[:1], rungs=1)

    assert fired["to"]["person_id"] == top
    assert len(passed(fired)) == len(set(passed(fired))) == 6


async def test_a_shorter_wait_moves_the_rungs_of_what_is_late_already(world: World, units: Units):
    await fill(world, units)
    await ladder(world, units.county, (*REMINDED, *ESCALATED[:2]), rungs=4)
    one, two = (officer(PROVINCE, f"officer-province-{n}") for n in (1, 2))
    place = "/v1/filing/policies/third_escalation"
    before = await owed(world, units.county)
    change = {"value": 40, "source": "no official source", "effective_from": "2026-05-08"}

    await world.ok(one, "PUT", place, change)
    await world.ok(two, "POST", f"{place}/confirmation")
    await world.run(apply_policies)

    async def moved() -> Any:
        await world.sweep()
        found = await owed(world, units.county)
        return found["clock"]["next_due_at"] == "2026-05-08T16:00:00+08:00"

    assert before["clock"]["next_due_at"] == "2026-05-11T09:00:00+08:00"
    await eventually(moved)
    await world.suite.sql("filing", "delete from policies")


# --- the rules alone ------------------------------------------------------------------------------


def test_the_province_answers_for_itself_and_is_named_once_among_the_empty():
    order = seats(TOP, [], [TOP])

    nobody = climb(order, Level.RESPONSIBLE, {})
    leader = climb(order, Level.SUPERVISOR, {(TOP, Post.LEADER): "somebody"})

    assert nobody[0] is None
    assert [each.post for each in nobody[1]] == ["RESPONSIBLE", "DEPUTY", "LEADER"]
    assert leader[0] is not None
    assert (leader[0].level, len(leader[1])) == (Level.PROVINCE, 2)


def test_a_rung_never_goes_below_its_level():
    order = seats("county", ["city", TOP], [TOP])
    held = {("county", "RESPONSIBLE"): 1, ("city", "DEPUTY"): 2, (TOP, "LEADER"): 3}

    found = [climb(order, level, held)[0] for level in Level]

    assert [(each.organisation_id, each.post) for each in found if each] == [
        ("county", "RESPONSIBLE"),
        ("city", "DEPUTY"),
        ("city", "DEPUTY"),
        (TOP, "LEADER"),
    ]


def test_words_that_are_no_level_mean_the_top():
    assert [level_of(each) for each in ("LEADER", "somebody", 3)] == [
        Level.LEADER,
        Level.PROVINCE,
        Level.PROVINCE,
    ]

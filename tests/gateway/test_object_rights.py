"""Role × object × operation: nobody sees or touches what is outside their remit (API1 of OWASP).

The objects belong to a department, a city, its county and a sibling city; each is asked for by its
id, in lists, in counts and by every write, as everybody.
"""

import uuid
from dataclasses import dataclass

import httpx
import pytest

from shared.security.access import ANY, OPERATIONS, Relation
from shared.security.identity import Actor, Role
from tests.province import Caller, content, found_province, plan, submitted
from tests.suite import (
    DONGHU,
    GANJIANG,
    HEALTH_INSURANCE,
    JIUJIANG,
    LABOUR,
    NANCHANG,
    OPERATOR,
    PROVINCE,
    Suite,
    actor,
)

PARTNER = actor(Role.PARTNER, "partner-demo", "36")
EVERYBODY = (
    PROVINCE,
    OPERATOR,
    NANCHANG,
    JIUJIANG,
    DONGHU,
    GANJIANG,
    LABOUR,
    HEALTH_INSURANCE,
    PARTNER,
)
DECISIONS = {
    "submitFiling": {},
    "withdrawFiling": {"reason": "方案调整"},
    "confirmFiling": {"opinion": "同意"},
    "refuseFiling": {
        "clause": "A10.3",
        "opinion": "不符合",
        "evidence": [{"name": "截图.png", "sha256": "0f" * 32}],
    },
    "acceptFiling": {},
    "returnFiling": {
        "clause": "A10.3",
        "opinion": "请补正",
        "evidence": [{"name": "截图.png", "sha256": "0f" * 32}],
    },
}


@dataclass(frozen=True)
class Object:
    """A filing of an owner, confirmed by `named` departments where it is local."""

    id: str
    owner: Actor
    named: tuple[str, ...] = ()


def relation_of(who: Actor, thing: Object) -> Relation:
    found = Relation(0)
    if who.organisation == thing.owner.organisation:
        found |= Relation.OWN
    if who.organisation in thing.named:
        found |= Relation.NAMED
    if who.role in (Role.CITY, Role.COUNTY) and who.covers(thing.owner.region):
        found |= Relation.SUBTREE
    return found


def may(who: Actor, thing: Object, operation: str) -> bool:
    allowed = OPERATIONS[operation].allow.get(who.role, Relation(0))
    return allowed is ANY or bool(allowed & relation_of(who, thing))


def sees(who: Actor, thing: Object) -> bool:
    return may(who, thing, "getFiling")


@pytest.fixture(scope="module")
async def platform(suite: Suite) -> httpx.AsyncClient:
    client = await suite.serve_all()
    await found_province(suite, client)
    return client


@pytest.fixture(scope="module")
async def things(suite: Suite, platform: httpx.AsyncClient) -> list[Object]:
    for owner in (LABOUR, NANCHANG, DONGHU, JIUJIANG):
        await plan(suite, platform, owner, "demo-rst-001")
    made = []
    for owner, kind in (
        (LABOUR, "STANDARD"),
        (NANCHANG, "STANDARD"),
        (DONGHU, "LOCAL_SCENARIO"),
        (JIUJIANG, "STANDARD"),
    ):
        hall = {"hall_id": "hall-360400"} if owner is JIUJIANG else {}
        document = content("demo-rst-001", owner, kind=kind, **hall)
        filed = await submitted(suite, platform, owner, document)
        named = (LABOUR.organisation,) if owner is not LABOUR else ()
        made.append(Object(filed.json()["id"], owner, named))
    return made


@pytest.mark.feature("API1")
@pytest.mark.clause("A4.1")
async def test_a_record_is_shown_by_id_only_inside_the_remit(suite, platform, things):
    seen = {}
    expected = {}
    for who in EVERYBODY:
        for thing in things:
            answer = await Caller(suite, platform, who).get(f"/v1/filings/{thing.id}")
            seen[who.organisation, thing.owner.organisation] = answer.status_code
            expected[who.organisation, thing.owner.organisation] = 200 if sees(who, thing) else 404

    assert seen == expected
    assert 404 in seen.values()


@pytest.mark.feature("C3")
async def test_lists_and_counts_hold_exactly_what_may_be_seen_one_by_one(suite, platform, things):
    for who in EVERYBODY:
        caller = Caller(suite, platform, who)
        wanted = {thing.id for thing in things if sees(who, thing)}

        small = await caller.get("/v1/filings", type="LISTING", limit=1)
        page = (await caller.get("/v1/filings", type="LISTING", limit=100)).json()

        found = {row["id"] for row in page["items"]}
        assert found & {thing.id for thing in things} == wanted, who.organisation
        assert small.json()["total"] == page["total"] == len(page["items"])


@pytest.mark.feature("API1")
async def test_writes_on_unseen_records_are_404_and_on_seen_ones_by_the_table(
    suite, platform, things
):
    """Asked with a version that cannot be current, so that whoever may is stopped by 412 alone."""
    never = f'"999999999.{"0" * 32}"'
    cells = 0
    for operation, body in DECISIONS.items():
        row = OPERATIONS[operation]
        for who in EVERYBODY:
            for thing in things:
                path = row.path.replace("{filing_id}", thing.id)
                answer = await Caller(suite, platform, who).post(path, body, match=never)
                if who.role not in row.allow:
                    expected = {403}
                elif not sees(who, thing):
                    expected = {404}
                elif may(who, thing, operation):
                    expected = {412, 409}
                else:
                    expected = {403}
                cells += 1
                assert answer.status_code in expected, (operation, who.organisation, answer.text)
    assert cells == len(DECISIONS) * len(EVERYBODY) * len(things)


@pytest.mark.feature("API1")
async def test_an_actor_cannot_file_in_anothers_name(suite, platform):
    for who in (NANCHANG, DONGHU, HEALTH_INSURANCE):
        document = content("demo-rst-001", JIUJIANG, hall_id="hall-360400")

        answer = await Caller(suite, platform, who).post(
            "/v1/filings", {"filing_type": "LISTING", "content": document}
        )

        assert (answer.status_code, answer.json()["code"]) == (403, "outside_remit")


async def test_an_id_that_never_was_and_one_that_may_not_be_seen_look_alike(
    suite, platform, things
):
    hidden = next(thing for thing in things if thing.owner is JIUJIANG)
    caller = Caller(suite, platform, DONGHU)

    answers = [
        (await caller.get(f"/v1/filings/{id_}")).json() for id_ in (hidden.id, str(uuid.uuid4()))
    ]

    told = [{name: each[name] for name in ("status", "code", "title")} for each in answers]
    assert told[0] == told[1]


@pytest.mark.feature("API1")
@pytest.mark.clause("A4.1")
@pytest.mark.usefixtures("platform")
async def test_rows_with_a_region_are_protected_in_the_database_too(suite):
    rows = await suite.sql("filing", "select relname from pg_class where relrowsecurity")

    protected = {row["relname"] for row in rows}

    assert {"filings", "obligations", "oral_reports"} <= protected

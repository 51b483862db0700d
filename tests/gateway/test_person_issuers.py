"""A person is named by issuer and `sub` together: two issuers may use one `sub` (A9.2)."""

import uuid
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from shared.security.groups import Group
from shared.security.tokens import issue
from tests.suite import OFFICERS, OPERATOR, PROVINCE, Suite, eventually, officer

OTHER = "https://other-officers.test"
GROUPS = [Group.OPERATIONS]
MISSING, GRANTED = "group_missing", "clearance_missing"


@pytest.fixture(scope="module")
async def gateway(suite: Suite) -> httpx.AsyncClient:
    """Two issuers of persons are allowed, whose keys happen to be the same."""
    await suite.name_officers()
    issuers = [
        {"issuer": each, "jwks_url": suite.officers_jwks, "algorithms": ["ES256"]}
        for each in (OFFICERS, OTHER)
    ]
    return await suite.start("gateway", external_issuers=issuers)


def sub() -> str:
    return f"zhang-{uuid.uuid4().hex[:8]}"


async def refused(suite: Suite, gateway: httpx.AsyncClient, subject: str, issuer: str) -> str:
    """Why: for want of a grant, or with one for want of a background check, as it is privileged."""
    assert suite.officers is not None
    token = issue(
        suite.officers,
        issuer=issuer,
        actor=officer(OPERATOR, subject),
        now=suite.clock.now(),
        jti=uuid.uuid4().hex,
    )
    answer = await gateway.get("/v1/routes", headers={"Authorization": f"Bearer {token}"})
    code: str = answer.json()["code"]
    return code


async def grant(suite: Suite, gateway: httpx.AsyncClient, subject: str, **more: Any) -> Any:
    body = {"subject": subject, "organisation_id": "operator", "groups": GROUPS, **more}
    return await gateway.post("/v1/person-grants", json=body, headers=suite.headers(PROVINCE))


@pytest.mark.clause("A9.2")
async def test_a_grant_of_one_issuers_person_is_no_other_issuers(suite, gateway):
    subject = sub()
    before = [await refused(suite, gateway, subject, each) for each in (OFFICERS, OTHER)]

    made = await grant(suite, gateway, subject, issuer=OFFICERS)

    async def let_in() -> bool:
        return await refused(suite, gateway, subject, OFFICERS) == GRANTED

    await eventually(let_in)
    assert before == [MISSING, MISSING]
    assert made.json()["issuer"] == OFFICERS
    assert await refused(suite, gateway, subject, OTHER) == MISSING


@pytest.mark.clause("A9.2")
async def test_two_persons_of_one_sub_have_a_grant_each_and_lose_one_each(suite, gateway):
    subject = sub()
    first = await grant(suite, gateway, subject, issuer=OFFICERS)
    second = await grant(suite, gateway, subject, issuer=OTHER)
    again = await grant(suite, gateway, subject, issuer=OTHER)
    path = f"/v1/person-grants/{subject}"
    headers = suite.headers(PROVINCE, **{"If-Match": second.headers["etag"]})

    unclear = await gateway.get(path, headers=suite.headers(PROVINCE))
    taken = await gateway.put(second.headers["location"], json={"groups": []}, headers=headers)

    own = await gateway.get(
        f"{path}?issuer={quote(OFFICERS, safe='')}", headers=suite.headers(PROVINCE)
    )
    assert (first.status_code, second.status_code) == (201, 201)
    assert (again.status_code, again.json()["code"]) == (409, "person_grant_exists")
    assert (unclear.status_code, unclear.json()["code"]) == (422, "issuer_missing")
    assert (taken.json()["issuer"], taken.json()["groups"]) == (OTHER, [])
    assert own.json()["groups"] == GROUPS


@pytest.mark.clause("A9.2")
async def test_where_there_are_several_issuers_a_known_one_is_named(suite, gateway):
    unnamed = await grant(suite, gateway, sub())
    unknown = await grant(suite, gateway, sub(), issuer="https://nobody.test")

    assert (unnamed.status_code, unnamed.json()["code"]) == (422, "issuer_missing")
    assert (unknown.status_code, unknown.json()["code"]) == (422, "issuer_unknown")
    assert unknown.json()["errors"][0]["pointer"] == "/issuer"


@pytest.mark.clause("A9.2")
async def test_a_grant_from_before_issuers_were_named_is_nobodys_once_there_are_two(suite, gateway):
    subject = sub()
    await suite.sql(
        "gateway",
        "insert into person_grants (subject, organisation_id, groups, version, granted_at,"
        " granted_by, revision) values ($1, 'operator', $2, 1, now(), 'test',"
        " nextval('standing_revisions'))",
        subject,
        GROUPS,
    )
    await grant(suite, gateway, other := sub(), issuer=OFFICERS)

    async def read_anew() -> bool:
        return await refused(suite, gateway, other, OFFICERS) == GRANTED

    await eventually(read_anew)
    assert await refused(suite, gateway, subject, OFFICERS) == MISSING
    assert await refused(suite, gateway, subject, OTHER) == MISSING

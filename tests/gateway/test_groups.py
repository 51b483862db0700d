"""The operator's permission groups: granted to systems and persons, refused by name (A9.2)."""

import base64
import uuid
from dataclasses import replace
from typing import Any

import httpx
import pytest

from shared.security.access import ENTRY, OPERATIONS, Effect
from shared.security.groups import OF_OPERATION, OF_SCOPE, TITLES, Group
from shared.security.identity import Role
from tests.gateway.test_matrix import path_of
from tests.province import Caller
from tests.suite import (
    ALL_SCOPES,
    MINI_APP,
    NANCHANG,
    OPERATOR,
    PROVINCE,
    Suite,
    eventually,
    officer,
)

NOTICE = {
    "kind": "MAINTENANCE",
    "title": "系统升级公告",
    "text": "因系统升级，服务暂停。",
    "regions": ["36"],
}
OPERATORS = [
    row
    for row in (*OPERATIONS.values(), ENTRY)
    if Role.OPERATOR in row.allow and row.effect is not Effect.PUBLIC_READ
]


@pytest.fixture(scope="module")
async def platform(suite: Suite) -> httpx.AsyncClient:
    await suite.name_officers()
    return await suite.serve_all()


async def with_groups(suite: Suite, platform: httpx.AsyncClient, *groups: Group) -> Any:
    """A client of the operator with these groups; the answer that made it."""
    body = {
        "client_id": f"operator-{uuid.uuid4().hex[:12]}",
        "organisation_id": "operator",
        "role": "OPERATOR",
        "region": "36",
        "scopes": sorted(ALL_SCOPES),
        "groups": list(groups),
    }
    made = await platform.post("/v1/clients", json=body, headers=suite.headers(PROVINCE))
    assert made.status_code == 201, made.text
    return made


async def bearer(platform: httpx.AsyncClient, client: dict[str, Any]) -> dict[str, str]:
    pair = f"{client['client_id']}:{client['client_secret']}".encode()
    answer = await platform.post(
        "/oauth2/token",
        data={"grant_type": "client_credentials"},
        headers={"Authorization": f"Basic {base64.b64encode(pair).decode()}"},
    )
    assert answer.status_code == 200, answer.text
    return {
        "Authorization": f"Bearer {answer.json()['access_token']}",
        "Idempotency-Key": str(uuid.uuid4()),
    }


@pytest.mark.clause("A9.2")
def test_every_operation_of_the_operator_belongs_to_one_group():
    assert [row.id for row in OPERATORS if row.group is None] == []
    assert {row.group for row in OPERATIONS.values() if Role.OPERATOR not in row.allow} == {None}
    assert set(TITLES) == set(Group)
    assert OF_OPERATION.keys() <= {row.id for row in OPERATORS}
    assert OF_SCOPE.keys() <= {row.scope for row in OPERATORS}


@pytest.mark.clause("A9.2")
@pytest.mark.parametrize("row", OPERATORS, ids=lambda row: row.id)
async def test_without_its_group_an_operation_is_refused_by_gateway_and_service(
    suite, platform, row
):
    others = frozenset(Group) - {row.group}
    headers = suite.headers(replace(OPERATOR, groups=others), **{"If-Match": "*"})
    path = path_of(row).replace("{path}", "")
    clients = [platform]
    if row is not ENTRY:
        clients.append(suite.clients[row.service])

    for client in clients:
        answer = await client.request(
            "GET" if row is ENTRY else row.method,
            path,
            headers={"Content-Type": "application/json", **headers},
            content=b"{}" if row.writes else None,
        )

        problem = answer.json()
        assert (answer.status_code, problem["code"]) == (403, "group_missing")
        assert (problem["group"], problem["clause"]) == (row.group, "A9.2")
        assert TITLES[row.group] in problem["detail"]


@pytest.mark.clause("A9.2")
async def test_a_client_of_the_operator_does_what_it_was_granted_and_nothing_else(suite, platform):
    made = await with_groups(suite, platform, Group.CONTENT_PUBLISHING)
    path = f"/v1/clients/{made.json()['client_id']}/groups"
    headers = await bearer(platform, made.json())

    notice = await platform.post("/v1/notices", json=NOTICE, headers=headers)
    outside = await platform.get("/v1/filings", headers=headers)
    public = await platform.get("/v1/regions", headers=headers)
    granted = await platform.put(
        path,
        json={"groups": [Group.LISTING_MANAGEMENT]},
        headers=suite.headers(PROVINCE, **{"If-Match": made.headers["etag"]}),
    )

    async def voided() -> bool:
        return bool((await platform.get("/v1/regions", headers=headers)).status_code == 401)

    await eventually(voided)

    async def reading() -> Any:
        fresh = await bearer(platform, made.json())
        answer = await platform.get("/v1/filings", headers=fresh)
        return fresh if answer.status_code == 200 else None

    fresh = await eventually(reading, pause=0.3)
    now_outside = await platform.post("/v1/notices", json=NOTICE, headers=fresh)

    assert notice.status_code == 201, notice.text
    assert (outside.status_code, outside.json()["group"]) == (403, "LISTING_MANAGEMENT")
    assert public.status_code == 200
    assert granted.json()["groups"] == ["LISTING_MANAGEMENT"]
    assert (now_outside.status_code, now_outside.json()["group"]) == (403, "CONTENT_PUBLISHING")
    audit = await Caller(suite, platform, PROVINCE).get(
        "/v1/catalog/audit", subject=f"notice:{notice.json()['id']}"
    )
    (entry,) = audit.json()["items"]
    assert (entry["organisation"], entry["operation"]) == ("operator", "publishNotice")
    assert entry["actor"] == entry["client_id"] == made.json()["client_id"]


@pytest.mark.clause("A9.2")
async def test_a_person_of_the_operator_needs_a_grant_whatever_its_token_says(suite, platform):
    person = officer(OPERATOR, f"officer-{uuid.uuid4().hex[:8]}")
    foreign = officer(replace(OPERATOR, organisation="another"), person.subject)
    body = {
        "subject": person.subject,
        "organisation_id": "operator",
        "groups": [Group.LISTING_MANAGEMENT],
    }

    async def reads(who: Any) -> tuple[int, str]:
        answer = await platform.get("/v1/filings", headers=suite.headers(who))
        return answer.status_code, answer.json().get("group", "")

    before = await reads(person)
    made = await platform.post("/v1/person-grants", json=body, headers=suite.headers(PROVINCE))

    async def let_in() -> bool:
        return await reads(person) == (200, "")

    await eventually(let_in)
    held = suite.headers(person)  # one that the gateway knows by now
    known = [(await platform.get("/v1/filings", headers=held)).status_code for _ in range(3)]
    narrow = await reads(replace(person, groups=frozenset({Group.STATISTICS})))
    elsewhere = await reads(foreign)
    changed = await platform.put(
        made.headers["location"],
        json={"groups": []},
        headers=suite.headers(PROVINCE, **{"If-Match": made.headers["etag"]}),
    )

    async def shut_out() -> bool:
        answer = await platform.get("/v1/filings", headers=held)
        return (answer.status_code, answer.json().get("group")) == (403, "LISTING_MANAGEMENT")

    await eventually(shut_out)
    assert before == narrow == elsewhere == (403, "LISTING_MANAGEMENT")
    assert known == [200] * 3
    assert made.status_code == 201, made.text
    assert changed.json()["groups"] == []
    audit = await Caller(suite, platform, PROVINCE).get(
        "/v1/gateway/audit", subject=f"person:{person.subject}"
    )
    assert [each["details"]["groups"] for each in audit.json()["items"]] == [
        ["LISTING_MANAGEMENT"],
        [],
    ]


@pytest.mark.clause("A9.2")
async def test_only_the_province_grants_and_only_to_the_operator(suite, platform):
    made = await with_groups(suite, platform)
    path = f"/v1/clients/{made.json()['client_id']}/groups"
    body = {"groups": ["STATISTICS"]}
    city = {
        "client_id": f"city-{uuid.uuid4().hex[:8]}",
        "organisation_id": "city-360100",
        "role": "CITY",
        "region": "360100",
        "scopes": [],
        **body,
    }
    grant = {"subject": "officer-of-the-matrix", "organisation_id": "operator", **body}

    async def put(who: Any, match: str, asked: Any) -> tuple[int, str]:
        headers = suite.headers(who, **{"If-Match": match})
        answer = await platform.put(path, json=asked, headers=headers)
        return answer.status_code, answer.json()["code"]

    async def post(where: str, asked: Any, who: Any = PROVINCE) -> tuple[int, str]:
        answer = await platform.post(where, json=asked, headers=suite.headers(who))
        return answer.status_code, answer.json().get("code", "")

    seen = [await put(who, "*", body) for who in (OPERATOR, NANCHANG, MINI_APP)]
    unknown = await put(PROVINCE, "*", {"groups": ["EVERYTHING"]})
    stale = await put(PROVINCE, f'"99.{"0" * 32}"', body)
    first = await post("/v1/person-grants", grant)

    assert seen == [(403, "operation_forbidden")] * 3
    assert unknown == (422, "invalid_request")
    assert stale == (412, "stale_version")
    assert await post("/v1/clients", city) == (422, "groups_not_for_role")
    assert await post("/v1/person-grants", grant, OPERATOR) == (403, "operation_forbidden")
    assert first == (201, "")
    assert await post("/v1/person-grants", grant) == (409, "person_grant_exists")
    missing = await platform.get("/v1/person-grants/nobody", headers=suite.headers(PROVINCE))
    assert (missing.status_code, missing.json()["code"]) == (404, "person_grant_not_found")
    listed = await platform.get("/v1/person-grants?limit=100", headers=suite.headers(PROVINCE))
    assert "officer-of-the-matrix" in [each["subject"] for each in listed.json()["items"]]

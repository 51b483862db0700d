"""Role × operation: every cell of the policy table, called for real (reliability §6)."""

import re
import uuid

import httpx
import pytest

from shared.security.access import OPERATIONS, Effect, Operation
from shared.security.identity import Role
from tests.suite import Suite, actor

HOME = {
    Role.PROVINCE: ("jx-zwfw", "36"),
    Role.CITY: ("city-360100", "360100"),
    Role.COUNTY: ("county-360102", "360102"),
    Role.DEPARTMENT: ("jx-rst", "36"),
    Role.OPERATOR: ("operator", "36"),
    Role.PARTNER: ("partner-demo", "36"),
    Role.APP: ("operator", "36"),
    Role.CONSOLE: ("operator", "36"),
}
SERVED = [row for row in OPERATIONS.values() if row.effect is not Effect.OPEN]


@pytest.fixture(scope="module")
async def services(suite: Suite) -> Suite:
    for component in ("gateway", "catalog", "filing", "monitoring"):
        await suite.start(component)
    return suite


def path_of(operation: Operation) -> str:
    def value(match: re.Match[str]) -> str:
        name = match.group(1)
        known = {"year": "2026", "key": "nothing", "resource": "items", "filing_type": "LISTING"}
        return known.get(name) or (str(uuid.UUID(int=0)) if name.endswith("_id") else "unknown")

    return re.sub(r"\{(\w+)\}", value, operation.path)


async def call(suite: Suite, operation: Operation, headers: dict[str, str]) -> httpx.Response:
    body = b"{}" if operation.method in ("POST", "PUT", "PATCH") else None
    return await suite.clients[operation.service].request(
        operation.method,
        path_of(operation),
        headers={"Content-Type": "application/json", "If-Match": "*", **headers},
        content=body,
    )


@pytest.mark.feature("API1")
@pytest.mark.clause("A4.1")
@pytest.mark.parametrize("operation", SERVED, ids=lambda row: row.id)
async def test_a_role_gets_in_exactly_where_the_table_says(services, operation):
    seen = {}
    for role, (organisation, region) in HOME.items():
        headers = services.headers(actor(role, organisation, region))
        answer = await call(services, operation, headers)
        refused = answer.status_code == 403 and answer.json()["code"] == "operation_forbidden"
        assert answer.status_code < 500, answer.text
        seen[role] = not refused

    assert seen == {role: role in operation.allow for role in HOME}


@pytest.mark.parametrize("operation", SERVED, ids=lambda row: row.id)
async def test_without_a_token_nothing_but_discovery_answers(services, operation):
    answer = await call(services, operation, {})

    assert (answer.status_code, answer.json()["code"]) == (401, "token_missing")
    assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    "operation", [row for row in SERVED if row.scope is not None], ids=lambda row: row.id
)
async def test_without_its_scope_no_role_gets_in(services, operation):
    for role in operation.allow:
        organisation, region = HOME[role]
        headers = services.headers(actor(role, organisation, region, scopes=frozenset()))

        answer = await call(services, operation, headers)

        assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")

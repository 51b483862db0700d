"""One contract for every operation, seen through the real gateway: the interface's share of A10.4.

A10.4 asks for one standard, one management and one operation. What is shown here is the uniform
interface: each row of the policy table refuses and answers in the same form, and one document
describes them all. That each listing has one monitor is monitoring's to show.
"""

import re
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from shared.security.access import OPERATIONS, Effect, Operation
from shared.security.identity import Actor, Role
from tests.gateway.test_matrix import HOME, path_of
from tests.suite import Suite, actor, eventually

SERVED = [row for row in OPERATIONS.values() if row.effect is not Effect.OPEN]
STRONG = re.compile(r'^"(\d+\.)?[0-9a-f]{32}(-gz)?"$')
SHORT = {"listEventConsumers", "listItemTypes"}  # a few rows, always whole


@pytest.fixture(scope="module")
async def platform(suite: Suite) -> httpx.AsyncClient:
    return await suite.serve_all()


@pytest.fixture(scope="module")
async def document(platform: httpx.AsyncClient) -> Any:
    async def whole() -> Any:
        """Joined from the services once they have answered."""
        found = (await platform.get("/openapi.json")).json()
        listed = {each["operationId"] for path in found["paths"].values() for each in path.values()}
        return found if listed >= OPERATIONS.keys() else None

    return await eventually(whole, within=30)


def who(role: Role) -> Actor:
    organisation, region = HOME[role]
    return actor(role, organisation, region)


def allowed(operation: Operation) -> Actor:
    return who(Role.PROVINCE if Role.PROVINCE in operation.allow else next(iter(operation.allow)))


class Contract:
    """Calls an operation and keeps what its answer lacks."""

    def __init__(self, suite: Suite, platform: httpx.AsyncClient) -> None:
        self._suite, self._platform = suite, platform
        self.wrong: list[str] = []
        self.calls = 0

    async def ask(
        self,
        operation: Operation,
        caller: Actor | None,
        *,
        query: str = "",
        drop: str = "",
        expect: tuple[int, str] | None = None,
        **more: str,
    ) -> httpx.Response:
        trace, request_id = uuid.uuid4().hex, f"contract-{uuid.uuid4().hex[:12]}"
        headers = {
            **(self._suite.headers(caller) if caller else {}),
            "Content-Type": "application/json",
            "If-Match": "*",
            "X-Request-Id": request_id,
            "traceparent": f"00-{trace}-{'c' * 16}-01",
            **{name.replace("_", "-"): value for name, value in more.items()},
        }
        headers.pop(drop, None)
        answer = await self._platform.request(
            operation.method,
            path_of(operation) + query,
            headers=headers,
            content=b"{}" if operation.method in ("POST", "PUT", "PATCH") else None,
        )
        self.calls += 1
        self._check(operation, answer, trace, request_id, expect)
        return answer

    def _check(
        self,
        operation: Operation,
        answer: httpx.Response,
        trace: str,
        request_id: str,
        expect: tuple[int, str] | None,
    ) -> None:
        for lack in _lacks(answer, trace, request_id):
            self.wrong.append(f"{operation.id} {answer.status_code}: {lack}")
        if expect is not None and answer.status_code < 500:
            found = (answer.status_code, answer.json().get("code"))
            if found != expect:
                self.wrong.append(f"{operation.id}: {found} instead of {expect}")


def _lacks(answer: httpx.Response, trace: str, request_id: str) -> Iterator[str]:
    heads = answer.headers
    if answer.status_code >= 500:
        yield "a fault of ours"
    if heads.get("x-request-id") != request_id:
        yield "the request's name"
    for name in ("ratelimit-policy", "ratelimit", "vary"):
        if name not in heads:
            yield name
    if "content-language" not in heads and answer.status_code != 304:
        yield "content-language"
    if answer.status_code >= 400:
        yield from _problem_lacks(answer, trace)


def _problem_lacks(answer: httpx.Response, trace: str) -> Iterator[str]:
    if answer.headers.get("content-type") != "application/problem+json":
        yield "application/problem+json"
        return
    problem = answer.json()
    if not {"type", "title", "status", "detail", "instance", "code", "trace_id"} <= problem.keys():
        yield "members of a problem"
    if problem.get("trace_id") != trace:
        yield "the trace"
    if problem.get("status") != answer.status_code:
        yield "its status"


@pytest.fixture
def contract(suite: Suite, platform: httpx.AsyncClient) -> Contract:
    return Contract(suite, platform)


@pytest.mark.clause("A10.4")
@pytest.mark.feature("API2")
@pytest.mark.feature("API6")
@pytest.mark.feature("API7")
async def test_every_operation_refuses_in_one_form(contract):
    for row in SERVED:
        stranger = await contract.ask(row, None, expect=(401, "token_missing"))
        assert stranger.headers["www-authenticate"].startswith("Bearer"), row.id
        for role in Role:
            if role not in row.allow:
                await contract.ask(row, who(role), expect=(403, "operation_forbidden"))

    print(f"{len(SERVED)} operations, {contract.calls} refusals alike")  # noqa: T201 the figure of the clause
    assert contract.wrong == []


@pytest.mark.clause("A10.4")
@pytest.mark.feature("API3")
@pytest.mark.feature("API4")
async def test_every_change_asks_for_the_version_seen_and_every_creation_for_a_key(contract):
    writes = [row for row in SERVED if row.writes]

    for row in writes:
        if row.needs_match:
            await contract.ask(row, allowed(row), drop="If-Match", expect=(428, "if_match_missing"))
            await contract.ask(
                row, allowed(row), If_Match='"made up"', expect=(400, "if_match_malformed")
            )
        if row.needs_key:
            await contract.ask(
                row, allowed(row), drop="Idempotency-Key", expect=(400, "idempotency_key_missing")
            )

    assert contract.wrong == []
    assert contract.calls >= len(writes)


@pytest.mark.clause("A10.4")
@pytest.mark.feature("API4")
async def test_every_read_that_answers_is_tagged_and_not_sent_twice(contract):
    answered = 0

    for row in SERVED:
        if row.method != "GET":
            continue
        first = await contract.ask(row, allowed(row))
        if first.status_code != 200:
            assert first.status_code in (404, 422), (row.id, first.text)
            continue
        answered += 1
        tag = first.headers.get("etag", "")
        assert STRONG.match(tag), (row.id, tag)
        assert "cache-control" in first.headers, row.id
        again = await contract.ask(row, allowed(row), If_None_Match=tag)
        assert (again.status_code, again.content) == (304, b""), row.id

    assert contract.wrong == []
    assert answered > 20


@pytest.mark.clause("A10.4")
@pytest.mark.feature("API5")
async def test_every_list_is_walked_in_the_same_way(contract, document):
    pages, whole = [], set[str]()

    for row in SERVED:
        described = document["paths"][row.path][row.method.lower()]
        shape = described["responses"].get("200", {}).get("content", {}).get("application/json", {})
        if "next_cursor" not in _members(shape.get("schema", {}), document):
            continue
        asked = _parameters(described)
        if not {"limit", "cursor"} <= asked:
            whole.add(row.id)
            continue
        pages.append(row.id)
        await contract.ask(row, allowed(row), query="?limit=0", expect=(422, "invalid_request"))
        await contract.ask(row, allowed(row), query="?limit=101", expect=(422, "invalid_request"))
        asks_more = any(
            each.get("required") for each in described["parameters"] if each.get("in") == "query"
        )
        if "{" not in row.path and not asks_more:  # what is missing beside it comes first
            await contract.ask(row, allowed(row), query="?cursor=x", expect=(400, "cursor_invalid"))

    assert contract.wrong == []
    assert len(pages) > 10
    assert whole <= SHORT


@pytest.mark.clause("A10.4")
@pytest.mark.feature("API1")
async def test_one_document_describes_every_operation_alike(document):
    described = {
        operation["operationId"]: (method.upper(), path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }

    assert described.keys() == OPERATIONS.keys()
    for row in OPERATIONS.values():
        method, path, operation = described[row.id]
        problems = {
            status
            for status, each in operation["responses"].items()
            if "application/problem+json" in each.get("content", {})
        }
        names = _parameters(operation)
        assert (method, path) == (row.method, row.path)
        assert operation["summary"], row.id
        if row.effect is not Effect.OPEN:
            assert {"401", "403", "429"} <= problems, (row.id, problems)
        assert ("Idempotency-Key" in names) == row.needs_key, row.id
        assert ("If-Match" in names) == row.needs_match, row.id


def _parameters(operation: Any) -> set[str]:
    """Their names; what is shared by all stands elsewhere in the document."""
    return {each["name"] for each in operation.get("parameters", ()) if "name" in each}


def _members(schema: Any, document: Any) -> set[str]:
    if "$ref" in schema:
        return _members(document["components"]["schemas"][schema["$ref"].split("/")[-1]], document)
    return set(schema.get("properties", ()))


@pytest.mark.clause("A21.1")
@pytest.mark.parametrize("service", ["gateway", "catalog", "filing", "monitoring"])
async def test_the_classes_of_a_services_own_fields_are_read_by_the_province(
    suite, platform, service
):
    path = f"/v1/{service}/fields"

    shown = await platform.get(path, headers=suite.headers(who(Role.PROVINCE)))
    refused = await platform.get(path, headers=suite.headers(who(Role.CITY)))

    rows = {f"{each['table']}.{each['column']}": each for each in shown.json()}
    assert shown.status_code == 200, shown.text
    assert rows["audit_log.actor"]["field_class"] == "PERSONAL"
    if service == "catalog":
        phone = rows["responsible_persons.phone_sealed"]
        assert (phone["field_class"], phone["mask"], phone["encrypted"]) == (
            "PERSONAL", "PHONE", True,
        )  # fmt: skip
    assert (refused.status_code, refused.json()["code"]) == (403, "operation_forbidden")

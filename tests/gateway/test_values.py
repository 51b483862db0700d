"""What every operation takes and shows: times, masks, and no member that is not asked for."""

import re
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from shared.security.access import OPERATIONS
from tests.province import Caller
from tests.suite import LABOUR, NANCHANG, OPERATOR, PROVINCE, eventually

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")


def texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for each in value.values():
            yield from texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from texts(each)
    elif isinstance(value, str):
        yield value


@pytest.mark.feature("API9")
async def test_every_time_that_is_shown_carries_the_provinces_offset(suite, platform, province):
    paths = [
        row.path
        for row in OPERATIONS.values()
        if row.method == "GET" and row.path.startswith("/v1/") and "{" not in row.path
        and PROVINCE.role in row.allow and "template" not in row.path
    ]  # fmt: skip
    filing = (await province.get("/v1/filings")).json()["items"][0]["id"]
    paths += [f"/v1/filings/{filing}"]

    times: list[str] = []
    for path in paths:
        answer = await platform.get(path, headers=suite.headers(PROVINCE))
        if answer.status_code == 422:  # it has to be told more than its path
            assert {each["code"] for each in answer.json()["errors"]} == {"field_missing"}, path
            continue
        assert answer.status_code == 200, (path, answer.text)
        shown = answer.json()
        if path.endswith("/events"):  # as they were published: CloudEvents, in the offset of then
            continue
        times += [f"{path} {each}" for each in texts(shown) if TIME.fullmatch(each) is not None]

    assert len(times) > 20
    assert [each for each in times if not each.endswith("+08:00")] == []


@pytest.mark.feature("API9")
@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({"grace_hours": 1, "grace": 2}, "/grace", "field_unknown"),
        ({"grace_hours": False}, "/grace_hours", "field_type"),
        ({"grace_hours": "24"}, "/grace_hours", "field_type"),
        ({"grace_hours": 1.5}, "/grace_hours", "field_type"),
        ({"grace_hours": 721}, "/grace_hours", "field_range"),
    ],
)
async def test_an_unknown_member_is_refused_and_false_is_no_number(
    suite, platform, body, pointer, code
):
    headers = suite.headers(PROVINCE, **{"If-Match": "*"})

    answer = await platform.post("/v1/clients/anybody/secrets", json=body, headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert [(each["pointer"], each["code"]) for each in answer.json()["errors"]] == [
        (pointer, code)
    ]


@pytest.mark.feature("API13")
@pytest.mark.clause("A21.2")
async def test_a_person_is_masked_until_a_disclosure_that_the_audit_keeps(
    suite, platform, province
):
    city = Caller(suite, platform, NANCHANG)
    operator = Caller(suite, platform, OPERATOR)

    named = await city.post(
        "/v1/responsible-persons",
        {
            "organisation_id": "city-360100",
            "domain": "OPERATION",
            "name": "演示专人",
            "phone": "19900000177",
            "valid_from": "2026-01-01",
            "valid_to": None,
        },
    )
    path = named.headers["location"]
    seen = await operator.get(path)
    own = await city.post(f"{path}/disclosure", {"reason": "看看"})
    disclosed = await operator.post(f"{path}/disclosure", {"reason": "故障联系"})
    audit = await province.get("/v1/catalog/audit", subject=f"person:{named.json()['id']}")

    assert named.status_code == 201, named.text
    assert (seen.json()["name"], seen.json()["phone"]) == ("演***", "199****0177")
    assert (own.status_code, own.json()["code"]) == (403, "operation_forbidden")
    assert (disclosed.json()["name"], disclosed.json()["phone"]) == ("演示专人", "19900000177")
    entry = audit.json()["items"][-1]
    assert (entry["action"], entry["organisation"]) == ("person.disclosed", "operator")
    assert entry["details"] == {"reason": "故障联系"}
    assert "19900000177" not in audit.text


def members(schema: Any, document: Any) -> set[str]:
    """The members of an object's schema, of all its alternatives."""
    if "$ref" in schema:
        return members(document["components"]["schemas"][schema["$ref"].split("/")[-1]], document)
    found = set(schema.get("properties", ()))
    for each in schema.get("anyOf", ()):
        found |= members(each, document)
    return found


@pytest.mark.feature("API9")
@pytest.mark.feature("API13")
async def test_no_member_of_an_answer_can_be_written_that_is_not_asked_for(suite, platform):
    async def whole() -> Any:
        found = (await platform.get("/openapi.json")).json()
        return found if len(found["paths"]) > 80 else None

    document = await eventually(whole)
    shown: set[str] = set()
    for schema in document["components"]["schemas"].values():
        shown |= set(schema.get("properties", ()))
    refused = 0
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            media = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
            row = OPERATIONS[operation["operationId"]]
            own = members(media.get("schema", {}), document)
            if not own or "text/csv" in operation["requestBody"]["content"]:
                continue
            foreign = dict.fromkeys(shown - own, "1")
            who = PROVINCE if PROVINCE.role in row.allow else LABOUR

            answer = await platform.request(
                method,
                re.sub(r"\{\w+_id\}", str(uuid.UUID(int=1)), path).replace(
                    "{key}", "listing_review"
                ),
                json={**media["example"], **foreign},
                headers=suite.headers(who, **{"If-Match": "*"}),
            )

            unknown = {
                each["pointer"].removeprefix("/")
                for each in answer.json().get("errors", ())
                if each["code"] == "field_unknown"
            }
            assert answer.status_code == 422, (row.id, answer.text[:300])
            assert unknown == set(foreign), row.id
            refused += len(foreign)

    print(f"members refused as unknown {refused}")  # noqa: T201 the figure of the row
    assert refused > 1000

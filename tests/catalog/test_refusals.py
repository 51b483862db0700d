"""What every operation of the catalog refuses before it does anything, from the policy table."""

import json
from base64 import urlsafe_b64encode
from hashlib import sha256
from uuid import uuid4

import pytest

from shared.security.access import CATALOG, Effect, Operation
from tests.catalog.province import Catalog
from tests.suite import ACTORS, PROVINCE

VALUES = {
    "organisation_id": "jx-rst",
    "person_id": str(uuid4()),
    "hall_id": "hall-36",
    "zone_id": "zone-rst",
    "channel_id": str(uuid4()),
    "partner_id": "partner-demo",
    "exemption_id": str(uuid4()),
    "asset_id": str(uuid4()),
    "item_code": "demo-rst-001",
    "listing_id": str(uuid4()),
    "notice_id": str(uuid4()),
    "year": "2026",
    "resource": "items",
    "import_id": str(uuid4()),
    "dead_letter_id": str(uuid4()),
    "key": "notice_on_delisting",
}
WRITES = [op for op in CATALOG if op.writes]


def path(operation: Operation) -> str:
    return operation.path.format(**VALUES)


def names(operation: Operation) -> str:
    return operation.id


@pytest.mark.parametrize("operation", CATALOG, ids=names)
async def test_without_a_token_nothing_is_answered(catalog: Catalog, operation):
    answer = await catalog.client.request(operation.method, path(operation))

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert answer.json()["code"] == "token_missing"


@pytest.mark.clause("A4.1")
@pytest.mark.parametrize("operation", CATALOG, ids=names)
async def test_a_role_that_the_table_does_not_name_is_refused(catalog: Catalog, operation):
    refused = [actor for actor in ACTORS if actor.role not in operation.allow]

    answers = [
        await catalog.client.request(
            operation.method,
            path(operation),
            headers=catalog.suite.headers(actor, if_match="*"),
            json={} if operation.method in ("POST", "PUT") else None,
        )
        for actor in refused
    ]

    assert {answer.status_code for answer in answers} <= {403}
    assert {answer.json()["code"] for answer in answers} <= {"operation_forbidden"}


@pytest.mark.feature("API3")
@pytest.mark.parametrize("operation", [op for op in WRITES if op.needs_key], ids=names)
async def test_a_post_without_its_key_is_refused(catalog: Catalog, operation):
    actor = next(each for each in ACTORS if each.role in operation.allow)
    headers = catalog.suite.headers(actor, if_match="*")
    del headers["Idempotency-Key"]

    answer = await catalog.client.request(
        operation.method, path(operation), headers=headers, json={}
    )

    assert answer.status_code == 400
    assert answer.json()["code"] == "idempotency_key_missing"


@pytest.mark.feature("API4")
@pytest.mark.parametrize("operation", [op for op in WRITES if op.needs_match], ids=names)
async def test_a_change_without_if_match_is_refused(catalog: Catalog, operation):
    actor = next(each for each in ACTORS if each.role in operation.allow)

    answer = await catalog.client.request(
        operation.method, path(operation), headers=catalog.suite.headers(actor), json={}
    )

    assert answer.status_code == 428
    assert answer.json()["code"] == "if_match_missing"


@pytest.mark.feature("API2")
@pytest.mark.parametrize(
    "operation", [op for op in WRITES if op.effect is not Effect.OPEN], ids=names
)
@pytest.mark.parametrize("body", [b"{", b"[]", b'{"a":1,"a":2}', b'"\xff"', b"null"])
async def test_a_body_that_is_no_record_is_a_problem(catalog: Catalog, operation, body):
    actor = next(each for each in ACTORS if each.role in operation.allow)
    headers = catalog.suite.headers(actor, if_match="*", content_type="application/json")

    answer = await catalog.client.request(
        operation.method, path(operation), headers=headers, content=body
    )

    assert 400 <= answer.status_code < 500 or operation.method == "DELETE"
    assert answer.headers.get("content-type") == "application/problem+json" or (
        operation.method == "DELETE" and answer.status_code == 204
    )


FORGED = [
    ("/v1/listings", (10**40, 5)),
    ("/v1/listings", ("a", "b")),
    ("/v1/regions", ("a\0b",)),
    ("/v1/organisations", ("\ud800",)),
    ("/v1/items", (5,)),
    ("/v1/notices", ("0001-01-01T00:00:00+23:00", str(uuid4()))),
    ("/v1/notices", ("9999-12-31T23:59:59-23:00", str(uuid4()))),
    ("/v1/notices", ("2026-01-01T00:00:00", str(uuid4()))),
    ("/v1/coverage", ("\0",)),
    ("/v1/responsible-persons", ("no-id",)),
    ("/v1/pending-listings", (None,)),
]


@pytest.mark.feature("API5")
@pytest.mark.parametrize(("place", "parts"), FORGED)
async def test_a_made_up_cursor_is_refused(catalog: Catalog, place, parts):
    filters = sha256(b"").hexdigest()[:16]
    cursor = urlsafe_b64encode(json.dumps([filters, *parts]).encode()).decode().rstrip("=")

    answer = await catalog.get(f"{place}?cursor={cursor}", PROVINCE)

    assert answer.status_code == 400
    assert answer.json()["code"] == "cursor_invalid"

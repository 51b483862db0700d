"""API clients: registered, proven, rotated, suspended; tokens by both ways of DEP1."""

import asyncio
import base64
import time
import uuid

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from tests.suite import NANCHANG, OPERATOR, PROVINCE, Suite, eventually

REGISTRATION = {
    "organisation_id": "city-360100",
    "role": "CITY",
    "region": "360100",
    "scopes": ["filing:read", "filing:write"],
}


@pytest.fixture(scope="module")
async def gateway(suite: Suite) -> httpx.AsyncClient:
    return await suite.start("gateway", bootstrap_client=None)


async def register(gateway, headers, **changes):
    body = {**REGISTRATION, "client_id": f"client-{uuid.uuid4().hex[:12]}", **changes}
    return await gateway.post("/v1/clients", json=body, headers=headers)


def basic(client_id: str, secret: str) -> dict[str, str]:
    encoded = base64.b64encode(f"{client_id}:{secret}".encode()).decode()
    return {"Authorization": f"Basic {encoded}"}


async def token(gateway, client_id, secret, **form):
    return await gateway.post(
        "/oauth2/token",
        data={"grant_type": "client_credentials", **form},
        headers=basic(client_id, secret),
    )


@pytest.mark.feature("DEP1")
async def test_a_registered_client_gets_a_token_that_opens_the_gateway(suite, gateway):
    made = (await register(gateway, suite.headers(PROVINCE))).json()

    answer = await token(gateway, made["client_id"], made["client_secret"], scope="filing:read")

    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    body = answer.json()
    assert (body["token_type"], body["scope"]) == ("Bearer", "filing:read")
    assert body["expires_in"] <= 600
    seen = await gateway.get(
        "/v1/clients", headers={"Authorization": f"Bearer {body['access_token']}"}
    )
    assert (seen.status_code, seen.json()["code"]) == (403, "operation_forbidden")


@pytest.mark.feature("DEP1")
async def test_a_wrong_secret_and_an_unknown_client_are_refused_alike(suite, gateway):
    made = (await register(gateway, suite.headers(PROVINCE))).json()

    wrong = await token(gateway, made["client_id"], "not-the-secret")
    unknown = await token(gateway, "nobody-knows-me", "not-the-secret")

    assert [each.status_code for each in (wrong, unknown)] == [401, 401]
    assert {each.json()["error"] for each in (wrong, unknown)} == {"invalid_client"}
    assert wrong.headers["www-authenticate"].startswith("Basic")
    assert wrong.headers["content-type"].startswith("application/json")


@pytest.mark.feature("DEP1")
@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"scope": "client:manage"}, "invalid_scope"),
    ],
)
async def test_a_bad_token_request_gets_the_error_of_the_standard(suite, gateway, form, error):
    made = (await register(gateway, suite.headers(PROVINCE))).json()

    answer = await token(gateway, made["client_id"], made["client_secret"], **form)

    assert (answer.status_code, answer.json()["error"]) == (400, error)
    assert answer.json()["code"] == error


@pytest.mark.feature("DEP1")
async def test_a_client_with_keys_proves_itself_once_by_each_assertion(suite, gateway):
    key = ECKey.generate_key("P-256", auto_kid=True)
    jwks = {"keys": [key.as_dict(private=False, use="sig", alg="ES256", kid=key.kid)]}
    made = (await register(gateway, suite.headers(PROVINCE), jwks=jwks)).json()
    now = int(time.time())
    claims = {
        "iss": made["client_id"],
        "sub": made["client_id"],
        "aud": "https://ganfutong.test/oauth2/token",
        "iat": now,
        "exp": now + 60,
        "jti": str(uuid.uuid4()),
    }
    form = {
        "grant_type": "client_credentials",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": jwt.encode({"alg": "ES256", "kid": key.kid}, claims, key),
    }

    first = await gateway.post("/oauth2/token", data=form)
    replay = await gateway.post("/oauth2/token", data=form)

    assert made["client_secret"] is None
    assert first.status_code == 200
    assert (replay.status_code, replay.json()["error"]) == (401, "invalid_client")


@pytest.mark.feature("G5")
async def test_after_a_rotation_both_secrets_work_until_the_grace_ends(suite, gateway):
    made = await register(gateway, suite.headers(PROVINCE))
    client_id, old = made.json()["client_id"], made.json()["client_secret"]

    rotated = await gateway.post(
        f"/v1/clients/{client_id}/secrets",
        json={"grace_hours": 1},
        headers=suite.headers(PROVINCE, **{"If-Match": made.headers["etag"]}),
    )
    during = [
        (await token(gateway, client_id, secret)).status_code
        for secret in (old, rotated.json()["client_secret"])
    ]
    await suite.sql(
        "gateway",
        "update client_secrets set expires_at = now() - interval '1 second'"
        " where client_id = $1 and expires_at is not null",
        client_id,
    )
    after = [
        (await token(gateway, client_id, secret)).status_code
        for secret in (old, rotated.json()["client_secret"])
    ]

    assert rotated.status_code == 201
    assert (during, after) == ([200, 200], [401, 200])

    async def stamped() -> bool:
        """Written in batches, a moment later."""
        shown = await gateway.get(f"/v1/clients/{client_id}", headers=suite.headers(PROVINCE))
        return all(each["last_used_at"] is not None for each in shown.json()["secrets"])

    await eventually(stamped)


@pytest.mark.feature("G5")
async def test_a_suspended_client_is_cut_off_and_can_come_back(suite, gateway):
    made = await register(
        gateway, suite.headers(PROVINCE), role="PROVINCE", region="36",
        organisation_id="jx-zwfw", scopes=["route:read"],
    )  # fmt: skip
    client_id, secret = made.json()["client_id"], made.json()["client_secret"]
    bearer = (await token(gateway, client_id, secret)).json()["access_token"]
    headers = {"Authorization": f"Bearer {bearer}"}
    before = await gateway.get("/v1/routes", headers=headers)

    suspended = await gateway.post(
        f"/v1/clients/{client_id}/suspension",
        json={"reason": "密钥疑似泄露"},
        headers=suite.headers(PROVINCE, **{"If-Match": made.headers["etag"]}),
    )
    await asyncio.sleep(1.2)
    during = await gateway.get("/v1/routes", headers=headers)
    refused = await token(gateway, client_id, secret)
    again = await gateway.post(
        f"/v1/clients/{client_id}/suspension",
        json={"reason": "密钥疑似泄露"},
        headers=suite.headers(PROVINCE, **{"If-Match": suspended.headers["etag"]}),
    )
    resumed = await gateway.post(
        f"/v1/clients/{client_id}/resumption",
        headers=suite.headers(PROVINCE, **{"If-Match": suspended.headers["etag"]}),
    )
    await asyncio.sleep(1.1)
    back = await token(gateway, client_id, secret)

    assert before.status_code == 200
    assert (during.status_code, during.json()["code"]) == (401, "invalid_token")
    assert refused.status_code == 401
    assert (again.status_code, again.json()["allowed"]) == (409, ["resumption"])
    assert (resumed.status_code, back.status_code) == (200, 200)


@pytest.mark.feature("API3")
async def test_a_secret_is_shown_once_even_to_a_retry_with_the_same_key(suite, gateway):
    headers = suite.headers(PROVINCE)
    body = {**REGISTRATION, "client_id": f"client-{uuid.uuid4().hex[:12]}"}

    first = await gateway.post("/v1/clients", json=body, headers=headers)
    retry = await gateway.post("/v1/clients", json=body, headers=headers)
    other = await gateway.post("/v1/clients", json={**body, "region": "360400"}, headers=headers)
    stored = await suite.sql(
        "gateway", "select body from idempotency_keys where key = $1", headers["Idempotency-Key"]
    )

    assert first.json()["client_secret"]
    assert (retry.status_code, retry.json()["code"]) == (409, "answer_not_kept")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert stored[0]["body"] == b""


@pytest.mark.feature("API3")
async def test_a_creation_without_a_key_is_refused(suite, gateway):
    headers = suite.headers(PROVINCE)
    del headers["Idempotency-Key"]

    answer = await register(gateway, headers)

    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_missing")


@pytest.mark.feature("API4")
async def test_a_decision_needs_the_version_that_was_seen(suite, gateway):
    made = await register(gateway, suite.headers(PROVINCE))
    path = f"/v1/clients/{made.json()['client_id']}/secrets"
    await gateway.post(
        path, json={}, headers=suite.headers(PROVINCE, **{"If-Match": made.headers["etag"]})
    )

    absent = await gateway.post(path, json={}, headers=suite.headers(PROVINCE))
    stale = await gateway.post(
        path, json={}, headers=suite.headers(PROVINCE, **{"If-Match": made.headers["etag"]})
    )
    made_up = await gateway.post(
        path, json={}, headers=suite.headers(PROVINCE, **{"If-Match": '"one"'})
    )

    assert (absent.status_code, absent.json()["code"]) == (428, "if_match_missing")
    assert (stale.status_code, stale.json()["code"]) == (412, "stale_version")
    assert (made_up.status_code, made_up.json()["code"]) == (400, "if_match_malformed")


@pytest.mark.feature("API4")
async def test_an_unchanged_record_is_not_sent_again(suite, gateway):
    made = await register(gateway, suite.headers(PROVINCE))
    path = f"/v1/clients/{made.json()['client_id']}"
    first = await gateway.get(path, headers=suite.headers(PROVINCE))

    again = await gateway.get(
        path, headers=suite.headers(PROVINCE, **{"If-None-Match": first.headers["etag"]})
    )

    assert first.headers["etag"].startswith('"1.')
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]


@pytest.mark.feature("API2")
@pytest.mark.feature("API8")
async def test_a_refusal_speaks_the_callers_language(suite, gateway):
    headers = suite.headers(NANCHANG)

    chinese = await gateway.get("/v1/clients", headers=headers)
    english = await gateway.get("/v1/clients", headers={**headers, "Accept-Language": "en"})

    assert chinese.headers["content-type"] == "application/problem+json"
    assert chinese.headers["content-language"] == "zh-CN"
    assert english.headers["content-language"] == "en"
    assert chinese.json()["title"] == "该角色不能执行此操作"
    assert english.json()["title"] == "This role may not do this"
    assert chinese.json()["clause"] == "A4.1"
    explained = await gateway.get(english.json()["type"])
    assert explained.json()["title"]["en"] == english.json()["title"]


@pytest.mark.feature("DEP1")
async def test_metadata_and_keys_let_anyone_verify_a_token(gateway):
    metadata = (await gateway.get("/.well-known/oauth-authorization-server")).json()
    keys = (await gateway.get("/oauth2/jwks")).json()["keys"]

    assert metadata["token_endpoint"].endswith("/oauth2/token")
    assert "private_key_jwt" in metadata["token_endpoint_auth_methods_supported"]
    assert [key["kty"] for key in keys] == ["EC"]
    assert all("d" not in key for key in keys)


@pytest.mark.feature("DEP1")
async def test_after_a_key_rotation_tokens_of_both_keys_are_honoured(suite, gateway):
    old = suite.headers(OPERATOR)
    await suite.sql("gateway", "update signing_keys set rotated_at = now() - interval '40 days'")

    await asyncio.sleep(6)
    holder = suite.apps["gateway"].state.key_holder

    assert len((await gateway.get("/oauth2/jwks")).json()["keys"]) == 2
    assert (await gateway.get("/v1/routes", headers=old)).status_code == 200
    assert holder.signing.previous is not None

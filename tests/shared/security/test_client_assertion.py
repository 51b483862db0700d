"""A client's own signature opens the token endpoint, once and briefly."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from joserfc.jwk import ECKey, RSAKey
from joserfc.jws import JWSRegistry, serialize_compact

from shared.security import jose
from shared.security.client_assertion import claimed_client, verify_assertion
from shared.security.errors import InvalidClientAssertion, Reason

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
AT = int(NOW.timestamp())
ISSUER = "https://gateway.example"
ENDPOINT = ISSUER + "/oauth2/token"
CLIENT = "jx-rst-system"
KEY = ECKey.generate_key("P-256", {"kid": "one"})
SECOND = RSAKey.generate_key(2048, {"kid": "two"})
STRANGER = ECKey.generate_key("P-256", {"kid": "one"})
KEYS = jose.public_keys({"keys": [KEY.as_dict(private=False)]})
BOTH = jose.public_keys({"keys": [KEY.as_dict(private=False), SECOND.as_dict(private=False)]})
CLAIMS = {"iss": CLIENT, "sub": CLIENT, "aud": ENDPOINT, "exp": AT + 60, "jti": "a-1"}


def _assertion(key: Any = KEY, header: dict[str, Any] | None = None, **changes: Any) -> str:
    claims = {name: value for name, value in {**CLAIMS, **changes}.items() if value is not ...}
    header = {"alg": "ES256", "kid": "one"} if header is None else header
    registry = JWSRegistry(algorithms=[header["alg"]])
    return serialize_compact(header, json.dumps(claims), key, registry=registry)


def _verify(assertion: str, keys: Any = KEYS) -> Any:
    return verify_assertion(
        assertion, client_id=CLIENT, keys=keys, audiences={ENDPOINT, ISSUER}, now=NOW
    )


@pytest.mark.feature("DEP1")
@pytest.mark.parametrize("audience", [ENDPOINT, ISSUER, [ENDPOINT]], ids=str)
def test_a_good_assertion_proves_its_client_and_says_how_long_to_remember_it(audience) -> None:
    token = _assertion(aud=audience)

    proven = _verify(token)

    assert claimed_client(token) == CLIENT
    assert (proven.client_id, proven.jti) == (CLIENT, "a-1")
    assert proven.replay_until == NOW + timedelta(seconds=60 + 30)


def test_an_assertion_cannot_be_used_again_after_it_may_be_forgotten() -> None:
    token = _assertion()
    proven = _verify(token)

    with pytest.raises(InvalidClientAssertion) as refusal:
        verify_assertion(
            token, client_id=CLIENT, keys=KEYS, audiences={ENDPOINT}, now=proven.replay_until
        )

    assert refusal.value.reason is Reason.EXPIRED


def test_each_of_several_keys_signs_by_its_kid_and_one_key_needs_no_kid() -> None:
    by_rsa = _assertion(SECOND, {"alg": "RS256", "kid": "two", "typ": "JWT"})
    without = _assertion(header={"alg": "ES256"})

    assert _verify(by_rsa, BOTH).client_id == CLIENT
    assert _verify(without, KEYS).client_id == CLIENT
    with pytest.raises(InvalidClientAssertion):
        _verify(without, BOTH)


@pytest.mark.feature("DEP1")
@pytest.mark.parametrize(
    ("made", "reason"),
    [
        ({"iss": "another"}, Reason.ISSUER),
        ({"sub": "another"}, Reason.ISSUER),
        ({"iss": ...}, Reason.ISSUER),
        ({"sub": ...}, Reason.ISSUER),
        ({"aud": "https://evil.example/token"}, Reason.AUDIENCE),
        ({"aud": [ENDPOINT, ISSUER]}, Reason.AUDIENCE),
        ({"aud": ...}, Reason.AUDIENCE),
        ({"exp": ...}, Reason.CLAIMS),
        ({"exp": "soon"}, Reason.CLAIMS),
        ({"exp": AT - 30}, Reason.EXPIRED),
        ({"exp": AT + 331}, Reason.LIFETIME),
        ({"exp": AT + 10 * 31_557_600}, Reason.LIFETIME),
        ({"iat": AT + 31}, Reason.NOT_YET_VALID),
        ({"iat": "now"}, Reason.CLAIMS),
        ({"nbf": AT + 31}, Reason.NOT_YET_VALID),
        ({"jti": ...}, Reason.CLAIMS),
        ({"jti": ""}, Reason.CLAIMS),
        ({"jti": 7}, Reason.CLAIMS),
        ({"jti": "x" * 201}, Reason.CLAIMS),
        ({"key": STRANGER}, Reason.SIGNATURE),
        ({"header": {"alg": "ES256", "kid": "three"}}, Reason.UNKNOWN_KEY),
        ({"header": {"alg": "ES256", "kid": "one", "typ": "at+jwt"}}, Reason.TYPE),
        ({"header": {"alg": "ES256", "kid": "one", "jku": "https://evil.example"}}, Reason.HEADER),
        ({"key": SECOND, "header": {"alg": "RS256", "kid": "one"}}, Reason.SIGNATURE),
    ],
    ids=lambda value: str(value) if isinstance(value, Reason) else "-".join(value),
)
def test_any_other_assertion_is_refused_with_the_one_error(made, reason) -> None:
    with pytest.raises(InvalidClientAssertion) as refusal:
        _verify(_assertion(**made))

    error = refusal.value
    assert error.reason is reason
    assert (error.status, error.code, str(error)) == (401, "invalid_client", "invalid_client")
    assert (error.params, error.errors) == ({}, ())


@pytest.mark.parametrize("text", ["", "a.b.c", "e30.e30.", "令牌"])
def test_what_is_no_assertion_claims_no_client(text) -> None:
    with pytest.raises(InvalidClientAssertion):
        claimed_client(text)


def test_an_assertion_without_an_issuer_claims_no_client() -> None:
    with pytest.raises(InvalidClientAssertion):
        claimed_client(_assertion(iss=...))

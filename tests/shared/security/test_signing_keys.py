"""Keys that sign, keys that are published, and keys that others publish."""

import json

import pytest
from joserfc.jwk import OKPKey, RSAKey

from shared.security import jose
from shared.security.errors import InvalidToken, Reason
from shared.security.tokens import Issuer, SigningKeys, issue, verify
from tests.shared.security.tokens import CITY, KEYS, NOW, OTHER, OTHER_KEY, OWN, claims_with, signed


@pytest.mark.feature("DEP1")
def test_after_one_rotation_the_old_token_holds_and_after_two_it_falls() -> None:
    first = SigningKeys.generate()
    second = first.rotated()
    third = second.rotated()
    token = issue(first, issuer=OWN, actor=CITY, now=NOW, jti="1")

    assert verify(token, issuers={OWN: Issuer(OWN, second.public())}, now=NOW).actor == CITY
    with pytest.raises(InvalidToken) as refusal:
        verify(token, issuers={OWN: Issuer(OWN, third.public())}, now=NOW)
    assert refusal.value.reason is Reason.UNKNOWN_KEY


def test_the_public_document_has_both_keys_and_nothing_private() -> None:
    first = SigningKeys.generate()
    second = first.rotated()

    keys = second.jwks()["keys"]

    assert [key["kid"] for key in keys] == [second.current.kid, first.current.kid]
    assert all(
        key.keys() == {"kty", "crv", "x", "y", "kid", "use", "alg"} and key["alg"] == "ES256"
        for key in keys
    )


def test_signing_keys_survive_their_file_and_never_print_themselves() -> None:
    loaded = SigningKeys.load(json.loads(json.dumps(KEYS.dump())))

    assert loaded.jwks() == KEYS.jwks()
    assert loaded.current.is_private
    secret = KEYS.current.as_dict(private=True)["d"]
    assert str(secret) not in repr(loaded)


@pytest.mark.parametrize("count", [0, 3])
def test_signing_needs_one_or_two_keys(count) -> None:
    with pytest.raises(ValueError, match="one or two"):
        SigningKeys.load({"keys": KEYS.dump()["keys"][:1] * count})


def test_public_keys_do_not_sign() -> None:
    with pytest.raises(ValueError, match="private"):
        SigningKeys.load(KEYS.jwks())


def test_only_usable_keys_are_taken_from_a_foreign_document() -> None:
    good = KEYS.current.as_dict(private=False)
    with pytest.warns(UserWarning, match="2048"):
        short = RSAKey.generate_key(1024, {"kid": "short"})
    document = {
        "keys": [
            good,
            {**OTHER_KEY.as_dict(private=False), "alg": "RS256", "unknown": 1},
            OKPKey.generate_key("Ed25519", {"kid": "ed"}).as_dict(private=False),
            short.as_dict(private=False),
            {**good, "kid": "private", "d": "AA"},
            {**good, "kid": "encryption", "use": "enc"},
            {**good, "kid": "broken", "x": "AA"},
            {**good, "kid": 7},
            {name: value for name, value in good.items() if name != "kid"},
            {"kty": "oct", "k": "c2VjcmV0", "kid": "symmetric"},
            {"kty": "PQC", "kid": "unknown"},
            {"kty": "RSA", "kid": "no numbers"},
            OKPKey.generate_key("X25519", {"kid": "exchange"}).as_dict(private=False),
            "text",
            None,
        ]
    }

    keys = jose.public_keys(document)

    assert set(keys) == {KEYS.current.kid, "rsa-1", "ed"}
    assert not any(key.is_private for key in keys.values())


@pytest.mark.parametrize("document", [None, [], {}, {"keys": {}}, {"keys": []}, {"keys": [{}]}])
def test_a_document_without_a_usable_key_is_refused(document) -> None:
    with pytest.raises(ValueError, match="JWKS"):
        jose.public_keys(document)


def test_ed25519_verifies_for_an_issuer_that_may_use_it() -> None:
    key = OKPKey.generate_key("Ed25519", {"kid": "ed"})
    issuer = Issuer(
        OTHER,
        jose.public_keys({"keys": [key.as_dict(private=False)]}),
        algorithms=frozenset({"Ed25519"}),
    )

    token = signed({"alg": "Ed25519", "typ": "at+jwt", "kid": "ed"}, claims_with(iss=OTHER), key)

    assert verify(token, issuers={OTHER: issuer}, now=NOW).issuer == OTHER

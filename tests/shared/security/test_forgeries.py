"""Every token but a good one falls, with one and the same error."""

import hmac
import json
import math
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.errors import Unauthenticated
from shared.security.errors import InvalidToken, Reason
from shared.security.tokens import AUDIENCE, SigningKeys, issue, verify
from tests.shared.security.tokens import (
    AT,
    CITY,
    GOOD_CLAIMS,
    GOOD_HEADER,
    ISSUERS,
    KEYS,
    NOW,
    OTHER,
    OTHER_KEY,
    OWN,
    STRANGER,
    b64,
    claims_with,
    good,
    raw,
    signed,
    token_under,
    token_with,
)


def _public_pem() -> bytes:
    return KEYS.current.public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _hmac_with(secret: bytes, **header: Any) -> str:
    # By hand: joserfc itself will not take a public key for a secret.
    unsigned = raw({**GOOD_HEADER, "alg": "HS256", **header}, GOOD_CLAIMS).rpartition(".")[0]
    return f"{unsigned}.{b64(hmac.digest(secret, unsigned.encode(), 'sha256'))}"


def _tampered(part: int, change: Callable[[str], str]) -> str:
    parts = good().split(".")
    parts[part] = change(parts[part])
    return ".".join(parts)


def _flip(segment: str) -> str:
    return ("B" if segment[0] == "A" else "A") + segment[1:]


FORGERIES: dict[str, tuple[Callable[[], str | bytes], Reason]] = {
    # What signs
    "alg none": (lambda: raw({**GOOD_HEADER, "alg": "none"}, GOOD_CLAIMS), Reason.ALGORITHM),
    "alg None": (lambda: raw({**GOOD_HEADER, "alg": "NonE"}, GOOD_CLAIMS), Reason.ALGORITHM),
    "alg missing": (lambda: raw({"typ": "at+jwt"}, GOOD_CLAIMS), Reason.MALFORMED),
    "alg a list": (lambda: raw({**GOOD_HEADER, "alg": ["ES256"]}, GOOD_CLAIMS), Reason.ALGORITHM),
    "HS256 with the public PEM": (lambda: _hmac_with(_public_pem()), Reason.ALGORITHM),
    "HS256 with the public JWK": (
        lambda: _hmac_with(json.dumps(KEYS.jwks()["keys"][0]).encode()),
        Reason.ALGORITHM,
    ),
    "HS256 with an empty kid": (lambda: _hmac_with(b"x" * 32, kid=""), Reason.ALGORITHM),
    "another key, our kid": (lambda: signed(GOOD_HEADER, GOOD_CLAIMS, STRANGER), Reason.SIGNATURE),
    "another issuer's algorithm": (
        lambda: signed({**GOOD_HEADER, "alg": "RS256"}, GOOD_CLAIMS, OTHER_KEY),
        Reason.ALGORITHM,
    ),
    "another issuer's key": (
        lambda: signed(
            {"alg": "RS256", "typ": "at+jwt", "kid": KEYS.current.kid},
            claims_with(iss=OTHER),
            OTHER_KEY,
        ),
        Reason.UNKNOWN_KEY,
    ),
    "our key for another issuer": (
        lambda: signed({**GOOD_HEADER, "kid": "rsa-1"}, claims_with(iss=OTHER)),
        Reason.ALGORITHM,
    ),
    "a key two rotations old": (
        lambda: issue(SigningKeys.generate(), issuer=OWN, actor=CITY, now=NOW, jti="1"),
        Reason.UNKNOWN_KEY,
    ),
    "signature cut off": (lambda: _tampered(2, lambda _: ""), Reason.SIGNATURE),
    "signature halved": (lambda: _tampered(2, lambda text: text[:43]), Reason.SIGNATURE),
    "signature of zeros": (lambda: _tampered(2, lambda _: b64(bytes(64))), Reason.SIGNATURE),
    "signature as DER": (
        lambda: _tampered(2, lambda _: b64(bytes.fromhex("3006020101020101"))),
        Reason.SIGNATURE,
    ),
    "signature flipped": (lambda: _tampered(2, _flip), Reason.SIGNATURE),
    "claims exchanged": (
        lambda: _tampered(1, lambda _: b64(json.dumps(claims_with(role="PROVINCE")).encode())),
        Reason.SIGNATURE,
    ),
    # What the header brings
    "kid unknown": (lambda: token_under(kid="k"), Reason.UNKNOWN_KEY),
    "kid a path": (lambda: token_under(kid="../../dev/null"), Reason.UNKNOWN_KEY),
    "kid an injection": (lambda: token_under(kid="' OR 1=1 --"), Reason.UNKNOWN_KEY),
    "kid missing": (lambda: token_under(kid=...), Reason.HEADER),
    "kid a list": (lambda: token_under(kid=["a"]), Reason.HEADER),
    "jku": (lambda: token_under(jku="https://evil.example/jwks"), Reason.HEADER),
    "x5u": (lambda: token_under(x5u="https://evil.example/x5u"), Reason.HEADER),
    "x5c": (lambda: token_under(x5c=["MIIB"]), Reason.HEADER),
    "jwk embedded": (
        lambda: signed(
            {**GOOD_HEADER, "jwk": STRANGER.as_dict(private=False)}, GOOD_CLAIMS, STRANGER
        ),
        Reason.HEADER,
    ),
    "crit unknown": (lambda: token_under(crit=["x-own"], **{"x-own": 1}), Reason.HEADER),
    "crit b64": (
        lambda: raw({**GOOD_HEADER, "b64": False, "crit": ["b64"]}, GOOD_CLAIMS),
        Reason.MALFORMED,
    ),
    "cty JWT": (lambda: token_under(cty="JWT"), Reason.HEADER),
    "typ JWT": (lambda: token_under(typ="JWT"), Reason.TYPE),
    "typ missing": (lambda: token_under(typ=...), Reason.TYPE),
    "typ in capitals": (lambda: token_under(typ="AT+JWT"), Reason.TYPE),
    "typ of a logout": (lambda: token_under(typ="logout+jwt"), Reason.TYPE),
    # Who and for whom
    "iss unknown": (lambda: token_with(iss="https://evil.example"), Reason.ISSUER),
    "iss nearly right": (lambda: token_with(iss=OWN + "/"), Reason.ISSUER),
    "iss missing": (lambda: token_with(iss=...), Reason.ISSUER),
    "iss a list": (lambda: token_with(iss=[OWN]), Reason.ISSUER),
    "aud another": (lambda: token_with(aud="other"), Reason.AUDIENCE),
    "aud missing": (lambda: token_with(aud=...), Reason.AUDIENCE),
    "aud with strangers": (lambda: token_with(aud=[AUDIENCE, "other"]), Reason.AUDIENCE),
    "aud twice": (lambda: token_with(aud=[AUDIENCE, AUDIENCE]), Reason.AUDIENCE),
    "aud in capitals": (lambda: token_with(aud="GANFUTONG"), Reason.AUDIENCE),
    "aud an object": (lambda: token_with(aud={AUDIENCE: 1}), Reason.AUDIENCE),
    "aud nested": (lambda: token_with(aud=[[AUDIENCE]]), Reason.AUDIENCE),
    # When
    "exp missing": (lambda: token_with(exp=...), Reason.CLAIMS),
    "exp null": (lambda: token_with(exp=None), Reason.CLAIMS),
    "exp true": (lambda: token_with(exp=True), Reason.CLAIMS),
    "exp as text": (lambda: token_with(exp=str(AT + 600)), Reason.CLAIMS),
    "exp NaN": (lambda: token_with(exp=math.nan), Reason.CLAIMS),
    "exp infinite": (lambda: token_with(exp=math.inf), Reason.CLAIMS),
    "exp beyond the calendar": (lambda: token_with(exp=10**30), Reason.CLAIMS),
    "exp past": (lambda: token_with(iat=AT - 700, nbf=AT - 700, exp=AT - 30), Reason.EXPIRED),
    "exp in ten years": (lambda: token_with(exp=AT + 10 * 31_557_600), Reason.LIFETIME),
    "exp after 15 minutes and one second": (lambda: token_with(exp=AT + 901), Reason.LIFETIME),
    "exp before iat": (lambda: token_with(iat=AT + 20, exp=AT + 10), Reason.LIFETIME),
    "iat missing": (lambda: token_with(iat=...), Reason.CLAIMS),
    "iat in the future": (lambda: token_with(iat=AT + 31), Reason.NOT_YET_VALID),
    "iat negative": (lambda: token_with(iat=-1), Reason.CLAIMS),
    "nbf missing": (lambda: token_with(nbf=...), Reason.CLAIMS),
    "nbf in the future": (lambda: token_with(nbf=AT + 31), Reason.NOT_YET_VALID),
    # What it says
    "sub missing": (lambda: token_with(sub=...), Reason.CLAIMS),
    "sub empty": (lambda: token_with(sub=""), Reason.CLAIMS),
    "sub a number": (lambda: token_with(sub=1), Reason.CLAIMS),
    "sub of a service": (lambda: token_with(sub="system:filing"), Reason.CLAIMS),
    "client_id of a service": (lambda: token_with(client_id="system:filing"), Reason.CLAIMS),
    "client_id with a line feed": (lambda: token_with(client_id="a\nb"), Reason.CLAIMS),
    "jti missing": (lambda: token_with(jti=...), Reason.CLAIMS),
    "jti a number": (lambda: token_with(jti=1), Reason.CLAIMS),
    "role unknown": (lambda: token_with(role="ROOT"), Reason.CLAIMS),
    "role a list": (lambda: token_with(role=["CITY"]), Reason.CLAIMS),
    "role missing": (lambda: token_with(role=...), Reason.CLAIMS),
    "region of another province": (lambda: token_with(region="330100"), Reason.CLAIMS),
    "region empty": (lambda: token_with(region=""), Reason.CLAIMS),
    "region too short": (lambda: token_with(region="3"), Reason.CLAIMS),
    "org a path": (lambda: token_with(org="../jx"), Reason.CLAIMS),
    "scope a list": (lambda: token_with(scope=["filing:write"]), Reason.CLAIMS),
    "scope with tabs": (lambda: token_with(scope="a\tb"), Reason.CLAIMS),
    # What is no token
    "empty": (lambda: "", Reason.MALFORMED),
    "two parts": (lambda: good().rpartition(".")[0], Reason.MALFORMED),
    "four parts": (lambda: good() + ".AA", Reason.MALFORMED),
    "five parts, a JWE": (lambda: "e30.e30.e30.e30.e30", Reason.MALFORMED),
    "not ASCII": (lambda: "令牌.令牌.令牌", Reason.MALFORMED),
    "not UTF-8": (lambda: b"\xff.\xff.\xff", Reason.MALFORMED),
    "too long": (lambda: token_with(padding="x" * 8192), Reason.MALFORMED),
    "header a list": (lambda: raw(["alg"], GOOD_CLAIMS), Reason.MALFORMED),
    "header a text": (lambda: raw("alg", GOOD_CLAIMS), Reason.MALFORMED),
    "claims a list": (lambda: signed(GOOD_HEADER, [1]), Reason.MALFORMED),
    "claims a text": (lambda: signed(GOOD_HEADER, "text"), Reason.MALFORMED),
    "claims a nested bomb": (
        lambda: f"{b64(json.dumps(GOOD_HEADER).encode())}.{b64(b'[' * 5000)}.AA",
        Reason.MALFORMED,
    ),
    "padded base64": (lambda: _tampered(1, lambda text: text + "="), Reason.MALFORMED),
    "spaces around": (lambda: f" {good()} ", Reason.MALFORMED),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forgery_is_refused_with_the_one_error(name) -> None:
    make, reason = FORGERIES[name]
    verify(good(), issuers=ISSUERS, now=NOW)  # what the forgery was made from is good

    with pytest.raises(InvalidToken) as refusal:
        verify(make(), issuers=ISSUERS, now=NOW)

    error = refusal.value
    assert isinstance(error, Unauthenticated)
    assert error.reason is reason
    assert (error.status, error.code, str(error)) == (401, "invalid_token", "invalid_token")
    assert (error.params, error.errors, error.allowed, error.clause) == ({}, (), (), None)
    assert error.__cause__ is None


def test_the_list_of_forgeries_is_long_enough(capsys) -> None:
    with capsys.disabled():
        print(f"\nforgeries: {len(FORGERIES)}, reasons: {len({r for _, r in FORGERIES.values()})}")  # noqa: T201 - a figure to report

    assert len(FORGERIES) >= 20
    assert {reason for _, reason in FORGERIES.values()} == set(Reason) - {Reason.REVOKED}


@settings(deadline=None, database=None, derandomize=True, max_examples=300)
@given(st.binary(max_size=300) | st.text(max_size=300))
def test_no_noise_is_anything_but_an_invalid_token(noise) -> None:
    with pytest.raises(InvalidToken):
        verify(noise, issuers=ISSUERS, now=NOW)


@settings(deadline=None, database=None, derandomize=True, max_examples=200)
@given(
    st.dictionaries(
        st.sampled_from(sorted(GOOD_CLAIMS.keys() - {"scope"})),
        st.none() | st.booleans() | st.lists(st.text(max_size=5)) | st.just({}) | st.just("令牌"),
        min_size=1,
    )
)
def test_a_signed_token_with_any_claim_of_a_wrong_form_is_refused(changes) -> None:
    with pytest.raises(InvalidToken):
        verify(token_with(**changes), issuers=ISSUERS, now=NOW)

"""Tokens are issued one way, and every other token falls with one and the same error."""

import asyncio
import base64
import hmac
import json
import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc.jwk import ECKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry, serialize_compact
from joserfc.registry import HeaderParameter

from shared.errors import Unauthenticated
from shared.security import jose
from shared.security.errors import InvalidToken, KeysUnavailable, Reason
from shared.security.identity import Actor, Role
from shared.security.tokens import (
    AUDIENCE,
    Claims,
    Issuer,
    RemoteKeys,
    SigningKeys,
    TokenCache,
    authenticate,
    issue,
    verify,
)

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
AT = int(NOW.timestamp())
OWN = "https://gateway.example"
OTHER = "https://persons.example"
KEYS = SigningKeys.generate().rotated()
OTHER_KEY = RSAKey.generate_key(2048, {"kid": "rsa-1"})
STRANGER = ECKey.generate_key("P-256", {"kid": str(KEYS.current.kid)})
ISSUERS = {
    OWN: Issuer(OWN, KEYS.public()),
    OTHER: Issuer(
        OTHER,
        jose.public_keys({"keys": [OTHER_KEY.as_dict(private=False)]}),
        algorithms=frozenset({"RS256"}),
        types=frozenset({"at+jwt", "JWT"}),
        issues_persons=True,
    ),
}
CITY = Actor(
    subject="nanchang-system",
    client_id="nanchang-system",
    organisation="city-360100",
    role=Role.CITY,
    region="360100",
    scopes=frozenset({"filing:write", "filing:read"}),
)
GOOD_HEADER = {"alg": "ES256", "typ": "at+jwt", "kid": KEYS.current.kid}
GOOD_CLAIMS = {
    "iss": OWN,
    "aud": AUDIENCE,
    "sub": "nanchang-system",
    "client_id": "nanchang-system",
    "iat": AT,
    "nbf": AT,
    "exp": AT + 600,
    "jti": "0001",
    "org": "city-360100",
    "role": "CITY",
    "region": "360100",
    "scope": "filing:read filing:write",
}
_ANYTHING = {
    name: HeaderParameter(name, lambda _: None)
    for name in ("crit", "jku", "x5u", "x5c", "jwk", "cty", "x-own", "typ", "kid", "b64")
}


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _raw(header: Any, claims: Any, signature: bytes = b"") -> str:
    return ".".join(
        (_b64(json.dumps(header).encode()), _b64(json.dumps(claims).encode()), _b64(signature))
    )


def _sign(header: dict[str, Any], claims: Any, key: Any = KEYS.current) -> str:
    """A truly signed token, with any header and any claims: what an attacker with a key can do."""
    registry = JWSRegistry(_ANYTHING, [header["alg"]])
    return serialize_compact(header, json.dumps(claims), key, registry=registry)


def _claims(**changes: Any) -> dict[str, Any]:
    return {name: value for name, value in {**GOOD_CLAIMS, **changes}.items() if value is not ...}


def _with(**changes: Any) -> str:
    return _sign(GOOD_HEADER, _claims(**changes))


def _headed(**changes: Any) -> str:
    header = {name: value for name, value in {**GOOD_HEADER, **changes}.items() if value is not ...}
    return _sign(header, GOOD_CLAIMS)


def _public_pem() -> bytes:
    return KEYS.current.public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _hmac_with(secret: bytes, **header: Any) -> str:
    # By hand: joserfc itself will not take a public key for a secret.
    unsigned = _raw({**GOOD_HEADER, "alg": "HS256", **header}, GOOD_CLAIMS).rpartition(".")[0]
    return f"{unsigned}.{_b64(hmac.digest(secret, unsigned.encode(), 'sha256'))}"


def _good() -> str:
    return _sign(GOOD_HEADER, GOOD_CLAIMS)


def _tampered(part: int, change: Callable[[str], str]) -> str:
    parts = _good().split(".")
    parts[part] = change(parts[part])
    return ".".join(parts)


def _flip(segment: str) -> str:
    return ("B" if segment[0] == "A" else "A") + segment[1:]


FORGERIES: dict[str, tuple[Callable[[], str | bytes], Reason]] = {
    # What signs
    "alg none": (lambda: _raw({**GOOD_HEADER, "alg": "none"}, GOOD_CLAIMS), Reason.ALGORITHM),
    "alg None": (lambda: _raw({**GOOD_HEADER, "alg": "NonE"}, GOOD_CLAIMS), Reason.ALGORITHM),
    "alg missing": (lambda: _raw({"typ": "at+jwt"}, GOOD_CLAIMS), Reason.MALFORMED),
    "alg a list": (lambda: _raw({**GOOD_HEADER, "alg": ["ES256"]}, GOOD_CLAIMS), Reason.ALGORITHM),
    "HS256 with the public PEM": (lambda: _hmac_with(_public_pem()), Reason.ALGORITHM),
    "HS256 with the public JWK": (
        lambda: _hmac_with(json.dumps(KEYS.jwks()["keys"][0]).encode()),
        Reason.ALGORITHM,
    ),
    "HS256 with an empty kid": (lambda: _hmac_with(b"x" * 32, kid=""), Reason.ALGORITHM),
    "another key, our kid": (lambda: _sign(GOOD_HEADER, GOOD_CLAIMS, STRANGER), Reason.SIGNATURE),
    "another issuer's algorithm": (
        lambda: _sign({**GOOD_HEADER, "alg": "RS256"}, GOOD_CLAIMS, OTHER_KEY),
        Reason.ALGORITHM,
    ),
    "another issuer's key": (
        lambda: _sign(
            {"alg": "RS256", "typ": "at+jwt", "kid": KEYS.current.kid},
            _claims(iss=OTHER),
            OTHER_KEY,
        ),
        Reason.UNKNOWN_KEY,
    ),
    "our key for another issuer": (
        lambda: _sign({**GOOD_HEADER, "kid": "rsa-1"}, _claims(iss=OTHER)),
        Reason.ALGORITHM,
    ),
    "a key two rotations old": (
        lambda: issue(SigningKeys.generate(), issuer=OWN, actor=CITY, now=NOW, jti="1"),
        Reason.UNKNOWN_KEY,
    ),
    "signature cut off": (lambda: _tampered(2, lambda _: ""), Reason.SIGNATURE),
    "signature halved": (lambda: _tampered(2, lambda text: text[:43]), Reason.SIGNATURE),
    "signature of zeros": (lambda: _tampered(2, lambda _: _b64(bytes(64))), Reason.SIGNATURE),
    "signature as DER": (
        lambda: _tampered(2, lambda _: _b64(bytes.fromhex("3006020101020101"))),
        Reason.SIGNATURE,
    ),
    "signature flipped": (lambda: _tampered(2, _flip), Reason.SIGNATURE),
    "claims exchanged": (
        lambda: _tampered(1, lambda _: _b64(json.dumps(_claims(role="PROVINCE")).encode())),
        Reason.SIGNATURE,
    ),
    # What the header brings
    "kid unknown": (lambda: _headed(kid="k"), Reason.UNKNOWN_KEY),
    "kid a path": (lambda: _headed(kid="../../dev/null"), Reason.UNKNOWN_KEY),
    "kid an injection": (lambda: _headed(kid="' OR 1=1 --"), Reason.UNKNOWN_KEY),
    "kid missing": (lambda: _headed(kid=...), Reason.HEADER),
    "kid a list": (lambda: _headed(kid=["a"]), Reason.HEADER),
    "jku": (lambda: _headed(jku="https://evil.example/jwks"), Reason.HEADER),
    "x5u": (lambda: _headed(x5u="https://evil.example/x5u"), Reason.HEADER),
    "x5c": (lambda: _headed(x5c=["MIIB"]), Reason.HEADER),
    "jwk embedded": (
        lambda: _sign(
            {**GOOD_HEADER, "jwk": STRANGER.as_dict(private=False)}, GOOD_CLAIMS, STRANGER
        ),
        Reason.HEADER,
    ),
    "crit unknown": (lambda: _headed(crit=["x-own"], **{"x-own": 1}), Reason.HEADER),
    "crit b64": (
        lambda: _raw({**GOOD_HEADER, "b64": False, "crit": ["b64"]}, GOOD_CLAIMS),
        Reason.MALFORMED,
    ),
    "cty JWT": (lambda: _headed(cty="JWT"), Reason.HEADER),
    "typ JWT": (lambda: _headed(typ="JWT"), Reason.TYPE),
    "typ missing": (lambda: _headed(typ=...), Reason.TYPE),
    "typ in capitals": (lambda: _headed(typ="AT+JWT"), Reason.TYPE),
    "typ of a logout": (lambda: _headed(typ="logout+jwt"), Reason.TYPE),
    # Who and for whom
    "iss unknown": (lambda: _with(iss="https://evil.example"), Reason.ISSUER),
    "iss nearly right": (lambda: _with(iss=OWN + "/"), Reason.ISSUER),
    "iss missing": (lambda: _with(iss=...), Reason.ISSUER),
    "iss a list": (lambda: _with(iss=[OWN]), Reason.ISSUER),
    "aud another": (lambda: _with(aud="other"), Reason.AUDIENCE),
    "aud missing": (lambda: _with(aud=...), Reason.AUDIENCE),
    "aud with strangers": (lambda: _with(aud=[AUDIENCE, "other"]), Reason.AUDIENCE),
    "aud twice": (lambda: _with(aud=[AUDIENCE, AUDIENCE]), Reason.AUDIENCE),
    "aud in capitals": (lambda: _with(aud="GANFUTONG"), Reason.AUDIENCE),
    "aud an object": (lambda: _with(aud={AUDIENCE: 1}), Reason.AUDIENCE),
    "aud nested": (lambda: _with(aud=[[AUDIENCE]]), Reason.AUDIENCE),
    # When
    "exp missing": (lambda: _with(exp=...), Reason.CLAIMS),
    "exp null": (lambda: _with(exp=None), Reason.CLAIMS),
    "exp true": (lambda: _with(exp=True), Reason.CLAIMS),
    "exp as text": (lambda: _with(exp=str(AT + 600)), Reason.CLAIMS),
    "exp NaN": (lambda: _with(exp=math.nan), Reason.CLAIMS),
    "exp infinite": (lambda: _with(exp=math.inf), Reason.CLAIMS),
    "exp beyond the calendar": (lambda: _with(exp=10**30), Reason.CLAIMS),
    "exp past": (lambda: _with(iat=AT - 700, nbf=AT - 700, exp=AT - 30), Reason.EXPIRED),
    "exp in ten years": (lambda: _with(exp=AT + 10 * 31_557_600), Reason.LIFETIME),
    "exp after 15 minutes and one second": (lambda: _with(exp=AT + 901), Reason.LIFETIME),
    "exp before iat": (lambda: _with(iat=AT + 20, exp=AT + 10), Reason.LIFETIME),
    "iat missing": (lambda: _with(iat=...), Reason.CLAIMS),
    "iat in the future": (lambda: _with(iat=AT + 31), Reason.NOT_YET_VALID),
    "iat negative": (lambda: _with(iat=-1), Reason.CLAIMS),
    "nbf missing": (lambda: _with(nbf=...), Reason.CLAIMS),
    "nbf in the future": (lambda: _with(nbf=AT + 31), Reason.NOT_YET_VALID),
    # What it says
    "sub missing": (lambda: _with(sub=...), Reason.CLAIMS),
    "sub empty": (lambda: _with(sub=""), Reason.CLAIMS),
    "sub a number": (lambda: _with(sub=1), Reason.CLAIMS),
    "sub of a service": (lambda: _with(sub="system:filing"), Reason.CLAIMS),
    "client_id of a service": (lambda: _with(client_id="system:filing"), Reason.CLAIMS),
    "client_id with a line feed": (lambda: _with(client_id="a\nb"), Reason.CLAIMS),
    "jti missing": (lambda: _with(jti=...), Reason.CLAIMS),
    "jti a number": (lambda: _with(jti=1), Reason.CLAIMS),
    "role unknown": (lambda: _with(role="ROOT"), Reason.CLAIMS),
    "role a list": (lambda: _with(role=["CITY"]), Reason.CLAIMS),
    "role missing": (lambda: _with(role=...), Reason.CLAIMS),
    "region of another province": (lambda: _with(region="330100"), Reason.CLAIMS),
    "region empty": (lambda: _with(region=""), Reason.CLAIMS),
    "region too short": (lambda: _with(region="3"), Reason.CLAIMS),
    "org a path": (lambda: _with(org="../jx"), Reason.CLAIMS),
    "scope a list": (lambda: _with(scope=["filing:write"]), Reason.CLAIMS),
    "scope with tabs": (lambda: _with(scope="a\tb"), Reason.CLAIMS),
    # What is no token
    "empty": (lambda: "", Reason.MALFORMED),
    "two parts": (lambda: _good().rpartition(".")[0], Reason.MALFORMED),
    "four parts": (lambda: _good() + ".AA", Reason.MALFORMED),
    "five parts, a JWE": (lambda: "e30.e30.e30.e30.e30", Reason.MALFORMED),
    "not ASCII": (lambda: "令牌.令牌.令牌", Reason.MALFORMED),
    "not UTF-8": (lambda: b"\xff.\xff.\xff", Reason.MALFORMED),
    "too long": (lambda: _with(padding="x" * 8192), Reason.MALFORMED),
    "header a list": (lambda: _raw(["alg"], GOOD_CLAIMS), Reason.MALFORMED),
    "header a text": (lambda: _raw("alg", GOOD_CLAIMS), Reason.MALFORMED),
    "claims a list": (lambda: _sign(GOOD_HEADER, [1]), Reason.MALFORMED),
    "claims a text": (lambda: _sign(GOOD_HEADER, "text"), Reason.MALFORMED),
    "claims a nested bomb": (
        lambda: f"{_b64(json.dumps(GOOD_HEADER).encode())}.{_b64(b'[' * 5000)}.AA",
        Reason.MALFORMED,
    ),
    "padded base64": (lambda: _tampered(1, lambda text: text + "="), Reason.MALFORMED),
    "spaces around": (lambda: f" {_good()} ", Reason.MALFORMED),
}


@pytest.mark.feature("DEP1")
def test_an_issued_token_verifies_to_the_same_actor() -> None:
    token = issue(KEYS, issuer=OWN, actor=CITY, now=NOW, jti="0001")

    claims = verify(token, issuers=ISSUERS, now=NOW)

    assert claims == Claims(CITY, OWN, "0001", NOW, NOW + timedelta(minutes=10))


def test_an_issued_token_is_an_access_token_of_rfc_9068() -> None:
    token = issue(KEYS, issuer=OWN, actor=CITY, now=NOW, jti="0001")

    header, claims = (
        json.loads(base64.urlsafe_b64decode(part + "==")) for part in token.split(".")[:2]
    )

    assert header == GOOD_HEADER
    assert claims == GOOD_CLAIMS


@pytest.mark.feature("DEP1")
@pytest.mark.parametrize(
    "lifetime", [timedelta(minutes=10, seconds=1), timedelta(0), timedelta(seconds=-1)]
)
def test_no_token_is_issued_for_more_than_ten_minutes(lifetime) -> None:
    with pytest.raises(ValueError, match="10 minutes"):
        issue(KEYS, issuer=OWN, actor=CITY, now=NOW, jti="1", lifetime=lifetime)


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forgery_is_refused_with_the_one_error(name) -> None:
    make, reason = FORGERIES[name]
    verify(_good(), issuers=ISSUERS, now=NOW)  # what the forgery was made from is good

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
        verify(_with(**changes), issuers=ISSUERS, now=NOW)


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": [AUDIENCE]},
        {"iat": AT + 30, "nbf": AT + 30},
        {"iat": AT - 629, "nbf": AT - 629, "exp": AT - 29},
        {"exp": AT + 900},
        {"iat": AT + 0.5},
        {"region": "36GJ00"},
        {"region": "36"},
        {"scope": ""},
        {"scope": ...},
        {"person": True},
    ],
    ids=str,
)
def test_what_is_within_the_rules_is_accepted(changes) -> None:
    claims = verify(_with(**changes), issuers=ISSUERS, now=NOW)

    assert claims.actor.subject == CITY.subject
    assert not claims.actor.person  # our own issuer is not flagged for persons here


@pytest.mark.parametrize(
    ("issuer", "says", "is_person"),
    [(OTHER, True, True), (OTHER, 1, False), (OTHER, "true", False), (OTHER, ..., False)],
)
def test_a_person_is_who_a_persons_issuer_says_is_one(issuer, says, is_person) -> None:
    claims = _claims(iss=issuer, person=says, sub="officer-7")
    token = _sign({"alg": "RS256", "typ": "JWT", "kid": "rsa-1"}, claims, OTHER_KEY)

    actor = verify(token, issuers=ISSUERS, now=NOW).actor

    assert (actor.subject, actor.person) == ("officer-7", is_person)


def test_an_issued_person_stays_a_person_where_the_issuer_may_name_persons() -> None:
    officer = Actor("officer-7", "console", "jx-zwfw", Role.PROVINCE, "36", frozenset(), True)
    issuers = {OWN: Issuer(OWN, KEYS.public(), issues_persons=True)}

    token = issue(KEYS, issuer=OWN, actor=officer, now=NOW, jti="1")

    assert verify(token, issuers=issuers, now=NOW).actor == officer


@pytest.mark.parametrize("algorithms", [{"HS256"}, {"none"}, {"ES256", "HS512"}, set()])
def test_an_issuer_with_a_weak_algorithm_cannot_be_configured(algorithms) -> None:
    with pytest.raises(ValueError, match="algorithms"):
        Issuer(OWN, {}, algorithms=frozenset(algorithms))


# --- keys -----------------------------------------------------------------------------------------


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

    token = _sign({"alg": "Ed25519", "typ": "at+jwt", "kid": "ed"}, _claims(iss=OTHER), key)

    assert verify(token, issuers={OTHER: issuer}, now=NOW).issuer == OTHER


# --- cache ----------------------------------------------------------------------------------------


def _verified(number: int = 1, *, now: datetime = NOW) -> tuple[bytes, Claims]:
    token = issue(KEYS, issuer=OWN, actor=CITY, now=now, jti=str(number)).encode()
    return token, verify(token, issuers=ISSUERS, now=now)


def test_a_cached_token_still_ends_in_time() -> None:
    cache = TokenCache()
    token, claims = _verified()
    cache.keep(token, claims, now=NOW)

    assert cache.get(token, now=NOW + timedelta(minutes=10, seconds=29)) is claims
    with pytest.raises(InvalidToken) as refusal:
        cache.get(token, now=NOW + timedelta(minutes=10, seconds=30))
    assert refusal.value.reason is Reason.EXPIRED


def test_the_least_recently_used_token_makes_room() -> None:
    cache = TokenCache(capacity=2)
    (first, one), (second, two), (third, three) = (_verified(number) for number in (1, 2, 3))
    cache.keep(first, one, now=NOW)
    cache.keep(second, two, now=NOW)
    cache.get(first, now=NOW)

    cache.keep(third, three, now=NOW)

    assert [cache.get(token, now=NOW) for token in (first, second, third)] == [one, None, three]


def test_a_refusal_is_remembered_for_seconds_and_a_flood_evicts_no_one() -> None:
    cache = TokenCache(capacity=10, refusals=10)
    token, claims = _verified()
    cache.keep(token, claims, now=NOW)

    for number in range(1000):
        cache.refuse(b"forged %d" % number, InvalidToken(Reason.SIGNATURE), now=NOW)

    assert cache.get(token, now=NOW) is claims
    assert len(cache._refused) == 10
    with pytest.raises(InvalidToken):
        cache.get(b"forged 999", now=NOW + timedelta(seconds=2))
    assert cache.get(b"forged 999", now=NOW + timedelta(seconds=3)) is None


def test_a_huge_or_perhaps_soon_known_token_takes_no_room_among_the_refused() -> None:
    cache = TokenCache()

    cache.refuse(b"x" * 10_000, InvalidToken(Reason.MALFORMED), now=NOW)
    cache.refuse(b"kid", InvalidToken(Reason.UNKNOWN_KEY), now=NOW)

    assert not cache._refused


def test_a_revoked_client_falls_at_once_and_its_later_tokens_count_again() -> None:
    cache = TokenCache()
    token, claims = _verified()
    cache.keep(token, claims, now=NOW)
    cache.revoke_client(CITY.client_id, now=NOW + timedelta(seconds=5))

    later, later_claims = _verified(2, now=NOW + timedelta(seconds=6))
    cache.keep(later, later_claims, now=NOW + timedelta(seconds=6))

    assert cache.get(later, now=NOW + timedelta(seconds=7)) is later_claims
    with pytest.raises(InvalidToken) as refusal:
        cache.get(token, now=NOW + timedelta(seconds=7))
    assert refusal.value.reason is Reason.REVOKED
    with pytest.raises(InvalidToken):
        cache.keep(token, claims, now=NOW + timedelta(seconds=7))


def test_a_revoked_token_falls_alone_and_is_forgotten_when_no_such_token_can_live() -> None:
    cache = TokenCache()
    (first, one), (second, two) = _verified(1), _verified(2)
    cache.keep(first, one, now=NOW)
    cache.keep(second, two, now=NOW)

    cache.revoke_token("1", now=NOW)

    assert cache.get(second, now=NOW) is two
    with pytest.raises(InvalidToken):
        cache.get(first, now=NOW)
    cache.revoke_token("2", now=NOW + timedelta(minutes=17))
    assert set(cache._revoked_tokens) == {"2"}


# --- remote keys ----------------------------------------------------------------------------------


class Remote:
    """Another machine that serves a JWKS, slowly, and sometimes not at all."""

    def __init__(self, document: Any) -> None:
        self.document = document
        self.calls = 0
        self.release = asyncio.Event()
        self.release.set()

    async def fetch(self) -> bytes:
        self.calls += 1
        await self.release.wait()
        if self.document is None:
            raise ConnectionError("away")
        return json.dumps(self.document).encode()


def _remote(document: Any, **options: Any) -> tuple[Remote, RemoteKeys, dict[str, Issuer]]:
    remote = Remote(document)
    keys = RemoteKeys(remote.fetch, **options)
    return remote, keys, {OWN: Issuer(OWN, keys)}


async def test_a_hundred_requests_at_a_cold_start_cause_one_fetch() -> None:
    remote, _, issuers = _remote(KEYS.jwks())
    remote.release.clear()
    cache = TokenCache()
    tokens = [_verified(number)[0] for number in range(100)]

    waiting = [
        asyncio.create_task(authenticate(token, issuers=issuers, now=NOW, cache=cache))
        for token in tokens
    ]
    await asyncio.sleep(0)
    remote.release.set()
    claims = await asyncio.gather(*waiting)

    assert remote.calls == 1
    assert {claim.jti for claim in claims} == {str(number) for number in range(100)}


async def test_a_storm_of_unknown_kids_causes_one_fetch_in_thirty_seconds() -> None:
    remote, keys, issuers = _remote(KEYS.jwks())
    await keys.refresh(now=NOW - timedelta(hours=1))
    forged = [_headed(kid=f"kid-{number}").encode() for number in range(300)]

    for number, token in enumerate(forged):
        with pytest.raises(InvalidToken):
            await authenticate(
                token,
                issuers=issuers,
                now=NOW + timedelta(seconds=number / 10),
                cache=TokenCache(),
            )

    assert remote.calls - 1 == 1


async def test_a_rotated_key_is_found_by_its_unknown_kid_and_the_old_one_still_holds() -> None:
    remote, keys, issuers = _remote(KEYS.jwks())
    await keys.refresh(now=NOW - timedelta(minutes=1))
    rotated = KEYS.rotated()
    remote.document = rotated.jwks()
    token = issue(rotated, issuer=OWN, actor=CITY, now=NOW, jti="new").encode()

    fresh = await authenticate(token, issuers=issuers, now=NOW, cache=TokenCache())
    old = await authenticate(_verified()[0], issuers=issuers, now=NOW, cache=TokenCache())

    assert (fresh.jti, old.jti) == ("new", "1")
    assert remote.calls == 2


@pytest.mark.parametrize("document", [None, {"keys": []}, "text"])
async def test_a_failing_remote_takes_no_known_key_away(document) -> None:
    remote, keys, issuers = _remote(KEYS.jwks())
    await keys.refresh(now=NOW - timedelta(hours=1))
    remote.document = document

    await keys.refresh(now=NOW)
    claims = await authenticate(_verified()[0], issuers=issuers, now=NOW, cache=TokenCache())

    assert claims.actor == CITY
    assert keys.failures == 1


async def test_without_any_key_the_answer_is_try_again_and_a_second_later_it_is_tried() -> None:
    remote, _, issuers = _remote(None)
    token = _verified()[0]
    for _ in range(5):
        with pytest.raises(KeysUnavailable) as refusal:
            await authenticate(token, issuers=issuers, now=NOW, cache=TokenCache())
        assert refusal.value.retry_after == 1
    assert remote.calls == 1
    remote.document = KEYS.jwks()

    claims = await authenticate(
        token, issuers=issuers, now=NOW + timedelta(seconds=1), cache=TokenCache()
    )

    assert claims.actor == CITY


async def test_an_aged_document_is_fetched_again_while_nobody_waits() -> None:
    remote, keys, issuers = _remote(KEYS.jwks())
    await keys.refresh(now=NOW - timedelta(minutes=5))
    remote.release.clear()

    claims = await authenticate(_verified()[0], issuers=issuers, now=NOW, cache=TokenCache())
    await asyncio.sleep(0)

    assert claims.actor == CITY  # answered while the fetch still hangs
    assert remote.calls == 2
    remote.document = KEYS.rotated().rotated().jwks()
    remote.release.set()
    await keys.refresh(now=NOW)
    assert KEYS.current.kid not in keys


async def test_a_remote_that_hangs_is_given_up_and_a_caller_who_leaves_stops_nobody() -> None:
    remote, keys, _ = _remote(KEYS.jwks(), patience=timedelta(milliseconds=50))
    remote.release.clear()
    leaver = asyncio.create_task(keys.refresh(now=NOW))
    stayer = asyncio.create_task(keys.refresh(now=NOW))
    await asyncio.sleep(0)
    leaver.cancel()

    await stayer

    assert (remote.calls, keys.failures, len(keys)) == (1, 1, 0)


async def test_a_clock_set_back_does_not_stop_the_refresh() -> None:
    remote, keys, _ = _remote(KEYS.jwks())
    await keys.refresh(now=NOW)

    await keys.refresh(now=NOW - timedelta(days=1))

    assert remote.calls == 2


async def test_a_forgery_is_verified_once_and_then_refused_from_memory() -> None:
    cache = TokenCache()
    forged = _sign(GOOD_HEADER, GOOD_CLAIMS, STRANGER).encode()

    for _ in range(3):
        with pytest.raises(InvalidToken) as refusal:
            await authenticate(forged, issuers=ISSUERS, now=NOW, cache=cache)
        assert refusal.value.reason is Reason.SIGNATURE

    assert list(cache._refused) == [forged]

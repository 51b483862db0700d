"""Two issuers, one good token, and tokens that were signed with something else in them."""

import base64
import json
from datetime import UTC, datetime
from typing import Any

from joserfc.jwk import ECKey, RSAKey
from joserfc.jws import JWSRegistry, serialize_compact
from joserfc.registry import HeaderParameter

from shared.security import jose
from shared.security.identity import Actor, Role
from shared.security.tokens import AUDIENCE, Claims, Issuer, SigningKeys, issue, verify

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


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def raw(header: Any, claims: Any, signature: bytes = b"") -> str:
    return ".".join(
        (b64(json.dumps(header).encode()), b64(json.dumps(claims).encode()), b64(signature))
    )


def signed(header: dict[str, Any], claims: Any, key: Any = KEYS.current) -> str:
    """A truly signed token, with any header and any claims: what an attacker with a key can do."""
    registry = JWSRegistry(_ANYTHING, [header["alg"]])
    return serialize_compact(header, json.dumps(claims), key, registry=registry)


def claims_with(**changes: Any) -> dict[str, Any]:
    return {name: value for name, value in {**GOOD_CLAIMS, **changes}.items() if value is not ...}


def token_with(**changes: Any) -> str:
    return signed(GOOD_HEADER, claims_with(**changes))


def token_under(**changes: Any) -> str:
    header = {name: value for name, value in {**GOOD_HEADER, **changes}.items() if value is not ...}
    return signed(header, GOOD_CLAIMS)


def good() -> str:
    return signed(GOOD_HEADER, GOOD_CLAIMS)


def verified(number: int = 1, *, now: datetime = NOW) -> tuple[bytes, Claims]:
    token = issue(KEYS, issuer=OWN, actor=CITY, now=now, jti=str(number)).encode()
    return token, verify(token, issuers=ISSUERS, now=now)

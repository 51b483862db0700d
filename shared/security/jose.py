"""Compact JWS, read strictly: which headers may stand, which keys count, which times hold."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey, import_key
from joserfc.jws import CompactSignature, JWSRegistry, extract_compact, validate_compact
from joserfc.util import urlsafe_b64decode

from shared.security.errors import Reason, Refusal

ALGORITHMS = frozenset({"ES256", "ES384", "RS256", "PS256", "Ed25519"})
LONGEST_TOKEN = 8192
SHORTEST_RSA, LONGEST_RSA = 2048, 8192
LATEST_INSTANT = 253_402_300_799  # 9999-12-31: what datetime can hold

# jku, x5u, jwk and crit are not here: a token cannot bring its own key or its own rules.
_HEADERS = frozenset({"alg", "kid", "typ", "x5t", "x5t#S256"})
_PUBLIC_MEMBERS = ("kty", "kid", "alg", "use", "crv", "x", "y", "n", "e")
_CURVES = {"P-256", "P-384", "Ed25519"}
_REGISTRY = JWSRegistry(algorithms=ALGORITHMS)


@dataclass(frozen=True, slots=True)
class Unproven:
    """A well-formed token whose signature nobody has checked yet."""

    algorithm: str
    kid: str | None
    type: str | None
    claims: dict[str, Any]
    signature: CompactSignature


def read(token: bytes | str) -> Unproven:
    """Take a token apart without believing it; raises Refusal."""
    if len(token) > LONGEST_TOKEN:
        raise Refusal(Reason.MALFORMED)
    try:
        raw = token.encode("ascii") if isinstance(token, str) else token
        signature = extract_compact(raw, registry=_REGISTRY)
        claims = json.loads(signature.payload)
    except (JoseError, ValueError, TypeError, RecursionError):
        raise Refusal(Reason.MALFORMED) from None
    header: Any = signature.protected  # whatever JSON the sender put there
    if not isinstance(header, dict) or not isinstance(claims, dict):
        raise Refusal(Reason.MALFORMED)
    kid, kind = header.get("kid"), header.get("typ")
    if (
        not header.keys() <= _HEADERS
        or not isinstance(kid, str | None)
        or not isinstance(kind, str | None)
    ):
        raise Refusal(Reason.HEADER)
    algorithm = header.get("alg")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise Refusal(Reason.ALGORITHM)
    return Unproven(algorithm, kid, kind, claims, signature)


def prove(unproven: Unproven, key: Key) -> None:
    """Check the signature with this key and no other; raises Refusal."""
    try:
        good = validate_compact(unproven.signature, key, registry=_REGISTRY)
    except (JoseError, ValueError, TypeError):
        good = False
    if not good:
        raise Refusal(Reason.SIGNATURE)


def check_audience(claims: Mapping[str, Any], accepted: Collection[str]) -> None:
    """`aud` is exactly one of the accepted names, alone: a list with strangers is refused."""
    audience = claims.get("aud")
    if isinstance(audience, list) and len(audience) == 1:
        audience = audience[0]
    if not isinstance(audience, str) or audience not in accepted:
        raise Refusal(Reason.AUDIENCE)


def instant(claims: Mapping[str, Any], name: str) -> datetime:
    """A NumericDate claim as an aware instant; raises Refusal (also for NaN, bool, year 10000)."""
    seconds = claims.get(name)
    if (
        not isinstance(seconds, int | float)
        or isinstance(seconds, bool)
        or not 0 <= seconds <= LATEST_INSTANT
    ):
        raise Refusal(Reason.CLAIMS)
    return datetime.fromtimestamp(seconds, UTC)


def check_times(
    *, issued: datetime, begins: datetime, expires: datetime, now: datetime, leeway: timedelta
) -> None:
    """Not before it was issued, not before it begins, not at or after its end; raises Refusal."""
    if expires <= now - leeway:
        raise Refusal(Reason.EXPIRED)
    if max(issued, begins) > now + leeway:
        raise Refusal(Reason.NOT_YET_VALID)


def public_keys(document: Any) -> dict[str, Key]:
    """The usable signature keys of a JWKS by kid; ValueError when it holds none.

    Symmetric, private, encryption, kid-less, short and unknown keys are left out (RFC 7517 §5).
    """
    members = document.get("keys") if isinstance(document, Mapping) else None
    if not isinstance(members, list):
        raise ValueError("not a JWKS")  # noqa: TRY004 - a wrong document, not a wrong call
    usable: dict[str, Key] = {}
    for member in members:
        key = _public_key(member)
        if key is not None and key.kid and key.kid not in usable:
            usable[key.kid] = key
    if not usable:
        raise ValueError("no usable key in the JWKS")
    return usable


def _public_key(member: Any) -> ECKey | RSAKey | OKPKey | None:
    if not isinstance(member, Mapping) or "d" in member or member.get("use", "sig") != "sig":
        return None
    public = {name: member[name] for name in _PUBLIC_MEMBERS if name in member}
    try:
        # Measured before the import: joserfc takes a short modulus and only warns.
        if public.get("kty") == "RSA" and not SHORTEST_RSA <= _bits(public["n"]) <= LONGEST_RSA:
            return None
        key = import_key(public)
    except (JoseError, ValueError, TypeError, KeyError, AttributeError):
        return None
    if isinstance(key, RSAKey):
        return key
    if isinstance(key, ECKey | OKPKey) and key.curve_name in _CURVES:
        return key
    return None


def _bits(modulus: str) -> int:
    return int.from_bytes(urlsafe_b64decode(modulus.encode())).bit_length()

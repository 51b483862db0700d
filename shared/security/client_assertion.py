"""`private_key_jwt`: a client proves itself to the token endpoint with its own key (RFC 7523)."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from joserfc.jwk import Key

from shared.security import jose
from shared.security.errors import InvalidClientAssertion, Reason, Refusal

LONGEST = timedelta(minutes=5)
LEEWAY = timedelta(seconds=30)
LONGEST_IDENTIFIER = 200

# An access token is not an assertion, even when the client's own key signed it.
_TYPES = frozenset({None, "JWT", "client-authentication+jwt"})


@dataclass(frozen=True, slots=True)
class Assertion:
    """A proven assertion; against replay, keep (client_id, jti) until `replay_until`."""

    client_id: str
    jti: str
    replay_until: datetime


def claimed_client(assertion: bytes | str) -> str:
    """Whose keys to load: what the assertion claims, proven by nothing; InvalidClientAssertion."""
    try:
        return _identifier(jose.read(assertion).claims.get("iss"))
    except Refusal as refusal:
        raise InvalidClientAssertion(refusal.reason) from None


def verify_assertion(
    assertion: bytes | str,
    *,
    client_id: str,
    keys: Mapping[str, Key],
    audiences: Collection[str],
    now: datetime,
    leeway: timedelta = LEEWAY,
) -> Assertion:
    """Check iss = sub = client, aud (token endpoint or issuer), times, jti and the signature.

    `keys` are the client's own (`jose.public_keys` of its registered JWKS); the kid may be left
    out when there is one. InvalidClientAssertion, always of one shape, for anything else.
    """
    try:
        return _verified(
            jose.read(assertion),
            client_id=client_id,
            keys=keys,
            audiences=audiences,
            now=now,
            leeway=leeway,
        )
    except Refusal as refusal:
        raise InvalidClientAssertion(refusal.reason) from None


def _verified(
    unproven: jose.Unproven,
    *,
    client_id: str,
    keys: Mapping[str, Key],
    audiences: Collection[str],
    now: datetime,
    leeway: timedelta,
) -> Assertion:
    if unproven.type not in _TYPES:
        raise Refusal(Reason.TYPE)
    jose.prove(unproven, _key(keys, unproven.kid))

    claims = unproven.claims
    if claims.get("iss") != client_id or claims.get("sub") != client_id:
        raise Refusal(Reason.ISSUER)
    jose.check_audience(claims, audiences)
    expires = jose.instant(claims, "exp")
    issued = jose.instant(claims, "iat") if "iat" in claims else now
    begins = jose.instant(claims, "nbf") if "nbf" in claims else issued
    jose.check_times(issued=issued, begins=begins, expires=expires, now=now, leeway=leeway)
    if expires - now > LONGEST + leeway:
        raise Refusal(Reason.LIFETIME)
    return Assertion(client_id, _identifier(claims.get("jti")), expires + leeway)


def _key(keys: Mapping[str, Key], kid: str | None) -> Key:
    if kid is None and len(keys) == 1:
        return next(iter(keys.values()))
    key = None if kid is None else keys.get(kid)
    if key is None:
        raise Refusal(Reason.UNKNOWN_KEY)
    return key


def _identifier(value: object) -> str:
    if not isinstance(value, str) or not 1 <= len(value) <= LONGEST_IDENTIFIER:
        raise Refusal(Reason.CLAIMS)
    return value

"""What a token says: issued one way, and refused with one error for everything else."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from joserfc.jwk import Key
from joserfc.jws import JWSRegistry, serialize_compact

from shared.security import jose
from shared.security.errors import InvalidToken, Reason, Refusal
from shared.security.identity import Actor, Role
from shared.security.tokens.keys import SigningKeys

AUDIENCE = "ganfutong"
TYPE = "at+jwt"
LONGEST_ISSUED = timedelta(minutes=10)
LONGEST_ACCEPTED = timedelta(minutes=15)
LEEWAY = timedelta(seconds=30)
_ISSUING = JWSRegistry(algorithms=["ES256"])
_IDENTIFIER = re.compile(r"[\x21-\x7e]{1,200}")
_ORGANISATION = re.compile(r"[a-z0-9-]{2,40}")
_REGION = re.compile(r"36(?:[0-9A-Z]{4})?")
_SCOPES = re.compile(r"(?:[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*)?")
_RESERVED = "system:"  # how a service signs its own changes; no token may say so


@dataclass(frozen=True)
class Issuer:
    """One row of the allow-list: who may issue, signed how, with which keys."""

    name: str
    keys: Mapping[str, Key] = field(repr=False)
    algorithms: frozenset[str] = frozenset({"ES256"})
    types: frozenset[str] = frozenset({TYPE})
    issues_persons: bool = False

    def __post_init__(self) -> None:
        if not self.algorithms or not self.algorithms <= jose.ALGORITHMS:
            raise ValueError(f"{self.name}: algorithms must be among {sorted(jose.ALGORITHMS)}")


@dataclass(frozen=True, slots=True)
class Claims:
    """What a verified token says."""

    actor: Actor
    issuer: str
    jti: str
    issued_at: datetime
    expires_at: datetime


def issue(
    keys: SigningKeys,
    *,
    issuer: str,
    actor: Actor,
    now: datetime,
    jti: str,
    lifetime: timedelta = LONGEST_ISSUED,
) -> str:
    """Sign a token for this actor; ValueError when it would live over 10 minutes (DEP1)."""
    if not timedelta(0) < lifetime <= LONGEST_ISSUED:
        raise ValueError("a token lives up to 10 minutes")
    issued = int(now.timestamp())
    claims: dict[str, Any] = {
        "iss": issuer,
        "aud": AUDIENCE,
        "sub": actor.subject,
        "client_id": actor.client_id,
        "iat": issued,
        "nbf": issued,
        "exp": issued + int(lifetime.total_seconds()),
        "jti": jti,
        "org": actor.organisation,
        "role": actor.role.value,
        "region": actor.region,
        "scope": " ".join(sorted(actor.scopes)),
    }
    if actor.person:
        claims["person"] = True
    if actor.groups:
        claims["groups"] = " ".join(sorted(actor.groups))
    header = {"alg": "ES256", "typ": TYPE, "kid": keys.current.kid}
    payload = json.dumps(claims, separators=(",", ":"))
    return serialize_compact(header, payload, keys.current, registry=_ISSUING)


def verify(
    token: bytes | str,
    *,
    issuers: Mapping[str, Issuer],
    now: datetime,
    audience: str = AUDIENCE,
    leeway: timedelta = LEEWAY,
) -> Claims:
    """The claims of a good token; InvalidToken, always of one shape, for anything else."""
    try:
        unproven = jose.read(token)
        issuer = _issuer(unproven, issuers)
    except Refusal as refusal:
        raise InvalidToken(refusal.reason) from None
    try:
        return _verified(unproven, issuer, now=now, audience=audience, leeway=leeway)
    except Refusal as refusal:
        raise InvalidToken(refusal.reason, issuer=issuer.name) from None


def _issuer(unproven: jose.Unproven, issuers: Mapping[str, Issuer]) -> Issuer:
    name = unproven.claims.get("iss")
    issuer = issuers.get(name) if isinstance(name, str) else None
    if issuer is None:
        raise Refusal(Reason.ISSUER)
    return issuer


def _verified(
    unproven: jose.Unproven, issuer: Issuer, *, now: datetime, audience: str, leeway: timedelta
) -> Claims:
    if unproven.type not in issuer.types:
        raise Refusal(Reason.TYPE)
    if unproven.algorithm not in issuer.algorithms:
        raise Refusal(Reason.ALGORITHM)
    if unproven.kid is None:
        raise Refusal(Reason.HEADER)
    key = issuer.keys.get(unproven.kid)
    if key is None:
        raise Refusal(Reason.UNKNOWN_KEY)
    jose.prove(unproven, key)

    claims = unproven.claims
    jose.check_audience(claims, (audience,))
    issued, begins, expires = (jose.instant(claims, name) for name in ("iat", "nbf", "exp"))
    jose.check_times(issued=issued, begins=begins, expires=expires, now=now, leeway=leeway)
    if not timedelta(0) < expires - issued <= LONGEST_ACCEPTED:
        raise Refusal(Reason.LIFETIME)
    return Claims(
        actor=_actor(claims, person=issuer.issues_persons and claims.get("person") is True),
        issuer=issuer.name,
        jti=_text(claims, "jti", _IDENTIFIER),
        issued_at=issued,
        expires_at=expires,
    )


def _actor(claims: Mapping[str, Any], *, person: bool) -> Actor:
    try:
        role = Role(claims.get("role", ""))
    except ValueError:
        raise Refusal(Reason.CLAIMS) from None
    subject, client_id = (_text(claims, name, _IDENTIFIER) for name in ("sub", "client_id"))
    if subject.startswith(_RESERVED) or client_id.startswith(_RESERVED):
        raise Refusal(Reason.CLAIMS)
    return Actor(
        subject=subject,
        client_id=client_id,
        organisation=_text(claims, "org", _ORGANISATION),
        role=role,
        region=_text(claims, "region", _REGION),
        scopes=frozenset(_text({"scope": "", **claims}, "scope", _SCOPES).split()),
        person=person,
        groups=frozenset(_text({"groups": "", **claims}, "groups", _SCOPES).split()),
    )


def _text(claims: Mapping[str, Any], name: str, form: re.Pattern[str]) -> str:
    value = claims.get(name)
    if not isinstance(value, str) or form.fullmatch(value) is None:
        raise Refusal(Reason.CLAIMS)
    return value

"""Access tokens (RFC 9068, ES256): issued by one issuer, verified by every service.

The gateway is no boundary: a service verifies the forwarded token again, with the same function.
"""

import asyncio
import json
import re
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Self

import structlog
from joserfc.jwk import ECKey, Key
from joserfc.jws import JWSRegistry, serialize_compact

from shared.security import jose
from shared.security.errors import InvalidToken, KeysUnavailable, Reason, Refusal
from shared.security.identity import Actor, Role

AUDIENCE = "ganfutong"
TYPE = "at+jwt"
LONGEST_ISSUED = timedelta(minutes=10)
LONGEST_ACCEPTED = timedelta(minutes=15)
LEEWAY = timedelta(seconds=30)
_FIRST_PAUSE = timedelta(seconds=1)

_ISSUING = JWSRegistry(algorithms=["ES256"])
_IDENTIFIER = re.compile(r"[\x21-\x7e]{1,200}")
_ORGANISATION = re.compile(r"[a-z0-9-]{2,40}")
_REGION = re.compile(r"36(?:[0-9A-Z]{4})?")
_SCOPES = re.compile(r"(?:[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*)?")
_RESERVED = "system:"  # how a service signs its own changes; no token may say so

log = structlog.get_logger(__name__)


# --- keys -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SigningKeys:
    """The two live keys of an issuer: the current one signs, the previous one is still honoured."""

    current: ECKey = field(repr=False)
    previous: ECKey | None = field(default=None, repr=False)

    @classmethod
    def generate(cls) -> Self:
        return cls(ECKey.generate_key("P-256", auto_kid=True))

    @classmethod
    def load(cls, document: Mapping[str, Any]) -> Self:
        """From the private JWKS that `dump` wrote: current first; ValueError otherwise."""
        keys = [ECKey.import_key(dict(member)) for member in document["keys"]]
        if any(not key.is_private or key.curve_name != "P-256" for key in keys):
            raise ValueError("only private P-256 keys sign")
        for key in keys:
            key.ensure_kid()
        match keys:
            case [current]:
                return cls(current)
            case [current, previous]:
                return cls(current, previous)
            case _:
                raise ValueError("one or two keys are live")

    def dump(self) -> dict[str, Any]:
        """The private JWKS: a secret."""
        return {"keys": [key.as_dict(private=True) for key in self._live()]}

    def rotated(self) -> "SigningKeys":
        """A fresh key signs from now on; the one before the last is honoured no longer."""
        return SigningKeys(ECKey.generate_key("P-256", auto_kid=True), self.current)

    def jwks(self) -> dict[str, Any]:
        """The public document of `/.well-known/jwks.json`."""
        return {
            "keys": [
                key.as_dict(private=False, use="sig", alg="ES256", kid=str(key.kid))
                for key in self._live()
            ]
        }

    def public(self) -> dict[str, Key]:
        """What a verifier in the same process needs, by kid."""
        return jose.public_keys(self.jwks())

    def _live(self) -> tuple[ECKey, ...]:
        return (self.current,) if self.previous is None else (self.current, self.previous)


class RemoteKeys(Mapping[str, Key]):
    """A remote issuer's keys: fetched once for all who wait, at most once per `pause`.

    Until the first document came, the pause is a second: nobody can be served before.
    The known keys stay until a good document replaces them; a failed fetch changes nothing.
    `fetch` returns the body of a fixed URL; it must bound its size.
    """

    def __init__(
        self,
        fetch: Callable[[], Awaitable[bytes]],
        *,
        pause: timedelta = timedelta(seconds=30),
        fresh_for: timedelta = timedelta(minutes=5),
        patience: timedelta = timedelta(seconds=5),
    ) -> None:
        self._fetch = fetch
        self._pause = pause
        self._fresh_for = fresh_for
        self._patience = patience
        self._keys: dict[str, Key] = {}
        self._tried_at: datetime | None = None
        self._fetched_at: datetime | None = None
        self._flight: asyncio.Task[None] | None = None
        self.failures = 0

    def __getitem__(self, kid: str) -> Key:
        return self._keys[kid]

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)

    async def refresh(self, *, now: datetime) -> None:
        """Wait for a fetch, this caller's or one under way; within the pause, return at once."""
        self._start(now)
        if self._flight is not None:
            # Shielded: one caller who hangs up must not cancel the fetch of all the others.
            await asyncio.shield(self._flight)

    def keep_fresh(self, *, now: datetime) -> None:
        """Start a fetch in the background when the document has aged, and wait for nothing."""
        if self._fetched_at is None or abs(now - self._fetched_at) >= self._fresh_for:
            self._start(now)

    def _start(self, now: datetime) -> None:
        # abs: a clock set back must not stop refreshes until it has caught up.
        pause = self._pause if self._keys else _FIRST_PAUSE
        paused = self._tried_at is not None and abs(now - self._tried_at) < pause
        if self._flight is None and not paused:
            self._tried_at = now
            self._flight = asyncio.create_task(self._replace(now))

    async def _replace(self, now: datetime) -> None:
        try:
            async with asyncio.timeout(self._patience.total_seconds()):
                body = await self._fetch()
            self._keys = jose.public_keys(json.loads(body))
            self._fetched_at = now
        except Exception as error:  # noqa: BLE001 - whatever a remote does, the known keys stay
            self.failures += 1
            log.warning("jwks_fetch_failed", error=type(error).__name__)
        finally:
            self._flight = None


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


# --- issue and verify -----------------------------------------------------------------------------


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


# --- the way of a request -------------------------------------------------------------------------


class TokenCache:
    """Verified tokens by their bytes: the end is checked at every hit, refusals are kept briefly.

    Good and refused tokens have room of their own, so that a flood of forgeries evicts no one.
    Revocations are remembered as long as a token of that age could still be accepted.
    """

    def __init__(
        self,
        *,
        capacity: int = 10_000,
        refusals: int = 1_000,
        refused_for: timedelta = timedelta(seconds=3),
        leeway: timedelta = LEEWAY,
    ) -> None:
        self._capacity = capacity
        self._refusals = refusals
        self._refused_for = refused_for
        self._leeway = leeway
        self._good: OrderedDict[bytes, Claims] = OrderedDict()
        self._refused: OrderedDict[bytes, tuple[datetime, InvalidToken]] = OrderedDict()
        self._revoked_clients: dict[str, datetime] = {}
        self._revoked_tokens: dict[str, datetime] = {}

    def get(self, token: bytes, *, now: datetime) -> Claims | None:
        """The claims, None when it must be verified, InvalidToken when it is known to be bad."""
        claims = self._good.get(token)
        if claims is not None:
            self._check_standing(claims, now)
            self._good.move_to_end(token)
            return claims
        known = self._refused.get(token)
        if known is not None:
            refused_at, refusal = known
            if abs(now - refused_at) < self._refused_for:
                raise InvalidToken(refusal.reason, issuer=refusal.issuer)
            del self._refused[token]
        return None

    def keep(self, token: bytes, claims: Claims, *, now: datetime) -> None:
        """Remember a verified token; InvalidToken when it was revoked meanwhile."""
        self._check_standing(claims, now)
        self._good[token] = claims
        if len(self._good) > self._capacity:
            self._good.popitem(last=False)

    def refuse(self, token: bytes, refusal: InvalidToken, *, now: datetime) -> None:
        """Remember a refusal; an unknown key may be known in a moment, so it is not kept."""
        if refusal.reason is Reason.UNKNOWN_KEY or len(token) > jose.LONGEST_TOKEN:
            return
        self._refused[token] = (now, refusal)
        if len(self._refused) > self._refusals:
            self._refused.popitem(last=False)

    def forget_verified(self) -> None:
        """Every token is verified again at its next call: a key has gone."""
        self._good.clear()

    def revoke_client(self, client_id: str, *, now: datetime) -> None:
        """Every token issued to this client up to now is void; later ones count again."""
        self._forget_old(now)
        self._revoked_clients[client_id] = now

    def revoke_token(self, jti: str, *, now: datetime) -> None:
        self._forget_old(now)
        self._revoked_tokens[jti] = now

    def _check_standing(self, claims: Claims, now: datetime) -> None:
        if claims.expires_at <= now - self._leeway:
            raise InvalidToken(Reason.EXPIRED, issuer=claims.issuer)
        revoked_at = self._revoked_clients.get(claims.actor.client_id)
        if (
            revoked_at is not None and claims.issued_at <= revoked_at
        ) or claims.jti in self._revoked_tokens:
            raise InvalidToken(Reason.REVOKED, issuer=claims.issuer)

    def _forget_old(self, now: datetime) -> None:
        oldest = now - LONGEST_ACCEPTED - 2 * self._leeway
        for revoked in (self._revoked_clients, self._revoked_tokens):
            for name in [name for name, at in revoked.items() if at < oldest]:
                del revoked[name]


async def authenticate(
    token: bytes,
    *,
    issuers: Mapping[str, Issuer],
    now: datetime,
    cache: TokenCache,
    audience: str = AUDIENCE,
) -> Claims:
    """Verify with the cache, and with one refresh of a remote issuer's keys for an unknown kid.

    InvalidToken for a bad token, KeysUnavailable while an issuer's keys were never seen.
    """
    claims = cache.get(token, now=now)
    if claims is not None:
        return claims
    try:
        claims = await _verify_refreshing(token, issuers=issuers, now=now, audience=audience)
    except InvalidToken as refusal:
        cache.refuse(token, refusal, now=now)
        raise
    cache.keep(token, claims, now=now)
    return claims


async def _verify_refreshing(
    token: bytes, *, issuers: Mapping[str, Issuer], now: datetime, audience: str
) -> Claims:
    try:
        claims = verify(token, issuers=issuers, now=now, audience=audience)
    except InvalidToken as refusal:
        remote = issuers[refusal.issuer].keys if refusal.issuer is not None else None
        if refusal.reason is not Reason.UNKNOWN_KEY or not isinstance(remote, RemoteKeys):
            raise
        await remote.refresh(now=now)
        if not remote:
            raise KeysUnavailable(retry_after=1) from None
        return verify(token, issuers=issuers, now=now, audience=audience)
    remote = issuers[claims.issuer].keys
    if isinstance(remote, RemoteKeys):
        remote.keep_fresh(now=now)
    return claims

"""A request's token: remembered until it ends or is revoked, verified where it is new."""

from collections import OrderedDict
from collections.abc import Mapping
from datetime import datetime, timedelta

from shared.security import jose
from shared.security.errors import InvalidToken, KeysUnavailable, Reason
from shared.security.tokens.claims import AUDIENCE, LEEWAY, LONGEST_ACCEPTED, Claims, Issuer, verify
from shared.security.tokens.keys import RemoteKeys


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

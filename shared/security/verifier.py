"""Who a token speaks for: the allow-list of issuers from the settings, one cache a process."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path

import httpx

from shared.security.errors import InvalidToken
from shared.security.identity import Actor
from shared.security.tokens import Claims, Issuer, RemoteKeys, TokenCache, authenticate
from shared.settings import ExternalIssuer, Settings

_LARGEST_DOCUMENT = 64 * 1024


class Verifier:
    """Verifies access tokens of the own issuer and of the external ones that the settings allow."""

    def __init__(self, settings: Settings, *, own: Issuer | None = None) -> None:
        self._clock = settings.clock
        self.cache = TokenCache()
        self.issuers: dict[str, Issuer] = {
            external.issuer: _external(external) for external in settings.external_issuers
        }
        if own is not None:
            self.issuers[own.name] = own
        elif settings.jwks_url is not None:
            keys = RemoteKeys(_over_http(settings.jwks_url))
            self.issuers[settings.token_issuer] = Issuer(settings.token_issuer, keys)
        elif settings.jwks_file is not None:
            keys = RemoteKeys(_from_file(settings.jwks_file), pause=timedelta(seconds=1))
            self.issuers[settings.token_issuer] = Issuer(settings.token_issuer, keys)

    async def authenticate(self, token: str) -> Actor:
        """The actor of a good token; `invalid_token` (401) otherwise."""
        return (await self.claims(token.encode("ascii", "replace"))).actor

    def cached(self, token: bytes) -> Claims | None:
        """The claims of a token that was verified before and still stands; None otherwise."""
        try:
            return self.cache.get(token, now=self._clock.now())
        except InvalidToken:
            return None

    def now(self) -> datetime:
        return self._clock.now()

    async def claims(self, token: bytes) -> Claims:
        return await authenticate(
            token, issuers=self.issuers, now=self._clock.now(), cache=self.cache
        )


def _external(settings: ExternalIssuer) -> Issuer:
    return Issuer(
        settings.issuer,
        RemoteKeys(_over_http(settings.jwks_url)),
        algorithms=frozenset(settings.algorithms),
        types=frozenset(settings.types),
        issues_persons=True,
    )


def _over_http(url: str) -> Callable[[], Awaitable[bytes]]:
    async def fetch() -> bytes:
        async with (
            httpx.AsyncClient(timeout=3, follow_redirects=False, trust_env=False) as client,
            client.stream("GET", url) as answer,
        ):
            answer.raise_for_status()
            body = b""
            async for chunk in answer.aiter_bytes():
                body += chunk
                if len(body) > _LARGEST_DOCUMENT:
                    raise ValueError("the key document is too large")
            return body

    return fetch


def _from_file(path: Path) -> Callable[[], Awaitable[bytes]]:
    async def fetch() -> bytes:
        return await asyncio.to_thread(path.read_bytes)

    return fetch

"""The keys that sign, and those that another machine publishes."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Self

import structlog
from joserfc.jwk import ECKey, Key

from shared.security import jose

_FIRST_PAUSE = timedelta(seconds=1)
log = structlog.get_logger(__name__)


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

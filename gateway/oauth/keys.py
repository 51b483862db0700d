"""The two live signing keys: encrypted in the gateway's schema, reloaded by every replica."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from joserfc.jwk import Key
from sqlalchemy import select, text

from gateway.tables import SigningKeySet, SigningKeyStamp
from shared.database import Database, Transaction
from shared.security.encryption import Keyring, decrypt, encrypt
from shared.security.identity import system
from shared.security.tokens import SigningKeys

_NAME = "access-tokens"
_CONTEXT = "signing_keys|envelope|access-tokens"
RELOAD_SECONDS = 5


@dataclass(frozen=True, slots=True)
class LiveKey:
    """A key whose tokens are honoured; the one before the current until `ends_at`."""

    kid: str
    signs: bool
    ends_at: datetime | None


async def key_set(tx: Transaction) -> SigningKeySet:
    return await tx.session.get_one(SigningKeySet, _NAME)


async def stamps(tx: Transaction) -> dict[str, datetime]:
    """When each key was last named by a token."""
    rows = await tx.session.execute(select(SigningKeyStamp.kid, SigningKeyStamp.last_used_at))
    return {row.kid: row.last_used_at for row in rows}


class KeyHolder(Mapping[str, Key]):
    """The keys of this process: made at the first start of all, changed by `rotate`.

    As a mapping it is what a verifier needs: the public keys by kid. `used` hears of each kid that
    a token names.
    """

    def __init__(
        self, database: Database, keyring: Keyring, *, used: Callable[[str], None]
    ) -> None:
        self._database = database
        self._keyring = keyring
        self._used = used
        self._loaded: tuple[int, bool] | None = None
        self._public: dict[str, Key] = {}
        self.signing: SigningKeys

    async def load(self) -> bool:
        """Read the current set, making it when there is none; True when a key has gone."""
        async with self._database.transaction(system("gateway")) as tx:
            row = await tx.session.get(SigningKeySet, _NAME)
            if row is None:
                row = await self._first(tx)
            ended = row.previous_until is not None and row.previous_until <= tx.now
            if (row.version, ended) == self._loaded:
                return False
            keys = self._opened(row)
            self.signing = SigningKeys(keys.current) if ended else keys
            before, self._public = self._public, self.signing.public()
            self._loaded = (row.version, ended)
            return not before.keys() <= self._public.keys()

    def __getitem__(self, kid: str) -> Key:
        found = self._public[kid]
        self._used(kid)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._public)

    def __len__(self) -> int:
        return len(self._public)

    async def rotate_when_due(
        self, tx: Transaction, *, older_than: timedelta, grace: timedelta
    ) -> bool:
        """Rotate a key that has signed for longer than this."""
        row = await tx.session.get(SigningKeySet, _NAME, with_for_update=True)
        if row is None or row.rotated_at > tx.now - older_than:
            return False
        self._rotate(tx, row, grace)
        return True

    async def rotate(self, tx: Transaction, *, grace: timedelta) -> SigningKeySet:
        """Sign with a fresh key from now on; the last one is honoured until its grace ends.

        Replicas follow within seconds; a service that keeps the key document for five minutes may
        honour the last key that much longer.
        """
        row = await tx.session.get_one(SigningKeySet, _NAME, with_for_update=True)
        tx.expect(row.version)
        self._rotate(tx, row, grace)
        return row

    def live(self, row: SigningKeySet, *, now: datetime) -> list[LiveKey]:
        """The keys that are honoured, the one that signs first."""
        keys = self._opened(row)
        found = [LiveKey(str(keys.current.kid), signs=True, ends_at=None)]
        until = row.previous_until
        if keys.previous is not None and until is not None and now < until:
            found.append(LiveKey(str(keys.previous.kid), signs=False, ends_at=until))
        return found

    def _rotate(self, tx: Transaction, row: SigningKeySet, grace: timedelta) -> None:
        row.envelope = self._sealed(self._opened(row).rotated())
        row.version += 1
        row.rotated_at = tx.now
        row.previous_until = tx.now + grace
        tx.audit("signing_keys.rotated", subject="signing_keys", details={"version": row.version})

    async def _first(self, tx: Transaction) -> SigningKeySet:
        # One of several replicas that start together makes the set; the others wait and read it.
        await tx.session.execute(
            text("select pg_advisory_xact_lock(hashtextextended('signing_keys', 3))")
        )
        row = await tx.session.get(SigningKeySet, _NAME)
        if row is None:
            row = SigningKeySet(
                name=_NAME,
                envelope=self._sealed(SigningKeys.generate()),
                version=1,
                rotated_at=tx.now,
            )
            tx.session.add(row)
        return row

    def _sealed(self, keys: SigningKeys) -> str:
        return encrypt(self._keyring, json.dumps(keys.dump()), context=_CONTEXT)

    def _opened(self, row: SigningKeySet) -> SigningKeys:
        return SigningKeys.load(json.loads(decrypt(self._keyring, row.envelope, context=_CONTEXT)))

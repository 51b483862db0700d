"""The two live signing keys: encrypted in the gateway's schema, reloaded by every replica."""

import json
from collections.abc import Iterator, Mapping
from datetime import timedelta

from joserfc.jwk import Key
from sqlalchemy import text

from gateway.tables import SigningKeySet
from shared.database import Database, Transaction
from shared.security.encryption import Keyring, decrypt, encrypt
from shared.security.identity import system
from shared.security.tokens import SigningKeys

_NAME = "access-tokens"
_CONTEXT = "signing_keys|envelope|access-tokens"
RELOAD_SECONDS = 5


class KeyHolder(Mapping[str, Key]):
    """The keys of this process: made at the first start of all, changed by `rotate`.

    As a mapping it is what a verifier needs: the public keys by kid.
    """

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self._keyring = keyring
        self._version = 0
        self._public: dict[str, Key] = {}
        self.signing: SigningKeys

    async def load(self) -> bool:
        """Read the current set, making it when there is none; True when it changed."""
        async with self._database.transaction(system("gateway")) as tx:
            row = await tx.session.get(SigningKeySet, _NAME)
            if row is None:
                row = await self._first(tx)
            if row.version == self._version:
                return False
            self.signing = self._opened(row)
            self._public = self.signing.public()
            self._version = row.version
            return True

    def __getitem__(self, kid: str) -> Key:
        return self._public[kid]

    def __iter__(self) -> Iterator[str]:
        return iter(self._public)

    def __len__(self) -> int:
        return len(self._public)

    async def rotate(self, tx: Transaction, *, older_than: timedelta) -> bool:
        """Sign with a fresh key from now on; the last one is honoured until the next rotation."""
        row = await tx.session.get(SigningKeySet, _NAME, with_for_update=True)
        if row is None or row.rotated_at > tx.now - older_than:
            return False
        row.envelope = self._sealed(self._opened(row).rotated())
        row.version += 1
        row.rotated_at = tx.now
        tx.audit("signing_keys.rotated", subject="signing_keys", details={"version": row.version})
        return True

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

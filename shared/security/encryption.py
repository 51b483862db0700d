"""Fields of people, encrypted at rest and bound to their place (A21.2).

Two profiles: AES-256-GCM with SHA-256, and SM4-GCM with SM3 (GB/T 39786 level 3 asks for SM; a
software library alone does not pass that assessment, the keys belong in a GM/T 0028 module).
"""

import base64
import binascii
import json
import re
import secrets
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hmac
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import SM4
from cryptography.hazmat.primitives.ciphers.modes import GCM

from shared.security.canonical import HASHES
from shared.security.errors import DecryptionFailed

VERSION = "v1"
NONCE_BYTES = 12
TAG_BYTES = 16
INDEX_KEY_BYTES = 32
INDEX_BYTES = 8

_KID = re.compile(r"[A-Za-z0-9._-]{1,40}")
_SEPARATORS = re.compile(r"[\s\u00ad\u200b-\u200f\u2060\ufeff\u2010-\u2015-]+")


class Profile(StrEnum):
    AES = "AES-256-GCM"
    SM4 = "SM4-GCM"

    @property
    def key_bytes(self) -> int:
        return 32 if self is Profile.AES else 16

    @property
    def hash(self) -> str:
        return "sha-256" if self is Profile.AES else "sm3"


@dataclass(frozen=True)
class Keyring:
    """Data keys by kid; the current one encrypts, every one decrypts.

    A key's length tells its cipher, so a ring may hold keys of both profiles during a change.
    Nonces are random: rotate before 2**32 fields under one key (NIST SP 800-38D §8.3).
    """

    keys: Mapping[str, bytes] = field(repr=False)
    current: str
    index_key: bytes = field(repr=False)
    profile: Profile = Profile.AES

    def __post_init__(self) -> None:
        lengths = {profile.key_bytes for profile in Profile}
        if not all(_KID.fullmatch(kid) and len(key) in lengths for kid, key in self.keys.items()):
            raise ValueError("keys: a kid or the length of a key is wrong")
        if len(self.keys.get(self.current, b"")) != self.profile.key_bytes:
            raise ValueError("current: does not name a key of this profile")
        if len(self.index_key) != INDEX_KEY_BYTES:
            raise ValueError("index_key: 32 bytes are needed")

    @classmethod
    def generate(cls, profile: Profile = Profile.AES) -> Self:
        return cls(
            {"k1": secrets.token_bytes(profile.key_bytes)},
            "k1",
            secrets.token_bytes(INDEX_KEY_BYTES),
            profile,
        )

    @classmethod
    def load(cls, path: Path) -> Self:
        """From the JSON file that `document` describes; ValueError when it is no keyring."""
        try:
            document = json.loads(path.read_text("utf-8"))
            return cls(
                {kid: _decoded(key) for kid, key in document["keys"].items()},
                document["current"],
                _decoded(document["index_key"]),
                Profile(document["profile"]),
            )
        except (KeyError, TypeError, AttributeError, json.JSONDecodeError, binascii.Error):
            # Without the cause: its text may quote a key.
            raise ValueError(f"{path.name} is not a keyring") from None

    def document(self) -> dict[str, Any]:
        """The content of the keyring's file: a secret."""
        return {
            "profile": self.profile.value,
            "current": self.current,
            "keys": {kid: _encoded(key) for kid, key in self.keys.items()},
            "index_key": _encoded(self.index_key),
        }

    def rotated(self, profile: Profile | None = None) -> "Keyring":
        """A fresh current key; the old ones still decrypt.

        Another profile also changes every blind index: `reencrypt` and index each row again.
        """
        profile = profile or self.profile
        number = len(self.keys) + 1
        while f"k{number}" in self.keys:
            number += 1
        fresh = {f"k{number}": secrets.token_bytes(profile.key_bytes)}
        return replace(self, keys={**self.keys, **fresh}, current=f"k{number}", profile=profile)


def encrypt(keyring: Keyring, plaintext: str, *, context: str) -> str:
    """`v1|alg|kid|nonce|ciphertext`; `context` is the value's place: `table|column|row id`."""
    algorithm, kid = keyring.profile, keyring.current
    nonce = secrets.token_bytes(NONCE_BYTES)
    bound = _bound(algorithm, kid, context)
    sealed = _seal(algorithm, keyring.keys[kid], nonce, _utf8(plaintext), bound)
    return "|".join((VERSION, algorithm.value, kid, _encoded(nonce), _encoded(sealed)))


def decrypt(keyring: Keyring, envelope: str, *, context: str) -> str:
    """The value that was written in this very place; DecryptionFailed for anything else."""
    try:
        version, name, kid, nonce, sealed = envelope.split("|")
        algorithm, key = Profile(name), keyring.keys[kid]
        if version != VERSION or len(key) != algorithm.key_bytes:
            raise DecryptionFailed
        bound = _bound(algorithm, kid, context)
        return _open(algorithm, key, _decoded(nonce), _decoded(sealed), bound).decode(
            "utf-8", "surrogatepass"
        )
    except (ValueError, KeyError, InvalidTag):
        # Without the cause: what failed to decode may be a value.
        raise DecryptionFailed from None


def encrypt_bytes(keyring: Keyring, plaintext: bytes, *, context: str) -> bytes:
    """`v1|alg|kid|`, nonce, ciphertext: a file's content, not a field's; `context` as above."""
    algorithm, kid = keyring.profile, keyring.current
    nonce = secrets.token_bytes(NONCE_BYTES)
    sealed = _seal(algorithm, keyring.keys[kid], nonce, plaintext, _bound(algorithm, kid, context))
    return f"{VERSION}|{algorithm.value}|{kid}|".encode() + nonce + sealed


def decrypt_bytes(keyring: Keyring, envelope: bytes, *, context: str) -> bytes:
    """The content that was written in this very place; DecryptionFailed for anything else."""
    try:
        version, name, kid, rest = envelope.split(b"|", 3)
        algorithm, key = Profile(name.decode()), keyring.keys[kid.decode()]
        if version != VERSION.encode() or len(key) != algorithm.key_bytes:
            raise DecryptionFailed
        bound = _bound(algorithm, kid.decode(), context)
        return _open(algorithm, key, rest[:NONCE_BYTES], rest[NONCE_BYTES:], bound)
    except (ValueError, KeyError, InvalidTag):
        raise DecryptionFailed from None


def needs_rotation(keyring: Keyring, envelope: str) -> bool:
    """Whether another key than the current one wrote it."""
    return not envelope.startswith(f"{VERSION}|{keyring.profile.value}|{keyring.current}|")


def reencrypt(keyring: Keyring, envelope: str, *, context: str) -> str:
    """The same value in the same place under the current key; DecryptionFailed."""
    return encrypt(keyring, decrypt(keyring, envelope, context=context), context=context)


def blind_index(keyring: Keyring, value: str, *, column: str) -> str:
    """16 hex digits by which an equal phone or ID number is found, never read back.

    Per column, so that equal values in two columns do not show as equal.
    """
    keyed = hmac.HMAC(keyring.index_key, HASHES[keyring.profile.hash]())
    keyed.update(_utf8(f"{column}\0{normalised(value)}"))
    return keyed.finalize()[:INDEX_BYTES].hex()


def normalised(value: str) -> str:
    """How people write one number in many ways, in one: width, spaces, hyphens, case, +86."""
    plain = _SEPARATORS.sub("", unicodedata.normalize("NFKC", value)).upper()
    return plain.removeprefix("+86")


def _bound(algorithm: Profile, kid: str, context: str) -> bytes:
    return f"{VERSION}|{algorithm.value}|{kid}|{context}".encode()


def _seal(algorithm: Profile, key: bytes, nonce: bytes, plaintext: bytes, bound: bytes) -> bytes:
    if algorithm is Profile.AES:
        return AESGCM(key).encrypt(nonce, plaintext, bound)
    sealing = Cipher(SM4(key), GCM(nonce)).encryptor()
    sealing.authenticate_additional_data(bound)
    return sealing.update(plaintext) + sealing.finalize() + sealing.tag


def _open(algorithm: Profile, key: bytes, nonce: bytes, sealed: bytes, bound: bytes) -> bytes:
    if algorithm is Profile.AES:
        return AESGCM(key).decrypt(nonce, sealed, bound)
    opening = Cipher(SM4(key), GCM(nonce, sealed[-TAG_BYTES:])).decryptor()
    opening.authenticate_additional_data(bound)
    return opening.update(sealed[:-TAG_BYTES]) + opening.finalize()


def _utf8(text: str) -> bytes:
    # Total on every str: an error of encoding would carry the value in its traceback.
    return text.encode("utf-8", "surrogatepass")


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    # Strict: b64decode alone skips foreign characters, and one value would have many envelopes.
    data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    if _encoded(data) != text:
        raise binascii.Error
    return data

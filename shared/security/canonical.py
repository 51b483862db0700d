"""The one canonical form (RFC 8785) and the digests over it: audit, idempotency, versions."""

import json
from hashlib import sha256
from typing import Any, Final, Literal

import rfc8785
from cryptography.hazmat.primitives import hashes

Algorithm = Literal["sha-256", "sm3"]

HASHES: dict[str, type[hashes.SHA256 | hashes.SM3]] = {
    "sha-256": hashes.SHA256,
    "sm3": hashes.SM3,
}


_SAFE: Final = 2**53 - 1  # the largest integer that RFC 8785 writes exactly
_LEAVES: Final = frozenset({str, bool, type(None)})
_encode = json.JSONEncoder(
    ensure_ascii=False, check_circular=False, sort_keys=True, separators=(",", ":")
).encode


def canonical(value: Any) -> bytes:
    """The JCS bytes of a JSON value; ValueError for what is not JSON (NaN, 2**53, bytes, keys)."""
    try:
        return _encode(value).encode() if _is_plain(value) else rfc8785.dumps(value)
    except RecursionError:
        raise ValueError("nested too deeply for a canonical form") from None


def _is_plain(value: Any) -> bool:
    """Whether the standard encoder, in C, writes it as RFC 8785 does.

    Both escape alike; they part at floats, at integers beyond 2**53, and in the order of names,
    which Python takes by code points and RFC 8785 by UTF-16: for ASCII they are the same.
    """
    kind = type(value)
    if kind in _LEAVES:
        return True
    if kind is dict:
        for name, each in value.items():
            if type(name) is not str or not name.isascii():
                return False
            if type(each) not in _LEAVES and not _is_plain(each):
                return False
        return True
    if kind is list:
        return all(map(_is_plain, value))
    return kind is int and bool(-_SAFE <= value <= _SAFE)


def digest(value: Any, *, algorithm: Algorithm = "sha-256") -> str:
    """`sha-256:<hex>` or `sm3:<hex>` of the canonical form; ValueError as `canonical`."""
    return tagged_hash(canonical(value), algorithm=algorithm)


def tagged_hash(data: bytes, *, algorithm: Algorithm) -> str:
    """The hash of plain bytes, with the name of its algorithm before it."""
    if algorithm == "sha-256":
        return f"sha-256:{sha256(data).hexdigest()}"
    hashing = hashes.Hash(HASHES[algorithm]())
    hashing.update(data)
    return f"{algorithm}:{hashing.finalize().hex()}"

"""The one canonical form (RFC 8785) and the digests over it: audit, idempotency, versions."""

from collections.abc import Collection
from hashlib import sha256
from typing import Any, Final, Literal

import orjson
import rfc8785
from cryptography.hazmat.primitives import hashes

Algorithm = Literal["sha-256", "sm3"]

HASHES: dict[str, type[hashes.SHA256 | hashes.SM3]] = {
    "sha-256": hashes.SHA256,
    "sm3": hashes.SM3,
}


_SAFE: Final = 2**53 - 1  # the largest integer that RFC 8785 writes exactly
_LEAVES: Final = frozenset({str, bool, type(None)})
_NAMES: Final = frozenset({str})


def canonical(value: Any) -> bytes:
    """The JCS bytes of a JSON value; ValueError for what is not JSON (NaN, 2**53, bytes, keys)."""
    try:
        if _is_plain(value):
            return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
        return rfc8785.dumps(value)
    except orjson.JSONEncodeError as error:  # a lone surrogate, or nested too deeply
        raise ValueError(str(error)) from None
    except RecursionError:
        raise ValueError("nested too deeply for a canonical form") from None


def _is_plain(value: Any) -> bool:
    """Whether the fast encoder writes it as RFC 8785 does.

    Both escape alike; they part at floats, at integers beyond 2**53, and in the order of names,
    which one takes by code points and RFC 8785 by UTF-16: for ASCII they are the same.
    """
    kind = type(value)
    if kind is dict:
        return set(map(type, value)) <= _NAMES and "".join(value).isascii() and _all(value.values())
    if kind is list:
        return _all(value)
    return kind in _LEAVES or (kind is int and -_SAFE <= value <= _SAFE)


def _all(values: Collection[Any]) -> bool:
    return set(map(type, values)) <= _LEAVES or all(map(_is_plain, values))


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

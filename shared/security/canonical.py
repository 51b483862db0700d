"""The one canonical form (RFC 8785) and the digests over it: audit, idempotency, versions."""

from typing import Any, Literal

import rfc8785
from cryptography.hazmat.primitives import hashes

Algorithm = Literal["sha-256", "sm3"]

HASHES: dict[str, type[hashes.SHA256 | hashes.SM3]] = {
    "sha-256": hashes.SHA256,
    "sm3": hashes.SM3,
}


def canonical(value: Any) -> bytes:
    """The JCS bytes of a JSON value; ValueError for what is not JSON (NaN, 2**53, bytes, keys)."""
    try:
        return rfc8785.dumps(value)
    except RecursionError:
        raise ValueError("nested too deeply for a canonical form") from None


def digest(value: Any, *, algorithm: Algorithm = "sha-256") -> str:
    """`sha-256:<hex>` or `sm3:<hex>` of the canonical form; ValueError as `canonical`."""
    return tagged_hash(canonical(value), algorithm=algorithm)


def tagged_hash(data: bytes, *, algorithm: Algorithm) -> str:
    """The hash of plain bytes, with the name of its algorithm before it."""
    hashing = hashes.Hash(HASHES[algorithm]())
    hashing.update(data)
    return f"{algorithm}:{hashing.finalize().hex()}"

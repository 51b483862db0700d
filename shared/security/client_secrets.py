"""Client secrets: 256 random bits, stored as a keyed hash.

A slow password hash would buy nothing here: the secret is random, and every token call pays.
"""

import secrets
from collections.abc import Sequence

from cryptography.hazmat.primitives import constant_time, hmac

from shared.security.canonical import HASHES, Algorithm

SHORTEST_PEPPER = 32


def new_secret() -> str:
    """43 URL-safe characters; shown once, never stored."""
    return secrets.token_urlsafe(32)


def stored_form(secret: str, *, pepper: bytes, algorithm: Algorithm = "sha-256") -> str:
    """`hmac-sha-256:<hex>`; ValueError when the pepper has under 32 bytes."""
    if len(pepper) < SHORTEST_PEPPER:
        raise ValueError("the pepper needs 32 bytes")
    keyed = hmac.HMAC(pepper, HASHES[algorithm]())
    keyed.update(secret.encode("utf-8", "surrogatepass"))
    return f"hmac-{algorithm}:{keyed.finalize().hex()}"


def matches(secret: str, stored: Sequence[str], *, pepper: bytes) -> bool:
    """Whether the secret is one of a client's live ones, in a time that tells nothing about them.

    An unknown client is an empty list and costs the same as a wrong secret.
    """
    candidates = {
        algorithm: stored_form(secret, pepper=pepper, algorithm=algorithm).encode()
        for algorithm in ("sha-256", "sm3")
    }
    found = False
    for form in stored:
        for candidate in candidates.values():
            found |= constant_time.bytes_eq(candidate, form.encode())
    return found

"""Access tokens (RFC 9068, ES256): issued by one issuer, verified by every service.

The gateway is no boundary: a service verifies the forwarded token again, with the same function.
"""

from shared.security.tokens.cache import TokenCache, authenticate
from shared.security.tokens.claims import (
    AUDIENCE,
    LEEWAY,
    LONGEST_ACCEPTED,
    LONGEST_ISSUED,
    Claims,
    Issuer,
    issue,
    verify,
)
from shared.security.tokens.keys import RemoteKeys, SigningKeys

__all__ = [
    "AUDIENCE",
    "LEEWAY",
    "LONGEST_ACCEPTED",
    "LONGEST_ISSUED",
    "Claims",
    "Issuer",
    "RemoteKeys",
    "SigningKeys",
    "TokenCache",
    "authenticate",
    "issue",
    "verify",
]

"""What this package refuses, and why.

Unauthenticated ── InvalidToken, InvalidClientAssertion   one shape for every forgery
Unavailable ────── KeysUnavailable
Invalid ────────── MaskedValueRefused, ClassifiedMarkerRefused
Exception ──────── DecryptionFailed                       a fault of ours: rendered as 500
"""

from enum import StrEnum

from shared.errors import Invalid, Unauthenticated, Unavailable


class Reason(StrEnum):
    """Why a token fell: for logs and metric labels only, a caller never sees it."""

    MALFORMED = "malformed"
    HEADER = "header"
    TYPE = "type"
    ALGORITHM = "algorithm"
    ISSUER = "issuer"
    UNKNOWN_KEY = "unknown_key"
    SIGNATURE = "signature"
    CLAIMS = "claims"
    AUDIENCE = "audience"
    EXPIRED = "expired"
    NOT_YET_VALID = "not_yet_valid"
    LIFETIME = "lifetime"
    REVOKED = "revoked"


class Refusal(Exception):
    """A token fell at one check; the public functions turn it into the one constant error."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


class InvalidToken(Unauthenticated):
    """The same 401 for every forgery; `issuer` is set only when it is on the allow-list."""

    code = "invalid_token"

    def __init__(self, reason: Reason, *, issuer: str | None = None) -> None:
        super().__init__()
        self.reason = reason
        self.issuer = issuer


class InvalidClientAssertion(Unauthenticated):
    """The client did not prove who it is (RFC 6749 §5.2 `invalid_client`)."""

    code = "invalid_client"

    def __init__(self, reason: Reason) -> None:
        super().__init__()
        self.reason = reason


class KeysUnavailable(Unavailable):
    """An issuer on the allow-list whose keys were never fetched: retry, the token may be good."""

    code = "keys_unavailable"


class MaskedValueRefused(Invalid):
    code = "masked_value_refused"


class ClassifiedMarkerRefused(Invalid):
    code = "classified_marker_refused"


class DecryptionFailed(Exception):
    """A stored value that is not what was written in this place; carries neither value nor key."""

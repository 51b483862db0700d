"""What becomes of a delivered event, and which failures may pass."""

from dataclasses import dataclass

import asyncpg
from pydantic import ValidationError
from sqlalchemy.exc import DBAPIError

from shared.errors import DomainError, GatewayTimeout, TooManyRequests, Unavailable
from shared.messaging.pulling import ACK, TERM, nak

# SQLSTATE classes and codes after which the same statement may succeed
_TRANSIENT_CLASSES = ("08", "40", "53", "55", "57", "58")


@dataclass(frozen=True, slots=True)
class Ack:
    """Applied, now or before."""


@dataclass(frozen=True, slots=True)
class Nak:
    """Not now; deliver it again after `delay` seconds."""

    delay: float


@dataclass(frozen=True, slots=True)
class Term:
    """Kept as a dead letter; do not deliver it again."""


Verdict = Ack | Nak | Term


def answer(verdict: Verdict) -> bytes:
    match verdict:
        case Ack():
            return ACK
        case Nak(delay):
            return nak(delay)
        case Term():
            return TERM


def later(first: float, tries: int, *, most: float) -> Nak:
    """Given back for a time in seconds that doubles with each try."""
    return Nak(min(first * 2.0 ** min(max(tries, 1) - 1, 16), most))


def is_transient(error: BaseException) -> bool:
    """Whether the same event may well be applied later: the fault lies around it, not in it."""
    if isinstance(error, Unavailable | GatewayTimeout | TooManyRequests):
        return True
    if isinstance(error, DBAPIError) and error.orig is not None:
        state = getattr(error.orig, "sqlstate", None) or getattr(error.orig, "pgcode", None)
        return error.connection_invalidated or _transient_state(state)
    if isinstance(error, asyncpg.PostgresError):
        return _transient_state(error.sqlstate)
    if isinstance(error, asyncpg.InterfaceError):
        return not isinstance(error, ValueError)  # asyncpg's DataError: a value that no try mends
    return isinstance(error, OSError | TimeoutError)


def is_permanent(error: Exception) -> bool:
    return isinstance(error, DomainError | ValidationError)


def _transient_state(state: str | None) -> bool:
    return state is not None and state.startswith(_TRANSIENT_CLASSES)

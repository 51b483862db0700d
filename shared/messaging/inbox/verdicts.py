"""What becomes of a delivered event, and which failures may pass."""

from dataclasses import dataclass

from pydantic import ValidationError

from shared.errors import DomainError, GatewayTimeout, TooManyRequests, Unavailable
from shared.messaging.pulling import ACK, TERM, nak


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
    """Whether the same event may well be applied later: the fault lies around it, not in it.

    Of what Postgres refuses, the transaction has told it apart (`DatabaseUnavailable`).
    """
    return isinstance(error, Unavailable | GatewayTimeout | TooManyRequests | OSError)


def is_permanent(error: Exception) -> bool:
    return isinstance(error, DomainError | ValidationError)

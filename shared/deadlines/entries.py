"""The entries of a ledger: each function refuses, or returns the one row to append."""

from datetime import datetime, timedelta

from shared.calendar import WorkingCalendar
from shared.deadlines.errors import (
    AlreadyExtended,
    ClockAlreadyPaused,
    ClockAlreadyStarted,
    ClockEntryOutOfOrder,
    ClockNotPaused,
    ClockNotRunning,
    ClockReasonMissing,
    ExtensionAfterExpiry,
    ExtensionByAsker,
    ExtensionNotPositive,
    ExtensionWithoutApprover,
    NothingLeftToPause,
)
from shared.deadlines.figures import expired, remaining
from shared.deadlines.model import (
    AFTER,
    ClockEntry,
    ClockKind,
    ClockState,
    Ledger,
    Limit,
    clock_state,
)


def start(ledger: Ledger, *, at: datetime, by: str, reason: str = "") -> ClockEntry:
    """The first entry, or ClockAlreadyStarted."""
    if ledger:
        raise ClockAlreadyStarted(allowed=_allowed(ledger))
    return ClockEntry(ClockKind.STARTED, at, by, reason)


def pause(
    ledger: Ledger, limit: Limit, calendar: WorkingCalendar, *, at: datetime, by: str, reason: str
) -> ClockEntry:
    """A pause of a running clock, with a reason and while something is left (K3)."""
    if clock_state(ledger) is ClockState.PAUSED:
        raise ClockAlreadyPaused(allowed=_allowed(ledger))
    _require_running(ledger, at=at)
    _require_reason(reason)
    if (
        expired(ledger, limit, calendar, at)
        or remaining(ledger, limit, calendar, at) <= timedelta()
    ):
        raise NothingLeftToPause(allowed=_allowed(ledger, without=ClockKind.PAUSED))
    return ClockEntry(ClockKind.PAUSED, at, by, reason)


def resume(ledger: Ledger, *, at: datetime, by: str, reason: str = "") -> ClockEntry:
    """The end of a pause, or ClockNotPaused."""
    if clock_state(ledger) is not ClockState.PAUSED:
        raise ClockNotPaused(allowed=_allowed(ledger))
    _require_running(ledger, at=at)
    return ClockEntry(ClockKind.RESUMED, at, by, reason)


def extend(
    ledger: Ledger,
    limit: Limit,
    calendar: WorkingCalendar,
    *,
    amount: int,
    at: datetime,
    by: str,
    asked_by: str,
    reason: str,
) -> ClockEntry:
    """More time in the limit's unit: once, before expiry, granted `by` another than `asked_by`."""
    _require_running(ledger, at=at)
    if any(entry.kind == ClockKind.EXTENDED for entry in ledger):
        raise AlreadyExtended(allowed=_allowed(ledger, without=ClockKind.EXTENDED))
    if not by.strip():
        raise ExtensionWithoutApprover
    if by == asked_by:
        raise ExtensionByAsker
    _require_reason(reason)
    if amount <= 0:
        raise ExtensionNotPositive(amount=amount)
    if expired(ledger, limit, calendar, at):
        raise ExtensionAfterExpiry(allowed=_allowed(ledger, without=ClockKind.EXTENDED))
    return ClockEntry(ClockKind.EXTENDED, at, by, reason, amount, limit.unit, asked_by)


def stop(ledger: Ledger, *, at: datetime, by: str, reason: str = "") -> ClockEntry:
    """The end of a clock, running or paused, in time or late."""
    _require_running(ledger, at=at)
    return ClockEntry(ClockKind.STOPPED, at, by, reason)


def _allowed(ledger: Ledger, *, without: ClockKind | None = None) -> list[ClockKind]:
    extended = any(entry.kind == ClockKind.EXTENDED for entry in ledger)
    return [
        kind
        for kind in AFTER[clock_state(ledger)]
        if kind is not without and not (extended and kind is ClockKind.EXTENDED)
    ]


def _require_running(ledger: Ledger, *, at: datetime) -> None:
    if clock_state(ledger) not in {ClockState.RUNNING, ClockState.PAUSED}:
        raise ClockNotRunning(allowed=_allowed(ledger))
    if at < ledger[-1].at:
        raise ClockEntryOutOfOrder(at=at, last=ledger[-1].at)


def _require_reason(reason: str) -> None:
    if not reason.strip():
        raise ClockReasonMissing

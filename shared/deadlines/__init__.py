"""The clock ledger: what was started, paused, resumed, extended and stopped is the only truth.

Every figure (consumed, remaining, due, the rungs of the ladder) is a pure function of the ledger,
of the limit that holds today and of the calendar; nothing is stored but the entries, so changing a
limit or loading a year's calendar changes the due date and keeps consumed and paused time.

How time is counted, by the limit's unit:

- HOURS and MINUTES run on the wall clock from the start, day and night.
- WORKING_HOURS run in office hours from the start.
- WORKING_DAYS run in office hours too, one day being one day's office time, from the day after the
  start. They are due at the end of the first working day at whose end they are used up and the
  clock runs: without a pause exactly the n-th working day (Civil Code art. 201 and 203).
- CALENDAR_DAYS run on the wall clock from the day after the start, and are due in the same way.
"""

from shared.deadlines.entries import (
    extend,
    pause,
    resume,
    start,
    stop,
)
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
    LimitUnitMismatch,
    NothingLeftToPause,
)
from shared.deadlines.figures import (
    consumed,
    due_at,
    is_late,
    next_due_at,
    remaining,
    rungs_due,
)
from shared.deadlines.model import (
    ClockEntry,
    ClockKind,
    ClockState,
    Ledger,
    Limit,
    Rung,
    TimeUnit,
    clock_state,
)

__all__ = [
    "AlreadyExtended",
    "ClockAlreadyPaused",
    "ClockAlreadyStarted",
    "ClockEntry",
    "ClockEntryOutOfOrder",
    "ClockKind",
    "ClockNotPaused",
    "ClockNotRunning",
    "ClockReasonMissing",
    "ClockState",
    "ExtensionAfterExpiry",
    "ExtensionByAsker",
    "ExtensionNotPositive",
    "ExtensionWithoutApprover",
    "Ledger",
    "Limit",
    "LimitUnitMismatch",
    "NothingLeftToPause",
    "Rung",
    "TimeUnit",
    "clock_state",
    "consumed",
    "due_at",
    "extend",
    "is_late",
    "next_due_at",
    "pause",
    "remaining",
    "resume",
    "rungs_due",
    "start",
    "stop",
]

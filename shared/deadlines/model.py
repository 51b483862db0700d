"""The words of a clock: units, entries, states, limits and the rungs of a ladder."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from shared.calendar import DayEnd


class TimeUnit(StrEnum):
    WORKING_DAYS = "working_days"
    CALENDAR_DAYS = "calendar_days"
    WORKING_HOURS = "working_hours"
    HOURS = "hours"
    MINUTES = "minutes"


DAYS = frozenset({TimeUnit.WORKING_DAYS, TimeUnit.CALENDAR_DAYS})
OFFICE = frozenset({TimeUnit.WORKING_DAYS, TimeUnit.WORKING_HOURS})


class ClockKind(StrEnum):
    STARTED = "STARTED"
    PAUSED = "PAUSED"
    RESUMED = "RESUMED"
    EXTENDED = "EXTENDED"
    STOPPED = "STOPPED"


class ClockState(StrEnum):
    IDLE = "IDLE"
    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    STOPPED = "STOPPED"


AFTER: dict[ClockState, dict[ClockKind, ClockState]] = {
    ClockState.IDLE: {ClockKind.STARTED: ClockState.RUNNING},
    ClockState.RUNNING: {
        ClockKind.PAUSED: ClockState.PAUSED,
        ClockKind.EXTENDED: ClockState.RUNNING,
        ClockKind.STOPPED: ClockState.STOPPED,
    },
    ClockState.PAUSED: {
        ClockKind.RESUMED: ClockState.RUNNING,
        ClockKind.EXTENDED: ClockState.PAUSED,
        ClockKind.STOPPED: ClockState.STOPPED,
    },
    ClockState.STOPPED: {},
}


@dataclass(frozen=True, slots=True)
class ClockEntry:
    """One row of a ledger; `amount`, `unit` and `asked_by` belong to an extension alone."""

    kind: ClockKind
    at: datetime
    by: str
    reason: str = ""
    amount: int | None = None
    unit: TimeUnit | None = None
    asked_by: str | None = None


Ledger = Sequence[ClockEntry]
Runs = Sequence[tuple[datetime, datetime | None]]


@dataclass(frozen=True, slots=True)
class Limit:
    """How long a clock may run; a limit in days of 0 ends with the day on which it starts."""

    amount: int
    unit: TimeUnit
    ends: DayEnd = DayEnd.MIDNIGHT

    def __post_init__(self) -> None:
        if self.amount < 0:
            raise ValueError(f"a limit cannot be negative: {self.amount}")


@dataclass(frozen=True, slots=True)
class Rung:
    """A step of the ladder: at a fraction of the limit, or at an offset from the due instant.

    `fraction` lies between 0 and 1; `offset` is wall-clock time, negative before and zero at the
    due instant. With `office_hours` it waits for the office to open (K4).
    """

    name: str
    fraction: Decimal | None = None
    offset: timedelta | None = None
    office_hours: bool = False

    def __post_init__(self) -> None:
        if (self.fraction is None) is (self.offset is None):
            raise ValueError(f"rung {self.name} needs a fraction or an offset")
        if self.fraction is not None and not 0 < self.fraction < 1:
            raise ValueError(f"rung {self.name}: {self.fraction} is not between 0 and 1")


def clock_state(ledger: Ledger) -> ClockState:
    """Where the clock stands; ValueError for a ledger that no sequence of entries can produce."""
    state = ClockState.IDLE
    last: datetime | None = None
    for entry in ledger:
        if entry.kind not in AFTER[state]:
            raise ValueError(f"a clock that is {state} cannot be {entry.kind}")
        if last is not None and entry.at < last:
            raise ValueError(f"{entry.kind} at {entry.at} stands after {last}")
        state, last = AFTER[state][entry.kind], entry.at
    return state

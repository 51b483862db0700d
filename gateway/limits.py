"""How much a caller may ask for: windows as data, GCRA as arithmetic, the answer's fields.

A window that runs is a GCRA (a request moves a theoretical arrival time by one interval). A
calendar window is the same formula with a clock that stands still at its quota, so that it counts.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Final, NamedTuple, Protocol

from shared.clock import SHANGHAI

# draft-ietf-httpapi-ratelimit-headers, revision 10 or newer: a draft, so the names stand once
POLICY_FIELD: Final = b"ratelimit-policy"
STATE_FIELD: Final = b"ratelimit"

# of one request: epoch seconds are doubles, and the last of a burst must not be lost to them
ROUNDING: Final = 1e-3

_MONTH_SECONDS = 31 * 86_400
_HOUR = 3600


@dataclass(frozen=True, slots=True)
class Window:
    """`quota` requests in `seconds`, `burst` of them at once (0: all); or a calendar month's."""

    name: str
    quota: int
    seconds: float
    burst: int = 0
    calendar: bool = False

    @property
    def interval(self) -> float:
        """Seconds that one request takes up; 1 on the standing clock of a calendar window."""
        return 1.0 if self.calendar else self.seconds / self.quota

    @property
    def capacity(self) -> int:
        return self.quota if self.calendar else self.burst or self.quota

    @property
    def tolerance(self) -> float:
        return self.capacity * self.interval


@dataclass(frozen=True, slots=True)
class Plan:
    """The windows that hold for one caller at one thing; all of them must have room."""

    windows: tuple[Window, ...]
    policy: bytes = field(init=False)
    state: bytes = field(init=False)  # to be filled with remainder and reset of each window

    def __post_init__(self) -> None:
        policy = ", ".join(f'"{w.name}";q={w.quota};w={w.seconds:.0f}' for w in self.windows)
        state = ", ".join(f'"{w.name}";r=%d;t=%d' for w in self.windows)
        object.__setattr__(self, "policy", policy.encode())
        object.__setattr__(self, "state", state.encode())


class Charge(NamedTuple):
    """Whom a request is counted against, and by which plan."""

    key: str
    plan: Plan


class Verdict(NamedTuple):
    """Whether a request may pass; seconds to wait if not; the values of both header fields."""

    allowed: bool
    retry_after: int
    policy: bytes
    state: bytes

    def headers(self) -> list[tuple[bytes, bytes]]:
        fields = [(POLICY_FIELD, self.policy), (STATE_FIELD, self.state)]
        if not self.allowed:
            fields.append((b"retry-after", b"%d" % self.retry_after))
        return fields


class Meter(Protocol):
    """The state of one charge's key."""

    def wait(self, now: float) -> float:
        """Seconds until a request may pass; 0 means now."""

    def charge(self) -> None:
        """Count the request that `wait` has just let pass."""

    def state(self, now: float) -> bytes:
        """The value of the RateLimit field."""

    def idle(self, now: float) -> bool:
        """Whether forgetting this meter would change nothing."""


class Limiter:
    """Meters by key, at most `most` of them; `open_meter` decides how they are kept."""

    def __init__(
        self,
        open_meter: Callable[[Charge], Meter],
        *,
        now: Callable[[], float],
        most: int = 100_000,
    ) -> None:
        self._open = open_meter
        self._now = now
        self._most = most
        self.meters: dict[str, Meter] = {}

    def take(self, charges: Sequence[Charge]) -> Verdict:
        """Count one request against every charge, or against none if one of them is exhausted."""
        now = self._now()
        meters = [self.meters.get(charge.key) or self._new(charge, now) for charge in charges]
        wait = max((meter.wait(now) for meter in meters), default=0.0)
        if wait == 0:
            for meter in meters:
                meter.charge()
        policy = b", ".join(charge.plan.policy for charge in charges)
        state = b", ".join(meter.state(now) for meter in meters)
        return Verdict(wait == 0, max(1, math.ceil(wait)) if wait else 0, policy, state)

    def take_one(self, key: str, plan: Plan) -> Verdict:
        """`take` of a single charge, on the gateway's hot path."""
        now = self._now()
        meter = self.meters.get(key) or self._new(Charge(key, plan), now)
        wait = meter.wait(now)
        if wait == 0:
            meter.charge()
            return Verdict(True, 0, plan.policy, meter.state(now))
        return Verdict(False, max(1, math.ceil(wait)), plan.policy, meter.state(now))

    def _new(self, charge: Charge, now: float) -> Meter:
        if len(self.meters) >= self._most:
            self.forget_idle(now)
            if len(self.meters) >= self._most:
                del self.meters[next(iter(self.meters))]
        meter = self.meters[charge.key] = self._open(charge)
        return meter

    def forget_idle(self, now: float) -> None:
        for key in [key for key, meter in self.meters.items() if meter.idle(now)]:
            del self.meters[key]


class LocalMeter:
    """GCRA in this process alone: for callers who have shown no valid token yet."""

    __slots__ = ("_arrivals", "_calendar", "_month", "_next", "_state", "_windows")

    def __init__(self, charge: Charge) -> None:
        windows = charge.plan.windows
        self._state = charge.plan.state
        self._windows = [
            (window.interval, window.tolerance, window.quota if window.calendar else None)
            for window in windows
        ]
        self._arrivals = [0.0] * len(windows)
        self._next = self._arrivals
        self._calendar = any(window.calendar for window in windows)
        self._month = 0

    def wait(self, now: float) -> float:
        if self._calendar:
            month, ends = month_of(now)
            if month != self._month:
                self._month = month
                self._arrivals = [
                    arrival if quota is None else 0.0
                    for arrival, (_, _, quota) in zip(self._arrivals, self._windows, strict=True)
                ]
        else:
            ends = now
        longest = 0.0
        following = []
        for arrival, (interval, tolerance, quota) in zip(
            self._arrivals, self._windows, strict=True
        ):
            clock = now if quota is None else quota
            then = max(arrival, clock - tolerance) + interval
            following.append(then)
            if then - clock > interval * ROUNDING:
                longest = max(longest, then - clock if quota is None else ends - now)
        self._next = following
        return longest

    def charge(self) -> None:
        self._arrivals = self._next

    def state(self, now: float) -> bytes:
        items: list[float] = []
        for arrival, (interval, tolerance, quota) in zip(
            self._arrivals, self._windows, strict=True
        ):
            used = max(0.0, arrival - (now if quota is None else quota) + tolerance)
            items.append(max(0.0, (tolerance - used) / interval + ROUNDING))
            items.append(math.ceil(used if quota is None else month_of(now)[1] - now))
        return self._state % tuple(items)

    def idle(self, now: float) -> bool:
        return all(
            arrival <= (now - tolerance if quota is None else 0.0)
            for arrival, (_, tolerance, quota) in zip(self._arrivals, self._windows, strict=True)
        )


def local_limiter(*, now: Callable[[], float] | None = None, most: int = 100_000) -> Limiter:
    """A limiter whose state is this process's own."""
    return Limiter(LocalMeter, now=now or steady_clock(), most=most)


def plan_of(*, burst: int, per_minute: int, per_month: int) -> Plan:
    """The usual plan: a minute's rate with a burst, and the calendar month of Asia/Shanghai."""
    return Plan(
        (
            Window("minute", per_minute, 60, burst=burst),
            Window("month", per_month, _MONTH_SECONDS, calendar=True),
        )
    )


def month_of(now: float) -> tuple[int, float]:
    """Number of the Shanghai calendar month at an epoch second, and the second at which it ends."""
    return _month_of_hour(int(now // _HOUR))  # a month begins on a full hour of UTC


@lru_cache(maxsize=8)
def _month_of_hour(hour: int) -> tuple[int, float]:
    day = datetime.fromtimestamp(hour * _HOUR, SHANGHAI)
    number = day.year * 12 + day.month - 1
    ends = datetime((number + 1) // 12, (number + 1) % 12 + 1, 1, tzinfo=SHANGHAI)
    return number, ends.timestamp()


def steady_clock() -> Callable[[], float]:
    """Epoch seconds that never step back: a corrected wall clock must not lock anybody out."""
    start = time.time() - time.monotonic()
    monotonic = time.monotonic
    return lambda: start + monotonic()

"""When to stop asking a service that fails, and how often to ask twice."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Self


class BreakerState(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


@dataclass(frozen=True, slots=True)
class BreakerPolicy:
    """Opens when `share` of at least `minimum` requests in `window` seconds failed.

    Then everything is refused for `pause` seconds (doubled at each failed trial, at most
    `longest_pause`), and one request is let through as a trial.
    """

    share: float = 0.5
    minimum: int = 10
    window: float = 10.0
    pause: float = 1.0
    longest_pause: float = 4.0  # what is back must not be shunned for long (heals in 15 s)


@dataclass(slots=True)
class Breaker:
    """The breaker of one upstream; other upstreams have their own (G3)."""

    now: Callable[[], float]
    policy: BreakerPolicy = field(default_factory=BreakerPolicy)
    state: BreakerState = BreakerState.CLOSED
    _outcomes: deque[tuple[float, bool]] = field(default_factory=lambda: deque(maxlen=1000))
    _failures: int = 0
    _pause: float = 0.0
    _until: float = 0.0
    _trying: bool = False

    def enter(self) -> "Ticket | None":
        """Leave to ask the upstream once, or None while it is to be left alone."""
        if self.state is BreakerState.CLOSED:
            return Ticket(self)
        if self._trying or self.now() < self._until:
            return None
        self.state = BreakerState.HALF_OPEN
        self._trying = True
        return Ticket(self, trial=True)

    @property
    def retry_after(self) -> float:
        """Seconds until the next trial."""
        return max(0.0, self._until - self.now())

    def note(self, *, ok: bool, trial: bool) -> None:
        now = self.now()
        if trial:
            self._trying = False
            if ok:
                self.state = BreakerState.CLOSED
                self._outcomes.clear()
                self._failures = 0
                self._pause = 0.0
            else:
                self._open(now)
            return
        if self.state is not BreakerState.CLOSED:
            return  # it was asked before the breaker opened
        if len(self._outcomes) == self._outcomes.maxlen:
            self._failures -= not self._outcomes.popleft()[1]
        self._outcomes.append((now, ok))
        self._failures += not ok
        while self._outcomes[0][0] < now - self.policy.window:
            self._failures -= not self._outcomes.popleft()[1]
        count = len(self._outcomes)
        if count >= self.policy.minimum and self._failures >= self.policy.share * count:
            self._open(now)

    def abandon(self, *, trial: bool) -> None:
        """The client left: nothing was learnt; a next request may be the trial."""
        if trial:
            self._trying = False

    def _open(self, now: float) -> None:
        self.state = BreakerState.OPEN
        self._pause = min(max(self.policy.pause, self._pause * 2), self.policy.longest_pause)
        self._until = now + self._pause


class Ticket:
    """One request's leave; settled exactly once."""

    __slots__ = ("_breaker", "_open", "_trial")

    def __init__(self, breaker: Breaker, *, trial: bool = False) -> None:
        self._breaker = breaker
        self._trial = trial
        self._open = True

    def settle(self, *, ok: bool) -> None:
        if self._open:
            self._open = False
            self._breaker.note(ok=ok, trial=self._trial)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._open:
            self._open = False
            self._breaker.abandon(trial=self._trial)


@dataclass(slots=True)
class RetryBudget:
    """At most `share` of the requests may be asked again, so that retries cannot feed a storm."""

    share: float = 0.1
    most: float = 20.0
    left: float = 1.0

    def deposit(self) -> None:
        self.left = min(self.most, self.left + self.share)

    def withdraw(self) -> bool:
        if self.left < 1:
            return False
        self.left -= 1
        return True

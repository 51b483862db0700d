"""Limits that all replicas share: each leases tokens for the next second and hands back the rest.

The store holds one GCRA per key and window; a replica asks for what its own callers have lately
wanted (docs/decisions/0010). Nothing on the way of a request waits for the store.
"""

import asyncio
import contextlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol, cast

from gateway.limits import Charge, Limiter, Window, month_of, steady_clock

INTERVAL: Final = 1.0  # seconds between two leases of a replica
SOONEST: Final = 0.1  # seconds, for a caller who has run dry
HEADROOM: Final = 1.25  # tokens asked for / requests expected, beside two standard deviations
CREDIT: Final = 4  # before its first lease a caller gets a quarter of its burst, settled by it
RESERVE: Final = 8  # while a caller is about, an eighth of its burst is at hand
CALENDAR_PARTS: Final = 400  # a calendar window is leased in parts of a 400th
MEMORY: Final = 10.0  # seconds over which leases are remembered, for an outage
OUTAGE_SHARE: Final = 10  # a caller first seen in an outage gets a tenth of its rate
IDLE_SECONDS: Final = 60.0


class Ask(NamedTuple):
    """Tokens wanted (below zero: handed back) of one window of one key.

    `clock` is None for the store's own time, or the standing clock of a calendar window; `step`
    and `tolerance` are the window's GCRA in the same unit.
    """

    key: str
    window: str
    tokens: int
    clock: float | None
    step: float
    tolerance: float


class Lease(NamedTuple):
    """What was granted (or taken back), and what is left for everybody."""

    key: str
    window: str
    granted: int
    remaining: int


class LeaseStore(Protocol):
    async def lease(self, asks: Sequence[Ask]) -> Sequence[Lease]:
        """Grant, in one step, what is left; at most two thirds of it to one replica at a time."""


@dataclass(slots=True)
class _Share:
    """One window's part of a meter."""

    window: Window
    credit: int
    held: int = 0
    remaining: int = 0  # of everybody, when last seen
    month: int = 0
    granted: float = 0.0  # decaying sum of the leases
    owed: float = 0.0  # part of a token in an outage

    @property
    def label(self) -> str:
        return f"{self.window.name}:{self.month}" if self.window.calendar else self.window.name

    @property
    def tolerance(self) -> float:
        """A running window must hold what accrues between two leases, however small its burst."""
        if self.window.calendar:
            return self.window.tolerance
        return max(self.window.tolerance, 2 * INTERVAL, self.window.interval)


class LeasedMeter:
    """A counter of tokens in hand; the lease loop fills it."""

    __slots__ = (
        "_base",
        "_capacity",
        "_counts",
        "_demand",
        "_month_ends",
        "_others",
        "_pace",
        "_state",
        "_template",
        "_wake",
        "attempts",
        "dry",
        "exhausted",
        "key",
        "leased",
        "left",
        "quiet_since",
        "seen_at",
        "shares",
    )

    def __init__(self, charge: Charge, now: float, wake: Callable[[], None]) -> None:
        windows = charge.plan.windows
        credit = max(1, min(window.capacity for window in windows) // CREDIT)
        self.key = charge.key
        self.shares = [_Share(window, credit) for window in windows]
        self._capacity = windows[0].capacity
        self._pace = windows[0].interval
        self._counts = windows[0].calendar
        self._template = charge.plan.state
        self.left = self._base = credit
        self.attempts = 0
        self.dry = self.exhausted = self.leased = False
        self.quiet_since = self.seen_at = now
        self._demand = 0.0
        self._wake = wake
        self._render(now)

    # --- the way of a request

    def wait(self, now: float) -> float:
        self.attempts += 1
        if self.left >= 1:
            return 0.0
        if not self.dry and not self.exhausted:
            self.dry = True
            self._wake()
        binding = min(self.shares, key=lambda share: share.held)
        if binding.window.calendar:
            return INTERVAL if binding.remaining else month_of(now)[1] - now
        return max(INTERVAL, binding.window.interval)

    def charge(self) -> None:
        self.left -= 1

    def state(self, now: float) -> bytes:
        remaining = self.left + self._others
        remaining = min(remaining, self._capacity)
        reset = (
            self._month_ends - now if self._counts else (self._capacity - remaining) * self._pace
        )
        return self._state % (max(0, remaining), math.ceil(reset))

    def _render(self, now: float) -> None:
        """The field's value but for its first window; the others are as of the last lease."""
        self._month_ends = month_of(now)[1]
        self._others = self.shares[0].remaining
        later: list[float] = []
        for share in self.shares[1:]:
            window = share.window
            remaining = max(0, min(window.capacity, self.left + share.remaining))
            left = (window.capacity - remaining) * window.interval
            later += [remaining, math.ceil(self._month_ends - now if window.calendar else left)]
        first, _, rest = self._template.partition(b", ")
        self._state = first + (b", " + rest % tuple(later) if rest else b"")

    def idle(self, now: float) -> bool:
        return now - self.quiet_since > IDLE_SECONDS and all(s.held == 0 for s in self.shares)

    # --- between two leases

    def asks(self, now: float) -> list[Ask]:
        """Book what was used, look at the demand, and say what to ask for."""
        elapsed = max(SOONEST, now - self.seen_at)
        if self.attempts:
            self.quiet_since = now
        rate = self.attempts / elapsed
        self._demand = max(rate, (rate + self._demand) / 2) if rate else 0.0
        self.seen_at, self.attempts, self.dry = now, 0, False
        about = now - self.quiet_since <= IDLE_SECONDS
        goal = 0
        if about:
            goal = math.ceil(self._demand * INTERVAL * HEADROOM + 2 * math.sqrt(self._demand))
        used = self._base - self.left
        for share in self.shares:
            share.held -= used
        found = [ask for share in self.shares if (ask := self._ask(share, goal, about, now))]
        self._settle(0)
        return found

    def _ask(self, share: _Share, demand: int, about: bool, now: float) -> Ask | None:
        window = share.window
        month = month_of(now)[0]
        if window.calendar and share.month != month:
            share.month, share.held, share.remaining = month, min(0, share.held), 0
        part = window.quota // CALENDAR_PARTS if window.calendar else window.capacity // RESERVE
        goal = max(demand, part) if about else 0
        enough = max(demand, part // 2) if window.calendar else goal
        if share.held == goal or (about and enough <= share.held <= 2 * goal):
            return None
        tokens = goal - share.held
        if tokens < 0:
            share.held += tokens  # handed back at once: not used while the store is asked
        clock = float(window.quota) if window.calendar else None
        return Ask(self.key, share.label, tokens, clock, window.interval, share.tolerance)

    def receive(self, asked: dict[str, Ask], leases: dict[str, Lease], elapsed: float) -> None:
        """Take up what the store has granted; what was handed back is booked already."""
        used = self._base - self.left
        self.exhausted = False
        for share in self.shares:
            granted = 0
            if share.label in leases:
                lease = leases[share.label]
                granted, share.remaining = lease.granted, lease.remaining
                share.held += max(0, granted)
                self.exhausted |= granted < asked[share.label].tokens
            share.granted = max(0.0, share.granted * math.exp(-elapsed / MEMORY) + granted)
            share.credit = 0
        self.leased = True
        self._settle(used)
        self._render(self.seen_at)

    def carry_on(self, asked: dict[str, Ask], elapsed: float) -> None:
        """The store is away: live on at the rate of the last leases, or a tenth if there is none.

        The remembered sum of all replicas is at most MEMORY seconds of the rate and one burst, so
        that together they stay within the rate. A calendar window goes on counting, as a debt.
        """
        used = self._base - self.left
        for share in self.shares:
            window = share.window
            if share.label in asked:
                share.held -= min(0, asked[share.label].tokens)
            if window.calendar:
                known = share.remaining if self.leased else window.quota
                share.credit = min(known, max(share.credit, window.quota // CALENDAR_PARTS))
                continue
            rate = share.granted / (MEMORY + share.tolerance)
            if not self.leased:
                rate = 1 / window.interval / OUTAGE_SHARE
            share.owed = min(share.owed + rate * elapsed, max(1.0, 2 * rate * INTERVAL))
            if share.held + share.credit < share.owed:
                whole = int(share.owed)
                share.held += whole
                share.owed -= whole
        self._settle(used)

    def _settle(self, used: int) -> None:
        self._base = min(share.held + share.credit for share in self.shares)
        self.left = self._base - used


class LeasedLimiter(Limiter):
    """A limiter whose meters are leases; run `run()` beside the server."""

    def __init__(
        self,
        store: LeaseStore,
        *,
        now: Callable[[], float] | None = None,
        on_error: Callable[[Exception], None] = lambda _error: None,
    ) -> None:
        clock = now or steady_clock()
        self._dry = asyncio.Event()
        self._store = store
        self._on_error = on_error
        super().__init__(lambda charge: LeasedMeter(charge, clock(), self._dry.set), now=clock)

    async def run(self) -> None:
        """Lease every second, and sooner for callers who have run dry; until cancelled."""
        loop = asyncio.get_running_loop()
        due = 0.0
        while True:
            full = loop.time() >= due
            if full:
                due = loop.time() + INTERVAL
            await self.renew(only_dry=not full)
            await asyncio.sleep(SOONEST)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(due):
                    await self._dry.wait()

    @property
    def any_dry(self) -> bool:
        """Whether a caller has run dry since the last lease."""
        return self._dry.is_set()

    async def renew(self, *, only_dry: bool = False) -> bool:
        """One exchange with the store; False when it was away and the last leases live on."""
        self._dry.clear()
        now = self._now()
        meters = [cast("LeasedMeter", meter) for meter in self.meters.values()]
        due = [(meter, now - meter.seen_at) for meter in meters if meter.dry or not only_dry]
        asked = {meter.key: meter.asks(now) for meter, _ in due}
        asks = [ask for each in asked.values() for ask in each]
        granted: dict[str, dict[str, Lease]] = {}
        try:
            for lease in await self._store.lease(asks) if asks else ():
                granted.setdefault(lease.key, {})[lease.window] = lease
        except Exception as error:  # noqa: BLE001 whatever ails the store, requests go on
            self._on_error(error)
            for meter, elapsed in due:
                meter.carry_on(_by_window(asked[meter.key]), elapsed)
            return False
        for meter, elapsed in due:
            meter.receive(_by_window(asked[meter.key]), granted.get(meter.key, {}), elapsed)
        self.forget_idle(now)
        return True


def _by_window(asks: list[Ask]) -> dict[str, Ask]:
    return {ask.window: ask for ask in asks}

"""Laws of the clock that hold over any sequence of moves."""

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from shared import deadlines
from shared.calendar import DayEnd
from shared.deadlines import (
    ClockState,
    Ledger,
    Limit,
    TimeUnit,
    consumed,
    due_at,
    is_late,
    next_due_at,
    remaining,
)
from shared.errors import DomainError
from tests.shared.deadlines.ledgers import CALENDAR, CHIEF, DAY, HANDLER, LADDER, at

STEP = timedelta(minutes=30)
OFFICE_STEPS = {(9 * 2 + n) for n in range(6)} | {(13 * 2 + 1 + n) for n in range(8)}
LIMITS = {
    TimeUnit.HOURS: timedelta(hours=1),
    TimeUnit.WORKING_HOURS: timedelta(hours=1),
    TimeUnit.WORKING_DAYS: DAY,
    TimeUnit.CALENDAR_DAYS: timedelta(days=1),
}


class ClockMachine(RuleBasedStateMachine):
    """Counts half hours one by one beside the ledger, and compares after every move.

    All office hours begin and end on a half hour, so counting them is an independent measure.
    """

    @initialize(
        hours=st.integers(0, 24 * 60),
        unit=st.sampled_from(list(LIMITS)),
        amount=st.integers(1, 12),
        ends=st.sampled_from(list(DayEnd)),
    )
    def begin(self, hours: int, unit: TimeUnit, amount: int, ends: DayEnd) -> None:
        self.now = at("01-20T00:00") + timedelta(hours=hours)
        self.limit = Limit(amount, unit, ends)
        self.first_day = self.now.date()
        self.ledger: Ledger = (deadlines.start((), at=self.now, by=HANDLER),)
        self.counted = dict.fromkeys(LIMITS, timedelta())
        self.running, self.over, self.was_late = True, False, False
        self.extended_in: TimeUnit | None = None
        self.extra = 0

    @rule(steps=st.integers(0, 48 * 3))
    def time_passes(self, steps: int) -> None:
        for _ in range(steps):
            if self.running:
                office = CALENDAR.is_working_day(self.now.date()) and (
                    self.now.hour * 2 + self.now.minute // 30 in OFFICE_STEPS
                )
                after_first = self.now.date() > self.first_day
                self.counted[TimeUnit.HOURS] += STEP
                self.counted[TimeUnit.WORKING_HOURS] += STEP * office
                self.counted[TimeUnit.CALENDAR_DAYS] += STEP * after_first
                self.counted[TimeUnit.WORKING_DAYS] += STEP * (office and after_first)
            self.now += STEP

    @rule()
    def pause(self) -> None:
        self.attempt(
            lambda: deadlines.pause(
                self.ledger, self.limit, CALENDAR, at=self.now, by=HANDLER, reason="补正"
            ),
            expected=self.running and not self.spent() and not self.late(),
        )

    @rule()
    def resume(self) -> None:
        self.attempt(
            lambda: deadlines.resume(self.ledger, at=self.now, by=HANDLER),
            expected=not self.running and not self.over,
        )

    @rule(amount=st.integers(1, 5), by=st.sampled_from([CHIEF, HANDLER]))
    def extend(self, amount: int, by: str) -> None:
        before_expiry = not self.late() if self.running else not self.spent()
        granted = self.attempt(
            lambda: deadlines.extend(
                self.ledger,
                self.limit,
                CALENDAR,
                amount=amount,
                at=self.now,
                by=by,
                asked_by=HANDLER,
                reason="核实",
            ),
            expected=not self.over and not self.extended_in and by == CHIEF and before_expiry,
        )
        if granted:
            self.extended_in, self.extra = self.limit.unit, amount

    @precondition(lambda self: len(self.ledger) > 3)
    @rule()
    def stop(self) -> None:
        self.attempt(
            lambda: deadlines.stop(self.ledger, at=self.now, by=HANDLER), expected=not self.over
        )

    @rule(unit=st.sampled_from(list(LIMITS)), amount=st.integers(1, 30))
    def the_policy_changes(self, unit: TimeUnit, amount: int) -> None:
        used = consumed(self.ledger, unit, CALENDAR, self.now)

        self.limit = Limit(amount, self.extended_in or unit, self.limit.ends)

        assert consumed(self.ledger, unit, CALENDAR, self.now) == used
        self.was_late = False

    @invariant()
    def consumed_time_is_what_was_counted(self) -> None:
        for unit, counted in self.counted.items():
            assert consumed(self.ledger, unit, CALENDAR, self.now) == counted

    @invariant()
    def remaining_is_limit_and_extension_less_consumed(self) -> None:
        unit = self.limit.unit
        budget = LIMITS[unit] * (self.limit.amount + self.extra)

        left = remaining(self.ledger, self.limit, CALENDAR, self.now)

        assert left == budget - self.counted[unit]
        assert left == remaining(list(self.ledger), self.limit, CALENDAR, self.now)

    @invariant()
    def late_means_used_up_and_late_once_is_late_for_good(self) -> None:
        late = self.late()

        if late and self.limit.ends is DayEnd.MIDNIGHT:
            assert self.spent()
        if self.spent() and self.limit.unit in {TimeUnit.HOURS, TimeUnit.WORKING_HOURS}:
            assert late
        assert late or not self.was_late
        self.was_late = late

    @invariant()
    def a_running_clock_is_due_once_used_up_and_a_sweep_awaits_it(self) -> None:
        due = due_at(self.ledger, self.limit, CALENDAR)
        look_at = next_due_at(
            self.ledger, self.limit, LADDER, CALENDAR, now=self.now, fired=frozenset()
        )

        assert (look_at is not None) is self.running
        if self.running:
            assert due is not None
            assert look_at is not None
            if due.at > self.now:
                assert look_at <= due.at

    def late(self) -> bool:
        return is_late(self.ledger, self.limit, CALENDAR, self.now)

    def spent(self) -> bool:
        return remaining(self.ledger, self.limit, CALENDAR, self.now) <= timedelta()

    def attempt(self, move, *, expected: bool) -> bool:
        try:
            entry = move()
        except DomainError:
            assert not expected
            return False
        assert expected
        self.ledger = (*self.ledger, entry)
        state = deadlines.clock_state(self.ledger)
        self.running, self.over = state is ClockState.RUNNING, state is ClockState.STOPPED
        return True


TestClockMachine = pytest.mark.feature("K3")(pytest.mark.feature("F5")(ClockMachine.TestCase))
TestClockMachine.settings = settings(
    max_examples=60,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)

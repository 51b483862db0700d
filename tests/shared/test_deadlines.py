"""The clock ledger: refusals, figures as pure functions, the ladder, and its laws."""

from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from shared import deadlines
from shared.calendar import CalendarStatus, DayEnd, WorkingCalendar
from shared.clock import SHANGHAI
from shared.deadlines import (
    AlreadyExtended,
    ClockAlreadyPaused,
    ClockAlreadyStarted,
    ClockEntry,
    ClockEntryOutOfOrder,
    ClockKind,
    ClockNotPaused,
    ClockNotRunning,
    ClockReasonMissing,
    ClockState,
    ExtensionAfterExpiry,
    ExtensionByAsker,
    ExtensionNotPositive,
    ExtensionWithoutApprover,
    Ledger,
    Limit,
    LimitUnitMismatch,
    NothingLeftToPause,
    Rung,
    TimeUnit,
    consumed,
    due_at,
    is_late,
    next_due_at,
    remaining,
    rungs_due,
)
from shared.errors import DomainError
from tests.shared.notices import notice, official

CALENDAR = WorkingCalendar(official(2025, 2026))
FIVE_DAYS = Limit(5, TimeUnit.WORKING_DAYS)
DAY = timedelta(hours=7)
HANDLER, CHIEF = "handler", "chief"


def at(text: str) -> datetime:
    """A moment of 2026 in Shanghai; 06-08 is the Monday of a week without a holiday."""
    return datetime.fromisoformat(f"2026-{text}").replace(tzinfo=SHANGHAI)


def started(text: str) -> Ledger:
    return (deadlines.start((), at=at(text), by=HANDLER),)


def paused(ledger: Ledger, text: str, limit: Limit = FIVE_DAYS) -> Ledger:
    entry = deadlines.pause(ledger, limit, CALENDAR, at=at(text), by=HANDLER, reason="补正")
    return (*ledger, entry)


def resumed(ledger: Ledger, text: str) -> Ledger:
    return (*ledger, deadlines.resume(ledger, at=at(text), by=HANDLER))


def extended(ledger: Ledger, text: str, amount: int = 5, limit: Limit = FIVE_DAYS) -> Ledger:
    entry = deadlines.extend(
        ledger,
        limit,
        CALENDAR,
        amount=amount,
        at=at(text),
        by=CHIEF,
        asked_by=HANDLER,
        reason="需现场核实",
    )
    return (*ledger, entry)


def stopped(ledger: Ledger, text: str) -> Ledger:
    return (*ledger, deadlines.stop(ledger, at=at(text), by=HANDLER))


def due_date(ledger: Ledger, limit: Limit = FIVE_DAYS) -> date | None:
    due = due_at(ledger, limit, CALENDAR)
    return due.local_date if due else None


# --- figures -------------------------------------------------------------------------------------


@pytest.mark.feature("F4")
@pytest.mark.parametrize("ends", list(DayEnd))
@pytest.mark.parametrize("days", [0, 1, 5, 30])
@pytest.mark.parametrize("moment", ["01-01T00:00", "02-14T23:30", "06-13T08:00", "12-28T18:00"])
def test_without_a_pause_a_limit_in_days_is_due_as_the_calendar_counts(moment, days, ends):
    ledger = started(moment)
    working = Limit(days, TimeUnit.WORKING_DAYS, ends)
    plain = Limit(days, TimeUnit.CALENDAR_DAYS, ends)

    assert due_at(ledger, plain, CALENDAR) == CALENDAR.add_calendar_days(
        at(moment), days, ends=ends
    )
    assert due_at(ledger, working, CALENDAR) == CALENDAR.add_working_days(
        at(moment), days, ends=ends
    )


def test_a_day_that_is_over_when_the_clock_starts_gives_the_next_one():
    today = Limit(0, TimeUnit.WORKING_DAYS, DayEnd.CLOSE_OF_OFFICE)

    assert due_date(started("06-08T17:00"), today) == date(2026, 6, 8)
    assert due_date(started("06-08T17:30"), today) == date(2026, 6, 9)


@pytest.mark.parametrize(
    ("limit", "due"),
    [
        (Limit(24, TimeUnit.HOURS), "06-13T16:00"),
        (Limit(30, TimeUnit.MINUTES), "06-12T16:30"),
        (Limit(2, TimeUnit.WORKING_HOURS), "06-15T09:30"),
    ],
)
def test_hours_run_from_the_start_and_only_working_hours_wait_for_the_office(limit, due):
    found = due_at(started("06-12T16:00"), limit, CALENDAR)

    assert found is not None
    assert found.at == at(due)
    assert found.calendar_version == ("2026=v1" if limit.unit is TimeUnit.WORKING_HOURS else "")


@pytest.mark.feature("F5")
@pytest.mark.parametrize(
    ("pause", "resume", "last"),
    [
        ("06-08T11:00", "06-08T16:00", "06-15"),  # on the first day, which is not counted
        ("06-09T10:00", "06-10T10:00", "06-16"),  # one day's office time
        ("06-09T18:00", "06-10T08:00", "06-15"),  # a night costs nothing and gives nothing
        ("06-12T17:30", "06-15T09:00", "06-15"),  # nor does a weekend
        ("06-09T16:30", "06-09T17:30", "06-16"),  # an hour short: due at the next day's end
        ("06-09T10:00", "06-23T10:00", "06-29"),  # nine days: 19 to 21 June are holidays
    ],
)
def test_a_pause_moves_the_due_date_by_the_office_time_that_it_took(pause, resume, last):
    ledger = resumed(paused(started("06-08T10:00"), pause), resume)

    assert due_date(ledger) == date.fromisoformat(f"2026-{last}")


@pytest.mark.feature("F5")
def test_remaining_time_stands_still_while_paused_and_nothing_is_due():
    ledger = paused(started("06-08T10:00"), "06-10T12:00")

    left = {remaining(ledger, FIVE_DAYS, CALENDAR, at(f"06-{d}T15:00")) for d in (10, 18, 25)}

    assert left == {5 * DAY - DAY - timedelta(hours=3)}
    assert due_at(ledger, FIVE_DAYS, CALENDAR) is None


@pytest.mark.feature("F5")
def test_remaining_time_falls_below_zero_when_it_is_late():
    ledger = started("06-08T10:00")

    assert remaining(ledger, FIVE_DAYS, CALENDAR, at("06-09T00:00")) == 5 * DAY
    assert remaining(ledger, FIVE_DAYS, CALENDAR, at("06-15T17:30")) == timedelta()
    assert remaining(ledger, FIVE_DAYS, CALENDAR, at("06-16T10:00")) == -timedelta(hours=1)


@pytest.mark.feature("F5")
def test_a_past_moment_is_answered_from_the_same_ledger():
    ledger = stopped(resumed(paused(started("06-08T10:00"), "06-10T09:00"), "06-11T09:00"), "06-12")

    assert remaining(ledger, FIVE_DAYS, CALENDAR, at("06-09T12:00")) == 5 * DAY - timedelta(hours=3)
    assert remaining(ledger, FIVE_DAYS, CALENDAR, at("06-10T15:00")) == 4 * DAY
    assert remaining(ledger, FIVE_DAYS, CALENDAR, at("07-30T10:00")) == 3 * DAY


@pytest.mark.feature("K3")
def test_another_limit_keeps_what_was_consumed_and_paused():
    ledger = resumed(paused(started("06-08T10:00"), "06-10T09:00"), "06-11T09:00")
    now = at("06-12T09:00")

    left = [remaining(ledger, Limit(n, TimeUnit.WORKING_DAYS), CALENDAR, now) for n in (3, 5, 10)]

    assert left == [1 * DAY, 3 * DAY, 8 * DAY]
    assert consumed(ledger, TimeUnit.WORKING_DAYS, CALENDAR, now) == 2 * DAY
    assert due_date(ledger, Limit(3, TimeUnit.WORKING_DAYS)) == date(2026, 6, 12)
    assert due_date(ledger, Limit(10, TimeUnit.WORKING_DAYS)) == date(2026, 6, 24)


@pytest.mark.parametrize(
    "shorter", [Limit(38, TimeUnit.HOURS), Limit(1, TimeUnit.WORKING_DAYS)], ids=str
)
def test_a_shorter_limit_that_was_used_up_when_the_pause_began_was_due_then(shorter):
    ledger = paused(started("06-08T10:00"), "06-10T00:00")

    due = due_at(ledger, shorter, CALENDAR)

    assert due is not None
    assert due.at == at("06-10T00:00")
    assert is_late(ledger, shorter, CALENDAR, at("06-10T00:00"))


@pytest.mark.feature("K2")
def test_two_limits_on_one_ledger_do_not_mask_each_other():
    ledger = started("06-08T10:00")
    contact = Limit(1, TimeUnit.WORKING_DAYS)

    late = [is_late(ledger, limit, CALENDAR, at("06-10T10:00")) for limit in (contact, FIVE_DAYS)]

    assert late == [True, False]


@pytest.mark.feature("F4")
@pytest.mark.feature("F5")
def test_loading_the_years_notice_moves_a_running_clocks_due_date():
    ledger = started("12-28T10:00")
    loaded = WorkingCalendar(
        official(2026)
        + notice(2027, holidays=["01-01..01-03", "05-01", "10-01"], workdays=["01-09"])
    )
    draft = WorkingCalendar(
        official(2026)
        + notice(2027, holidays=["01-01", "01-04"], status=CalendarStatus.PROVISIONAL)
    )

    dues = [due_at(ledger, FIVE_DAYS, calendar) for calendar in (CALENDAR, draft, loaded)]

    assert [(due.local_date, due.provisional) for due in dues if due] == [
        (date(2027, 1, 4), True),
        (date(2027, 1, 6), True),
        (date(2027, 1, 5), False),
    ]


def test_a_stopped_clock_still_tells_whether_it_was_late():
    in_time = stopped(started("06-08T10:00"), "06-15T23:59")
    late = stopped(started("06-08T10:00"), "06-16T00:00")
    long_after = at("09-01T10:00")

    assert due_date(in_time) == due_date(late) == date(2026, 6, 15)
    assert not is_late(in_time, FIVE_DAYS, CALENDAR, long_after)
    assert is_late(late, FIVE_DAYS, CALENDAR, long_after)
    assert not is_late(late, FIVE_DAYS, CALENDAR, at("06-15T10:00"))


def test_a_clock_that_was_stopped_while_paused_was_never_due():
    ledger = stopped(paused(started("06-08T10:00"), "06-09T10:00"), "07-30T10:00")

    assert due_at(ledger, FIVE_DAYS, CALENDAR) is None
    assert not is_late(ledger, FIVE_DAYS, CALENDAR, at("08-01T10:00"))


# --- refusals ------------------------------------------------------------------------------------


def test_an_unstarted_clock_has_consumed_nothing_and_is_not_due():
    assert remaining((), FIVE_DAYS, CALENDAR, at("06-08T10:00")) == 5 * DAY
    assert due_at((), FIVE_DAYS, CALENDAR) is None
    assert deadlines.clock_state(()) is ClockState.IDLE


RUNNING = started("06-08T10:00")
PAUSED = paused(RUNNING, "06-09T10:00")
STOPPED = stopped(RUNNING, "06-09T10:00")


@pytest.mark.feature("F5")
@pytest.mark.parametrize(
    ("move", "refusal", "code"),
    [
        (
            lambda: deadlines.start(RUNNING, at=at("06-09T10:00"), by=HANDLER),
            ClockAlreadyStarted,
            "clock_already_started",
        ),
        (lambda: paused((), "06-09T10:00"), ClockNotRunning, "clock_not_running"),
        (lambda: paused(STOPPED, "06-10T10:00"), ClockNotRunning, "clock_not_running"),
        (lambda: paused(PAUSED, "06-10T10:00"), ClockAlreadyPaused, "clock_already_paused"),
        (lambda: resumed(RUNNING, "06-10T10:00"), ClockNotPaused, "clock_not_paused"),
        (lambda: stopped(STOPPED, "06-10T10:00"), ClockNotRunning, "clock_not_running"),
        (lambda: extended(STOPPED, "06-10T10:00"), ClockNotRunning, "clock_not_running"),
        (lambda: paused(RUNNING, "06-15T17:30"), NothingLeftToPause, "nothing_left_to_pause"),
        (lambda: paused(RUNNING, "06-16T10:00"), NothingLeftToPause, "nothing_left_to_pause"),
        (lambda: resumed(PAUSED, "06-09T09:59"), ClockEntryOutOfOrder, "clock_entry_out_of_order"),
        (lambda: stopped(RUNNING, "06-08T09:59"), ClockEntryOutOfOrder, "clock_entry_out_of_order"),
    ],
)  # fmt: skip  one refusal a line reads as a table
def test_a_move_that_the_clock_does_not_allow_is_refused(move, refusal, code):
    with pytest.raises(refusal) as refused:
        move()

    assert refused.value.code == code


def test_a_refused_move_names_the_allowed_ones():
    with pytest.raises(ClockAlreadyPaused) as refused:
        paused(PAUSED, "06-10T10:00")

    assert refused.value.allowed == (ClockKind.RESUMED, ClockKind.EXTENDED, ClockKind.STOPPED)


@pytest.mark.feature("K3")
@pytest.mark.parametrize("reason", ["", "  "])
def test_a_pause_needs_a_reason(reason):
    with pytest.raises(ClockReasonMissing):
        deadlines.pause(
            RUNNING, FIVE_DAYS, CALENDAR, at=at("06-09T10:00"), by=HANDLER, reason=reason
        )


def test_after_close_of_office_on_the_last_day_nothing_can_be_paused_even_if_hours_are_left():
    limit = Limit(1, TimeUnit.CALENDAR_DAYS, DayEnd.CLOSE_OF_OFFICE)

    with pytest.raises(NothingLeftToPause):
        paused(RUNNING, "06-09T18:00", limit)


@pytest.mark.feature("F5")
@pytest.mark.feature("K3")
def test_an_extension_before_expiry_by_an_approver_adds_its_days():
    ledger = extended(RUNNING, "06-15T23:59", amount=3)

    assert due_date(ledger) == date(2026, 6, 18)
    assert ledger[-1] == ClockEntry(
        ClockKind.EXTENDED,
        at("06-15T23:59"),
        CHIEF,
        "需现场核实",
        amount=3,
        unit=TimeUnit.WORKING_DAYS,
        asked_by=HANDLER,
    )


@pytest.mark.feature("F5")
def test_an_extension_is_granted_once():
    ledger = extended(RUNNING, "06-09T10:00")

    with pytest.raises(AlreadyExtended) as refused:
        extended(ledger, "06-10T10:00")

    assert refused.value.allowed == (ClockKind.PAUSED, ClockKind.STOPPED)


@pytest.mark.feature("F5")
def test_an_extension_after_expiry_is_refused():
    with pytest.raises(ExtensionAfterExpiry):
        extended(RUNNING, "06-16T00:00")


@pytest.mark.feature("F5")
def test_a_paused_clock_can_be_extended_while_something_is_left():
    assert due_date(resumed(extended(PAUSED, "07-20T10:00"), "07-21T10:00")) == date(2026, 8, 3)

    with pytest.raises(ExtensionAfterExpiry):
        extended(PAUSED, "07-20T10:00", limit=Limit(0, TimeUnit.WORKING_DAYS))


@pytest.mark.feature("F5")
@pytest.mark.parametrize(
    ("by", "amount", "reason", "refusal"),
    [
        (HANDLER, 5, "需现场核实", ExtensionByAsker),
        (" ", 5, "需现场核实", ExtensionWithoutApprover),
        (CHIEF, 0, "需现场核实", ExtensionNotPositive),
        (CHIEF, -2, "需现场核实", ExtensionNotPositive),
        (CHIEF, 5, " ", ClockReasonMissing),
    ],
)
def test_an_extension_needs_another_persons_name_a_reason_and_an_amount(
    by, amount, reason, refusal
):
    with pytest.raises(refusal):
        deadlines.extend(
            RUNNING,
            FIVE_DAYS,
            CALENDAR,
            amount=amount,
            at=at("06-09T10:00"),
            by=by,
            asked_by=HANDLER,
            reason=reason,
        )


def test_an_extension_means_nothing_under_a_limit_in_another_unit():
    ledger = extended(RUNNING, "06-09T10:00")

    with pytest.raises(LimitUnitMismatch):
        due_at(ledger, Limit(48, TimeUnit.HOURS), CALENDAR)


@pytest.mark.parametrize(
    "kinds",
    [
        [ClockKind.RESUMED],
        [ClockKind.STARTED, ClockKind.PAUSED, ClockKind.PAUSED],
        [ClockKind.STARTED, ClockKind.STOPPED, ClockKind.RESUMED],
    ],
)
def test_a_ledger_that_no_moves_can_produce_is_refused(kinds):
    ledger = [ClockEntry(kind, at("06-08T10:00"), HANDLER) for kind in kinds]

    with pytest.raises(ValueError, match="cannot be"):
        remaining(ledger, FIVE_DAYS, CALENDAR, at("06-09T10:00"))


def test_a_ledger_whose_entries_go_back_in_time_is_refused():
    ledger = [
        ClockEntry(ClockKind.STARTED, at("06-08T10:00"), HANDLER),
        ClockEntry(ClockKind.PAUSED, at("06-08T09:00"), HANDLER),
    ]

    with pytest.raises(ValueError, match="stands after"):
        due_at(ledger, FIVE_DAYS, CALENDAR)


# --- the ladder ----------------------------------------------------------------------------------

LADDER = (
    Rung("halfway", fraction=Decimal("0.5"), office_hours=True),
    Rung("last_hours", offset=-timedelta(hours=10)),
    Rung("overdue", offset=timedelta()),
    Rung("urge", offset=timedelta(), office_hours=True),
    Rung("escalate", offset=timedelta(days=1)),
)


def fire(ledger: Ledger, moment: str, fired: set[str]) -> list[str]:
    due = rungs_due(ledger, FIVE_DAYS, LADDER, CALENDAR, now=at(moment), fired=fired)
    return [rung.name for rung in due]


def look(ledger: Ledger, moment: str, fired: set[str]) -> datetime | None:
    return next_due_at(ledger, FIVE_DAYS, LADDER, CALENDAR, now=at(moment), fired=fired)


@pytest.mark.feature("F5")
@pytest.mark.feature("K4")
def test_a_sweep_that_looks_when_it_is_told_fires_each_rung_once_and_in_time():
    seen: list[tuple[str, str]] = []
    fired: set[str] = set()
    now: datetime | None = at("06-08T10:00")

    while now is not None:
        for rung in rungs_due(RUNNING, FIVE_DAYS, LADDER, CALENDAR, now=now, fired=fired):
            seen.append((rung.name, f"{now.astimezone(SHANGHAI):%m-%dT%H:%M}"))
            fired.add(rung.name)
        now = next_due_at(RUNNING, FIVE_DAYS, LADDER, CALENDAR, now=now, fired=fired)

    assert seen == [
        ("halfway", "06-11T14:00"),
        ("last_hours", "06-15T14:00"),
        ("overdue", "06-16T00:00"),
        ("urge", "06-16T09:00"),
        ("escalate", "06-17T00:00"),
    ]


@pytest.mark.feature("K4")
def test_a_sweep_that_slept_fires_what_it_missed_but_keeps_reminders_for_the_morning():
    at_night = fire(RUNNING, "06-16T03:00", set())

    assert at_night == ["last_hours", "overdue"]
    assert look(RUNNING, "06-16T03:00", set(at_night)) == at("06-16T09:00")
    assert fire(RUNNING, "06-16T09:00", set(at_night)) == ["halfway", "urge"]


@pytest.mark.feature("F5")
def test_a_paused_or_stopped_clock_fires_nothing_and_need_not_be_looked_at():
    for ledger in (PAUSED, STOPPED, ()):
        assert fire(ledger, "12-01T10:00", set()) == []
        assert look(ledger, "06-09T11:00", set()) is None


@pytest.mark.feature("F5")
def test_a_rung_follows_the_pause_and_the_extension():
    later = resumed(paused(RUNNING, "06-09T10:00"), "06-10T10:00")

    assert look(later, "06-10T10:00", set()) == at("06-12T14:00")
    assert look(extended(later, "06-10T11:00"), "06-10T11:00", set()) == at("06-16T17:30") + (
        timedelta(hours=15, minutes=30)
    )
    assert fire(later, "06-16T14:00", {"halfway"}) == ["last_hours"]
    assert fire(later, "06-16T13:59", {"halfway"}) == []


def test_the_due_instant_is_looked_at_even_without_a_rung():
    due = due_at(RUNNING, FIVE_DAYS, CALENDAR)
    assert due is not None

    looks = [
        next_due_at(RUNNING, FIVE_DAYS, (), CALENDAR, now=moment, fired=frozenset())
        for moment in (at("06-08T10:00"), due.at)
    ]

    assert looks == [due.at, None]


@pytest.mark.parametrize(
    "rung",
    [
        {},
        {"fraction": Decimal("0.5"), "offset": timedelta()},
        {"fraction": Decimal(1)},
        {"fraction": Decimal(0)},
    ],
)
def test_a_rung_stands_at_a_fraction_or_at_an_offset(rung):
    with pytest.raises(ValueError, match="rung"):
        Rung("wrong", **rung)


def test_a_negative_limit_is_refused():
    with pytest.raises(ValueError, match="negative"):
        Limit(-1, TimeUnit.HOURS)


# --- laws, over any sequence of moves ------------------------------------------------------------

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

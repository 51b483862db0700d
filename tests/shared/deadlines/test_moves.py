"""The moves of a clock, and those that are refused."""

from datetime import date

import pytest

from shared import deadlines
from shared.calendar import DayEnd
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
    ExtensionAfterExpiry,
    ExtensionByAsker,
    ExtensionNotPositive,
    ExtensionWithoutApprover,
    Limit,
    LimitUnitMismatch,
    NothingLeftToPause,
    TimeUnit,
    due_at,
    remaining,
)
from tests.shared.deadlines.ledgers import (
    CALENDAR,
    CHIEF,
    FIVE_DAYS,
    HANDLER,
    PAUSED,
    RUNNING,
    STOPPED,
    at,
    due_date,
    extended,
    paused,
    resumed,
    stopped,
)


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

"""What a ledger says: consumed, remaining and due are pure functions of it."""

from datetime import date, timedelta

import pytest

from shared import deadlines
from shared.calendar import CalendarStatus, DayEnd, WorkingCalendar
from shared.deadlines import ClockState, Limit, TimeUnit, consumed, due_at, is_late, remaining
from tests.shared.deadlines.ledgers import (
    CALENDAR,
    DAY,
    FIVE_DAYS,
    at,
    due_date,
    paused,
    resumed,
    started,
    stopped,
)
from tests.shared.notices import notice, official


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


def test_an_unstarted_clock_has_consumed_nothing_and_is_not_due():
    assert remaining((), FIVE_DAYS, CALENDAR, at("06-08T10:00")) == 5 * DAY
    assert due_at((), FIVE_DAYS, CALENDAR) is None
    assert deadlines.clock_state(()) is ClockState.IDLE


def test_a_negative_limit_is_refused():
    with pytest.raises(ValueError, match="negative"):
        Limit(-1, TimeUnit.HOURS)

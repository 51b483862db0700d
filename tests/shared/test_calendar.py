"""Working days of mainland China: vectors, an independent oracle, and laws of counting."""

from datetime import UTC, date, datetime, time, timedelta

import chinese_calendar
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.calendar import (
    CalendarDay,
    CalendarStatus,
    DayEnd,
    DayKind,
    OfficeHours,
    WorkingCalendar,
)
from shared.clock import SHANGHAI
from tests.shared.notices import notice, official

CALENDAR = WorkingCalendar(official(2025, 2026))
PROVISIONAL_2027 = notice(
    2027, holidays=["01-01", "02-05..02-09"], status=CalendarStatus.PROVISIONAL, version="draft"
)
OFFICIAL_2027 = notice(
    2027,
    holidays=["01-01..01-03", "02-05..02-11", "05-01..05-05", "10-01..10-07"],
    workdays=["01-09", "02-13"],
    version="v2",
)
INSTANTS = st.datetimes(
    min_value=datetime(2024, 12, 1),  # noqa: DTZ001  hypothesis adds the zone
    max_value=datetime(2027, 3, 1),  # noqa: DTZ001  same
    timezones=st.just(SHANGHAI),
)
SPANS = st.timedeltas(min_value=timedelta(), max_value=timedelta(hours=200))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


@pytest.mark.feature("F4")
@pytest.mark.parametrize("year", [2025, 2026])
def test_every_day_of_a_loaded_year_agrees_with_an_independent_calendar(year):
    days = [date(year, 1, 1) + timedelta(days=n) for n in range(365)]

    working = {day for day in days if CALENDAR.is_working_day(day)}

    assert working == {day for day in days if chinese_calendar.is_workday(day)}
    assert len(working) == 248


@pytest.mark.feature("F4")
@pytest.mark.parametrize(
    ("start", "days", "last"),
    [
        ("2026-02-13T10:00", 5, "2026-02-27"),
        ("2026-09-30T23:59", 1, "2026-10-08"),
        ("2026-02-13T10:00", 1, "2026-02-14"),
        ("2025-09-26T08:00", 1, "2025-09-28"),
        ("2026-06-20T09:00", 1, "2026-06-22"),
        ("2026-06-20T09:00", 0, "2026-06-22"),
        ("2026-06-22T09:00", 0, "2026-06-22"),
    ],
)
def test_the_first_day_is_not_counted_and_make_up_weekends_are(start, days, last):
    due = CALENDAR.add_working_days(at(start), days)

    assert due.local_date == date.fromisoformat(last)
    assert due.at == at(last) + timedelta(days=1)
    assert due.at.tzinfo is UTC
    assert not due.provisional
    assert due.calendar_version == f"{last[:4]}=v1"


def test_an_instant_in_utc_counts_from_its_day_in_shanghai():
    late_on_monday_in_utc = datetime(2026, 6, 8, 16, 30, tzinfo=UTC)

    due = CALENDAR.add_working_days(late_on_monday_in_utc, 1)

    assert due.local_date == date(2026, 6, 10)


def test_a_period_may_end_at_close_of_office_instead_of_midnight():
    due = CALENDAR.add_working_days(at("2026-06-08T10:00"), 1, ends=DayEnd.CLOSE_OF_OFFICE)

    assert due.at == at("2026-06-09T17:30")
    assert due.local_date == date(2026, 6, 9)


@pytest.mark.parametrize(
    ("start", "days", "last"),
    [
        ("2026-02-13T10:00", 5, "2026-02-24"),
        ("2026-06-08T10:00", 3, "2026-06-11"),
        ("2026-02-13T10:00", 1, "2026-02-14"),
        ("2026-06-12T10:00", 1, "2026-06-15"),
        ("2026-06-13T10:00", 0, "2026-06-15"),
    ],
)
def test_calendar_days_run_through_holidays_but_do_not_end_on_one(start, days, last):
    due = CALENDAR.add_calendar_days(at(start), days)

    assert due.local_date == date.fromisoformat(last)


@pytest.mark.feature("F4")
def test_a_year_that_is_not_loaded_gives_a_provisional_due_date_and_no_error():
    due = CALENDAR.add_working_days(at("2026-12-28T10:00"), 5)

    assert due.local_date == date(2027, 1, 4)
    assert due.provisional
    assert due.calendar_version == "2026=v1;2027=none"


@pytest.mark.feature("F4")
def test_a_period_that_ends_before_an_unloaded_year_is_not_provisional():
    due = CALENDAR.add_working_days(at("2026-12-28T10:00"), 3)

    assert due.local_date == date(2026, 12, 31)
    assert not due.provisional
    assert due.calendar_version == "2026=v1"


@pytest.mark.feature("F4")
def test_provisional_holidays_are_left_out_and_still_flagged():
    calendar = WorkingCalendar(official(2025, 2026) + PROVISIONAL_2027)

    due = calendar.add_working_days(at("2026-12-28T10:00"), 5)

    assert due.local_date == date(2027, 1, 5)
    assert due.provisional
    assert due.calendar_version == "2026=v1;2027=draft"


@pytest.mark.feature("F4")
def test_importing_the_notice_changes_the_due_date_and_ends_the_doubt():
    start = at("2027-02-03T10:00")
    before = WorkingCalendar(official(2025, 2026) + PROVISIONAL_2027)
    after = WorkingCalendar(official(2025, 2026) + OFFICIAL_2027)

    provisional, settled = (each.add_working_days(start, 5) for each in (before, after))
    unloaded = CALENDAR.add_working_days(start, 5)

    assert (unloaded.local_date, unloaded.provisional) == (date(2027, 2, 10), True)
    assert (provisional.local_date, provisional.provisional) == (date(2027, 2, 15), True)
    assert (settled.local_date, settled.provisional) == (date(2027, 2, 16), False)
    assert settled.calendar_version == "2027=v2"
    assert [c.is_official(2027) for c in (CALENDAR, before, after)] == [False, False, True]


def test_an_empty_calendar_counts_monday_to_friday_provisionally():
    due = WorkingCalendar([]).add_working_days(at("2026-02-13T10:00"), 5)

    assert due.local_date == date(2026, 2, 20)
    assert due.provisional


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        (official(2026) + official(2026)[:1], "twice"),
        (official(2026) + PROVISIONAL_2027 + OFFICIAL_2027[-1:], "both official and provisional"),
        (notice(2026, holidays=["01-01..01-03"]), "without 05-01"),
    ],
)
def test_contradicting_or_fragmentary_rows_are_refused(rows, told):
    with pytest.raises(ValueError, match=told):
        WorkingCalendar(rows)


def test_a_day_that_the_next_years_notice_moves_keeps_both_versions():
    spill = CalendarDay(date(2026, 12, 26), DayKind.WORKDAY, CalendarStatus.OFFICIAL, "v2")
    calendar = WorkingCalendar([*official(2026), *OFFICIAL_2027, spill])

    due = calendar.add_working_days(at("2026-12-25T10:00"), 1)

    assert due.local_date == date(2026, 12, 26)
    assert due.calendar_version == "2026=v1+v2"


@pytest.mark.parametrize(
    ("start", "minutes", "end"),
    [
        ("2026-06-08T09:00", 180, "2026-06-08T12:00"),
        ("2026-06-08T09:00", 181, "2026-06-08T13:31"),
        ("2026-06-08T12:30", 60, "2026-06-08T14:30"),
        ("2026-06-08T03:00", 420, "2026-06-08T17:30"),
        ("2026-06-12T17:00", 60, "2026-06-15T09:30"),
        ("2026-02-14T17:00", 60, "2026-02-24T09:30"),
        ("2026-06-13T11:00", 0, "2026-06-13T11:00"),
    ],
)
def test_working_time_passes_in_office_hours_alone(start, minutes, end):
    due = CALENDAR.add_working_time(at(start), timedelta(minutes=minutes))

    assert due.at == at(end)
    assert CALENDAR.working_minutes_between(at(start), due.at) == minutes
    assert CALENDAR.working_minutes_between(due.at, at(start)) == -minutes


@pytest.mark.feature("K4")
@pytest.mark.parametrize(
    ("moment", "office"),
    [
        ("2026-06-08T10:15", "2026-06-08T10:15"),
        ("2026-06-08T09:00", "2026-06-08T09:00"),
        ("2026-06-08T12:00", "2026-06-08T13:30"),
        ("2026-06-08T17:30", "2026-06-09T09:00"),
        ("2026-02-14T20:00", "2026-02-24T09:00"),
    ],
)
def test_a_reminder_waits_for_the_office_to_open(moment, office):
    assert CALENDAR.next_office_moment(at(moment)) == at(office)


def test_office_hours_are_an_argument():
    summer = OfficeHours(((time(8, 30), time(12)), (time(14, 30), time(18))))
    calendar = WorkingCalendar(official(2026), summer)

    due = calendar.add_working_time(at("2026-06-08T11:30"), timedelta(hours=1))

    assert due.at == at("2026-06-08T15:00")
    assert summer.length == timedelta(hours=7)


@pytest.mark.parametrize(
    "spans", [(), ((time(12), time(9)),), ((time(9), time(12)), (time(11), time(17)))]
)
def test_office_hours_out_of_order_are_refused(spans):
    with pytest.raises(ValueError, match="order"):
        OfficeHours(spans)


def test_a_time_without_a_zone_and_a_negative_period_are_refused():
    with pytest.raises(ValueError, match="no time zone"):
        CALENDAR.add_working_days(datetime(2026, 6, 8), 1)  # noqa: DTZ001  the point of the test
    with pytest.raises(ValueError, match="negative"):
        CALENDAR.add_working_days(at("2026-06-08T10:00"), -1)
    with pytest.raises(ValueError, match="negative"):
        CALENDAR.add_working_time(at("2026-06-08T10:00"), -timedelta(seconds=1))


@given(start=INSTANTS, a=st.integers(1, 60), b=st.integers(1, 60))
def test_working_days_add_up(start, a, b):
    noon = datetime.combine(CALENDAR.add_working_days(start, a).local_date, time(12), SHANGHAI)

    assert (
        CALENDAR.add_working_days(noon, b).local_date
        == CALENDAR.add_working_days(start, a + b).local_date
    )


@given(start=INSTANTS, later=SPANS, days=st.integers(0, 60), ends=st.sampled_from(DayEnd))
def test_a_later_start_or_a_longer_period_is_never_due_earlier(start, later, days, ends):
    due = CALENDAR.add_working_days(start, days, ends=ends)

    assert due.at <= CALENDAR.add_working_days(start + later, days, ends=ends).at
    assert due.at <= CALENDAR.add_working_days(start, days + 1, ends=ends).at
    assert due.at > start
    assert CALENDAR.is_working_day(due.local_date)


@given(start=INSTANTS, a=SPANS, b=SPANS)
def test_working_time_adds_up_and_comes_back(start, a, b):
    first = CALENDAR.add_working_time(start, a).at
    both = CALENDAR.add_working_time(start, a + b).at

    assert CALENDAR.add_working_time(first, b).at == both
    assert CALENDAR.working_time_between(start, both) == a + b


@given(a=INSTANTS, b=INSTANTS, c=INSTANTS)
def test_working_time_between_is_additive(a, b, c):
    between = CALENDAR.working_time_between

    assert between(a, b) + between(b, c) == between(a, c)

"""The demo's calendars agree with the notices and with two libraries."""

from datetime import date, timedelta

import chinese_calendar
import holidays
import pytest

from tests.deploy.demo_files import by, rows

MAKE_UP_DAYS = {
    2025: ["01-26", "02-08", "04-27", "09-28", "10-11"],
    2026: ["01-04", "02-14", "02-28", "05-09", "09-20", "10-10"],
    2027: [],
}


def days_of(year: int) -> list[date]:
    """Every day of one year."""
    first = date(year, 1, 1)
    return [first + timedelta(n) for n in range((date(year + 1, 1, 1) - first).days)]


def working_days(year: int) -> list[date]:
    """Working days of one year by its calendar file: Monday to Friday, with its exceptions."""
    exceptions = {date.fromisoformat(row["date"]): row["kind"] for row in rows(f"calendar/{year}")}
    return [
        day
        for day in days_of(year)
        if exceptions.get(day, "WORKDAY" if day.weekday() < 5 else "HOLIDAY") == "WORKDAY"
    ]


@pytest.mark.parametrize("year", [2025, 2026, 2027])
def test_a_calendar_names_only_days_that_differ_from_monday_to_friday(year: int):
    calendar = by("date", f"calendar/{year}")

    assert list(calendar) == sorted(calendar)
    for key, row in calendar.items():
        day = date.fromisoformat(key)
        assert day.year == year
        assert row["kind"] == ("HOLIDAY" if day.weekday() < 5 else "WORKDAY")


@pytest.mark.parametrize("year", [2025, 2026, 2027])
def test_the_make_up_working_days_are_those_of_the_notice(year: int):
    make_up = [row["date"][5:] for row in rows(f"calendar/{year}") if row["kind"] == "WORKDAY"]

    assert make_up == MAKE_UP_DAYS[year]


@pytest.mark.parametrize("year", [2025, 2026])
def test_an_official_year_agrees_with_two_libraries_on_every_day(year: int):
    china = holidays.country_holidays("CN", years=year)

    expected = [day for day in days_of(year) if chinese_calendar.is_workday(day)]

    assert working_days(year) == expected
    assert [day for day in days_of(year) if china.is_working_day(day)] == expected
    assert len(expected) == 248


def test_the_provisional_year_leaves_out_exactly_the_statutory_days():
    china = holidays.country_holidays("CN", years=2027)

    days = working_days(2027)

    assert days == [day for day in days_of(2027) if day.weekday() < 5 and day not in china]
    assert len(days) == 248


def test_each_calendar_says_where_it_is_from_and_whether_it_is_official():
    sources = by("year", "calendar/sources")

    status = {year: row["status"] for year, row in sources.items()}

    assert status == {"2025": "OFFICIAL", "2026": "OFFICIAL", "2027": "PROVISIONAL"}
    assert "国办发明电〔2024〕12号" in sources["2025"]["source"]
    assert "国办发明电〔2025〕7号" in sources["2026"]["source"]

"""Deadlines of filings: working days, pauses, provisional years, one reminder a rung."""

import asyncio
from datetime import date, datetime

import pytest

from services.filing.commands import sweep_clocks
from shared.clock import SHANGHAI
from shared.events.catalog import CalendarImported
from shared.security.identity import system
from tests.filing.world import EVIDENCE, World, calendar_event
from tests.suite import LABOUR, PROVINCE

RETURN = {"clause": "A10.3", "opinion": "入口有误", "evidence": EVIDENCE}


def at(day: str, hour: int = 10) -> datetime:
    year, month, date = map(int, day.split("-"))
    return datetime(year, month, date, hour, tzinfo=SHANGHAI)


@pytest.mark.feature("F4")
@pytest.mark.parametrize(
    ("filed", "due"),
    [
        ("2026-02-10", "2026-02-25T00:00:00+08:00"),  # the make-up Saturday 02-14 counts
        ("2026-09-29", "2026-10-13T00:00:00+08:00"),  # and 10-10 after the October holidays
        ("2026-03-02", "2026-03-10T00:00:00+08:00"),
    ],
)
async def test_working_days_count_make_up_saturdays_and_skip_holidays(
    world: World, filed: str, due: str
):
    world.suite.clock.set(at(filed))

    filing = await world.file(LABOUR)

    assert (filing["due_at"], filing["provisional"]) == (due, False)


@pytest.mark.feature("F4")
async def test_a_year_without_a_notice_is_provisional_and_recomputed_when_it_comes(world: World):
    world.suite.clock.set(at("2026-12-30"))
    filing = await world.file(LABOUR)
    order = await world.order(LABOUR, (await world.live(LABOUR))["listing_id"])
    paused = await world.file(LABOUR)
    await world.ok(PROVINCE, "POST", f"/v1/filings/{paused['id']}/return", RETURN)

    await world.tell(_notice_of_2027(), "calendar:2027")

    found = await world.ok(LABOUR, "GET", f"/v1/filings/{filing['id']}")
    assert (filing["due_at"], filing["provisional"]) == ("2027-01-07T00:00:00+08:00", True)
    assert (found["due_at"], found["provisional"]) == ("2027-01-08T00:00:00+08:00", False)
    fact, told = (await world.events(f"filing:{filing['id']}"))[-1]
    assert fact == "due_date_recomputed"
    assert told["previous_due_at"] == "2027-01-06T16:00:00Z"
    assert told["due_at"] == "2027-01-07T16:00:00Z"
    assert told["calendar_version"] == "2026=v1;2027=v1"
    assert order["obligation"]["provisional"] is False
    corrected = await world.events(f"filing:{paused['id']}")
    assert corrected[-1][0] == "due_date_recomputed"
    assert corrected[-1][1]["provisional"] is False


def _notice_of_2027() -> CalendarImported:
    """As a notice names them: the Labour Day that falls on a Saturday too."""
    known = calendar_event(2027)
    labour_day = (date(2027, 5, 1), "HOLIDAY", "劳动节")
    return known.model_copy(update={"days": [*known.days, labour_day]})


@pytest.mark.feature("F4")
async def test_a_table_that_contradicts_itself_is_parked_and_changes_nothing(world: World):
    broken = CalendarImported(
        year=2028, status="OFFICIAL", source_document="国办发明电", version=1, days=[]
    ).model_copy(update={"days": [(date(2028, 1, 3), "HOLIDAY", "元旦")]})

    await world.tell(broken, "calendar:2028", times=5)

    parked = await world.suite.sql(
        "filing", "select cause from dead_letters where subject = 'calendar:2028'"
    )
    assert len(parked) == 1
    assert await world.suite.sql("filing", "select from calendar_years where year = 2028") == []
    assert (await world.file(LABOUR))["state"] == "SUBMITTED"


@pytest.mark.feature("F5")
async def test_the_clock_of_a_review_stands_still_while_the_filing_is_returned(world: World):
    filing = await world.file(LABOUR)
    place = f"/v1/filings/{filing['id']}"
    world.suite.clock.set(at("2026-03-05", hour=11))
    returned = await world.ok(PROVINCE, "POST", f"{place}/return", RETURN)
    world.suite.clock.set(at("2026-03-12"))

    sent = await world.ok(LABOUR, "POST", f"{place}/submission", {})

    # Two days and two hours of five days were used; the rest ends on the third day from here.
    assert filing["due_at"] == "2026-03-10T00:00:00+08:00"
    assert (returned["due_for"], returned["due_at"]) == (
        "CORRECTION",
        "2026-03-20T00:00:00+08:00",
    )
    assert (sent["due_for"], sent["due_at"]) == ("REVIEW", "2026-03-17T00:00:00+08:00")


@pytest.mark.feature("F5")
async def test_a_review_that_is_late_can_still_be_returned_and_begins_anew(world: World):
    filing = await world.file(LABOUR)
    place = f"/v1/filings/{filing['id']}"
    await world.sweep_at("2026-03-11T10:00:00+08:00")

    await world.ok(PROVINCE, "POST", f"{place}/return", RETURN)
    sent = await world.ok(LABOUR, "POST", f"{place}/submission", {})

    assert sent["due_at"] == "2026-03-19T00:00:00+08:00"
    facts = await world.facts(f"filing:{filing['id']}")
    assert facts.count("overdue") == 1


@pytest.mark.feature("F5")
async def test_each_reminder_comes_once_in_office_hours_whoever_sweeps(world: World):
    filings = [await world.file(LABOUR) for _ in range(5)]
    world.suite.clock.set(at("2026-03-05", hour=22))

    async def sweep() -> None:
        async with world.suite.apps["filing"].state.database.transaction(system("filing")) as tx:
            await sweep_clocks(tx)

    await world.sweep()
    by_night = [await world.facts(f"filing:{each['id']}") for each in filings]
    world.suite.clock.set(at("2026-03-06", hour=9))
    await asyncio.gather(*(sweep() for _ in range(6)))
    await world.sweep()

    assert by_night == [["submitted"]] * 5
    for each in filings:
        told = await world.events(f"filing:{each['id']}")
        assert [fact for fact, _ in told] == ["submitted", "reminded"]
        assert told[1][1]["rung"] == "first_reminder"
        assert told[1][1]["waiting_for"] == "REVIEW"


@pytest.mark.feature("F5")
async def test_an_overdue_review_is_told_once_and_decides_nothing(world: World):
    filing = await world.file(LABOUR)

    await world.sweep_at("2026-03-10T00:00:00+08:00")
    await world.sweep_at("2026-03-11T10:00:00+08:00")
    await world.sweep_at("2026-03-12T10:00:00+08:00")

    found = await world.ok(LABOUR, "GET", f"/v1/filings/{filing['id']}")
    facts = await world.facts(f"filing:{filing['id']}")
    assert facts.count("overdue") == 1
    assert found["state"] == "SUBMITTED"
    assert found["overdue_at"].startswith("2026-03-10T00:00:0")


@pytest.mark.feature("F5")
async def test_nothing_reminds_of_what_is_decided(world: World):
    filing = await world.file(LABOUR)
    await world.accept(filing)

    await world.sweep_at("2026-03-31T10:00:00+08:00")

    assert await world.facts(f"filing:{filing['id']}") == ["submitted", "accepted"]

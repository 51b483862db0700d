"""The ladder: each rung fires once, in office time where people read it."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from shared.clock import SHANGHAI
from shared.deadlines import Ledger, Rung, due_at, next_due_at, rungs_due
from tests.shared.deadlines.ledgers import (
    CALENDAR,
    FIVE_DAYS,
    LADDER,
    PAUSED,
    RUNNING,
    STOPPED,
    at,
    extended,
    paused,
    resumed,
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

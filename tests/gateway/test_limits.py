"""GCRA in one process: what passes, what waits, and what the fields say."""

from collections.abc import Callable
from datetime import datetime

import pytest

from gateway.limits import (
    POLICY_FIELD,
    STATE_FIELD,
    Charge,
    Plan,
    Window,
    local_limiter,
    month_of,
    plan_of,
)
from shared.clock import SHANGHAI

NOON = datetime(2026, 3, 31, 12, tzinfo=SHANGHAI).timestamp()


class Watch:
    """Epoch seconds that a test moves by hand."""

    def __init__(self, at: float = NOON) -> None:
        self.at = at

    def __call__(self) -> float:
        return self.at


MINUTE = Plan((Window("minute", 60, 60, burst=10),))


@pytest.mark.feature("G2")
def test_a_burst_passes_at_once_and_then_one_request_an_interval() -> None:
    watch = Watch()
    limiter = local_limiter(now=watch)
    charges = [Charge("app-1", MINUTE)]

    at_once = [limiter.take(charges).allowed for _ in range(12)]
    watch.at += 1.0
    after_an_interval = [limiter.take(charges).allowed for _ in range(2)]

    assert at_once == [True] * 10 + [False] * 2
    assert after_an_interval == [True, False]


@pytest.mark.feature("G2")
@pytest.mark.parametrize("pace", [0.013, 0.31, 0.9])
def test_over_an_hour_the_rate_holds_within_one_in_a_thousand(pace: float) -> None:
    watch = Watch()
    limiter = local_limiter(now=watch)
    passed = 0

    while watch.at < NOON + 3600:
        passed += limiter.take([Charge("app-1", MINUTE)]).allowed
        watch.at += pace

    assert abs(passed - (3600 + 10)) <= 4


@pytest.mark.feature("API6")
def test_the_fields_say_policy_remainder_and_reset() -> None:
    limiter = local_limiter(now=Watch())
    charges = [Charge("app-1", plan_of(burst=50, per_minute=600, per_month=1000))]

    limiter.take(charges)
    fields = dict(limiter.take(charges).headers())

    assert fields[POLICY_FIELD] == b'"minute";q=600;w=60, "month";q=1000;w=2678400'
    assert fields[STATE_FIELD] == b'"minute";r=48;t=1, "month";r=998;t=43200'
    assert b"retry-after" not in fields


@pytest.mark.feature("API6")
def test_a_refusal_says_when_to_come_back_and_counts_nothing() -> None:
    watch = Watch()
    limiter = local_limiter(now=watch)
    slow = Plan((Window("hour", 6, 3600, burst=1),))

    limiter.take([Charge("app-1", slow)])
    refused = [limiter.take([Charge("app-1", slow)]) for _ in range(5)]
    watch.at += 600
    later = limiter.take([Charge("app-1", slow)])

    assert {verdict.retry_after for verdict in refused} == {600}
    assert dict(refused[0].headers())[b"retry-after"] == b"600"
    assert later.allowed


def test_a_calendar_month_counts_from_its_first_day_in_shanghai() -> None:
    watch = Watch()
    limiter = local_limiter(now=watch)
    charges = [Charge("app-1", Plan((Window("month", 3, 0, calendar=True),)))]

    march = [limiter.take(charges) for _ in range(4)]
    watch.at = datetime(2026, 4, 1, tzinfo=SHANGHAI).timestamp()
    april = limiter.take(charges)

    assert [verdict.allowed for verdict in march] == [True, True, True, False]
    assert march[-1].retry_after == 12 * 3600
    assert april.allowed


def test_december_ends_with_the_year() -> None:
    number, ends = month_of(datetime(2026, 12, 31, 23, tzinfo=SHANGHAI).timestamp())

    assert ends == datetime(2027, 1, 1, tzinfo=SHANGHAI).timestamp()
    assert month_of(ends)[0] == number + 1


@pytest.mark.feature("G2")
def test_a_request_counts_against_app_unit_and_route_or_against_none() -> None:
    limiter = local_limiter(now=Watch())
    app = Charge("app-1", Plan((Window("app", 60, 60),)))
    unit = Charge("unit-1", Plan((Window("unit", 2, 60),)))

    verdicts = [limiter.take([app, unit]) for _ in range(5)]
    alone = limiter.take([app])

    assert [verdict.allowed for verdict in verdicts] == [True, True, False, False, False]
    assert verdicts[-1].policy == b'"app";q=60;w=60, "unit";q=2;w=60'
    assert alone.state == b'"app";r=57;t=3'


def test_strangers_cannot_fill_the_memory() -> None:
    watch = Watch()
    limiter = local_limiter(now=watch, most=100)

    for number in range(1000):
        limiter.take([Charge(f"10.0.0.{number}", MINUTE)])

    assert len(limiter.meters) == 100


def test_a_check_is_cheap(record_testsuite_property: Callable[[str, object], None]) -> None:
    from time import perf_counter

    watch = Watch()
    limiter = local_limiter(now=watch)
    charges = [Charge("app-1", plan_of(burst=50_000, per_minute=6_000_000, per_month=10**9))]

    started = perf_counter()
    passed = sum(limiter.take(charges).allowed for _ in range(20_000))
    spent = (perf_counter() - started) / 20_000

    assert passed == 20_000
    assert spent < 100e-6  # some 3 us; a bound that only a change of design breaks
    record_testsuite_property("microseconds per check of two windows, fields included", spent * 1e6)

"""Time is up, down, maintenance or unknown, and sums to the period (M7)."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.monitoring.rules.accounting import Account, Change, Span, account
from services.monitoring.rules.hysteresis import ProbeState

START = datetime(2026, 3, 2, tzinfo=UTC)
UNKNOWN, UP, DOWN = ProbeState
MINUTE = timedelta(minutes=1)


def minute(number: int) -> datetime:
    return START + number * MINUTE


def divided(changes, windows=(), *, start=0, end=100, watched_until=100) -> Account:
    return account(
        [Change(minute(at), state) for at, state in changes],
        windows=[Span(minute(first), minute(last)) for first, last in windows],
        period=Span(minute(start), minute(end)),
        watched_until=minute(watched_until),
    )


def minutes(found: Account) -> tuple[float, ...]:
    return tuple(part / MINUTE for part in (found.up, found.down, found.maintenance, found.unknown))


@pytest.mark.feature("M7")
@pytest.mark.parametrize(
    ("changes", "windows", "parts"),
    [
        ([], [], (0, 0, 0, 100)),
        ([(0, UP)], [], (100, 0, 0, 0)),
        ([(-50, UP)], [], (100, 0, 0, 0)),
        ([(10, UP)], [], (90, 0, 0, 10)),
        ([(0, UP), (20, DOWN), (30, UP)], [], (90, 10, 0, 0)),
        ([(0, UP), (20, DOWN), (30, UP)], [(15, 25)], (85, 5, 10, 0)),
        ([(0, UP), (20, UNKNOWN), (30, UP)], [(15, 35)], (80, 0, 10, 10)),
        ([(0, UP)], [(-10, 10), (5, 20), (90, 200)], (70, 0, 30, 0)),
        ([(0, DOWN)], [(50, 40)], (0, 100, 0, 0)),
    ],
)
def test_a_period_is_divided(changes, windows, parts):
    assert minutes(divided(changes, windows)) == parts


@pytest.mark.feature("M7")
def test_what_nobody_watched_is_unknown_though_the_last_state_was_up():
    found = divided([(0, UP)], watched_until=60)

    assert minutes(found) == (60, 0, 0, 40)
    assert found.raw_availability == 1.0


@pytest.mark.feature("M7")
def test_raw_and_adjusted_come_from_the_same_changes():
    found = divided([(0, UP), (20, DOWN), (30, UP)], [(15, 25)])

    assert found.raw_availability == pytest.approx(90 / 100)
    assert found.adjusted_availability == pytest.approx(85 / 90)


def test_a_period_that_nobody_watched_has_no_availability():
    assert divided([]).raw_availability is None
    assert divided([]).adjusted_availability is None


@pytest.mark.feature("M7")
@given(
    st.lists(st.tuples(st.integers(-20, 120), st.sampled_from(list(ProbeState))), max_size=12),
    st.lists(st.tuples(st.integers(-20, 120), st.integers(-20, 120)), max_size=5),
    st.integers(-20, 130),
)
def test_the_parts_sum_to_the_period_and_agree_with_counting_minutes(changes, windows, watched):
    changes.sort(key=lambda each: each[0])

    found = divided(changes, windows, watched_until=watched)

    counted = {"up": 0, "down": 0, "maintenance": 0, "unknown": 0}
    for number in range(100):
        state = UNKNOWN
        for at, changed in changes:
            if at <= number:
                state = changed
        if number >= watched:
            state = UNKNOWN
        inside = any(first <= number < last for first, last in windows)
        known = state is not UNKNOWN
        counted["maintenance" if known and inside else state.value.lower()] += 1
    assert minutes(found) == tuple(counted.values())
    assert found.total == 100 * MINUTE
    assert found.raw_up + found.raw_down + found.unknown == 100 * MINUTE

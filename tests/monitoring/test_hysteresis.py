"""One fault, one incident: the table of turns, and an oracle that only counts runs (M3)."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.monitoring.rules.hysteresis import (
    ProbeState,
    Standing,
    Thresholds,
    Turn,
    judge,
    unwatched,
)

START = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
DEFAULT = Thresholds(failures=3, successes=2, hold=timedelta(minutes=10))
UNKNOWN, UP, DOWN = ProbeState


def walk(results: str, thresholds: Thresholds = DEFAULT, standing: Standing | None = None):
    """Turns and standing after results a minute apart: `.` passed, `x` failed."""
    standing, turns = standing or Standing(), []
    for minute, result in enumerate(results):
        at = START + minute * MINUTE
        standing, turn = judge(standing, ok=result == ".", at=at, thresholds=thresholds)
        turns.append(turn.value[0] if turn else "-")
    return "".join(turns), standing


@pytest.mark.feature("M3")
@pytest.mark.parametrize(
    ("results", "turns", "state", "since"),
    [
        (".", "-", UP, 0),
        ("..", "--", UP, 0),
        ("x", "-", UNKNOWN, None),
        ("xx.", "---", UP, 2),
        (".xx.xx.", "-------", UP, 0),
        ("xxx", "--O", DOWN, 0),
        (".xxx", "---O", DOWN, 1),
        (".xxxxx", "---O--", DOWN, 1),
        ("xxx.", "--O-", DOWN, 0),
        ("xxx..", "--O-C", UP, 3),
        ("xxx.x.x.", "--O-----", DOWN, 0),
        ("xxx...xx.", "--O-C----", UP, 3),
        ("xxx..xxx", "--O-C--R", DOWN, 5),
        ("xxx..xxx..xxx", "--O-C--R-C--R", DOWN, 10),
        ("xxx.." + "." * 10 + "xxx", "--O-C" + "-" * 10 + "--O", DOWN, 15),
        ("xxx.." + "." * 9 + "xxx", "--O-C" + "-" * 9 + "--R", DOWN, 14),
    ],
)
def test_a_row_of_results_turns_as_the_table_says(results, turns, state, since):
    turned, standing = walk(results)

    assert (turned, standing.state) == (turns, state)
    assert standing.since == (None if since is None else START + since * MINUTE)


@pytest.mark.feature("M7")
def test_our_own_stop_leaves_the_incident_open_and_counts_nothing_over_the_gap():
    _, down = walk("xxx.")

    gone = unwatched(down, since=START + 4 * MINUTE)
    one, _ = judge(gone, ok=True, at=START + 60 * MINUTE, thresholds=DEFAULT)
    two, closed = judge(one, ok=True, at=START + 61 * MINUTE, thresholds=DEFAULT)

    assert (gone.state, gone.incident_open, gone.successes) == (UNKNOWN, True, 0)
    assert (one.state, one.incident_open) == (UNKNOWN, True)
    assert (two.state, two.since, closed) == (UP, START + 60 * MINUTE, Turn.CLOSED)


@pytest.mark.feature("M7")
def test_a_known_fault_that_still_fails_after_our_stop_is_down_at_once():
    _, down = walk("xxx")
    gone = unwatched(down, since=START + 3 * MINUTE)

    back, turn = judge(gone, ok=False, at=START + 60 * MINUTE, thresholds=DEFAULT)

    assert (back.state, back.since, turn) == (DOWN, START + 60 * MINUTE, None)


def oracle(results: str, thresholds: Thresholds) -> list[tuple[int, str]]:
    """The turns by looking at the last N and M results alone."""
    turns: list[tuple[int, str]] = []
    opened, closed_at = False, None
    for index in range(len(results)):
        past = results[: index + 1]
        if not opened and past.endswith("x" * thresholds.failures):
            first = len(past.rstrip("x"))
            near = closed_at is not None and (first - closed_at) * MINUTE <= thresholds.hold
            turns.append((index, "R" if near else "O"))
            opened = True
        elif opened and past.endswith("." * thresholds.successes):
            turns.append((index, "C"))
            opened, closed_at = False, index
    return turns


@pytest.mark.feature("M3")
@given(
    st.text(alphabet="x.", max_size=80),
    st.integers(1, 5),
    st.integers(1, 4),
    st.integers(0, 20),
)
def test_turns_are_those_that_an_oracle_predicts(results, failures, successes, hold):
    thresholds = Thresholds(failures, successes, hold * MINUTE)

    turned, standing = walk(results, thresholds)

    assert [(at, turn) for at, turn in enumerate(turned) if turn != "-"] == oracle(
        results, thresholds
    )
    assert standing.incident_open is (standing.state is DOWN)

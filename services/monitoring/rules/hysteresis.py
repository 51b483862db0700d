"""When a row of results opens, closes and reopens an incident (M3)."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum


class ProbeState(StrEnum):
    """What is known of a target; UNKNOWN when nobody looked (M7)."""

    UNKNOWN = "UNKNOWN"
    UP = "UP"
    DOWN = "DOWN"


class Turn(StrEnum):
    """What a result made of a probe's incident."""

    OPENED = "OPENED"
    REOPENED = "REOPENED"
    CLOSED = "CLOSED"


@dataclass(frozen=True, slots=True)
class Thresholds:
    """N failures open, M successes close, and a return within `hold` is the same fault.

    So many `vantages` must see it, or all where fewer look (M5).
    """

    failures: int
    successes: int
    hold: timedelta
    vantages: int = 1


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a probe stands; `since` is when its state began, `run_since` when the count did.

    `failures` count towards opening, `successes` towards closing; at most one of them is not 0.
    """

    state: ProbeState = ProbeState.UNKNOWN
    since: datetime | None = None
    failures: int = 0
    successes: int = 0
    run_since: datetime | None = None
    incident_open: bool = False
    closed_at: datetime | None = None


def judge(
    standing: Standing, *, ok: bool, at: datetime, thresholds: Thresholds
) -> tuple[Standing, Turn | None]:
    """The standing after one more result.

    A state begins with the first result of the run that brought it about, not with the last: a
    target was down since it first failed.
    """
    if standing.incident_open:
        return _recovering(standing, at, thresholds) if ok else _still_down(standing, at)
    return _well(standing, at) if ok else _failing(standing, at, thresholds)


def _well(standing: Standing, at: datetime) -> tuple[Standing, None]:
    since = standing.since if standing.state is ProbeState.UP else at
    return replace(standing, state=ProbeState.UP, since=since, failures=0, run_since=None), None


def _failing(
    standing: Standing, at: datetime, thresholds: Thresholds
) -> tuple[Standing, Turn | None]:
    first = standing.run_since or at
    failures = standing.failures + 1
    if failures < thresholds.failures:
        return replace(standing, failures=failures, run_since=first), None
    closed_at = standing.closed_at
    returned = closed_at is not None and first - closed_at <= thresholds.hold
    opened = Standing(ProbeState.DOWN, first, incident_open=True)
    return opened, Turn.REOPENED if returned else Turn.OPENED


def _still_down(standing: Standing, at: datetime) -> tuple[Standing, None]:
    since = standing.since if standing.state is ProbeState.DOWN else at
    return replace(standing, state=ProbeState.DOWN, since=since, successes=0, run_since=None), None


def _recovering(
    standing: Standing, at: datetime, thresholds: Thresholds
) -> tuple[Standing, Turn | None]:
    first = standing.run_since or at
    successes = standing.successes + 1
    if successes < thresholds.successes:
        return replace(standing, successes=successes, run_since=first), None
    return Standing(ProbeState.UP, first, closed_at=at), Turn.CLOSED


def unwatched(standing: Standing, *, since: datetime) -> Standing:
    """Nobody looked from then on: the state is unknown, and no run of results goes on over it."""
    return replace(
        standing,
        state=ProbeState.UNKNOWN,
        since=since,
        failures=0,
        successes=0,
        run_since=None,
    )

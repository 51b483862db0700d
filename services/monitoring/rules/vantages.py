"""What several vantage points say together: k of those that look decide an outage (M5)."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from services.monitoring.rules.hysteresis import ProbeState, Standing, Turn


@dataclass(frozen=True, slots=True)
class Sight:
    """How one vantage point stands to a target; one that does not look is not asked."""

    state: ProbeState
    since: datetime | None
    watching: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is so wherever the undecided look, and since when."""

    state: ProbeState
    since: datetime


def verdict(sights: Iterable[Sight], *, needed: int) -> Verdict | None:
    """DOWN once `needed` see a fault, UP once too few are left to, None while it is open.

    Where fewer look than are needed, all of them must agree.
    """
    watching = [each for each in sights if each.watching]
    needed = min(needed, len(watching))
    down, up = _since(watching, ProbeState.DOWN), _since(watching, ProbeState.UP)
    if not watching:
        return None
    if len(down) >= needed:
        return Verdict(ProbeState.DOWN, down[needed - 1])
    if len(watching) - len(up) < needed:
        return Verdict(ProbeState.UP, up[len(watching) - needed])
    return None


def _since(sights: Iterable[Sight], state: ProbeState) -> list[datetime]:
    return sorted(each.since for each in sights if each.state is state and each.since is not None)


def decide(
    standing: Standing, said: Verdict | None, *, at: datetime, hold: timedelta
) -> tuple[Standing, Turn | None]:
    """The standing of the target after a verdict; a return within `hold` is the same fault (M3)."""
    if said is None:
        return standing, None
    since = said.since
    if standing.since is not None and since < standing.since:
        since = at  # another vantage point went: what it saw until now remains
    if standing.state is said.state and standing.since is not None:
        since = standing.since
    if said.state is ProbeState.UP:
        if standing.incident_open:
            return Standing(ProbeState.UP, since, closed_at=at), Turn.CLOSED
        return replace(standing, state=ProbeState.UP, since=since), None
    down = replace(standing, state=ProbeState.DOWN, since=since, incident_open=True)
    if standing.incident_open:
        return down, None
    closed_at = standing.closed_at
    returned = closed_at is not None and since - closed_at <= hold
    return replace(down, closed_at=None), Turn.REOPENED if returned else Turn.OPENED

"""Where the time of a period went: up, down, maintenance, unknown, and nothing else (M7)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.monitoring.rules.hysteresis import ProbeState

_NONE = timedelta()


@dataclass(frozen=True, slots=True)
class Change:
    """From `at` on, the state is this."""

    at: datetime
    state: ProbeState


@dataclass(frozen=True, slots=True)
class Span:
    """A filed window, or any stretch of time; `end` no longer belongs to it."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Account:
    """The four parts sum to the period; `raw_up` and `raw_down` are those without any window."""

    up: timedelta = _NONE
    down: timedelta = _NONE
    maintenance: timedelta = _NONE
    unknown: timedelta = _NONE
    raw_up: timedelta = _NONE
    raw_down: timedelta = _NONE

    @property
    def total(self) -> timedelta:
        return self.up + self.down + self.maintenance + self.unknown

    @property
    def raw_availability(self) -> float | None:
        """The share of the time that was watched; None when none was."""
        return _share(self.raw_up, self.raw_down)

    @property
    def adjusted_availability(self) -> float | None:
        """The same without the time inside of filed windows."""
        return _share(self.up, self.down)


def account(
    changes: Sequence[Change], *, windows: Sequence[Span], period: Span, watched_until: datetime
) -> Account:
    """Divide the period; `changes` are in order of time and begin before it where one did.

    What was not watched is unknown, inside a window too: nobody saw whether it was down.
    """
    kept = _merged(windows, period)
    parts = dict.fromkeys((ProbeState.UP, ProbeState.DOWN, ProbeState.UNKNOWN), _NONE)
    planned = dict(parts)
    for span, state in _stretches(changes, period, watched_until):
        inside = sum((_overlap(span, window) for window in kept), _NONE)
        parts[state] += span.end - span.start
        planned[state] += inside
    up, down = ProbeState.UP, ProbeState.DOWN
    return Account(
        up=parts[up] - planned[up],
        down=parts[down] - planned[down],
        maintenance=planned[up] + planned[down],
        unknown=parts[ProbeState.UNKNOWN],
        raw_up=parts[up],
        raw_down=parts[down],
    )


def seen_until(stored: datetime | None, *, now: datetime, interval: int) -> datetime:
    """Until when a probe was watched; a prober that was here two intervals ago is still here."""
    if stored is None:
        return datetime.min.replace(tzinfo=now.tzinfo)
    return now if now - stored <= timedelta(seconds=2 * interval) else stored


def _stretches(
    changes: Sequence[Change], period: Span, watched_until: datetime
) -> Iterator[tuple[Span, ProbeState]]:
    """The period, cut where the state changes; before the first change nothing is known."""
    known = [each for each in changes if each.at < watched_until]
    known.append(Change(watched_until, ProbeState.UNKNOWN))
    at, state = period.start, ProbeState.UNKNOWN
    for change in known:
        until = min(max(change.at, at), period.end)
        if until > at:
            yield Span(at, until), state
        at, state = until, change.state
    if period.end > at:
        yield Span(at, period.end), state


def _merged(windows: Sequence[Span], period: Span) -> list[Span]:
    """The windows within the period, none overlapping another: a minute counts once."""
    kept: list[Span] = []
    for window in sorted(windows, key=lambda each: each.start):
        start, end = max(window.start, period.start), min(window.end, period.end)
        if kept and start <= kept[-1].end:
            kept[-1] = Span(kept[-1].start, max(kept[-1].end, end))
        elif start < end:
            kept.append(Span(start, end))
    return kept


def _overlap(span: Span, window: Span) -> timedelta:
    return max(min(span.end, window.end) - max(span.start, window.start), _NONE)


def _share(up: timedelta, down: timedelta) -> float | None:
    watched = up + down
    return up / watched if watched else None

"""How long an event waits for the ones before it, and where they are looked for meanwhile."""

import asyncio
from collections.abc import Iterable
from typing import Any

from shared.messaging.bootstrap import Bootstrap
from shared.messaging.handling import Arrival
from shared.messaging.inbox.gate import Aggregate


class Gaps:
    """What is early, since when, and whether its publisher's record was asked."""

    def __init__(self, *, grace: float, bootstrap: Bootstrap | None) -> None:
        self._grace = grace
        self._bootstrap = bootstrap
        self._early_since: dict[Any, float] = {}
        self._held_up_at: dict[Aggregate, float] = {}
        self._asked_record: set[Any] = set()

    def overdue(self, early: Iterable[Arrival]) -> list[Arrival]:
        """Those whose predecessors are missing for longer than the grace, in the record too."""
        now = asyncio.get_running_loop().time()
        overdue = [each for each in early if now - self._missing_since(each, now) >= self._grace]
        if self._bootstrap is None:
            return overdue
        for each in overdue:
            if each.id not in self._asked_record:
                self._asked_record.add(each.id)
                self._bootstrap.ask(each.source)
        return [each for each in overdue if not self._bootstrap.may_help(each)]

    def hold_up(self, arrivals: Iterable[Arrival]) -> None:
        """These came and may pass later: what is behind them misses nothing."""
        now = asyncio.get_running_loop().time()
        self._held_up_at.update((each.aggregate, now) for each in arrivals)

    def settle(self, arrival: Arrival) -> None:
        """It is early no more."""
        if self._early_since:
            self._early_since.pop(arrival.id, None)
            self._asked_record.discard(arrival.id)
        if self._held_up_at:
            self._held_up_at.pop(arrival.aggregate, None)

    def _missing_since(self, early: Arrival, now: float) -> float:
        since = self._early_since.setdefault(early.id, now)
        return max(since, self._held_up_at.get(early.aggregate, since))

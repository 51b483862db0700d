"""How long an event waits for the ones before it, and where they are looked for meanwhile."""

import asyncio
from collections.abc import Iterable
from typing import Any

from shared.messaging.bootstrap import Bootstrap
from shared.messaging.handling import Arrival


class Gaps:
    """What is early, since when, and whether its publisher's record was asked."""

    def __init__(self, *, grace: float, bootstrap: Bootstrap | None) -> None:
        self._grace = grace
        self._bootstrap = bootstrap
        self._early_since: dict[Any, float] = {}
        self._asked_record: set[Any] = set()

    def overdue(self, early: Iterable[Arrival]) -> list[Arrival]:
        """Those whose predecessors are missing for longer than the grace, in the record too."""
        now = asyncio.get_running_loop().time()
        overdue = [
            each
            for each in early
            if now - self._early_since.setdefault(each.id, now) >= self._grace
        ]
        if self._bootstrap is None:
            return overdue
        for each in overdue:
            if each.id not in self._asked_record:
                self._asked_record.add(each.id)
                self._bootstrap.ask(each.source)
        return [each for each in overdue if not self._bootstrap.may_help(each)]

    def settle(self, arrival: Arrival) -> None:
        """It is early no more."""
        if self._early_since:
            self._early_since.pop(arrival.id, None)
            self._asked_record.discard(arrival.id)

"""When each probe is due: a heap of instants, one timer, no drift."""

import heapq
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from services.monitoring.commands.shards import Watched
from services.monitoring.rules.probing import first_due, next_due


class Wheel:
    """The probes of the shards that are held; an instant that was missed is not made up for."""

    def __init__(self) -> None:
        self.probes: dict[UUID, Watched] = {}
        self._due: list[tuple[float, int, UUID, datetime]] = []
        self._placed: dict[UUID, datetime] = {}
        self._number = 0

    def put(self, probe: Watched, *, now: float) -> None:
        """Take up a probe, or its newer version; one that no longer runs is let go."""
        if not probe.running:
            self.drop(probe.id)
            return
        known = self.probes.get(probe.id)
        if known is not None and known.changed_at == probe.changed_at:
            if not probe.settled:  # by what another vantage point saw: the next result is weighed
                self.probes[probe.id] = replace(known, settled=False)
            return
        self.probes[probe.id] = probe
        self._placed[probe.id] = probe.changed_at
        due = next_due(probe.id, probe.interval, now) if probe.seen else first_due(probe.id, now)
        self._push(due, probe)

    def drop(self, probe_id: UUID) -> None:
        self.probes.pop(probe_id, None)
        self._placed.pop(probe_id, None)

    def due(self, now: float) -> Iterator[tuple[Watched, float]]:
        """Each probe whose instant has come, with that instant; its next one is set."""
        while self._due and self._due[0][0] <= now:
            due, _, probe_id, version = heapq.heappop(self._due)
            probe = self.probes.get(probe_id)
            if probe is None or self._placed.get(probe_id) != version:
                continue  # it was dropped, or stands here in a newer version
            self._push(next_due(probe_id, probe.interval, max(due, now - probe.interval)), probe)
            yield probe, due

    def _push(self, due: float, probe: Watched) -> None:
        self._number += 1
        heapq.heappush(self._due, (due, self._number, probe.id, self._placed[probe.id]))

"""Which probes may begin now: never two of one target, a few of one host, so many in all."""

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from uuid import UUID

from services.monitoring.commands.shards import Watched

_LOOKED_AT = 64  # of those who wait, at each end of a probe


@dataclass(slots=True)
class Turnstile:
    """Those who may not begin wait in order; a probe that still waits when it is due again waits
    on, with the instant that it first waited for."""

    most: int
    per_host: int = 1
    running: dict[UUID, Watched] = field(default_factory=dict)
    _urls: set[str] = field(default_factory=set)
    _hosts: Counter[str] = field(default_factory=Counter)
    _waiting: deque[tuple[Watched, str, float]] = field(default_factory=deque)
    _waits: set[UUID] = field(default_factory=set)

    def come(self, probe: Watched, host: str, due: float) -> bool:
        """Whether it may begin; otherwise it waits."""
        if self._may(probe, host):
            self._begin(probe, host)
            return True
        if probe.id not in self._waits:
            self._waits.add(probe.id)
            self._waiting.append((probe, host, due))
        return False

    def end(self, probe: Watched, host: str) -> Iterator[tuple[Watched, str, float]]:
        """One has ended: those who may now begin, and have."""
        del self.running[probe.id]
        self._urls.discard(probe.url)
        self._hosts[host] -= 1
        if not self._hosts[host]:
            del self._hosts[host]
        for _ in range(min(len(self._waiting), _LOOKED_AT)):
            waiting, its_host, due = self._waiting.popleft()
            if self._may(waiting, its_host):
                self._waits.discard(waiting.id)
                self._begin(waiting, its_host)
                yield waiting, its_host, due
            else:
                self._waiting.append((waiting, its_host, due))

    def _may(self, probe: Watched, host: str) -> bool:
        return (
            len(self.running) < self.most
            and probe.id not in self.running
            and probe.url not in self._urls
            and self._hosts[host] < self.per_host
        )

    def _begin(self, probe: Watched, host: str) -> None:
        self.running[probe.id] = probe
        self._urls.add(probe.url)
        self._hosts[host] += 1

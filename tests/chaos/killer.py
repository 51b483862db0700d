"""Who is killed when, and for how long: a schedule that follows from its seed."""

import heapq
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

KILL_EVERY = (0.3, 1.2)  # seconds
DOWN_FOR = (0.0, 0.4)  # seconds
_LOOK_EVERY = 0.2  # seconds


@dataclass(frozen=True, slots=True)
class Kill:
    at: float
    target: str
    down: float


class Mortal(Protocol):
    """A world whose parts can be killed and started again by name."""

    def kill(self, name: str) -> bool: ...

    def start(self, name: str) -> None: ...

    def revive(self) -> list[str]: ...


@dataclass
class Toll:
    """What really happened: kills by target, without those that had ended before."""

    kills: dict[str, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        return sum(self.kills.values())


def schedule(seed: int, targets: Sequence[str], seconds: float) -> Iterator[Kill]:
    """One kill every 0.3 to 1.2 s, of a target that is not down by the schedule itself."""
    chance = random.Random(seed)
    down_until: dict[str, float] = {}
    at = 0.0
    while (at := at + chance.uniform(*KILL_EVERY)) < seconds:
        up = [each for each in targets if down_until.get(each, 0.0) <= at]
        kill = Kill(at, chance.choice(up), chance.uniform(*DOWN_FOR))
        down_until[kill.target] = kill.at + kill.down
        yield kill


def carry_out(
    kills: Sequence[Kill], world: Mortal, *, seconds: float, watch: Callable[[], None]
) -> Toll:
    """Kill and restart as scheduled, for so many seconds; in the end everything is up.

    What blocks (a database in recovery) delays what follows, and what would then come after the
    end is left out. Meanwhile whatever ended by itself is started again, and `watch` is called.
    """
    toll = Toll()
    began = time.monotonic()
    down: set[str] = set()
    acts: list[tuple[float, int, str, str]] = []
    for number, kill in enumerate(kills):
        heapq.heappush(acts, (kill.at, 2 * number, "kill", kill.target))
        heapq.heappush(acts, (kill.at + kill.down, 2 * number + 1, "start", kill.target))
    while acts:
        at, _, act, target = heapq.heappop(acts)
        while (left := began + at - time.monotonic()) > 0:
            time.sleep(min(left, _LOOK_EVERY))
            world.revive()
            watch()
        if act == "start" and target in down:
            down.remove(target)
            world.start(target)
        elif act == "kill" and target not in down and time.monotonic() < began + seconds:
            down.add(target)
            if world.kill(target):
                toll.kills[target] = toll.kills.get(target, 0) + 1
    return toll

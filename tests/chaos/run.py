"""One run of the ledger: a world, its load, the kills, the silence afterwards, and the books."""

import asyncio
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.chaos.books import Answers, quiet_within, read_books
from tests.chaos.clients import DEADLINE
from tests.chaos.faults import CONTROLS
from tests.chaos.invariants import Finding, check_all
from tests.chaos.killer import Kill, Toll, carry_out, schedule
from tests.chaos.prepare import Prepared, prepare
from tests.chaos.world import Ending, World, opened, wait_for

CONCURRENCY = 10
HEALS_WITHIN = 15.0  # seconds; the target of reliability §10
PATIENCE = 90.0  # seconds until a run that does not heal is judged as it is
_RAMP = 0.5  # seconds of load before the first kill and after the last


@dataclass(frozen=True)
class Result:
    """What one run found."""

    seed: int
    faults: tuple[str, ...]
    seconds: float
    kills: Sequence[Kill]
    toll: Toll
    ended_by_themselves: Sequence[Ending]
    answers: Answers
    findings: Sequence[Finding]
    heal: float | None

    @property
    def broken(self) -> frozenset[str]:
        """The invariants that do not hold; I9 is that it heals at all, and in time."""
        names = {finding.invariant for finding in self.findings if finding.broken}
        if self.heal is None or self.heal > HEALS_WITHIN:
            names.add("I9")
        return frozenset(names)

    @property
    def unchecked(self) -> frozenset[str]:
        """Invariants that compared nothing: zero of nothing is no success."""
        return frozenset(each.invariant for each in self.findings if not each.checked)


def run(
    folder: Path,
    *,
    seed: int,
    seconds: float,
    faults: Sequence[str] = (),
    patience: float = PATIENCE,
    say: Callable[[str], None] = lambda _line: None,
) -> Result:
    """Open a world and break it for so many seconds; main thread only."""
    with opened(folder, faults=faults) as world:
        say("preparing")
        prepared = asyncio.run(prepare(world.gateway, world.first_secret))
        return run_in(world, prepared, seed=seed, seconds=seconds, patience=patience, say=say)


def run_in(
    world: World,
    prepared: Prepared,
    *,
    seed: int,
    seconds: float,
    patience: float = PATIENCE,
    say: Callable[[str], None] = lambda _line: None,
) -> Result:
    """Load it, kill, wait until it is quiet, and look at what is left."""
    world.start_clients(clients_of(world, prepared, seed=seed))
    world.ended_by_themselves.clear()
    kills = tuple(schedule(seed, _victims(world), seconds))
    say(f"killing {len(kills)} times in {seconds:.0f} s")
    time.sleep(_RAMP)
    toll = carry_out(kills, world, seconds=seconds, watch=_reporter(world, say))
    ended = time.monotonic()
    time.sleep(_RAMP)
    world.stop_clients()
    wait_for(
        lambda: not world.revive() and world.clients_ended,
        seconds=DEADLINE + PATIENCE,
        what="the last answers",
    )
    quiet = asyncio.run(quiet_within(world, patience))
    heal = None if quiet is None else time.monotonic() - ended
    say("reading the books")
    answers = Answers.read(world.ledger)
    return Result(
        seed=seed,
        faults=tuple(world.faults),
        seconds=seconds,
        kills=kills,
        toll=toll,
        ended_by_themselves=tuple(world.ended_by_themselves),
        answers=answers,
        findings=asyncio.run(_judge(world, answers)),
        heal=heal,
    )


def clients_of(
    world: World, prepared: Prepared, *, seed: int, concurrency: int = CONCURRENCY
) -> dict[str, Any]:
    """What the clients are told."""
    return {
        **asdict(prepared),
        "ledger": str(world.ledger),
        "gateway": world.gateway,
        "seed": seed,
        "concurrency": concurrency,
    }


def _victims(world: World) -> list[str]:
    """Everybody, unless a bug shows best where some are killed."""
    chosen = {name for fault in world.faults for name in CONTROLS[fault].victims}
    return [name for name in world.targets if not chosen or name in chosen]


async def _judge(world: World, answers: Answers) -> list[Finding]:
    return await check_all(answers, await read_books(world))


def _reporter(
    world: World, say: Callable[[str], None], *, every: float = 30.0
) -> Callable[[], None]:
    """Tell now and then how far it has come."""
    last = time.monotonic()

    def watch() -> None:
        nonlocal last
        if time.monotonic() - last > every and world.ledger.exists():
            last = time.monotonic()
            with world.ledger.open("rb") as lines:
                say(f"{sum(1 for _ in lines)} attempts so far")

    return watch


def to_terminal(line: str) -> None:
    sys.stderr.write(f"… {line}\n")
    sys.stderr.flush()

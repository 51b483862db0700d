"""How a figure is taken: CPU of process trees, foreign CPU beside it, rounds in turn, medians.

CPU time is the primary figure: it repeats within a tenth while the wall clock of a shared machine
moves by more than a half. Wall figures count only when the server was busy and nobody else was.
"""

import os
import resource
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

QUIET = 0.2  # cores of foreign CPU; above it wall figures stand in brackets
BUSY = 0.9  # cores that a saturated server uses; below it the generator was the limit
ROUNDS = 3
_TICKS = os.sysconf("SC_CLK_TCK")
_PPID, _CUTIME, _CSTIME = 1, 13, 14  # in /proc/PID/stat, counted after the command's name
_IDLE, _IOWAIT = 3, 4  # in the first line of /proc/stat


class Wrong(Exception):
    """A fast wrong answer: the run fails whatever its figures say."""


def check(holds: bool, said: str) -> None:
    """Raise `Wrong` unless it holds."""
    if not holds:
        raise Wrong(said)


@dataclass(frozen=True, slots=True)
class Sample:
    """One round of one variant; seconds, and CPU seconds by the names of the watched trees."""

    done: int
    seconds: float
    cpu: Mapping[str, float] = field(default_factory=dict)
    foreign: float = 0.0
    p50: float | None = None
    p99: float | None = None

    @property
    def rate(self) -> float:
        return self.done / self.seconds

    def cost(self, *trees: str) -> float:
        """CPU seconds for one thing done, of the named trees or of all."""
        return sum(self.cpu[tree] for tree in trees or self.cpu) / self.done

    def busy(self, tree: str) -> float:
        """Cores that the tree kept busy."""
        return self.cpu[tree] / self.seconds


Variant = Callable[[], Sample]


@dataclass(frozen=True, slots=True)
class Row:
    """One ratio of goals.toml; `measured` is None when its peer is absent.

    `busy` is given for figures of the wall clock: the cores that the measured server used.
    """

    name: str
    measured: float | None
    detail: str
    foreign: float = 0.0
    busy: float | None = None

    @property
    def doubtful(self) -> bool:
        """A wall figure of a disturbed machine, or of a server that waited for its clients."""
        return self.busy is not None and (self.foreign > QUIET or self.busy < BUSY)


# --- CPU ------------------------------------------------------------------------------------------


@dataclass
class Watched:
    """What was used while it was watched."""

    seconds: float = 0.0
    cpu: dict[str, float] = field(default_factory=dict)
    foreign: float = 0.0

    def sample(self, done: int, *, p50: float | None = None, p99: float | None = None) -> Sample:
        return Sample(done, self.seconds, self.cpu, self.foreign, p50, p99)


@contextmanager
def watched(**trees: int) -> Iterator[Watched]:
    """CPU of the trees below the given process ids, and of everything that is not ours."""
    used = Watched()
    before = _look(trees)
    yield used
    after = _look(trees)
    at, busy, ours = (b - a for a, b in zip(before[:3], after[:3], strict=True))
    used.seconds = at
    used.foreign = max(0.0, (busy - ours) / at)
    used.cpu = {name: after[3][name] - before[3][name] for name in trees}


@contextmanager
def reaped() -> Iterator[Watched]:
    """CPU of the programs that are run and ended inside."""
    used = Watched()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    yield used
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used.cpu["client"] = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _look(trees: Mapping[str, int]) -> tuple[float, float, float, dict[str, float]]:
    children = _children()
    cpu = {name: _cpu(_below(root, children)) for name, root in trees.items()}
    ours = _cpu(_below(os.getpid(), children))
    return time.perf_counter(), _machine(), ours, cpu


def _cpu(processes: Iterable[int]) -> float:
    """Seconds: the scheduler's own count of each thread, and what ended children left behind."""
    total = 0.0
    for pid in processes:
        with suppress(OSError):  # it ended meanwhile: its parent has it
            for thread in Path(f"/proc/{pid}/task").iterdir():
                total += int((thread / "schedstat").read_bytes().split()[0]) / 1e9
            fields = _stat(pid)
            total += (int(fields[_CUTIME]) + int(fields[_CSTIME])) / _TICKS
    return total


def _machine() -> float:
    """Busy seconds of all cores since boot, time stolen by other machines included."""
    with Path("/proc/stat").open(encoding="ascii") as file:
        ticks = [int(each) for each in file.readline().split()[1:9]]
    return (sum(ticks) - ticks[_IDLE] - ticks[_IOWAIT]) / _TICKS


def _stat(pid: int) -> list[str]:
    text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    return text.rpartition(")")[2].split()


def _children() -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            with suppress(OSError):
                found.setdefault(int(_stat(int(entry.name))[_PPID]), []).append(int(entry.name))
    return found


def _below(root: int, children: Mapping[int, Sequence[int]]) -> list[int]:
    found = [root]
    for pid in found:
        found += children.get(pid, ())
    return found


# --- cores ----------------------------------------------------------------------------------------

CORES = sorted(os.sched_getaffinity(0))
SERVER = {CORES[0]}  # the measured server, alone
OTHERS = {CORES[-1]}  # generators, peers' upstreams, Postgres, NATS


@contextmanager
def on_cores(cores: set[int]) -> Iterator[None]:
    """Everything that is started inside stays on these cores."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def pin(root: int, cores: set[int]) -> None:
    """Move a tree that runs already, thread by thread."""
    for pid in _below(root, _children()):
        with suppress(OSError):
            for thread in Path(f"/proc/{pid}/task").iterdir():
                os.sched_setaffinity(int(thread.name), cores)


# --- rounds ---------------------------------------------------------------------------------------


def alternate(variants: Mapping[str, Variant], *, rounds: int = ROUNDS) -> dict[str, Sample]:
    """Run A, B, C, A, B, C, … and give the median of each; a disturbed round is repeated once."""
    taken: dict[str, list[Sample]] = {name: [] for name in variants}
    repeated: set[str] = set()
    for _ in range(rounds):
        for name, variant in variants.items():
            sample = variant()
            if sample.foreign > QUIET and name not in repeated:
                repeated.add(name)
                again = variant()
                sample = min(sample, again, key=lambda each: each.foreign)
            taken[name].append(sample)
    return {name: median(samples) for name, samples in taken.items()}


def median(samples: Sequence[Sample]) -> Sample:
    """The median of each figure for itself, for one second and per thing done."""
    rate = statistics.median(each.rate for each in samples)
    per_done = {
        tree: statistics.median(each.cost(tree) for each in samples) for tree in samples[0].cpu
    }
    done = round(rate * 1000)  # enough digits: a sample counts whole things
    return Sample(
        done=done,
        seconds=done / rate,
        cpu={tree: cost * done for tree, cost in per_done.items()},
        foreign=statistics.median(each.foreign for each in samples),
        p50=_median(each.p50 for each in samples),
        p99=_median(each.p99 for each in samples),
    )


def _median(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def quantile(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]

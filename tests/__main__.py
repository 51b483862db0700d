"""`python -m tests [--all]`: the suites, four at a time, and the time of each.

A suite is one process with servers of its own, and waits for clocks and processes a good part of
its time: with four both cores have work until the end. The longest begin first. The ledger kills
processes against the clock: it has the machine to itself.
"""

import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

LANES = 4
MACHINE = "tests/gateway/test_schemathesis.py"
PROBING = [
    f"tests/monitoring/test_{name}.py"
    for name in ("watching", "suppression", "walks", "heartbeats")
]
LEDGER = "tests/journeys/test_ledger.py"


class Suite(NamedTuple):
    """Test folders or files, and what of them belongs to another suite."""

    name: str
    paths: Sequence[str]
    without: Sequence[str] = ()


class Result(NamedTuple):
    name: str
    seconds: float
    code: int


SUITES = (
    Suite("gateway", ["tests/gateway"], without=[MACHINE]),
    Suite("a prober at work", PROBING),
    Suite("filing", ["tests/filing"]),
    Suite("monitoring", ["tests/monitoring"], without=PROBING),
    Suite("local servers", ["tests/deploy"]),
    Suite("every operation by machine", [MACHINE]),
    Suite("toolbox", ["tests/shared"]),
    Suite("catalog", ["tests/catalog"]),
    Suite("journeys", ["tests/journeys"], without=[LEDGER]),
    Suite("static walls and contracts", ["tests/architecture"]),
)
ALONE = (Suite("ledger", [LEDGER]),)


def run(suite: Suite, *, everything: bool) -> Result:
    """Run one suite, and show what it said when it is over."""
    command = [sys.executable, "-m", "pytest", "-q", *suite.paths]
    command += [f"--ignore={path}" for path in suite.without]
    command += [] if everything else ["-m", "not slow"]
    started = time.monotonic()
    done = subprocess.run(
        command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8"
    )
    result = Result(suite.name, time.monotonic() - started, done.returncode)
    sys.stdout.write(f"\n== {suite.name}: {result.seconds:.1f} s\n{done.stdout}")
    sys.stdout.flush()
    return result


def main() -> int:
    everything = "--all" in sys.argv[1:]
    started = time.monotonic()
    with ThreadPoolExecutor(LANES) as lanes:
        results = list(lanes.map(lambda suite: run(suite, everything=everything), SUITES))
    results += [run(suite, everything=everything) for suite in ALONE]
    lines = [
        f"{seconds:7.1f} s  {name}{'  FAILED' if code else ''}\n" for name, seconds, code in results
    ]
    sys.stdout.write("\n" + "".join(lines))
    sys.stdout.write(f"{time.monotonic() - started:7.1f} s  in all\n")
    return int(any(result.code for result in results))


if __name__ == "__main__":
    sys.exit(main())

"""`python -m tests.chaos [--minutes 10] [--seed N] [--control NAME | --controls]`."""

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.chaos import report
from tests.chaos.faults import CONTROLS
from tests.chaos.run import Result, run, to_terminal

CONTROL_SECONDS = 30.0


def main(arguments: Sequence[str]) -> int:
    """0 when every invariant held, or when every control was caught."""
    asked = _parse(arguments)
    seed = time.time_ns() % 1_000_000 if asked.seed is None else asked.seed
    controls = list(CONTROLS) if asked.controls else [asked.control] if asked.control else []
    seconds = asked.minutes * 60 if asked.minutes is not None else 600.0
    results: list[Result] = []
    for fault in controls or [None]:
        if controls:
            seconds = CONTROL_SECONDS if asked.minutes is None else seconds
        to_terminal(f"{fault or 'ledger'}: seed {seed}, {seconds:.0f} s")
        with tempfile.TemporaryDirectory(prefix="gft-ledger-") as folder:
            result = run(
                Path(folder),
                seed=seed,
                seconds=seconds,
                faults=(fault,) if fault else (),
                patience=45.0 if fault else 90.0,
                say=to_terminal,
            )
        results.append(result)
        if asked.schedule:
            sys.stdout.write(report.schedule_of(result) + "\n")
        sys.stdout.write(report.details(result) + "\n")
    sys.stdout.write("\n" + report.table(results) + "\n")
    if controls:
        sys.stdout.write(report.caught(results) + "\n")
        return 0 if all(report.is_caught(each) for each in results) else 1
    return 1 if results[0].broken or results[0].unchecked else 0


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, help="of kills (10; of a control half a minute)")
    parser.add_argument("--seed", type=int, help="repeats a schedule")
    parser.add_argument("--schedule", action="store_true", help="print who was killed when")
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--control", choices=sorted(CONTROLS), help="with this bug built in")
    group.add_argument("--controls", action="store_true", help="with each bug in turn")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

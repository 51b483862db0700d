"""`python -m tests [--all]`: run the suites one after another and print the time of each."""

import subprocess
import sys
import time
from pathlib import Path

SUITES = (
    ("static walls and contracts", ["tests/architecture"], "2"),
    ("toolbox", ["tests/shared"], "2"),
    ("local servers", ["tests/deploy"], "2"),
    ("services and gateway", ["tests/catalog", "tests/filing", "tests/gateway"], "2"),
    ("journeys", ["tests/journeys"], "0"),
)


def main() -> int:
    everything = "--all" in sys.argv[1:]
    failed = 0
    times: list[tuple[str, float]] = []
    for name, folders, workers in SUITES:
        present = [folder for folder in folders if any(Path(folder).rglob("test_*.py"))]
        if not present:
            continue
        sys.stdout.write(f"\n== {name}\n")
        sys.stdout.flush()
        started = time.monotonic()
        command = [sys.executable, "-m", "pytest", "-q", *present]
        command += ["-n", workers, "--dist", "loadfile"] if workers != "0" else []
        command += [] if everything else ["-m", "not slow"]
        failed |= subprocess.run(command, check=False).returncode
        times.append((name, time.monotonic() - started))
    sys.stdout.write("\n" + "".join(f"{seconds:7.1f} s  {name}\n" for name, seconds in times))
    return failed


if __name__ == "__main__":
    sys.exit(main())

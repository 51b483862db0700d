"""`python -m bench [--large] [CASE ...]`: run the cases, print the table, write docs/bench.md.

`--large` runs those that first fill millions of rows, and writes docs/bench-large.md. The exit code
is 1 below a floor or on a wrong answer. With cases named only those run, and the page stays.
"""

import argparse
import sys
import time
import traceback
from collections.abc import Sequence
from datetime import UTC, datetime

from bench import report
from bench.cases import (
    Case,
    command,
    events,
    gateway,
    large,
    page,
    probe,
    search,
    store,
)
from bench.harness import Row, Wrong, alternate
from bench.stage import Stage, stage
from deploy.local.state import LaunchError

CASES: tuple[Case, ...] = (
    *gateway.CASES,
    *page.CASES,
    *command.CASES,
    *events.CASES,
    *search.CASES,
    *probe.CASES,
    *store.CASES,
)
LARGE: tuple[Case, ...] = (*large.CASES, *probe.AT_SIZE)


def main(arguments: Sequence[str]) -> int:
    chosen = _arguments(arguments)
    page_of = {CASES: report.PAGE, LARGE: report.LARGE_PAGE}.get(chosen)
    begun, at = time.perf_counter(), datetime.now(UTC)
    rows: list[Row] = []
    wrong: list[str] = []
    try:
        with stage() as made:
            notes = _notes(made)
            _say(f"ready after {time.perf_counter() - begun:.0f} s")
            for case in chosen:
                taken = time.perf_counter()
                try:
                    rows += _measure(case, made)
                except Exception as error:  # noqa: BLE001 the other cases are measured all the same
                    if not isinstance(error, Wrong):
                        traceback.print_exc()
                    wrong.append(f"{case.name}: {error!r}")
                _say(f"{case.name}: {time.perf_counter() - taken:.0f} s")
    except LaunchError as error:
        print(error.message_zh, error.message_en, sep="\n", file=sys.stderr)
        return 1
    seconds = time.perf_counter() - begun
    print(report.terminal(rows))
    if page_of is not None:
        page_of.write_text(report.page(rows, at=at, seconds=seconds, notes=notes), "utf-8")
        report.RESULTS.mkdir(exist_ok=True)
        kept = report.RESULTS / f"{at:%Y%m%dT%H%M%SZ}.json"
        kept.write_text(report.as_json(rows, at=at, seconds=seconds, notes=notes), "utf-8")
    for each in wrong:
        print(f"WRONG: {each}", file=sys.stderr)
    for name in report.failed(rows):
        print(f"below its floor: {name}", file=sys.stderr)
    return 1 if wrong or report.failed(rows) else 0


def _measure(case: Case, made: Stage) -> list[Row]:
    with case.variants(made) as variants:
        return list(case.ratios(alternate(variants, rounds=case.rounds)))


def _notes(made: Stage) -> list[str]:
    if made.peers is None:
        return ["nginx and wrk were absent; bench/load.py, one process, made the HTTP load."]
    blackbox = ", blackbox_exporter" if made.peers.blackbox is not None else ""
    return [f"nginx, wrk{blackbox} came from Debian packages (`make bench-peers`)."]


def _arguments(arguments: Sequence[str]) -> tuple[Case, ...]:
    known = {case.name: case for case in (*CASES, *LARGE)}
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("cases", nargs="*", metavar="CASE", help=", ".join(known))
    parser.add_argument("--large", action="store_true", help="millions of rows")
    given = parser.parse_args(arguments)
    wanted = given.cases
    unknown = set(wanted) - set(known)
    if unknown:
        parser.error(f"no such case: {', '.join(sorted(unknown))}")
    return tuple(known[name] for name in wanted) or (LARGE if given.large else CASES)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

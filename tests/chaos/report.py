"""The figures of a run as one table, and its schedule so that it can be repeated."""

from collections.abc import Iterable, Iterator, Sequence

from tests.chaos.faults import CONTROLS
from tests.chaos.run import Result

HEAD = (
    "run", "seed", "kills", "acknowledged", "lost", "duplicated", "out of order",
    "heal s", "p99 s", "within 5 s", "broken",
)  # fmt: skip


def table(results: Iterable[Result]) -> str:
    """One line a run; the last tells them together when there are several."""
    results = list(results)
    rows = [HEAD, *(_row(result) for result in results)]
    sound = [each for each in results if not each.faults]
    if len(sound) > 1:
        rows.append(_total(sound))
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    return "\n".join(
        "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def details(result: Result) -> str:
    """The invariants one by one with what they compared, and who was killed."""
    return "\n".join(_details(result))


def schedule_of(result: Result) -> str:
    return "\n".join(
        f"{kill.at:8.3f} s  {kill.target:<10} down {kill.down:.3f} s" for kill in result.kills
    )


def caught(results: Sequence[Result]) -> str:
    """How many of the seeded bugs broke what they had to break."""
    found = [each for each in results if is_caught(each)]
    return f"controls caught {len(found)}/{len(results)}"


def is_caught(result: Result) -> bool:
    return bool(CONTROLS[result.faults[0]].breaks & result.broken)


def _row(result: Result) -> tuple[str, ...]:
    took = sorted(result.answers.seconds_to_answer)
    lost, duplicated, disordered = _figures(result)
    return (
        ("control: " + result.faults[0]) if result.faults else f"ledger {result.seconds:.0f} s",
        str(result.seed),
        str(result.toll.total),
        str(len(took)),
        str(lost),
        str(duplicated),
        str(disordered),
        "-" if result.heal is None else f"{result.heal:.1f}",
        f"{percentile(took, 0.99):.2f}",
        f"{_share_within(took, result, 5.0):.2%}",
        ",".join(sorted(result.broken)) or "-",
    )


def _figures(result: Result) -> tuple[int, int, int]:
    return (
        sum(len(each.lost) for each in result.findings),
        sum(len(each.duplicated) for each in result.findings),
        sum(len(each.disordered) for each in result.findings),
    )


def _total(results: Sequence[Result]) -> tuple[str, ...]:
    took = sorted(each for result in results for each in result.answers.seconds_to_answer)
    figures = [_figures(each) for each in results]
    heals = [each.heal for each in results if each.heal is not None]
    return (
        "together",
        "",
        str(sum(each.toll.total for each in results)),
        str(len(took)),
        *(str(sum(column)) for column in zip(*figures, strict=True)),
        f"{max(heals, default=0):.1f}",
        f"{percentile(took, 0.99):.2f}",
        "",
        ",".join(sorted(frozenset().union(*(each.broken for each in results)))) or "-",
    )


def _share_within(took: Sequence[float], result: Result, seconds: float) -> float:
    """Of the requests that were pursued: those that gave up after one attempt do not count."""
    pursued = [each for each in result.answers.all if len(each) > 1 or each[0].acknowledged]
    return sum(1 for each in took if each <= seconds) / max(1, len(pursued))


def _details(result: Result) -> Iterator[str]:
    for finding in result.findings:
        verdict = "holds" if not finding.broken else f"BROKEN {finding.broken} times"
        yield f"  {finding.invariant}  {finding.statement}: {verdict} ({finding.checked} compared)"
        yield from (f"        {example}" for example in finding.examples)
    kills = ", ".join(f"{name} {count}" for name, count in sorted(result.toll.kills.items()))
    yield f"  killed: {kills}"
    for ending in result.ended_by_themselves:
        yield f"  ended by itself: {ending.name} (exit code {ending.code})"
        yield from (f"        {line}" for line in ending.last_lines.splitlines())


def percentile(ordered: Sequence[float], share: float) -> float:
    """Of values in ascending order; 0 for none."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0

"""One module a subject; each case sets up, gives its rounds, tears down, and compares."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass

from bench.harness import ROUNDS, Row, Sample, Variant
from bench.stage import Stage


@dataclass(frozen=True, slots=True)
class Case:
    """What is compared: the rounds of `variants` are run in turn, `ratios` reads their medians."""

    name: str
    variants: Callable[[Stage], AbstractContextManager[Mapping[str, Variant]]]
    ratios: Callable[[Mapping[str, Sample]], Iterable[Row]]
    rounds: int = ROUNDS

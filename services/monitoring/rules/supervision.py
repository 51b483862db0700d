"""Checks of listed services: how they are made, and what a check must hold (A24.1). Pure."""

from collections.abc import Iterator
from enum import StrEnum

from services.monitoring.rules.rectifications import KINDS, FindingKind
from shared.errors import FieldError


class Method(StrEnum):
    """随机抽查, 模拟办事, 电子监察."""

    RANDOM_CHECK = "RANDOM_CHECK"
    MOCK_TRANSACTION = "MOCK_TRANSACTION"
    ELECTRONIC = "ELECTRONIC"


def check_flaws(
    *,
    method: Method,
    sampled: bool,
    walked: bool,
    passed: bool,
    kind: FindingKind | None,
    evidence: int,
) -> Iterator[FieldError]:
    """A random check comes from a sample; what fails says what is wrong, and shows it."""
    if method is Method.RANDOM_CHECK and not sampled:
        yield FieldError("/sample_id", "supervision.sample_needed")
    if walked and method is not Method.MOCK_TRANSACTION:
        yield FieldError("/walk_run_id", "supervision.no_walk")
    if passed:
        if kind is not None:
            yield FieldError("/kind", "supervision.nothing_found")
        return
    if kind is None or not KINDS[kind].by_hand:
        yield FieldError("/kind", "supervision.kind_needed")
    if not evidence:
        yield FieldError("/evidence", "supervision.evidence_needed")

"""Inspections: what a plan asks of whom, and what a run must answer (A16.1, A17.2). Pure."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from shared.errors import FieldError

FREQUENCIES: Final = ("DAY", "WEEK", "MONTH")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a run says of one item of the checklist."""

    code: str
    passed: bool
    note: str


def plan_flaws(
    *, codes: Sequence[str], kinds: Collection[str], units: Collection[str]
) -> Iterator[FieldError]:
    """Each item has a code of its own, and somebody has to inspect."""
    for place, code in enumerate(codes):
        if code in codes[:place]:
            yield FieldError(f"/checklist/{place}/code", "inspection.item_twice")
    if not kinds and not units:
        yield FieldError("/unit_kinds", "inspection.nobody")


def run_flaws(
    checklist: Sequence[Mapping[str, Any]], answers: Sequence[Answer]
) -> Iterator[FieldError]:
    """Every item is answered once, and a failed one says what is wrong."""
    wanted = {item["code"] for item in checklist}
    seen: set[str] = set()
    for place, answer in enumerate(answers):
        if answer.code not in wanted:
            yield FieldError(f"/results/{place}/code", "inspection.item_unknown")
        elif answer.code in seen:
            yield FieldError(f"/results/{place}/code", "inspection.item_twice")
        elif not answer.passed and not answer.note.strip():
            yield FieldError(f"/results/{place}/note", "inspection.note_needed")
        seen.add(answer.code)
    for code in sorted(wanted - seen):
        yield FieldError("/results", "inspection.item_unanswered", {"code": code})


def missed_id(plan: UUID, unit: str, period: str) -> str:
    """Under which a missed run is a finding: once for each unit and period."""
    return f"missed:{plan}:{unit}:{period}"

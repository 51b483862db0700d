"""The yearly list of services (A10.2): its rows, their flaws, and how two lists differ."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from services.filing.rules.content import (
    PROVINCIAL_DEPARTMENT,
    Flaw,
    Hall,
    Item,
    Organisation,
    kind_flaws,
)

COLUMNS = ("item_code", "hall_id", "kind", "planned_on", "note")


@dataclass(frozen=True, slots=True, order=True)
class PlanLine:
    """One planned listing; its key within an organisation's year is item and hall."""

    item_code: str
    hall_id: str
    kind: str
    planned_on: date
    note: str

    @property
    def key(self) -> tuple[str, str]:
        return self.item_code, self.hall_id

    def document(self) -> dict[str, Any]:
        return {
            "item_code": self.item_code,
            "hall_id": self.hall_id,
            "kind": self.kind,
            "planned_on": self.planned_on.isoformat(),
            "note": self.note,
        }


@dataclass(frozen=True, slots=True)
class Diff:
    """What a list changes against the one in force."""

    added: Sequence[PlanLine]
    removed: Sequence[PlanLine]
    changed: Sequence[PlanLine]
    unchanged: int


def compare(current: Iterable[PlanLine], new: Iterable[PlanLine]) -> Diff:
    before, after = {line.key: line for line in current}, {line.key: line for line in new}
    return Diff(
        added=sorted(line for key, line in after.items() if key not in before),
        removed=sorted(line for key, line in before.items() if key not in after),
        changed=sorted(line for key, line in after.items() if before.get(key, line) != line),
        unchanged=sum(1 for key, line in after.items() if before.get(key) == line),
    )


def line_flaws(
    lines: Sequence[tuple[int, PlanLine]],
    *,
    year: int,
    owner: Organisation,
    items: Mapping[str, Item],
    halls: Mapping[str, Hall],
) -> Iterator[Flaw]:
    """What is wrong with each row; the pointer is `/lines/<row>/<column>`, rows counted from 1."""
    seen: dict[tuple[str, str], int] = {}
    for row, line in lines:
        first = seen.setdefault(line.key, row)
        if first != row:
            yield Flaw("row_repeated", f"/lines/{row}/item_code", "A10.2", {"row": first})
        item, hall = items.get(line.item_code), halls.get(line.hall_id)
        if item is None:
            yield Flaw("item_unknown", f"/lines/{row}/item_code", "A2.1")
        elif not item.active:
            yield Flaw("item_inactive", f"/lines/{row}/item_code", "A2.1")
        elif owner.kind == PROVINCIAL_DEPARTMENT and item.department != owner.id:
            params = {"department": item.department}
            yield Flaw("item_of_another_department", f"/lines/{row}/item_code", "A8.1", params)
        if hall is None:
            yield Flaw("hall_unknown", f"/lines/{row}/hall_id", "A5.3")
        elif not owner.covers(hall.region):
            params = {"region": hall.region}
            yield Flaw("hall_outside_region", f"/lines/{row}/hall_id", "A5.3", params)
        yield from kind_flaws(f"/lines/{row}/kind", line.kind, owner)
        if line.planned_on.year != year:
            yield Flaw("date_outside_year", f"/lines/{row}/planned_on", "A10.2", {"year": year})

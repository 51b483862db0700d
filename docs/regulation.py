"""docs/regulation.md: each clause of the measures, where the code names it, which tests show it."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from docs.markdown import GENERATED, code, table
from docs.sources import ROOT, code_by_clause, marked_tests

PLANNED = ROOT / "tests" / "architecture" / "planned.txt"

_HEAD = """# The measures, clause by clause

The suite is built on 《江西省“赣服通”移动政务服务平台运行管理暂行办法》, 28 articles,
in force since 2025-08-04. Each row below is a clause in our own words, never a quotation; the ids
are the ones used in code, tests and error messages. A clause is **shown** when tests that carry its
id are green, **planned** while it waits (tests/architecture/planned.txt, a list that may only
shrink), or **not software**.

"""


@dataclass(frozen=True, slots=True)
class Clause:
    """One row: `why_not` says why no software can show it."""

    id: str
    zh: str
    en: str
    owner: str
    why_not: str | None
    tests: tuple[str, ...]
    places: tuple[str, ...]

    @property
    def status(self) -> str:
        if self.tests:
            return "shown"
        return "planned" if self.why_not is None else f"not software: {self.why_not}"


@cache
def clauses() -> tuple[Clause, ...]:
    """All rows of docs/clauses.toml, in the order of the measures."""
    rows: Mapping[str, Any] = tomllib.loads((ROOT / "docs" / "clauses.toml").read_text("utf-8"))
    tests, places = marked_tests("clause"), code_by_clause(rows)
    return tuple(
        Clause(
            id=id_,
            zh=row["zh-CN"],
            en=row["en"],
            owner=row["owner"],
            why_not=row["status"].removeprefix("not software: ") if "status" in row else None,
            tests=tuple(tests.get(id_, ())),
            places=tuple(places.get(id_, ())),
        )
        for id_, row in rows.items()
    )


def shrunk() -> str:
    """planned.txt without the clauses that are shown by now; it never grows by itself."""
    waiting = {clause.id for clause in clauses() if clause.status == "planned"}
    lines = PLANNED.read_text("utf-8").splitlines(keepends=True)
    return "".join(line for line in lines if line.startswith("#") or line.strip() in waiting)


def planned() -> list[str]:
    """The clauses that tests/architecture/planned.txt still allows to be unshown."""
    lines = PLANNED.read_text("utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def page() -> str:
    rows = clauses()
    shown = sum(row.status == "shown" for row in rows)
    waiting = sum(row.status == "planned" for row in rows)
    counts = (
        f"{len(rows)} rows: {shown} shown, {waiting} planned,"
        f" {len(rows) - shown - waiting} not software.\n\n"
    )
    return (
        GENERATED
        + _HEAD
        + counts
        + table(
            ("id", "clause", "owner", "status", "code", "tests"),
            (
                (
                    row.id,
                    f"{row.zh}\n<br>{row.en}",
                    row.owner,
                    row.status,
                    code(row.places),
                    code(row.tests),
                )
                for row in rows
            ),
        )
    )

"""The recurring artefacts: who owes which document for which period, and what it must hold."""

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from importlib.resources import files
from typing import Any, Final

from services.filing.rules.content import Flaw, Organisation

PARTS: Final = ("fields", "agreement", "check")
NEEDED_PERSONS: Final = {"OPERATION": "A12.2", "MAINTENANCE": "A17.1"}
# Who must name responsible persons for operation and maintenance (A12.2, A17.1).
NAMING: Final = frozenset({"PROVINCIAL_DEPARTMENT", "CITY_AUTHORITY", "COUNTY_AUTHORITY"})


class Period(StrEnum):
    """How often a document is owed: a policy's words."""

    YEAR = "YEAR"
    HALF_YEAR = "HALF_YEAR"
    QUARTER = "QUARTER"
    MONTH = "MONTH"
    NEVER = "NEVER"

    def holding(self, day: date) -> str | None:
        """The name of the period in which a day lies: 2026, 2026-H1, 2026-Q1, 2026-03."""
        match self:
            case Period.YEAR:
                return f"{day.year}"
            case Period.HALF_YEAR:
                return f"{day.year}-H{1 if day.month <= 6 else 2}"
            case Period.QUARTER:
                return f"{day.year}-Q{(day.month + 2) // 3}"
            case Period.MONTH:
                return f"{day.year}-{day.month:02d}"
            case Period.NEVER:
                return None


def period_of(value: object) -> Period:
    """A policy's words as a period; words that are none mean once a year, so nothing gets lost."""
    return Period.__members__.get(str(value), Period.YEAR)


@dataclass(frozen=True, slots=True)
class DocumentKind:
    """One kind; `part` names the member of the document that only it has.

    `channels` says whether it names the channels of promotion: NEEDED, ALLOWED or NONE (A13).
    """

    kind: str
    clause: str
    domain: str
    owed_by: frozenset[str]
    recurs: bool
    part: str | None = None
    channels: str = "NONE"

    @property
    def period_policy(self) -> str:
        return f"{self.kind.lower()}_period"

    @property
    def due_policy(self) -> str:
        return f"{self.kind.lower()}_due"


def load_kinds(toml: bytes) -> Mapping[str, DocumentKind]:
    rows = tomllib.loads(toml.decode())["kind"]
    return {
        row["kind"]: DocumentKind(**{**row, "owed_by": frozenset(row["owed_by"])}) for row in rows
    }


KINDS = load_kinds(files("services.filing").joinpath("documents.toml").read_bytes())


def document_subject(kind: str, period: str | None) -> str:
    return f"document:{kind}:{period}"


def document_flaws(
    content: Mapping[str, Any],
    *,
    owner: Organisation,
    period: Period,
    today: date,
    longest: int,
) -> Iterable[Flaw]:
    """Filed by who owes it, for a period of its kind, with the part that belongs to it."""
    kind = KINDS[content["kind"]]
    if owner.kind not in kind.owed_by:
        yield Flaw("document_not_for_organisation", "/content/kind", kind.clause)
    for part in PARTS:
        if (content[part] is not None) is not (part == kind.part):
            yield Flaw("part_not_for_document", f"/content/{part}", kind.clause)
    yield from _channel_flaws(kind, content.get("channels") or ())
    if not _fits(content["period"], period if kind.recurs else Period.NEVER, today):
        yield Flaw("period_wrong", "/content/period", kind.clause, {"period": period})
    for part in ("agreement", "check"):
        if content[part] is not None:
            yield from _term_flaws(content[part], part, today=today, longest=longest)


def _channel_flaws(kind: DocumentKind, channels: Sequence[str]) -> Iterable[Flaw]:
    """A plan of promotion says over which channels; a document about something else says none."""
    if kind.channels == "NEEDED" and not channels:
        yield Flaw("promotion_channels_missing", "/content/channels", kind.clause)
    if kind.channels == "NONE" and channels:
        yield Flaw("part_not_for_document", "/content/channels", kind.clause)


def _fits(named: str | None, period: Period, today: date) -> bool:
    """A period of last year, this year or the next; none for what does not recur."""
    if period is Period.NEVER or named is None:
        return (named is None) is (period is Period.NEVER)
    months = (
        date(year, month, 1)
        for year in (today.year - 1, today.year, today.year + 1)
        for month in range(1, 13)
    )
    return named in {period.holding(month) for month in months}


def _term_flaws(part: Mapping[str, Any], name: str, *, today: date, longest: int) -> Iterable[Flaw]:
    since, until = (date.fromisoformat(part[day]) for day in ("since", "until"))
    if since > today:
        yield Flaw("not_signed_yet", f"/content/{name}/since", "A21.3")
    if until < max(today, since):
        yield Flaw("term_over", f"/content/{name}/until", "A21.3")
    elif (until - since).days >= longest:
        yield Flaw("term_too_long", f"/content/{name}/until", "A21.3", {"days": longest})

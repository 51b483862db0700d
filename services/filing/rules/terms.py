"""Terms that a decision grants: how long at most, from when, and never two at once."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from services.filing.rules.content import Flaw, Hall, Organisation


class TermKind(StrEnum):
    """What is granted up to a day."""

    RETENTION = "RETENTION"
    CHANNEL = "CHANNEL"
    CLEARANCE = "CLEARANCE"
    AGREEMENT = "AGREEMENT"


# The policy that says how long a term of each kind may be.
LONGEST: Mapping[TermKind, str] = MappingProxyType(
    {TermKind.RETENTION: "retention_term", TermKind.CHANNEL: "channel_exception_term"}
)


def clearance_subject(organisation_id: str, subject_ref: str) -> str:
    """A clearance is one unit's word about one person or client."""
    return f"clearance:{organisation_id}:{subject_ref}"


def clearance_reference(subject: str) -> str:
    """Whose clearance it is."""
    return subject.split(":", 2)[2]


def term_version(ended_at: datetime | None) -> int:
    """A term changes once: when it ends."""
    return 1 if ended_at is None else 2


@dataclass(frozen=True, slots=True)
class Term:
    """From the first to the last day, both included."""

    since: date
    until: date

    def overlaps(self, other: "Term") -> bool:
        return self.since <= other.until and other.since <= self.until


def term_of(content: Mapping[str, Any]) -> Term:
    """The term that a document asks for."""
    return Term(date.fromisoformat(content["since"]), date.fromisoformat(content["until"]))


def term_flaws(term: Term, *, today: date, longest: int, clause: str) -> Iterable[Flaw]:
    """A term ends after it begins, is not over, and is no longer than the policy allows."""
    if term.until < term.since:
        yield Flaw("term_backwards", "/content/until", clause)
    elif term.until < today:
        yield Flaw("term_over", "/content/until", clause)
    elif (term.until - term.since).days >= longest:
        yield Flaw("term_too_long", "/content/until", clause, {"days": longest})


def hall_flaws(hall: Hall | None, owner: Organisation) -> Iterable[Flaw]:
    """A hall in the filer's own region, that has not been merged already (A5.3, A5.5)."""
    if hall is None:
        yield Flaw("hall_unknown", "/content/hall_id", "A5.5")
    elif not owner.covers(hall.region):
        yield Flaw("hall_outside_region", "/content/hall_id", "A5.5", {"region": hall.region})
    elif hall.state == "MERGED":
        yield Flaw("merged_hall_named", "/content/hall_id", "A5.5")

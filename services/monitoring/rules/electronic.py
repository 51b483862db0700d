"""Electronic supervision (电子监察): rules over what happens, as data with pure predicates (A24.1).

A rule names the events that it listens to by their type, also where no service tells them yet, and
reads members by name: a member that is not there is no match, never a fault. It fires once for a
subject in a period.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Final
from uuid import UUID

from services.monitoring.rules.periods import Period
from services.monitoring.rules.rectifications import FindingKind, Severity


@dataclass(frozen=True, slots=True)
class Fact:
    """An event as a rule reads it."""

    type: str
    data: Mapping[str, Any]

    def id(self, member: str) -> UUID | None:
        try:
            return UUID(str(self.data.get(member)))
        except ValueError:
            return None

    def number(self, member: str) -> Decimal | None:
        try:
            found = Decimal(str(self.data.get(member)))
        except InvalidOperation:
            return None
        return found if found.is_finite() else None


@dataclass(frozen=True, slots=True)
class Match:
    """What a rule found: whose it is, and what it is about."""

    organisation_id: str
    about_id: UUID
    listing_id: UUID | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule; what settles its subject again are events too, where there are any.

    Without a `period` it fires once for a subject and never again.
    """

    key: str
    kind: FindingKind
    clause: str
    listens: frozenset[str]
    matches: Callable[[Fact], Match | None]
    settled_by: frozenset[str] = frozenset()
    unsettled_by: frozenset[str] = frozenset()
    subject: str = ""
    period: Period | None = None
    severity: Severity = Severity.NORMAL

    def source_id(self, match: Match, day: date) -> str:
        """Under which it fires once."""
        once = self.period.holding(day) if self.period is not None else "once"
        return f"rule:{self.key}:{match.about_id}:{once}"


def _of(fact: Fact, member: str, *, detail: str = "") -> Match | None:
    """A match about the subject that this member names, of the unit that the event names."""
    subject, unit = fact.id(member), fact.data.get("organisation_id")
    if subject is None or not isinstance(unit, str) or not unit:
        return None
    return Match(unit, subject, fact.id("listing_id"), detail)


def obligation_overdue(fact: Fact) -> Match | None:
    """What was owed to the authorities was not there in time."""
    kind = fact.data.get("kind")
    return _of(fact, "obligation_id", detail=str(kind or ""))


def case_overdue(fact: Fact) -> Match | None:
    """A person's case was not answered in time."""
    return _of(fact, "case_id")


def rating_drop(fact: Fact) -> Match | None:
    """A listing is rated worse than before."""
    before, after = fact.number("before"), fact.number("after")
    if before is None or after is None or after >= before:
        return None
    return _of(fact, "listing_id", detail=f"{before} > {after}")


def window_overrun(fact: Fact) -> Match | None:
    """A fault outlasted the window that was filed for it: its incident names the window."""
    overrun = fact.id("window_id") is not None or fact.data.get("cause") == "WINDOW_OVERRUN"
    return _of(fact, "incident_id", detail=str(fact.data.get("cause", ""))) if overrun else None


RULES: Final = (
    Rule(
        key="obligation_overdue",
        kind=FindingKind.OBLIGATION_OVERDUE,
        clause="A16.2",
        listens=frozenset({"filing.obligation_breached.v1"}),
        matches=obligation_overdue,
        settled_by=frozenset({"filing.obligation_fulfilled.v1"}),
        subject="obligation_id",
    ),
    Rule(
        key="case_overdue",
        kind=FindingKind.CASE_OVERDUE,
        clause="A18.4",
        listens=frozenset({"complaints.case_overdue.v1"}),
        matches=case_overdue,
        settled_by=frozenset({"complaints.case_closed.v1"}),
        subject="case_id",
    ),
    Rule(
        key="rating_drop",
        kind=FindingKind.RATING_DROP,
        clause="A18.3",
        listens=frozenset({"complaints.rating_dropped.v1"}),
        matches=rating_drop,
        period=Period.MONTH,
    ),
    Rule(
        key="window_overrun",
        kind=FindingKind.WINDOW_OVERRUN,
        clause="A16.3",
        listens=frozenset({"monitoring.incident_opened.v1"}),
        matches=window_overrun,
        settled_by=frozenset({"monitoring.incident_closed.v1"}),
        unsettled_by=frozenset({"monitoring.incident_reopened.v1"}),
        subject="incident_id",
    ),
)

# The events that reach the rules today (event_handlers); a test compares both.
HEARD: Final = frozenset(
    {
        "filing.obligation_breached.v1",
        "filing.obligation_fulfilled.v1",
        "monitoring.incident_opened.v1",
        "monitoring.incident_reopened.v1",
        "monitoring.incident_closed.v1",
    }
)


@dataclass(frozen=True, slots=True)
class Fired:
    rule: Rule
    match: Match


def fired(fact: Fact) -> Iterator[Fired]:
    """The rules that this event sets off."""
    for rule in RULES:
        if fact.type in rule.listens and (match := rule.matches(fact)) is not None:
            yield Fired(rule, match)


def settled(fact: Fact) -> Iterator[tuple[Rule, UUID, bool]]:
    """The subjects that this event settles, or unsettles again."""
    for rule in RULES:
        holds = fact.type in rule.settled_by
        if holds or fact.type in rule.unsettled_by:
            subject = fact.id(rule.subject)
            if subject is not None:
                yield rule, subject, holds


def unpassed(passed_until: datetime, *, now: datetime, patience: timedelta) -> bool:
    """Whether nothing of a listing has passed for so long; the rule that the clock asks."""
    return now - passed_until >= patience

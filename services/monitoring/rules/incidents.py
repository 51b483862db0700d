"""Incidents: how grave one is, what its closing asks for, and which report clocks run (A16)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final

from shared.deadlines import Rung
from shared.policies import Policy


class IncidentKind(StrEnum):
    """故障, or 安全事件."""

    FAULT = "FAULT"
    SECURITY = "SECURITY"


class IncidentState(StrEnum):
    """RECOVERED is over and waits for its notice on the platform (A16.5)."""

    OPEN = "OPEN"
    RECOVERED = "RECOVERED"
    CLOSED = "CLOSED"


class Severity(StrEnum):
    """一般, 较大, 重大, 特别重大, in their order."""

    GENERAL = "GENERAL"
    LARGER = "LARGER"
    MAJOR = "MAJOR"
    SPECIAL_MAJOR = "SPECIAL_MAJOR"

    @property
    def rank(self) -> int:
        return list(Severity).index(self)

    @property
    def is_major(self) -> bool:
        """重大 or worse: reported at once and announced (A16.4, A16.5)."""
        return self.rank >= Severity.MAJOR.rank


class ClockKind(StrEnum):
    """What an incident's clock waits for."""

    FIRST_REPORT = "FIRST_REPORT"
    AUTHORITY_REPORT = "AUTHORITY_REPORT"


@dataclass(frozen=True, slots=True)
class Impact:
    """What is known of an incident's harm; `percent` of the users, None while nobody knows."""

    percent: int | None = None
    core_function: bool = False
    data_loss: bool = False


@dataclass(frozen=True, slots=True)
class Matrix:
    """From which share of users and which minutes on a severity holds, by policy."""

    percent: Mapping[Severity, int]
    minutes: Mapping[Severity, int]
    core_function: Severity
    data_loss: Severity

    def grade(self, impact: Impact, lasted: timedelta) -> Severity:
        """The gravest that any one of the four asks for."""
        found = [Severity.GENERAL]
        found += [
            severity
            for severity, least in self.percent.items()
            if impact.percent is not None and impact.percent >= least
        ]
        found += [
            severity
            for severity, least in self.minutes.items()
            if lasted >= timedelta(minutes=least)
        ]
        if impact.core_function:
            found.append(self.core_function)
        if impact.data_loss:
            found.append(self.data_loss)
        return max(found, key=lambda each: each.rank)

    def next_step(self, severity: Severity, started_at: datetime) -> datetime | None:
        """When duration alone will make it graver than this; None when nothing can."""
        ahead = [least for graver, least in self.minutes.items() if graver.rank > severity.rank]
        return started_at + timedelta(minutes=min(ahead)) if ahead else None


_GRADES: Final = (Severity.LARGER, Severity.MAJOR, Severity.SPECIAL_MAJOR)


def read_matrix(policies: Mapping[str, Policy], kind: IncidentKind) -> Matrix:
    """Faults and security incidents each have rows of their own (reading 8; §6)."""
    prefix = kind.lower()

    def number(what: str, severity: Severity) -> int:
        return int(policies[f"{prefix}_{what}_{severity.lower()}"].value)

    return Matrix(
        percent={each: number("percent", each) for each in _GRADES},
        minutes={each: number("minutes", each) for each in _GRADES},
        core_function=_severity(policies[f"{prefix}_core_function"]),
        data_loss=_severity(policies[f"{prefix}_data_loss"]),
    )


def _severity(policy: Policy) -> Severity:
    """A policy's words as a severity; words that are none mean the gravest."""
    return Severity.__members__.get(str(policy.value), Severity.SPECIAL_MAJOR)


def clocks_of(
    kind: IncidentKind, severity: Severity, *, critical: bool
) -> Iterator[tuple[ClockKind, str]]:
    """Which reports are owed, and the policy that limits each.

    `critical` is said of critical information infrastructure (关键信息基础设施).
    """
    if severity.is_major:
        yield ClockKind.FIRST_REPORT, f"first_report_{severity.lower()}"
    if kind is IncidentKind.SECURITY and severity.rank >= Severity.LARGER.rank:
        yield (
            ClockKind.AUTHORITY_REPORT,
            "authority_report_critical" if critical else "authority_report",
        )


def report_ladder(policies: Mapping[str, Policy]) -> tuple[Rung, ...]:
    """Reminders at shares of the limit, day and night: such a limit is minutes or hours."""
    return tuple(
        Rung(name, fraction=Decimal(str(policies[name].value)))
        for name in ("report_first_reminder", "report_second_reminder")
    )


def seconds(since: datetime, until: datetime | None) -> float | None:
    """A plain duration; what was acknowledged or over before it was detected took no time."""
    return max((until - since).total_seconds(), 0.0) if until is not None else None

"""Results summed up by the hour, and the availability test of government sites on them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Visit:
    """One result; `opened` when an answer came that is no error, `total` in milliseconds."""

    at: datetime
    ok: bool
    opened: bool
    total: float


@dataclass(frozen=True, slots=True)
class Hour:
    """The results of one hour; the first of them stands for a visit that is an hour from others."""

    visits: int
    failed: int
    total: float
    slowest: float
    first: Visit


def add(hour: Hour | None, visit: Visit) -> Hour:
    """The hour with one more visit."""
    alone = Hour(1, int(not visit.ok), visit.total, visit.total, visit)
    return alone if hour is None else join(hour, alone)


def join(one: Hour, other: Hour) -> Hour:
    """Both of them as one."""
    return Hour(
        one.visits + other.visits,
        one.failed + other.failed,
        one.total + other.total,
        max(one.slowest, other.slowest),
        min(one.first, other.first, key=lambda each: each.at),
    )


class SiteVerdict(StrEnum):
    """INSUFFICIENT where a day has too few visits for the test to say anything."""

    PASSED = "PASSED"
    FAILED = "FAILED"
    INSUFFICIENT = "INSUFFICIENT"


@dataclass(frozen=True, slots=True)
class SiteRule:
    """So many days with so many spaced visits; one fails that takes longer than `longest` ms.

    The site fails as a whole where `share` of the visits or more fail.
    """

    days: int
    visits: int
    longest: float
    share: float


@dataclass(frozen=True, slots=True)
class SiteResult:
    """What the test found; `short_days` had too few visits."""

    verdict: SiteVerdict
    visits: int
    failures: int
    short_days: int


def site_test(visits: Iterable[Visit], rule: SiteRule, *, until: datetime) -> SiteResult:
    """The days are those of 24 hours each before `until`; more visits than asked for count too."""
    days: list[list[Visit]] = [[] for _ in range(rule.days)]
    for visit in visits:
        day = (until - visit.at) // timedelta(days=1)
        if visit.at <= until and day < rule.days:
            days[day].append(visit)
    counted = [visit for day in days for visit in day]
    failures = sum(not each.opened or each.total > rule.longest for each in counted)
    short = sum(len(day) < rule.visits for day in days)
    return SiteResult(_verdict(counted, failures, short, rule), len(counted), failures, short)


def _verdict(visits: Sequence[Visit], failures: int, short: int, rule: SiteRule) -> SiteVerdict:
    if short:
        return SiteVerdict.INSUFFICIENT
    return SiteVerdict.FAILED if failures >= rule.share * len(visits) else SiteVerdict.PASSED

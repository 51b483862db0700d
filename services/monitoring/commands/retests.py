"""The automatic re-test: what can be tested again is closed by that alone (M9, A24.2)."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Final

from sqlalchemy import select

from services.monitoring.commands.policies import number
from services.monitoring.commands.rectifications import close_ordered, reopen, verify
from services.monitoring.rules.rectifications import (
    FindingKind,
    FindingState,
    Party,
    Retest,
    Verdict,
    verdict,
)
from services.monitoring.tables import Finding, InspectionRun
from shared.database import Transaction

_AT_ONCE = 100
# The newest results of each running probe of a listing since the unit's word, by vantage point and
# the newest first.
_SINCE = """
    select probes.id, recent.vantage, recent.ok from probes
    left join lateral (
        select vantage, ok, row_number() over (partition by vantage order by at desc) as place
        from samples where probe_id = probes.id and at > $2 and evidence
    ) recent on recent.place <= $3
    where listing_id = $1 and listed and not paused
    order by probes.id, recent.vantage, recent.place
"""


async def retest_submitted(tx: Transaction) -> None:
    """Look at what units have handed in since, and close it or open it again."""
    found = await tx.session.scalars(
        select(Finding)
        .where(Finding.retest_at <= tx.now)
        .order_by(Finding.retest_at)
        .limit(_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    for finding in found.all():
        await _retest(tx, finding)


async def _retest(tx: Transaction, finding: Finding) -> None:
    if finding.state != FindingState.SUBMITTED or finding.submitted_at is None:
        finding.retest_at = None
        return
    found = await RETESTS[Retest(finding.retest)](tx, finding)
    match found:
        case Verdict.PASSED:
            await verify(tx, finding, Party.PLATFORM)
            await close_ordered(tx, finding, Party.PLATFORM)
        case Verdict.FAILED:
            await reopen(tx, finding, Party.PLATFORM)
        case None:  # the longer it takes, the more seldom it is looked at
            waited = (tx.now - finding.submitted_at) / 10
            often = timedelta(seconds=await number(tx, "retest_every"))
            seldom = timedelta(minutes=await number(tx, "retest_at_least_every"))
            finding.retest_at = tx.now + max(often, min(waited, seldom))


async def _by_probes(tx: Transaction, finding: Finding) -> Verdict | None:
    passes = await number(tx, "successes_to_close")
    failures = await number(tx, "failures_to_open")
    rows = await (await tx.raw()).fetch(
        _SINCE, finding.listing_id, finding.submitted_at, max(passes, failures)
    )
    samples: dict[object, dict[str, list[bool]]] = {}
    for row in rows:
        seen = samples.setdefault(row["id"], {})
        if row["vantage"] is not None:
            seen.setdefault(row["vantage"], []).append(row["ok"])
    needed = await number(tx, "vantages_to_open")
    return verdict(samples, passes=passes, failures=failures, needed=needed)


async def _by_rule(tx: Transaction, finding: Finding) -> Verdict | None:
    """What the rule that found it says now; it passes, or is looked at again later."""
    if finding.kind == FindingKind.RUN_MISSED:
        passed = await _has_run_since(tx, finding)
    else:
        passed = finding.settled_at is not None
    return Verdict.PASSED if passed else None


async def _has_run_since(tx: Transaction, finding: Finding) -> bool:
    """What was missed cannot be made up; a later run of the same plan shows that it is done now."""
    run = await tx.session.scalar(
        select(InspectionRun.id)
        .where(
            InspectionRun.plan_id == finding.about_id,
            InspectionRun.organisation_id == finding.organisation_id,
            InspectionRun.done_at > finding.submitted_at,
        )
        .limit(1)
    )
    return run is not None


RETESTS: Final[Mapping[Retest, Callable[[Transaction, Finding], Awaitable[Verdict | None]]]] = (
    MappingProxyType({Retest.PROBE: _by_probes, Retest.RULE: _by_rule})
)

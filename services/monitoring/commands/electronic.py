"""Electronic supervision: what an event or the clock sets off, once for a subject (A24.1)."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select

from services.monitoring.commands.automatic import find_once
from services.monitoring.commands.finding_records import Raised, close, keep, move
from services.monitoring.commands.findings import RESOLVED
from services.monitoring.commands.policies import number, today
from services.monitoring.rules.electronic import Fact, Fired, Rule, fired, settled, unpassed
from services.monitoring.rules.rectifications import (
    FindingAction,
    FindingKind,
    FindingState,
    Party,
    Source,
)
from services.monitoring.tables import Finding
from shared.database import Transaction
from shared.events.envelope import Event
from shared.messaging.handling import Received

_AT_ONCE = 200
# Until when something of each live listing is known to have passed: an UP probe until its results
# were last stored, another until it was no longer UP, one that was never seen until it was set.
_PASSED_UNTIL = """
    select listing.id, listing.organisation_id, listing.region,
        max(case when standing.state = 'UP' then coalesce(lease.watched_until, standing.since)
            else coalesce(standing.since, probe.changed_at) end) as passed_until
    from known_listings listing
    join probes probe on probe.listing_id = listing.id and probe.listed
    join probe_standings standing on standing.probe_id = probe.id
    join shard_leases lease on lease.shard = probe.shard
    where listing.state = 'LISTED' and not exists (
        select from findings where findings.listing_id = listing.id
            and findings.kind = $2 and findings.closed_at is null)
    group by listing.id
    having max(case when standing.state = 'UP' then coalesce(lease.watched_until, standing.since)
            else coalesce(standing.since, probe.changed_at) end) <= $1
    order by listing.id limit $3
"""


async def supervise(tx: Transaction, received: Received[Any]) -> None:
    """Let the rules hear an event: findings that it sets off, subjects that it settles."""
    event: Event = received.event
    fact = Fact(event.type, event.model_dump(mode="json"))
    for each in fired(fact):
        await _find(tx, each, region=received.region)
    for rule, subject, holds in settled(fact):
        await _settle(tx, rule, subject, holds=holds)


async def find_unpassed(tx: Transaction) -> None:
    """Each live listing of which nothing has passed for a day is one finding (A17.3)."""
    patience = timedelta(hours=await number(tx, "unpassed_after"))
    rows = await (await tx.raw()).fetch(
        _PASSED_UNTIL, tx.now - patience, FindingKind.NOTHING_PASSED, _AT_ONCE
    )
    for row in rows:
        if not unpassed(row["passed_until"], now=tx.now, patience=patience):
            continue
        await find_once(
            tx,
            Raised(
                kind=FindingKind.NOTHING_PASSED,
                organisation_id=row["organisation_id"],
                region=row["region"],
                source=Source.RULE,
                listing_id=row["id"],
                source_id=f"rule:nothing_passed:{row['id']}:{today(tx)}",
                about_id=row["id"],
                summary=row["passed_until"].isoformat(timespec="seconds"),
            ),
        )


async def _find(tx: Transaction, found: Fired, *, region: str) -> None:
    rule, match = found.rule, found.match
    await find_once(
        tx,
        Raised(
            kind=rule.kind,
            organisation_id=match.organisation_id,
            region=region,
            source=Source.RULE,
            listing_id=match.listing_id,
            source_id=rule.source_id(match, today(tx)),
            about_id=match.about_id,
            severity=rule.severity,
            summary=match.detail,
            clause=rule.clause,
        ),
    )


async def _settle(tx: Transaction, rule: Rule, subject: UUID, *, holds: bool) -> None:
    """It is as it should be, or no longer; what nobody had ordered yet is resolved by that."""
    findings = await tx.session.scalars(
        select(Finding)
        .where(Finding.about_id == subject, Finding.kind == rule.kind, Finding.closed_at.is_(None))
        .order_by(Finding.id)
        .with_for_update()
    )
    for finding in findings.all():
        settle(tx, finding, holds=holds)


def settle(tx: Transaction, finding: Finding, *, holds: bool) -> None:
    """Note it for the re-test, or resolve what nobody has ordered yet."""
    finding.settled_at = tx.now if holds else None
    finding.version += 1
    if holds and finding.state == FindingState.SUBMITTED:
        finding.retest_at = tx.now
    if holds and finding.state == FindingState.OPEN:
        move(finding, FindingAction.RESOLVE, Party.PLATFORM)
        keep(tx, finding, FindingAction.RESOLVE)
        close(tx, finding, because=RESOLVED)

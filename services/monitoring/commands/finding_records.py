"""What each command on a finding does: fetch it as the actor sees it, move it, keep its history."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import select

from services.monitoring.errors import FindingNotFound
from services.monitoring.rules.rectifications import (
    KINDS,
    PLATFORM,
    RECTIFICATION,
    FindingAction,
    FindingKind,
    FindingState,
    Hand,
    Party,
    Severity,
    Source,
)
from services.monitoring.tables import Finding, FindingEntry
from shared.database import Transaction
from shared.events.monitoring import FindingClosed, FindingRaised
from shared.security.scope import visible

RAISED = "RAISED"


@dataclass(frozen=True, slots=True)
class Raised:
    """What is found: about which unit, or its listing, and by which source."""

    kind: FindingKind
    organisation_id: str
    region: str
    source: Source
    listing_id: UUID | None = None
    source_id: str | None = None
    about_id: UUID | None = None
    severity: Severity = Severity.NORMAL
    summary: str = ""
    clause: str | None = None
    evidence: Sequence[Mapping[str, Any]] = ()


def raise_finding(tx: Transaction, found: Raised, *, by: str = PLATFORM) -> Finding:
    """A new finding; `by` is the organisation that raised it, the platform unless people did."""
    kind = KINDS[found.kind]
    finding = Finding(
        id=uuid4(),
        kind=found.kind,
        listing_id=found.listing_id,
        organisation_id=found.organisation_id,
        region=found.region,
        raised_at=tx.now,
        state=FindingState.OPEN,
        source=found.source,
        source_id=found.source_id,
        about_id=found.about_id,
        domain=kind.domain,
        severity=found.severity,
        clause=found.clause or kind.clause,
        retest=kind.retest,
        summary=found.summary,
        raising_organisation=by,
        provisional=False,
        round=0,
        version=1,
    )
    tx.session.add(finding)
    keep(tx, finding, RAISED, opinion=found.summary, evidence=found.evidence)
    tx.emit(
        FindingRaised(
            finding_id=finding.id,
            kind=finding.kind,
            listing_id=finding.listing_id,
            organisation_id=finding.organisation_id,
            raised_at=tx.now,
            origin=finding.source,
            source_id=finding.source_id,
            severity=finding.severity,
            clause=finding.clause,
        ),
        subject=subject_of(finding),
        region=finding.region,
    )
    return finding


async def load_finding(tx: Transaction, finding_id: UUID) -> Finding:
    """Lock a finding that the actor sees; `finding_not_found` (404)."""
    finding = await tx.session.scalar(
        select(Finding)
        .where(
            Finding.id == finding_id,
            visible(
                tx.actor,
                region=Finding.region.expression,
                organisation=Finding.organisation_id.expression,
            ),
        )
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if finding is None:
        raise FindingNotFound(finding_id=finding_id)
    return finding


def move(finding: Finding, action: FindingAction, party: Party) -> None:
    """`illegal_step` (409) names what may be done instead."""
    finding.state = RECTIFICATION.after(FindingState(finding.state), action, party)
    finding.version += 1


def keep(
    tx: Transaction,
    finding: Finding,
    action: str,
    *,
    opinion: str = "",
    evidence: Sequence[Mapping[str, Any]] = (),
    addressee: dict[str, Any] | None = None,
) -> None:
    """One line of a finding's history."""
    tx.session.add(
        FindingEntry(
            finding_id=finding.id,
            at=tx.now,
            action=action,
            actor=tx.actor.subject,
            client_id=tx.actor.client_id,
            organisation=tx.actor.organisation,
            person=tx.actor.person,
            opinion=opinion,
            evidence=[dict(each) for each in evidence],
            addressee=addressee,
        )
    )


def close(tx: Transaction, finding: Finding, *, because: str) -> None:
    """What every way of closing has in common; the state was moved before."""
    finding.closed_at, finding.closed_because = tx.now, because
    finding.retest_at = None
    tx.emit(
        FindingClosed(
            finding_id=finding.id,
            kind=finding.kind,
            listing_id=finding.listing_id,
            organisation_id=finding.organisation_id,
            closed_at=tx.now,
            reason=because,
        ),
        subject=subject_of(finding),
        region=finding.region,
    )


def hand_of(tx: Transaction) -> Hand:
    actor = tx.actor
    return Hand(actor.subject, actor.client_id, actor.organisation, actor.person)


def subject_of(finding: Finding) -> str:
    return f"finding:{finding.id}"

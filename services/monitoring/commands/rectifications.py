"""Rectification: ordered with a deadline, handed in, verified, closed or opened again (A16.2)."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import select

from services.monitoring.commands.finding_clocks import (
    clock_of,
    pause_clock,
    resume_clock,
    show,
    start_clock,
    stop_clock,
)
from services.monitoring.commands.finding_records import (
    close,
    hand_of,
    keep,
    load_finding,
    move,
    subject_of,
)
from services.monitoring.commands.overdue import note_lateness
from services.monitoring.errors import PersonRequired
from services.monitoring.rules.rectifications import (
    PLATFORM,
    FindingAction,
    Hand,
    Party,
    Retest,
    check_retest,
    check_second_person,
    limit_policy,
    supervises,
)
from services.monitoring.tables import Finding, FindingEntry
from shared.database import Transaction
from shared.deadlines import ClockState
from shared.events.monitoring import (
    RectificationClosed,
    RectificationOrdered,
    RectificationReopened,
    RectificationSubmitted,
    RectificationVerified,
)
from shared.security.access import OutsideRemit, Relation, check_relation
from shared.security.identity import Actor

RETESTED, EVIDENCE = "RETESTED", "EVIDENCE"
Evidence = Sequence[Mapping[str, Any]]


async def order_rectification(
    tx: Transaction, finding_id: UUID, relation: Relation, *, opinion: str
) -> Finding:
    """Tell the unit to put it right by the date that the policy gives."""
    finding = await load_supervised(tx, finding_id, relation)
    await order_now(tx, finding, opinion=opinion)
    return finding


async def order_now(
    tx: Transaction, finding: Finding, *, opinion: str = "", by_platform: bool = False
) -> None:
    """Order what is open, by the actor or by the platform itself, which has rules for it."""
    move(finding, FindingAction.ORDER, Party.PLATFORM if by_platform else _party(tx.actor, finding))
    await tx.session.flush()
    await start_clock(tx, finding, policy=limit_policy(finding.domain, finding.severity))
    finding.ordering_organisation = PLATFORM if by_platform else tx.actor.organisation
    finding.ordered_at = tx.now
    keep(tx, finding, FindingAction.ORDER, opinion=opinion)
    tx.emit(
        RectificationOrdered(
            finding_id=finding.id,
            kind=finding.kind,
            listing_id=finding.listing_id,
            organisation_id=finding.organisation_id,
            ordering_organisation=finding.ordering_organisation,
            origin=finding.source,
            source_id=finding.source_id,
            severity=finding.severity,
            due_at=finding.due_at or tx.now,
            provisional=finding.provisional,
        ),
        subject=subject_of(finding),
        region=finding.region,
    )


async def submit_rectification(
    tx: Transaction, finding_id: UUID, relation: Relation, *, opinion: str, evidence: Evidence
) -> Finding:
    """The unit says that it is put right, and the re-test or a reader begins.

    Its clock rests while a person reads. It does not for a re-test, which takes no time of anybody:
    else a word that is not true would hold up the deadline.
    """
    finding = await load_finding(tx, finding_id)
    check_relation(
        relation,
        tx.actor,
        organisation=finding.organisation_id,
        region=finding.region,
        clause="A14.3",
    )
    tx.expect(finding.version)
    move(finding, FindingAction.SUBMIT, Party.DEBTOR)
    running = await clock_of(tx, finding.id)
    if running is not None:
        note_lateness(tx, finding, running)
        if finding.retest == Retest.EVIDENCE:
            pause_clock(tx, running, reason=FindingAction.SUBMIT)
    finding.submitted_at, finding.round = tx.now, finding.round + 1
    finding.retest_at = tx.now if finding.retest != Retest.EVIDENCE else None
    keep(tx, finding, FindingAction.SUBMIT, opinion=opinion, evidence=evidence)
    tx.emit(
        RectificationSubmitted(
            finding_id=finding.id,
            organisation_id=finding.organisation_id,
            round=finding.round,
            submitted_at=tx.now,
            late=finding.overdue_at is not None,
        ),
        subject=subject_of(finding),
        region=finding.region,
    )
    return finding


async def verify_rectification(
    tx: Transaction, finding_id: UUID, relation: Relation, *, passed: bool, opinion: str
) -> Finding:
    """A second person reads the evidence: it shows it, or the unit has to go on (four eyes)."""
    finding = await load_supervised(tx, finding_id, relation)
    action = FindingAction.VERIFY if passed else FindingAction.REOPEN
    check_retest(finding.retest, action)
    check_second_person(hand_of(tx), await _submitters(tx, finding))
    await (verify if passed else reopen)(tx, finding, Party.SUPERVISOR, opinion=opinion)
    return finding


async def close_finding(
    tx: Transaction, finding_id: UUID, relation: Relation, *, opinion: str
) -> Finding:
    """Put a verified rectification away; `retest_decides` (409) where a re-test can do it (M9)."""
    finding = await load_supervised(tx, finding_id, relation)
    check_retest(finding.retest, FindingAction.CLOSE)
    if not tx.actor.person:
        raise PersonRequired
    await close_ordered(tx, finding, Party.SUPERVISOR, opinion=opinion)
    return finding


async def verify(tx: Transaction, finding: Finding, party: Party, *, opinion: str = "") -> None:
    move(finding, FindingAction.VERIFY, party)
    keep(tx, finding, FindingAction.VERIFY, opinion=opinion)
    tx.emit(
        RectificationVerified(
            finding_id=finding.id,
            organisation_id=finding.organisation_id,
            round=finding.round,
            by_retest=party is Party.PLATFORM,
        ),
        subject=subject_of(finding),
        region=finding.region,
    )


async def reopen(tx: Transaction, finding: Finding, party: Party, *, opinion: str = "") -> None:
    """The clock goes on where it rested; who was late before gets the limit anew, once more."""
    move(finding, FindingAction.REOPEN, party)
    running = await clock_of(tx, finding.id)
    if running is None:
        running = await start_clock(
            tx, finding, policy=limit_policy(finding.domain, finding.severity)
        )
    elif running.row.state == ClockState.PAUSED:
        resume_clock(tx, running, reason=FindingAction.REOPEN)
        show(finding, running)
    finding.retest_at = None
    keep(tx, finding, FindingAction.REOPEN, opinion=opinion)
    tx.emit(
        RectificationReopened(
            finding_id=finding.id,
            organisation_id=finding.organisation_id,
            round=finding.round,
            by_retest=party is Party.PLATFORM,
            due_at=finding.due_at,
        ),
        subject=subject_of(finding),
        region=finding.region,
    )


async def close_ordered(
    tx: Transaction, finding: Finding, party: Party, *, opinion: str = ""
) -> None:
    move(finding, FindingAction.CLOSE, party)
    running = await clock_of(tx, finding.id)
    if running is not None:
        note_lateness(tx, finding, running)
        stop_clock(tx, running, reason=FindingAction.CLOSE)
    by_retest = party is Party.PLATFORM
    keep(tx, finding, FindingAction.CLOSE, opinion=opinion)
    tx.emit(
        RectificationClosed(
            finding_id=finding.id,
            organisation_id=finding.organisation_id,
            origin=finding.source,
            source_id=finding.source_id,
            round=finding.round,
            by_retest=by_retest,
            late=finding.overdue_at is not None,
            closed_at=tx.now,
        ),
        subject=subject_of(finding),
        region=finding.region,
    )
    close(tx, finding, because=RETESTED if by_retest else EVIDENCE)


async def lapse(tx: Transaction, finding: Finding, *, because: str) -> None:
    """Nothing is left to test again, so that nothing more is asked; lateness so far stays."""
    move(finding, FindingAction.LAPSE, Party.PLATFORM)
    running = await clock_of(tx, finding.id)
    if running is not None:
        note_lateness(tx, finding, running)
        stop_clock(tx, running, reason=because)
    keep(tx, finding, FindingAction.LAPSE)
    close(tx, finding, because=because)


async def load_supervised(tx: Transaction, finding_id: UUID, relation: Relation) -> Finding:
    """A finding that the actor supervises: of its region; what another ordered is not its own."""
    finding = await load_finding(tx, finding_id)
    check_relation(
        relation,
        tx.actor,
        organisation=finding.organisation_id,
        region=finding.region,
        clause="A16.2",
    )
    if not supervises(
        tx.actor, debtor=finding.organisation_id, ordered_by=finding.ordering_organisation
    ):
        raise OutsideRemit(organisation=tx.actor.organisation, clause="A16.2")
    tx.expect(finding.version)
    return finding


def _party(actor: Actor, finding: Finding) -> Party:
    mine = supervises(actor, debtor=finding.organisation_id, ordered_by=None)
    return Party.SUPERVISOR if mine else Party.DEBTOR


async def _submitters(tx: Transaction, finding: Finding) -> list[Hand]:
    rows = await tx.session.scalars(
        select(FindingEntry).where(
            FindingEntry.finding_id == finding.id, FindingEntry.action == FindingAction.SUBMIT
        )
    )
    return [Hand(row.actor, row.client_id, row.organisation, row.person) for row in rows]

"""More time for a rectification: asked by the unit, granted once and before it is late (A14.3)."""

from uuid import UUID

from services.monitoring.commands.finding_clocks import clock_of, enter, show
from services.monitoring.commands.finding_records import keep, load_finding, subject_of
from services.monitoring.commands.policies import number
from services.monitoring.commands.rectifications import load_supervised
from services.monitoring.errors import (
    ExtensionAsked,
    ExtensionNotAsked,
    FindingInvalid,
    PersonRequired,
)
from services.monitoring.tables import Finding
from shared import deadlines
from shared.database import Transaction
from shared.errors import FieldError
from shared.events.monitoring import RectificationExtended
from shared.security.access import Relation, check_relation

ASKED, GRANTED, DENIED = "EXTENSION_ASKED", "EXTENSION_GRANTED", "EXTENSION_DENIED"


async def ask_extension(
    tx: Transaction, finding_id: UUID, relation: Relation, *, amount: int, reason: str
) -> Finding:
    """Ask for so many of the limit's unit; `extension_asked` (409) the second time."""
    finding = await load_finding(tx, finding_id)
    check_relation(
        relation,
        tx.actor,
        organisation=finding.organisation_id,
        region=finding.region,
        clause="A14.3",
    )
    tx.expect(finding.version)
    longest = await number(tx, "extension_longest")
    if amount > longest:
        flaw = FieldError("/amount", "finding.extension_too_long", {"longest": longest})
        raise FindingInvalid(errors=[flaw], clause="A14.3")
    if finding.extension_amount is not None:
        raise ExtensionAsked
    running = await clock_of(tx, finding.id)
    if running is None:
        raise deadlines.ClockNotRunning
    if running.late(tx):
        raise deadlines.ExtensionAfterExpiry
    finding.extension_amount, finding.extension_reason = amount, reason
    finding.extension_asked_by = tx.actor.subject
    finding.version += 1
    keep(tx, finding, ASKED, opinion=reason)
    return finding


async def decide_extension(
    tx: Transaction, finding_id: UUID, relation: Relation, *, granted: bool, opinion: str
) -> Finding:
    """A named person grants or denies it; a clock that ran out meanwhile is not extended."""
    finding = await load_supervised(tx, finding_id, relation)
    if finding.extension_amount is None or finding.extension_granted is not None:
        raise ExtensionNotAsked
    if not tx.actor.person:
        raise PersonRequired
    if granted:
        await _extend(tx, finding, opinion=opinion)
    finding.extension_granted = granted
    finding.version += 1
    keep(tx, finding, GRANTED if granted else DENIED, opinion=opinion)
    return finding


async def _extend(tx: Transaction, finding: Finding, *, opinion: str) -> None:
    running = await clock_of(tx, finding.id)
    if running is None or finding.due_at is None:
        raise deadlines.ClockNotRunning
    previous = finding.due_at
    entry = deadlines.extend(
        running.ledger,
        running.limit,
        running.timing.calendar,
        amount=finding.extension_amount or 0,
        at=tx.now,
        by=tx.actor.subject,
        asked_by=finding.extension_asked_by or "",
        reason=opinion,
    )
    enter(tx, running, entry)
    show(finding, running)
    tx.emit(
        RectificationExtended(
            finding_id=finding.id,
            organisation_id=finding.organisation_id,
            previous_due_at=previous,
            due_at=finding.due_at,
        ),
        subject=subject_of(finding),
        region=finding.region,
    )

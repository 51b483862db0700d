"""Clearances: a passed background check holds up to a day, unless it is revoked (A21.3)."""

from datetime import date
from uuid import UUID

from sqlalchemy import select

from services.filing import rules
from services.filing.commands.records import today
from services.filing.commands.renewals import pay_renewals
from services.filing.errors import ClearanceEndedAlready, ClearanceNotFound
from services.filing.rules import TermKind
from services.filing.tables import Filing, GrantedTerm
from shared.database import Transaction
from shared.events.filing import ClearanceRecorded, ClearanceRevoked
from shared.security.access import Relation, check_relation
from shared.security.scope import visible

ENDED_AT_ONCE = 100
EXPIRED = "EXPIRED"


async def record(tx: Transaction, filing: Filing) -> None:
    """Accepted: the newest check of this unit for this person or client is the one that holds."""
    part = filing.content["check"]
    for earlier in await tx.session.scalars(
        select(GrantedTerm)
        .where(
            GrantedTerm.kind == TermKind.CLEARANCE,
            GrantedTerm.subject == filing.subject,
            GrantedTerm.ended_at.is_(None),
        )
        .with_for_update()
    ):
        earlier.ended_at = tx.now
    tx.session.add(
        GrantedTerm(
            id=filing.id,
            kind=TermKind.CLEARANCE,
            subject=filing.subject,
            organisation_id=filing.organisation_id,
            region=filing.region,
            since=date.fromisoformat(part["since"]),
            until=date.fromisoformat(part["until"]),
            granted_at=tx.now,
        )
    )
    tx.emit(
        ClearanceRecorded(
            filing_id=filing.id,
            organisation_id=filing.organisation_id,
            subject_ref=part["subject_ref"],
            role=part["role"],
            valid_from=date.fromisoformat(part["since"]),
            valid_until=date.fromisoformat(part["until"]),
        ),
        subject=f"clearance:{part['subject_ref']}",
        region=filing.region,
    )


async def revoke_clearance(
    tx: Transaction, clearance_id: UUID, relation: Relation, *, reason: str, note: str
) -> GrantedTerm:
    """It holds no more from now on; the gateway hears of it at once."""
    term = await tx.session.scalar(
        select(GrantedTerm)
        .where(
            GrantedTerm.id == clearance_id,
            GrantedTerm.kind == TermKind.CLEARANCE,
            visible(
                tx.actor,
                region=GrantedTerm.region.expression,
                organisation=GrantedTerm.organisation_id.expression,
            ),
        )
        .with_for_update()
    )
    if term is None:
        raise ClearanceNotFound(clearance_id=clearance_id)
    check_relation(
        relation, tx.actor, organisation=term.organisation_id, region=term.region, clause="A21.3"
    )
    tx.expect(rules.term_version(term.ended_at))
    if term.ended_at is not None:
        raise ClearanceEndedAlready(clause="A21.3", ended_at=term.ended_at)
    _end(tx, term, reason)
    await pay_renewals(tx, term.organisation_id, term.subject, by=None)
    tx.audit(
        "clearance.revoked",
        subject=f"clearance:{term.id}",
        details={"reason": reason, "note": note},
    )
    return term


async def end_expired_clearances(tx: Transaction) -> int:
    """Those whose last day is over hold no more; told once, whoever else looks."""
    rows = await tx.session.scalars(
        select(GrantedTerm)
        .where(
            GrantedTerm.kind == TermKind.CLEARANCE,
            GrantedTerm.ended_at.is_(None),
            GrantedTerm.until < today(tx),
        )
        .order_by(GrantedTerm.until)
        .limit(ENDED_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    found = rows.all()
    for term in found:
        _end(tx, term, EXPIRED)
    return len(found)


def _end(tx: Transaction, term: GrantedTerm, reason: str) -> None:
    term.ended_at = tx.now
    reference = rules.clearance_reference(term.subject)
    tx.emit(
        ClearanceRevoked(
            subject_ref=reference, organisation_id=term.organisation_id, reason=reason
        ),
        subject=f"clearance:{reference}",
        region=term.region,
    )

"""Four eyes and delegation: who may decide this filing now, and in whose name (F6)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import select

from services.filing import rules
from services.filing.commands.records import keep, policies_now
from services.filing.errors import (
    DelegationEnded,
    DelegationInvalid,
    DelegationNotFound,
    DelegationNotYours,
    PersonRequired,
)
from services.filing.rules import Action, AppealAction, Hand, Mandate
from services.filing.tables import DELEGATORS, Delegation, Filing, HistoryEntry
from shared.database import Transaction
from shared.errors import FieldError
from shared.events.filing import FilingEndorsed
from shared.security.scope import visible


@dataclass(frozen=True, slots=True)
class DelegationEntry:
    """What a delegator enters; empty types or organisations mean all."""

    delegate: str
    filing_types: Sequence[str]
    actions: Sequence[str]
    organisations: Sequence[str]
    starts_at: datetime
    ends_at: datetime
    reason: str


# --- deciding -------------------------------------------------------------------------------------


async def may_decide(
    tx: Transaction, filing: Filing, action: Action, delegation_id: UUID | None
) -> Delegation | None:
    """Refuse the filer's own hand; returns the delegation under which the actor decides."""
    mandate = await mandate_for(tx, filing, action, delegation_id)
    decider = hand_of(tx, mandate)
    filed = await _hands(tx, filing, *rules.FILED_BY)
    rules.check_four_eyes(decider, filed, await delegators(tx))
    return mandate


async def approves_last(
    tx: Transaction,
    filing: Filing,
    mandate: Delegation | None,
    *,
    clause: str,
    opinion: str,
) -> bool:
    """Whether this approval completes the number that the type needs; if not, it is kept (F6)."""
    policies = await policies_now(tx)
    needed = int(policies.get(f"approvals_{filing.type.lower()}", policies["approvals"]).value)
    if needed <= 1:
        return True
    earlier = await _hands(tx, filing, rules.ENDORSE, this_round=True)
    rules.check_counts_anew(hand_of(tx, mandate), earlier)
    given = len(earlier) + 1
    if given >= needed:
        return True
    keep(tx, filing, rules.ENDORSE, clause=clause, opinion=opinion, mandate=mandate)
    tx.emit(
        FilingEndorsed(filing_id=filing.id, filing_type=filing.type, given=given, needed=needed),
        subject=f"filing:{filing.id}",
        region=filing.region,
    )
    return False


def hand_of(tx: Transaction, mandate: Delegation | None = None) -> Hand:
    return Hand(
        subject=tx.actor.subject,
        client_id=tx.actor.client_id,
        organisation=tx.actor.organisation,
        person=tx.actor.person,
        acting_for=mandate.delegator if mandate is not None else None,
    )


async def mandate_for(
    tx: Transaction, filing: Filing, action: Action | AppealAction, delegation_id: UUID | None
) -> Delegation | None:
    """The named delegation, locked against a revocation, if it covers this decision as of now."""
    if delegation_id is None:
        return None
    row = await tx.session.scalar(
        select(Delegation)
        .where(Delegation.id == delegation_id, Delegation.organisation_id == tx.actor.organisation)
        .with_for_update(read=True)
        .execution_options(populate_existing=True)
    )
    if row is None:
        raise DelegationNotFound(delegation_id=delegation_id)
    mandate = Mandate(
        delegate=row.delegate,
        filing_types=row.filing_types,
        actions=row.actions,
        organisations=row.organisations,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        revoked_at=row.revoked_at,
    )
    mandate.check(
        by=hand_of(tx),
        now=tx.now,
        filing_type=filing.type,
        action=action,
        organisation=filing.organisation_id,
    )
    return row


async def _hands(
    tx: Transaction, filing: Filing, *actions: str, this_round: bool = False
) -> list[Hand]:
    """Who did this on a filing, once each."""
    await tx.session.flush()
    rows = await tx.session.execute(
        select(
            HistoryEntry.actor,
            HistoryEntry.client_id,
            HistoryEntry.organisation,
            HistoryEntry.person,
            HistoryEntry.acting_for,
        )
        .where(
            HistoryEntry.filing_id == filing.id,
            HistoryEntry.action.in_(actions),
            HistoryEntry.round == filing.round if this_round else HistoryEntry.round > 0,
        )
        .distinct()
    )
    return [Hand(*row) for row in rows]


async def delegators(tx: Transaction) -> frozenset[str]:
    """Everyone up the chain of those who let this actor decide for them, as of now."""
    if not tx.actor.person:
        return frozenset()
    return await delegators_of(tx, tx.actor.subject)


async def delegators_of(tx: Transaction, *names: str) -> frozenset[str]:
    """Everyone up the chains of those who let these persons decide for them, as of now."""
    found = [await tx.session.scalars(DELEGATORS, {"me": each, "now": tx.now}) for each in names]
    return frozenset(name for each in found for name in each)


# --- granting and revoking ------------------------------------------------------------------------


async def delegate(tx: Transaction, entry: DelegationEntry) -> Delegation:
    """Let a colleague decide in one's place; only one's own right, so there are no chains (F6)."""
    if not tx.actor.person:
        raise PersonRequired
    longest = int((await policies_now(tx))["delegation_longest"].value)
    wrong = [
        pointer
        for pointer, holds in (
            ("/delegate", entry.delegate == tx.actor.subject),
            ("/ends_at", not max(tx.now, entry.starts_at) < entry.ends_at),
            ("/ends_at", entry.ends_at > entry.starts_at + timedelta(days=longest)),
        )
        if holds
    ]
    if wrong:
        raise DelegationInvalid(
            days=longest,
            errors=[FieldError(pointer, DelegationInvalid.code) for pointer in wrong],
        )
    row = Delegation(
        id=uuid4(),
        organisation_id=tx.actor.organisation,
        region=tx.actor.region,
        delegator=tx.actor.subject,
        delegate=entry.delegate,
        filing_types=list(entry.filing_types),
        actions=list(entry.actions),
        organisations=list(entry.organisations),
        starts_at=entry.starts_at,
        ends_at=entry.ends_at,
        reason=entry.reason,
        created_at=tx.now,
        version=1,
    )
    tx.session.add(row)
    await tx.session.flush()
    tx.audit("delegation.granted", subject=f"delegation:{row.id}")
    return row


async def revoke_delegation(tx: Transaction, delegation_id: UUID) -> Delegation:
    """End it at once: by whom it was given, or by whom it was given to."""
    row = await tx.session.scalar(
        select(Delegation)
        .where(
            Delegation.id == delegation_id,
            visible(
                tx.actor,
                region=Delegation.region.expression,
                organisation=Delegation.organisation_id.expression,
            ),
        )
        .with_for_update()
    )
    if row is None:
        raise DelegationNotFound(delegation_id=delegation_id)
    if not tx.actor.person or tx.actor.subject not in (row.delegator, row.delegate):
        raise DelegationNotYours
    tx.expect(row.version)
    if row.revoked_at is not None or row.ends_at <= tx.now:
        raise DelegationEnded
    row.revoked_at = tx.now
    row.revoked_by = tx.actor.subject
    row.version += 1
    tx.audit("delegation.revoked", subject=f"delegation:{row.id}")
    return row

"""The province's answer to a written application: approved or rejected (A15.2, A5.1)."""

from uuid import UUID

from services.filing.commands import effects
from services.filing.commands.attachments import cite
from services.filing.commands.authority import approves_last, may_decide
from services.filing.commands.closing import stop_clocks
from services.filing.commands.gates import check_clause, check_same_version
from services.filing.commands.records import advance, keep, load_filing, type_of
from services.filing.commands.review import Decision
from services.filing.rules import Action, cited_in
from services.filing.tables import Filing
from shared.database import Transaction
from shared.events.filing import FilingApproved, FilingRejected
from shared.security.access import Relation


async def approve_filing(
    tx: Transaction,
    filing_id: UUID,
    relation: Relation,
    *,
    opinion: str,
    delegation_id: UUID | None = None,
) -> Filing:
    """Grant what was applied for, exactly as it was sent."""
    filing = await load_filing(tx, filing_id, relation)
    state = advance(tx, filing, Action.APPROVE)
    mandate = await may_decide(tx, filing, Action.APPROVE, delegation_id)
    type_ = await type_of(tx, filing)
    await check_same_version(tx, filing, type_)
    if not await approves_last(tx, filing, mandate, clause=type_.clause, opinion=opinion):
        return filing
    filing.state = state
    filing.decided_at = tx.now
    await stop_clocks(tx, filing, reason=Action.APPROVE)
    keep(tx, filing, Action.APPROVE, clause=type_.clause, opinion=opinion, mandate=mandate)
    tx.emit(
        FilingApproved(
            filing_id=filing.id,
            filing_type=filing.type,
            organisation_id=filing.organisation_id,
            digest=filing.digest,
            approved_at=tx.now,
        ),
        subject=f"filing:{filing.id}",
        region=filing.region,
    )
    await effects.decided(tx, filing)
    return filing


async def reject_filing(
    tx: Transaction, filing_id: UUID, relation: Relation, decision: Decision
) -> Filing:
    """Refuse for good, with clause, reason and evidence; a new application may follow."""
    filing = await load_filing(tx, filing_id, relation)
    state = advance(tx, filing, Action.REJECT)
    mandate = await may_decide(tx, filing, Action.REJECT, decision.delegation_id)
    await check_clause(tx, decision.clause)
    await cite(tx, filing.id, list(cited_in(list(decision.evidence), "/evidence")))
    filing.state = state
    filing.decided_at = tx.now
    await stop_clocks(tx, filing, reason=Action.REJECT)
    keep(
        tx,
        filing,
        Action.REJECT,
        clause=decision.clause,
        opinion=decision.opinion,
        evidence=decision.evidence,
        mandate=mandate,
    )
    tx.emit(
        FilingRejected(
            filing_id=filing.id,
            filing_type=filing.type,
            organisation_id=filing.organisation_id,
            clause=decision.clause,
        ),
        subject=f"filing:{filing.id}",
        region=filing.region,
    )
    return filing

"""The others' part: departments confirm or refuse, the province accepts or returns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import select

from services.filing.commands import clocks, effects, plan_lines
from services.filing.commands.attachments import cite
from services.filing.commands.authority import approves_last, may_decide
from services.filing.commands.closing import stop_clocks
from services.filing.commands.gates import (
    LISTING_DOCUMENTS,
    check_clause,
    check_same_version,
    check_still_live,
)
from services.filing.commands.records import advance, keep, load_filing, lock_names, type_of
from services.filing.commands.submission import apply_confirmations, tell_confirmed, wait_for
from services.filing.errors import AlreadyConfirmed, ItemUnknown
from services.filing.rules import Action, ClockKind, FilingKind, State, cited_in
from services.filing.tables import Confirmation, Delegation, Filing, KnownItem
from shared.database import Transaction
from shared.deadlines import ClockState
from shared.errors import FieldError
from shared.events.filing import (
    FilingAccepted,
    FilingRefused,
    FilingReturned,
    ListingContent,
)
from shared.security.access import Relation, check_relation


@dataclass(frozen=True, slots=True)
class Decision:
    """A refusal or return: the clause, the reason, and files named by digest (C2)."""

    clause: str
    opinion: str
    evidence: Sequence[Mapping[str, Any]]
    delegation_id: UUID | None = None


async def confirm_filing(
    tx: Transaction,
    filing_id: UUID,
    relation: Relation,
    *,
    opinion: str,
    delegation_id: UUID | None = None,
) -> Filing:
    """A named department confirms the filed version; the last one completes it (A11.2)."""
    filing = await load_filing(tx, filing_id, relation)
    advance(tx, filing, Action.CONFIRM)
    mandate = await may_decide(tx, filing, Action.CONFIRM, delegation_id)
    given = await tx.session.scalar(
        select(Confirmation.id).where(
            Confirmation.filing_id == filing.id,
            Confirmation.digest == filing.digest,
            Confirmation.department == tx.actor.organisation,
        )
    )
    if given is not None:
        raise AlreadyConfirmed(clause="A11.2", department=tx.actor.organisation)
    tx.session.add(
        Confirmation(
            id=uuid4(),
            item_code=filing.item_code,
            digest=filing.digest,
            department=tx.actor.organisation,
            filing_id=filing.id,
            opinion=opinion,
            given_by=tx.actor.subject,
            client_id=tx.actor.client_id,
            person=tx.actor.person,
            given_at=tx.now,
        )
    )
    await _confirmed(tx, filing, mandate, opinion=opinion)
    return filing


async def confirm_version(
    tx: Transaction, relation: Relation, *, item_code: str, digest: str, opinion: str
) -> Confirmation:
    """Confirm a version by its digest, before or after the city's filing arrives (F2)."""
    item = await tx.session.get(KnownItem, item_code)
    if item is None:
        raise ItemUnknown(clause="A2.1", errors=[FieldError("/item_code", ItemUnknown.code)])
    check_relation(
        relation, tx.actor, organisation=item.department, region=tx.actor.region, clause="A11.2"
    )
    await lock_names(tx, f"version:{item_code}:{digest}")
    filing = await tx.session.scalar(
        select(Filing)
        .where(
            Filing.item_code == item_code,
            Filing.digest == digest,
            Filing.state == State.SUBMITTED,
            Filing.departments.contains([tx.actor.organisation]),
        )
        .with_for_update()
    )
    given = await tx.session.scalar(
        select(Confirmation.id).where(
            Confirmation.item_code == item_code,
            Confirmation.digest == digest,
            Confirmation.department == tx.actor.organisation,
            Confirmation.filing_id == filing.id
            if filing is not None
            else Confirmation.filing_id.is_(None),
        )
    )
    if given is not None:
        raise AlreadyConfirmed(clause="A11.2", department=tx.actor.organisation)
    confirmation = Confirmation(
        id=uuid4(),
        item_code=item_code,
        digest=digest,
        department=tx.actor.organisation,
        filing_id=filing.id if filing is not None else None,
        opinion=opinion,
        given_by=tx.actor.subject,
        client_id=tx.actor.client_id,
        person=tx.actor.person,
        given_at=tx.now,
    )
    tx.session.add(confirmation)
    tx.audit("version.confirmed", subject=f"version:{item_code}", details={"digest": digest})
    if filing is not None:
        mandate = await may_decide(tx, filing, Action.CONFIRM, None)
        await _confirmed(tx, filing, mandate, opinion=opinion)
    return confirmation


async def _confirmed(
    tx: Transaction, filing: Filing, mandate: Delegation | None, *, opinion: str
) -> None:
    await tx.session.flush()
    await apply_confirmations(tx, filing)
    keep(tx, filing, Action.CONFIRM, clause="A11.2", opinion=opinion, mandate=mandate)
    complete = filing.state == State.CONFIRMED
    if complete:
        await wait_for(tx, filing, await type_of(tx, filing))
    tell_confirmed(tx, filing, tx.actor.organisation, complete=complete)


async def refuse_filing(
    tx: Transaction, filing_id: UUID, relation: Relation, decision: Decision
) -> Filing:
    """A named department refuses; the filer may correct and send again in the same thread."""
    filing = await load_filing(tx, filing_id, relation)
    state = advance(tx, filing, Action.REFUSE)
    mandate = await may_decide(tx, filing, Action.REFUSE, decision.delegation_id)
    await check_clause(tx, decision.clause)
    filing.state = state
    await stop_clocks(tx, filing, reason=Action.REFUSE)
    await _ask_for_correction(tx, filing, Action.REFUSE, decision, mandate)
    tx.emit(
        FilingRefused(
            filing_id=filing.id, department=tx.actor.organisation, clause=decision.clause
        ),
        subject=f"filing:{filing.id}",
        region=filing.region,
    )
    return filing


async def return_filing(
    tx: Transaction, filing_id: UUID, relation: Relation, decision: Decision
) -> Filing:
    """The province returns for correction; its own clock stands still until it comes back."""
    filing = await load_filing(tx, filing_id, relation)
    state = advance(tx, filing, Action.RETURN)
    mandate = await may_decide(tx, filing, Action.RETURN, decision.delegation_id)
    await check_clause(tx, decision.clause)
    filing.state = state
    for running in (await clocks.open_clocks(tx, filing.id)).values():
        if running.row.state == ClockState.RUNNING:
            clocks.pause_clock(tx, running, reason=Action.RETURN)
    await _ask_for_correction(tx, filing, Action.RETURN, decision, mandate)
    tx.emit(
        FilingReturned(
            filing_id=filing.id,
            filing_type=filing.type,
            clause=decision.clause,
            round=filing.round,
        ),
        subject=f"filing:{filing.id}",
        region=filing.region,
    )
    return filing


async def _ask_for_correction(
    tx: Transaction,
    filing: Filing,
    action: Action,
    decision: Decision,
    mandate: Delegation | None,
) -> None:
    await cite(tx, filing.id, list(cited_in(list(decision.evidence), "/evidence")))
    keep(
        tx,
        filing,
        action,
        clause=decision.clause,
        opinion=decision.opinion,
        evidence=decision.evidence,
        mandate=mandate,
    )
    correction = await clocks.start_clock(
        tx, record="filing", record_id=filing.id, kind=ClockKind.CORRECTION, policy="correction"
    )
    clocks.show_on_filing(filing, correction)


async def accept_filing(
    tx: Transaction,
    filing_id: UUID,
    relation: Relation,
    *,
    opinion: str,
    delegation_id: UUID | None = None,
) -> Filing:
    """The province takes note; what was filed goes live, byte for byte (A11.1, C7)."""
    filing = await load_filing(tx, filing_id, relation)
    state = advance(tx, filing, Action.ACCEPT)
    mandate = await may_decide(tx, filing, Action.ACCEPT, delegation_id)
    type_ = await type_of(tx, filing)
    confirmed_by = await check_same_version(tx, filing, type_)
    await check_still_live(tx, filing, type_)
    if not await approves_last(tx, filing, mandate, clause=type_.clause, opinion=opinion):
        return filing
    filing.state = state
    filing.decided_at = tx.now
    await stop_clocks(tx, filing, reason=Action.ACCEPT)
    keep(tx, filing, Action.ACCEPT, clause=type_.clause, opinion=opinion, mandate=mandate)
    _tell_accepted(tx, filing, confirmed_by)
    if filing.type == FilingKind.LISTING_PLAN:
        await plan_lines.accept_lines(tx, filing)
    await effects.decided(tx, filing)
    return filing


def _tell_accepted(tx: Transaction, filing: Filing, confirmed_by: list[str]) -> None:
    document = filing.type in LISTING_DOCUMENTS
    tx.emit(
        FilingAccepted(
            filing_id=filing.id,
            filing_type=filing.type,
            organisation_id=filing.organisation_id,
            listing_id=filing.listing_id,
            item_code=filing.item_code,
            digest=filing.digest,
            accepted_at=tx.now,
            goes_live_at=filing.goes_live_at,
            confirmed_by=confirmed_by,
            content=ListingContent.model_validate(filing.content) if document else None,
        ),
        subject=f"filing:{filing.id}",
        region=filing.region,
    )

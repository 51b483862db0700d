"""Appeals: filed once against a decision, decided by another person, ended with the filing (C2)."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import select

from services.filing import rules
from services.filing.commands import clocks
from services.filing.commands.authority import (
    delegators,
    delegators_of,
    hand_of,
    mandate_for,
)
from services.filing.commands.gates import check_clause
from services.filing.commands.partners import refuse_forced_out
from services.filing.commands.records import advance, keep, load_filing, type_of
from services.filing.commands.review import Decision
from services.filing.commands.submission import apply_confirmations, wait_for
from services.filing.errors import (
    AlreadyAppealed,
    AppealNotFound,
    AppealTooLate,
    FilingPending,
    NothingToAppeal,
    PersonRequired,
    SameReviewer,
)
from services.filing.rules import (
    APPEALABLE,
    APPEALS,
    Action,
    AppealAction,
    AppealParty,
    AppealState,
    ClockKind,
    Hand,
    State,
)
from services.filing.tables import Appeal, Delegation, Filing, HistoryEntry
from shared import deadlines
from shared.database import Transaction
from shared.deadlines import ClockState
from shared.events.filing import AppealDecided, AppealWithdrawn, FilingAppealed
from shared.security.access import Relation, check_relation
from shared.security.scope import visible


async def file_appeal(
    tx: Transaction,
    filing_id: UUID,
    relation: Relation,
    *,
    grounds: str,
    evidence: Sequence[Mapping[str, Any]],
) -> Appeal:
    """Ask another reviewer to look at the last decision; the time for correction stands still."""
    await refuse_forced_out(tx)
    filing = await load_filing(tx, filing_id, relation)
    decision = await _decision(tx, filing)
    if decision is None:
        raise NothingToAppeal(state=filing.state)
    earlier = await tx.session.scalar(select(Appeal.id).where(Appeal.against == decision.number))
    if earlier is not None:
        raise AlreadyAppealed(appeal_id=earlier)
    await _refuse_late(tx, filing, decision)
    appeal = Appeal(
        id=uuid4(),
        filing_id=filing.id,
        against=decision.number,
        against_action=decision.action,
        round=filing.round,
        state=AppealState.OPEN,
        grounds=grounds,
        evidence=[dict(each) for each in evidence],
        filed_by=tx.actor.subject,
        filed_at=tx.now,
        version=1,
    )
    tx.session.add(appeal)
    keep(tx, filing, rules.APPEAL, opinion=grounds, evidence=evidence)
    correction = (await clocks.open_clocks(tx, filing.id)).get(ClockKind.CORRECTION)
    if correction is not None:
        clocks.pause_clock(tx, correction, reason=rules.APPEAL)
    running = await clocks.start_clock(
        tx, record="filing", record_id=filing.id, kind=ClockKind.APPEAL, policy="appeal_review"
    )
    clocks.show_on_filing(filing, running)
    tx.emit(
        FilingAppealed(
            filing_id=filing.id,
            filing_type=filing.type,
            appeal_id=appeal.id,
            against=decision.action,
            due_at=running.row.due_at,
        ),
        subject=f"filing:{filing.id}",
        region=filing.region,
    )
    return appeal


async def decide_appeal(
    tx: Transaction, appeal_id: UUID, *, reverse: bool, decision: Decision
) -> Appeal:
    """Another person upholds the decision, or reverses it: then the filing is reviewed again."""
    appeal, filing = await _open(tx, appeal_id)
    tx.expect(appeal.version)
    action = AppealAction.REVERSE if reverse else AppealAction.UPHOLD
    appeal.state = APPEALS.after(AppealState(appeal.state), action, AppealParty.REVIEWER)
    mandate = await mandate_for(tx, filing, action, decision.delegation_id)
    await _check_reviewer(tx, appeal, filing, mandate)
    await check_clause(tx, decision.clause)
    appeal.clause, appeal.opinion = decision.clause, decision.opinion
    appeal.decision_evidence = [dict(each) for each in decision.evidence]
    appeal.decided_by, appeal.decided_at = tx.actor.subject, tx.now
    appeal.decided_for = mandate.delegator if mandate is not None else None
    appeal.version += 1
    if reverse:
        await _reopen(tx, filing)
    else:
        await _go_on(tx, filing)
    keep(
        tx,
        filing,
        action,
        clause=decision.clause,
        opinion=decision.opinion,
        evidence=decision.evidence,
        mandate=mandate,
    )
    tx.emit(
        AppealDecided(
            filing_id=filing.id, appeal_id=appeal.id, outcome=appeal.state, clause=decision.clause
        ),
        subject=f"filing:{filing.id}",
        region=filing.region,
    )
    return appeal


async def withdraw_appeal(
    tx: Transaction, appeal_id: UUID, relation: Relation, *, reason: str
) -> Appeal:
    """The filer takes the appeal back; it cannot be made again against the same decision."""
    appeal, filing = await _open(tx, appeal_id)
    check_relation(relation, tx.actor, organisation=filing.organisation_id, region=filing.region)
    tx.expect(appeal.version)
    appeal.state = APPEALS.after(
        AppealState(appeal.state), AppealAction.WITHDRAW, AppealParty.FILER
    )
    appeal.version += 1
    await _go_on(tx, filing)
    keep(tx, filing, rules.APPEAL_WITHDRAWN, opinion=reason)
    tx.emit(
        AppealWithdrawn(filing_id=filing.id, appeal_id=appeal.id),
        subject=f"filing:{filing.id}",
        region=filing.region,
    )
    return appeal


async def _decision(tx: Transaction, filing: Filing) -> HistoryEntry | None:
    """The entry of the decision that the filing now stands on, if it can be appealed."""
    action = APPEALABLE.get(State(filing.state))
    if action is None:
        return None
    found: HistoryEntry | None = await tx.session.scalar(
        select(HistoryEntry)
        .where(HistoryEntry.filing_id == filing.id, HistoryEntry.action == action)
        .order_by(HistoryEntry.number.desc())
        .limit(1)
    )
    return found


async def _refuse_late(tx: Transaction, filing: Filing, decision: HistoryEntry) -> None:
    """Within the window of the policy, and before the time for correction is over."""
    timing = await clocks.load_timing(tx)
    ledger = [deadlines.start([], at=decision.at, by=decision.actor)]
    limit = timing.policies["appeal_window"].limit()
    correction = (await clocks.open_clocks(tx, filing.id)).get(ClockKind.CORRECTION)
    late = deadlines.is_late(ledger, limit, timing.calendar, tx.now)
    if late or (correction is not None and correction.late(tx)):
        raise AppealTooLate(days=limit.amount)


async def _open(tx: Transaction, appeal_id: UUID) -> tuple[Appeal, Filing]:
    """An appeal whose filing the actor sees; the filing is locked first, as everywhere."""
    filing = await tx.session.scalar(
        select(Filing)
        .join(Appeal, Appeal.filing_id == Filing.id)
        .where(
            Appeal.id == appeal_id,
            visible(
                tx.actor,
                region=Filing.region.expression,
                organisation=Filing.organisation_id.expression,
            ),
        )
        .with_for_update(of=Filing)
    )
    appeal = await tx.session.get(Appeal, appeal_id, with_for_update=True, populate_existing=True)
    if filing is None or appeal is None:
        raise AppealNotFound(appeal_id=appeal_id)
    return appeal, filing


async def _check_reviewer(
    tx: Transaction, appeal: Appeal, filing: Filing, mandate: Delegation | None
) -> None:
    """A person; neither the filer nor who decided before, nor in the place of either (F6).

    Nor anybody in whose place the first reviewer may decide now: a delegator would look at the
    work of their own deputy.
    """
    if not tx.actor.person:
        raise PersonRequired
    reviewer, above = hand_of(tx, mandate), await delegators(tx)
    rows = await tx.session.scalars(
        select(HistoryEntry).where(
            HistoryEntry.filing_id == filing.id,
            (HistoryEntry.number == appeal.against) | HistoryEntry.action.in_(rules.FILED_BY),
        )
    )
    filers = []
    for row in rows:
        hand = Hand(row.actor, row.client_id, row.organisation, row.person, row.acting_for)
        if row.number != appeal.against:
            filers.append(hand)
            continue
        first = hand.names | await delegators_of(tx, *(hand.names if hand.person else ()))
        deputy = (reviewer.names | above) & hand.names or reviewer.names & first
        if deputy or reviewer.same_client(hand):
            raise SameReviewer
    rules.check_four_eyes(reviewer, filers, above)


async def _reopen(tx: Transaction, filing: Filing) -> None:
    """As if the decision had not been made: whoever was asked before is asked again."""
    state = advance(tx, filing, Action.REOPEN, platform=True)
    await _refuse_second_pending(tx, filing)
    filing.state = state
    filing.decided_at = None
    await _stop_appeal(tx, filing)
    await apply_confirmations(tx, filing)
    await wait_for(tx, filing, await type_of(tx, filing))


async def _refuse_second_pending(tx: Transaction, filing: Filing) -> None:
    """A rejected application may have been followed by a new one; two are never pending."""
    if filing.state != State.REJECTED or filing.subject is None:
        return
    other = await tx.session.scalar(
        select(Filing).where(
            Filing.organisation_id == filing.organisation_id,
            Filing.type == filing.type,
            Filing.subject == filing.subject,
            Filing.state.in_(rules.PENDING),
        )
    )
    if other is not None:
        raise FilingPending(filing_id=other.id, number=other.number)


async def _go_on(tx: Transaction, filing: Filing) -> None:
    """The decision stands; the time for correction runs again."""
    await _stop_appeal(tx, filing)
    correction = (await clocks.open_clocks(tx, filing.id)).get(ClockKind.CORRECTION)
    if correction is not None and correction.row.state == ClockState.PAUSED:
        clocks.resume_clock(tx, correction, reason=rules.APPEAL)
    clocks.show_on_filing(filing, correction)


async def _stop_appeal(tx: Transaction, filing: Filing) -> None:
    running = (await clocks.open_clocks(tx, filing.id)).get(ClockKind.APPEAL)
    if running is not None:
        clocks.stop_clock(tx, running, reason=rules.APPEAL)
        await tx.session.flush()

"""A limit is changed in two steps: proposed with its effect on running clocks, then confirmed."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from uuid import UUID

from sqlalchemy import func, literal_column, or_, select

from services.filing import rules
from services.filing.commands import clocks
from services.filing.commands.authority import hand_of
from services.filing.commands.calendar import tell_new_date
from services.filing.commands.records import policies_now, today
from services.filing.errors import (
    NoLimit,
    OwnProposal,
    PersonRequired,
    PolicyBackdated,
    ProposalNotFound,
    ProposalOutdated,
)
from services.filing.rules import Hand
from services.filing.tables import Clock, ClockEntry, Filing, Obligation, PolicyProposal
from shared import deadlines
from shared.database import Transaction
from shared.deadlines import ClockState, Limit, TimeUnit
from shared.errors import FieldError
from shared.events.filing import PolicyChanged
from shared.policies import Policy, Unit, last_version
from shared.policy_rows import load_policies, policy_to_change, set_policy

EXAMINED = 500
MOVED_AT_ONCE = 200
LIMIT_UNITS = frozenset(Unit(unit.value) for unit in TimeUnit)


@dataclass(frozen=True, slots=True)
class Effect:
    """What a limit would do to the clocks that run under it now.

    `moves` counts clocks by due day before and after; a paused clock has none. Of more than
    `EXAMINED` clocks the first ones due are counted, and `examined` is less than `running`.
    """

    running: int
    examined: int
    moves: Mapping[tuple[date | None, date | None], int]
    late_at_once: int


@dataclass(frozen=True, slots=True)
class Proposed:
    """A proposal with what it is measured against."""

    proposal: PolicyProposal
    current: Policy
    effect: Effect

    @property
    def loosens(self) -> bool:
        return rules.loosens(
            self.current.key, now=int(self.current.value), then=self.proposal.amount
        )


async def propose_policy(
    tx: Transaction, key: str, *, amount: int, source: str, effective_from: date
) -> Proposed:
    """Keep the next version of a limit for confirmation, in the place of an earlier proposal."""
    current = await _limit(tx, key, to_change=True)
    tx.expect(current.version)
    if effective_from < max(today(tx), current.effective_from):
        raise PolicyBackdated(errors=[FieldError("/effective_from", PolicyBackdated.code)])
    proposal = await tx.session.get(PolicyProposal, key, with_for_update=True)
    if proposal is None:
        proposal = PolicyProposal(key=key, version=0)
        tx.session.add(proposal)
    proposal.amount, proposal.source = amount, source
    proposal.effective_from, proposal.based_on = effective_from, current.version
    proposal.proposed_by, proposal.client_id = tx.actor.subject, tx.actor.client_id
    proposal.person, proposal.proposed_at = tx.actor.person, tx.now
    proposal.confirmed_by = None
    proposal.version += 1
    tx.audit(
        "policy.proposed",
        subject=f"policy:{key}",
        details={"value": amount, "effective_from": effective_from.isoformat()},
    )
    await tx.session.flush()
    return Proposed(proposal, current, await _effect(tx, proposal, current))


async def find_proposal(tx: Transaction, key: str) -> Proposed:
    """The open proposal for a limit with its effect as of now; `proposal_not_found` (404)."""
    current = await _limit(tx, key)
    proposal = await tx.session.get(PolicyProposal, key)
    if proposal is None or proposal.confirmed_by is not None:
        raise ProposalNotFound(key=key)
    return Proposed(proposal, current, await _effect(tx, proposal, current))


async def confirm_policy(tx: Transaction, key: str) -> Policy:
    """Put the proposal in force; a looser limit takes a second person (F6)."""
    current = await _limit(tx, key, to_change=True)
    proposal = await tx.session.get(PolicyProposal, key, with_for_update=True)
    if proposal is None or proposal.confirmed_by is not None:
        raise ProposalNotFound(key=key)
    tx.expect(proposal.version)
    if current.version != proposal.based_on:
        raise ProposalOutdated(version=current.version)
    if rules.loosens(key, now=int(current.value), then=proposal.amount):
        _check_second_person(tx, proposal)
    policy = await set_policy(
        tx,
        current,
        value=proposal.amount,
        source=proposal.source,
        effective_from=max(proposal.effective_from, today(tx)),
    )
    proposal.confirmed_by = tx.actor.subject
    proposal.version += 1
    tx.emit(
        PolicyChanged(
            key=key,
            version=policy.version,
            value=str(policy.value),
            unit=policy.unit,
            basis=policy.source,
            clause=policy.clause,
            effective_from=policy.effective_from,
        ),
        subject=f"policy:{key}",
        region=tx.actor.region,
    )
    if policy.effective_from <= today(tx):
        await _move(tx, policy)
    return policy


async def apply_policies(tx: Transaction) -> int:
    """Move the clocks that still run under an earlier version than the one in force today."""
    changed = [policy for policy in (await policies_now(tx)).values() if policy.version > 1]
    moved = [await _move(tx, policy) for policy in changed if policy.unit in LIMIT_UNITS]
    return sum(moved) + await _find_rungs_again(tx)


async def _limit(tx: Transaction, key: str, *, to_change: bool = False) -> Policy:
    """The last version of a limit; `no_limit` (409) for a policy that no clock can run by."""
    if to_change:
        current = await policy_to_change(tx, rules.DEFAULTS, key)
    else:
        current = last_version(await load_policies(tx, rules.DEFAULTS), key)
    if current.unit not in LIMIT_UNITS:
        raise NoLimit(key=key, unit=current.unit)
    return current


def _check_second_person(tx: Transaction, proposal: PolicyProposal) -> None:
    proposer = Hand(proposal.proposed_by, proposal.client_id, "", proposal.person)
    confirmer = hand_of(tx)
    if not (proposer.person and confirmer.person):
        raise PersonRequired
    if proposer.subject == confirmer.subject:
        raise OwnProposal


async def _effect(tx: Transaction, proposal: PolicyProposal, current: Policy) -> Effect:
    under = (
        Clock.policy == proposal.key,
        Clock.state != ClockState.STOPPED,
        Clock.overdue_at.is_(None),
    )
    running = await tx.session.scalar(select(func.count()).select_from(Clock).where(*under))
    rows = (
        await tx.session.scalars(
            select(Clock).where(*under).order_by(Clock.due_at, Clock.id).limit(EXAMINED)
        )
    ).all()
    limit = Limit(proposal.amount, TimeUnit(current.unit))
    timing = await clocks.load_timing(tx)
    ledgers = await _ledgers(tx, rows)
    moves: Counter[tuple[date | None, date | None]] = Counter()
    late = 0
    for row in rows:
        await asyncio.sleep(0)  # a long limit is a long count: others go on meanwhile
        due = deadlines.due_at(ledgers[row.id], limit, timing.calendar)
        after = due.local_date if due else None
        late += due is not None and due.at <= tx.now
        if after != row.local_date:
            moves[row.local_date, after] += 1
    return Effect(running or 0, len(rows), moves, late)


async def _ledgers(
    tx: Transaction, rows: Sequence[Clock]
) -> dict[UUID, list[deadlines.ClockEntry]]:
    """The ledgers of many clocks in one statement."""
    found: dict[UUID, list[deadlines.ClockEntry]] = {row.id: [] for row in rows}
    entries = await tx.session.scalars(
        select(ClockEntry)
        .where(ClockEntry.clock_id.in_([row.id for row in rows]))
        .order_by(ClockEntry.number)
    )
    for entry in entries:
        found[entry.clock_id].append(clocks.read_entry(entry))
    return found


async def _move(tx: Transaction, policy: Policy) -> int:
    """Give the next clocks their new limit, tell each new date; a breach stays as it is (F8)."""
    rows = (
        await tx.session.scalars(
            select(Clock)
            .where(
                Clock.policy == policy.key,
                Clock.policy_version < policy.version,
                Clock.state != ClockState.STOPPED,
                Clock.overdue_at.is_(None),
            )
            .order_by(Clock.id)
            .limit(MOVED_AT_ONCE)
            .with_for_update(skip_locked=True)
            .execution_options(populate_existing=True)
        )
    ).all()
    if not rows:
        return 0
    timing = await clocks.load_timing(tx)
    timing = replace(timing, policies={**timing.policies, policy.key: policy})
    ledgers, moved = await _ledgers(tx, rows), 0
    for row in rows:
        if not await _free(tx, row):  # a command holds the record: the next round takes it
            continue
        before = row.due_at
        limit = policy.limit()
        row.amount, row.unit, row.policy_version = limit.amount, limit.unit, policy.version
        clocks.settle(tx, clocks.Running(row, ledgers[row.id], timing))
        if row.due_at is not None and row.due_at <= tx.now:
            row.next_due_at = tx.now  # a clock waits only for what is to come
        if row.due_at is not None and row.due_at != before:
            await tell_new_date(tx, row, previous=before)
        moved += 1
    return moved


async def _find_rungs_again(tx: Transaction) -> int:
    """Let the sweep look now at clocks whose next rung was found by an earlier ladder."""
    version = rules.ladder_version(await policies_now(tx))
    rows = await tx.session.scalars(
        select(Clock)
        .where(
            literal_column("record = 'obligation' AND state = 'RUNNING'"),  # as in the index
            or_(Clock.ladder_version < version, Clock.ladder_version > version),
        )
        .limit(MOVED_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    found = rows.all()
    for row in found:
        row.next_due_at, row.ladder_version = tx.now, version
    return len(found)


async def _free(tx: Transaction, row: Clock) -> bool:
    """Lock the clock's record without waiting: commands lock it before its clocks."""
    table = Filing if row.record == "filing" else Obligation
    found = await tx.session.scalar(
        select(table.id)
        .where(table.id == row.record_id)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    )
    return found is not None

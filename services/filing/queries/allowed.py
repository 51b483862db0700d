"""What this very caller may do with a filing now: the flow, and whatever else would refuse it.

What is not shown is refused, and what is shown is refused only for what it would be sent with.
"""

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from typing import Final

from sqlalchemy import select

from services.filing import rules
from services.filing.rules import (
    DECISIONS,
    ENDORSE,
    FILED_BY,
    GRANTS,
    Action,
    AppealState,
    FilingKind,
    Flow,
    Hand,
    PartnerState,
    State,
)
from services.filing.tables import (
    DELEGATORS,
    Appeal,
    Filing,
    FilingTypeVersion,
    HistoryEntry,
    Partner,
)
from shared.clock import SHANGHAI
from shared.database import Transaction
from shared.policies import effective
from shared.policy_rows import load_policies
from shared.security.access import OPERATIONS
from shared.security.identity import Role

_FILERS_WORK: Final = frozenset({Action.REVISE, Action.SUBMIT})


async def allowed(
    tx: Transaction,
    filing: Filing,
    history: Sequence[HistoryEntry],
    *,
    confirmed_by: Sequence[str],
) -> list[Action]:
    """The actions in the order of Action; `history` is the filing's whole thread."""
    who = rules.parties(
        tx.actor, organisation=filing.organisation_id, departments=filing.departments
    )
    found = rules.allowed_actions(Flow(filing.flow), State(filing.state), who)
    left = {action for action in found if _may_call(tx, action)}
    if tx.actor.organisation in confirmed_by:
        left.discard(Action.CONFIRM)
    if Action.WITHDRAW in left and not await _may_withdraw(tx, filing):
        left.discard(Action.WITHDRAW)
    if left & _FILERS_WORK:
        left -= await _barred(tx, filing)
    if left & DECISIONS:
        left -= await _others_decide(tx, filing, history, left)
    return [action for action in found if action in left]


def _may_call(tx: Transaction, action: Action) -> bool:
    """Whether the caller's token reaches the action's operation (docs/access.md)."""
    operation = OPERATIONS[f"{action.lower()}Filing"]
    return tx.actor.role in operation.allow and operation.scope in tx.actor.scopes


async def _may_withdraw(tx: Transaction, filing: Filing) -> bool:
    if filing.state == State.DRAFT:
        return True
    issued = await tx.session.scalars(
        select(FilingTypeVersion).where(FilingTypeVersion.type == filing.type)
    )
    types = (*rules.TYPES, *(rules.read_issued(row) for row in issued))
    return rules.version_of(types, filing.type, filing.type_version).may_withdraw


async def _barred(tx: Transaction, filing: Filing) -> AbstractSet[Action]:
    """What its filer may not do: while an appeal is open (C2), or as a partner (A15.2, A15.5)."""
    if filing.state != State.DRAFT and await tx.session.scalar(
        select(Appeal.id).where(Appeal.filing_id == filing.id, Appeal.state == AppealState.OPEN)
    ):
        return _FILERS_WORK
    if tx.actor.role is not Role.PARTNER:
        return frozenset()
    partner = await tx.session.get(Partner, tx.actor.organisation)
    if partner is not None and partner.state == PartnerState.FORCED_OUT:
        return _FILERS_WORK
    today = tx.now.astimezone(SHANGHAI).date()
    serves = partner is not None and partner.valid_until >= today
    applies = filing.type == FilingKind.PARTNER_APPLICATION
    return frozenset() if serves or applies else frozenset({Action.SUBMIT})


async def _others_decide(
    tx: Transaction,
    filing: Filing,
    history: Sequence[HistoryEntry],
    wanted: AbstractSet[Action],
) -> AbstractSet[Action]:
    """The decisions that four eyes, or the number of people that must approve, refuse here (F6)."""
    actor = tx.actor
    decider = Hand(actor.subject, actor.client_id, actor.organisation, actor.person)
    above = (
        await tx.session.scalars(DELEGATORS, {"me": actor.subject, "now": tx.now})
        if actor.person
        else ()
    )
    filed = _hands(entry for entry in history if entry.action in FILED_BY)
    if not rules.may_decide(decider, filed, frozenset(above)):
        return DECISIONS
    given = [e for e in history if e.action == ENDORSE and e.round == filing.round]
    if wanted & GRANTS and (given or not actor.person):
        needed = await _approvals(tx, filing)
        if not rules.may_grant(decider, _hands(given), needed=needed):
            return GRANTS
    return frozenset()


def _hands(entries: Iterable[HistoryEntry]) -> list[Hand]:
    return [
        Hand(each.actor, each.client_id, each.organisation, each.person, each.acting_for)
        for each in entries
    ]


async def _approvals(tx: Transaction, filing: Filing) -> int:
    """How many distinct people must approve a filing of this type, as of today."""
    policies = await load_policies(tx, rules.DEFAULTS)
    today = tx.now.astimezone(SHANGHAI).date()
    own = f"approvals_{filing.type.lower()}"
    key = own if any(policy.key == own for policy in rules.DEFAULTS) else "approvals"
    return int(effective(policies, key, today).value)

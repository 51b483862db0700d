"""The three flows as tables: 报备 (NOTIFY), 报备 with 确认 (CONFIRM), 书面申请 (APPLY)."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from enum import StrEnum
from functools import cache
from types import MappingProxyType

from shared.lifecycle import IllegalStep, Lifecycle, Step, StepForbidden
from shared.security.identity import Actor, Role


class Flow(StrEnum):
    NOTIFY = "NOTIFY"
    CONFIRM = "CONFIRM"
    APPLY = "APPLY"


class State(StrEnum):
    DRAFT = "DRAFT"
    SUBMITTED = "SUBMITTED"
    CONFIRMED = "CONFIRMED"
    REFUSED = "REFUSED"
    ACCEPTED = "ACCEPTED"
    APPROVED = "APPROVED"
    REJECTED = "REJECTED"
    RETURNED = "RETURNED"
    WITHDRAWN = "WITHDRAWN"
    LAPSED = "LAPSED"


class Action(StrEnum):
    REVISE = "REVISE"
    SUBMIT = "SUBMIT"
    WITHDRAW = "WITHDRAW"
    CONFIRM = "CONFIRM"
    REFUSE = "REFUSE"
    ACCEPT = "ACCEPT"
    APPROVE = "APPROVE"
    REJECT = "REJECT"
    RETURN = "RETURN"
    REVOKE = "REVOKE"
    LAPSE = "LAPSE"
    REOPEN = "REOPEN"


class Party(StrEnum):
    """In what capacity someone acts on one filing; PLATFORM is the clock or an opposite filing."""

    FILER = "FILER"
    CONFIRMER = "CONFIRMER"
    DECIDER = "DECIDER"
    PLATFORM = "PLATFORM"


S, A, P = State, Action, Party
PENDING = frozenset({S.SUBMITTED, S.CONFIRMED, S.RETURNED, S.REFUSED})


def _filer_steps(
    *, corrected: Sequence[State], waiting: Sequence[State], reopened: Sequence[State] = ()
) -> list[Step[Action, State]]:
    """What the filer and the platform may do in every flow; nothing is ever taken as granted."""
    return [
        Step(A.SUBMIT, {S.DRAFT, *corrected}, S.SUBMITTED, {P.FILER}, clause="A11.1"),
        *(Step(A.REVISE, {state}, state, {P.FILER}) for state in (S.DRAFT, *corrected)),
        Step(A.WITHDRAW, {S.DRAFT, *corrected, *waiting}, S.WITHDRAWN, {P.FILER}),
        Step(A.REVOKE, {*corrected, *waiting}, S.WITHDRAWN, {P.PLATFORM}, clause="A11.3"),
        Step(A.LAPSE, set(corrected), S.LAPSED, {P.PLATFORM}),
        Step(A.REOPEN, {*corrected, *reopened}, S.SUBMITTED, {P.PLATFORM}),
    ]


FLOWS: Mapping[Flow, Lifecycle[State, Action]] = MappingProxyType(
    {
        Flow.NOTIFY: Lifecycle(
            name="filing.notify",
            initial=S.DRAFT,
            steps=(
                *_filer_steps(corrected=[S.RETURNED], waiting=[S.SUBMITTED]),
                Step(A.ACCEPT, {S.SUBMITTED}, S.ACCEPTED, {P.DECIDER}, clause="A11.3"),
                Step(A.RETURN, {S.SUBMITTED}, S.RETURNED, {P.DECIDER}, clause="A11.3"),
            ),
            terminal={S.ACCEPTED, S.WITHDRAWN, S.LAPSED},
        ),
        Flow.CONFIRM: Lifecycle(
            name="filing.confirm",
            initial=S.DRAFT,
            steps=(
                *_filer_steps(
                    corrected=[S.RETURNED, S.REFUSED], waiting=[S.SUBMITTED, S.CONFIRMED]
                ),
                Step(A.CONFIRM, {S.SUBMITTED}, S.CONFIRMED, {P.CONFIRMER}, clause="A11.2"),
                Step(A.REFUSE, {S.SUBMITTED}, S.REFUSED, {P.CONFIRMER}, clause="A11.2"),
                Step(A.ACCEPT, {S.CONFIRMED}, S.ACCEPTED, {P.DECIDER}, clause="A11.2"),
                Step(A.RETURN, {S.SUBMITTED, S.CONFIRMED}, S.RETURNED, {P.DECIDER}, clause="A11.1"),
            ),
            terminal={S.ACCEPTED, S.WITHDRAWN, S.LAPSED},
        ),
        Flow.APPLY: Lifecycle(
            name="filing.apply",
            initial=S.DRAFT,
            steps=(
                *_filer_steps(corrected=[S.RETURNED], waiting=[S.SUBMITTED], reopened=[S.REJECTED]),
                Step(A.APPROVE, {S.SUBMITTED}, S.APPROVED, {P.DECIDER}, clause="A15.2"),
                Step(A.REJECT, {S.SUBMITTED}, S.REJECTED, {P.DECIDER}, clause="A15.2"),
                Step(A.RETURN, {S.SUBMITTED}, S.RETURNED, {P.DECIDER}, clause="A15.2"),
            ),
            terminal={S.APPROVED, S.WITHDRAWN, S.LAPSED},
        ),
    }
)

_FILERS = frozenset({Role.PROVINCE, Role.CITY, Role.COUNTY, Role.DEPARTMENT, Role.PARTNER})


def parties(actor: Actor, *, organisation: str, departments: Sequence[str]) -> frozenset[Party]:
    """In which capacities this actor stands to a filing of that organisation."""
    found = set()
    if actor.role in _FILERS and actor.organisation == organisation:
        found.add(Party.FILER)
    if actor.role is Role.DEPARTMENT and actor.organisation in departments:
        found.add(Party.CONFIRMER)
    if actor.role is Role.PROVINCE:
        found.add(Party.DECIDER)
    return frozenset(found)


def allowed_actions(
    flow: Flow, state: State, who: AbstractSet[Party], *, may_withdraw: bool = True
) -> tuple[Action, ...]:
    """What these capacities may do now, in the order of Action."""
    return _allowed(flow, state, frozenset(who), may_withdraw)


@cache
def _allowed(
    flow: Flow, state: State, who: frozenset[Party], may_withdraw: bool
) -> tuple[Action, ...]:
    found = {action for party in who for action in FLOWS[flow].actions(state, party)}
    if not may_withdraw and state is not State.DRAFT:
        found.discard(Action.WITHDRAW)
    return tuple(action for action in Action if action in found)


def advance(flow: Flow, state: State, action: Action, who: AbstractSet[Party]) -> State:
    """The state after the action; `illegal_step` (409) and `step_forbidden` (403) name others."""
    lifecycle = FLOWS[flow]
    able = [party for party in Party if party in who and action in lifecycle.actions(state, party)]
    asked = able[0] if able else next((party for party in Party if party in who), Party.FILER)
    try:
        return lifecycle.after(state, action, asked)
    except (IllegalStep, StepForbidden) as refused:
        refused.allowed = allowed_actions(flow, state, who)
        raise

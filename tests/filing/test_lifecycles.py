"""The three flows as tables: every state, action and party, one by one."""

from itertools import product

import pytest

from services.filing.rules import (
    FLOWS,
    PENDING,
    Action,
    Flow,
    Party,
    State,
    advance,
    allowed_actions,
    parties,
)
from shared.lifecycle import IllegalStep, StepForbidden
from shared.security.identity import Role
from tests.suite import ACTORS, HEALTH_INSURANCE, LABOUR, NANCHANG, PROVINCE

A, P, S = Action, Party, State
_FILER_MOVES = {
    (S.DRAFT, A.SUBMIT): S.SUBMITTED,
    (S.DRAFT, A.REVISE): S.DRAFT,
    (S.DRAFT, A.WITHDRAW): S.WITHDRAWN,
    (S.SUBMITTED, A.WITHDRAW): S.WITHDRAWN,
    (S.RETURNED, A.SUBMIT): S.SUBMITTED,
    (S.RETURNED, A.REVISE): S.RETURNED,
    (S.RETURNED, A.WITHDRAW): S.WITHDRAWN,
}
_PLATFORM_MOVES = {
    (S.SUBMITTED, A.REVOKE): S.WITHDRAWN,
    (S.RETURNED, A.REVOKE): S.WITHDRAWN,
    (S.RETURNED, A.LAPSE): S.LAPSED,
    (S.RETURNED, A.REOPEN): S.SUBMITTED,
}
# Written out by hand, so that a change of the tables shows here.
MOVES: dict[Flow, dict[Party, dict[tuple[State, Action], State]]] = {
    Flow.NOTIFY: {
        P.FILER: _FILER_MOVES,
        P.CONFIRMER: {},
        P.DECIDER: {(S.SUBMITTED, A.ACCEPT): S.ACCEPTED, (S.SUBMITTED, A.RETURN): S.RETURNED},
        P.PLATFORM: _PLATFORM_MOVES,
    },
    Flow.CONFIRM: {
        P.FILER: {
            **_FILER_MOVES,
            (S.CONFIRMED, A.WITHDRAW): S.WITHDRAWN,
            (S.REFUSED, A.SUBMIT): S.SUBMITTED,
            (S.REFUSED, A.REVISE): S.REFUSED,
            (S.REFUSED, A.WITHDRAW): S.WITHDRAWN,
        },
        P.CONFIRMER: {
            (S.SUBMITTED, A.CONFIRM): S.CONFIRMED,
            (S.SUBMITTED, A.REFUSE): S.REFUSED,
        },
        P.DECIDER: {
            (S.CONFIRMED, A.ACCEPT): S.ACCEPTED,
            (S.SUBMITTED, A.RETURN): S.RETURNED,
            (S.CONFIRMED, A.RETURN): S.RETURNED,
        },
        P.PLATFORM: {
            **_PLATFORM_MOVES,
            (S.CONFIRMED, A.REVOKE): S.WITHDRAWN,
            (S.REFUSED, A.REVOKE): S.WITHDRAWN,
            (S.REFUSED, A.LAPSE): S.LAPSED,
            (S.REFUSED, A.REOPEN): S.SUBMITTED,
        },
    },
    Flow.APPLY: {
        P.FILER: _FILER_MOVES,
        P.CONFIRMER: {},
        P.DECIDER: {
            (S.SUBMITTED, A.APPROVE): S.APPROVED,
            (S.SUBMITTED, A.REJECT): S.REJECTED,
            (S.SUBMITTED, A.RETURN): S.RETURNED,
        },
        P.PLATFORM: {**_PLATFORM_MOVES, (S.REJECTED, A.REOPEN): S.SUBMITTED},
    },
}


@pytest.mark.feature("C1")
@pytest.mark.feature("F1")
@pytest.mark.parametrize("flow", Flow)
def test_every_state_action_and_party_moves_as_written_or_is_refused(flow: Flow):
    for state, action, party in product(State, Action, Party):
        expected = MOVES[flow][party].get((state, action))
        offered = allowed_actions(flow, state, {party})

        if expected is not None:
            assert advance(flow, state, action, {party}) is expected
            assert action in offered
            continue
        someone = any((state, action) in MOVES[flow][other] for other in Party)
        with pytest.raises(StepForbidden if someone else IllegalStep) as refused:
            advance(flow, state, action, {party})
        assert refused.value.allowed == offered
        assert action not in offered


@pytest.mark.parametrize("flow", Flow)
def test_whoever_is_several_parties_may_do_what_each_may(flow: Flow):
    for state in State:
        both = set(allowed_actions(flow, state, {P.FILER, P.DECIDER}))

        each = set(allowed_actions(flow, state, {P.FILER})) | set(
            allowed_actions(flow, state, {P.DECIDER})
        )
        assert both == each


@pytest.mark.feature("C7")
@pytest.mark.clause("A11.2")
def test_a_confirmed_flow_is_accepted_from_confirmed_alone():
    accepting = [
        state for state in State if A.ACCEPT in FLOWS[Flow.CONFIRM].actions(state, P.DECIDER)
    ]

    assert accepting == [S.CONFIRMED]


@pytest.mark.parametrize("flow", Flow)
def test_a_pending_filing_can_always_be_taken_back(flow: Flow):
    for state in PENDING & set(FLOWS[flow].states):
        assert A.WITHDRAW in allowed_actions(flow, state, {P.FILER})
        assert A.REVOKE in allowed_actions(flow, state, {P.PLATFORM})


@pytest.mark.clause("A4.1")
def test_parties_follow_from_role_and_organisation():
    found = {
        actor.organisation: parties(actor, organisation="city-360100", departments=["jx-ybj"])
        for actor in ACTORS
        if actor.role is not Role.APP
    }

    assert found[NANCHANG.organisation] == {P.FILER}
    assert found[HEALTH_INSURANCE.organisation] == {P.CONFIRMER}
    assert found[PROVINCE.organisation] == {P.DECIDER}
    assert found[LABOUR.organisation] == set()
    assert sum(map(len, found.values())) == 3


def test_a_type_that_is_not_withdrawn_may_still_be_dropped_as_a_draft():
    kept = {
        state: A.WITHDRAW in allowed_actions(Flow.NOTIFY, state, {P.FILER}, may_withdraw=False)
        for state in (S.DRAFT, S.SUBMITTED, S.RETURNED)
    }

    assert kept == {S.DRAFT: True, S.SUBMITTED: False, S.RETURNED: False}

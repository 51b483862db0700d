"""Lifecycles as tables: the move, the refusal that says what is allowed, the picture."""

from enum import StrEnum
from itertools import product

import pytest

from shared.lifecycle import IllegalStep, Lifecycle, Step, StepForbidden, mermaid


class State(StrEnum):
    DRAFT = "DRAFT"
    SUBMITTED = "SUBMITTED"
    RETURNED = "RETURNED"
    ACCEPTED = "ACCEPTED"
    WITHDRAWN = "WITHDRAWN"


class Action(StrEnum):
    SUBMIT = "SUBMIT"
    RETURN = "RETURN"
    ACCEPT = "ACCEPT"
    WITHDRAW = "WITHDRAW"


class Role(StrEnum):
    PROVINCE = "PROVINCE"
    CITY = "CITY"
    APP = "APP"


STEPS = (
    Step(Action.SUBMIT, {State.DRAFT, State.RETURNED}, State.SUBMITTED, {Role.CITY}),
    Step(Action.ACCEPT, {State.SUBMITTED}, State.ACCEPTED, {Role.PROVINCE}, clause="A11.3"),
    Step(Action.RETURN, {State.SUBMITTED}, State.RETURNED, {Role.PROVINCE}),
    Step(Action.WITHDRAW, {State.SUBMITTED}, State.WITHDRAWN, {Role.CITY}),
    Step(Action.WITHDRAW, {State.SUBMITTED}, State.WITHDRAWN, {Role.PROVINCE}, clause="A16.3"),
)
TERMINAL = {State.ACCEPTED, State.WITHDRAWN}
FILING = Lifecycle("filing", State.DRAFT, STEPS, TERMINAL)


def test_a_step_of_the_table_leads_to_its_target():
    assert FILING.after(State.SUBMITTED, Action.ACCEPT, Role.PROVINCE) is State.ACCEPTED


@pytest.mark.feature("C1")
@pytest.mark.feature("F2")
def test_an_illegal_step_is_a_conflict_that_names_the_allowed_ones():
    with pytest.raises(IllegalStep) as refusal:
        FILING.after(State.SUBMITTED, Action.SUBMIT, Role.PROVINCE)

    assert (refusal.value.status, refusal.value.code) == (409, "illegal_step")
    assert refusal.value.allowed == (Action.ACCEPT, Action.RETURN, Action.WITHDRAW)
    assert refusal.value.params["state"] is State.SUBMITTED


def test_a_step_of_another_role_is_forbidden_with_its_clause():
    with pytest.raises(StepForbidden) as refusal:
        FILING.after(State.SUBMITTED, Action.ACCEPT, Role.CITY)

    assert (refusal.value.status, refusal.value.code) == (403, "step_forbidden")
    assert refusal.value.clause == "A11.3"
    assert refusal.value.allowed == (Action.WITHDRAW,)


def test_nothing_leads_out_of_a_terminal_state():
    with pytest.raises(IllegalStep) as refusal:
        FILING.after(State.ACCEPTED, Action.WITHDRAW, Role.CITY)

    assert refusal.value.allowed == ()


def test_every_combination_agrees_with_the_table_and_with_the_offered_actions():
    table = {
        (source, step.action, role): step.target
        for step in STEPS
        for source in step.sources
        for role in step.roles
    }

    for state, action, role in product(State, Action, Role):
        target = table.get((state, action, role))
        assert (action in FILING.actions(state, role)) is (target is not None)
        if target is not None:
            assert FILING.after(state, action, role) is target
        else:
            with pytest.raises((IllegalStep, StepForbidden)):
                FILING.after(state, action, role)


def test_the_row_that_allows_a_step_tells_the_clause_of_that_role():
    assert FILING.step(State.SUBMITTED, Action.WITHDRAW, Role.PROVINCE).clause == "A16.3"
    assert FILING.step(State.SUBMITTED, Action.WITHDRAW, Role.CITY).clause is None


@pytest.mark.parametrize(
    ("steps", "terminal", "flaw"),
    [
        (STEPS[1:], TERMINAL, "SUBMITTED is unreachable"),
        (STEPS, {*TERMINAL, State.RETURNED}, "RETURNED is terminal but has exits"),
        (STEPS, {State.ACCEPTED}, "WITHDRAWN has no exit and is not terminal"),
        (
            (*STEPS, Step(Action.ACCEPT, {State.SUBMITTED}, State.DRAFT, {Role.CITY})),
            TERMINAL,
            "ACCEPT leads from SUBMITTED to more than one state",
        ),
        (
            (*STEPS, Step(Action.RETURN, {State.SUBMITTED}, State.RETURNED, set[Role]())),
            TERMINAL,
            "RETURN has no source or no role",
        ),
    ],
)
def test_a_table_that_contradicts_itself_is_refused_at_construction(steps, terminal, flaw):
    with pytest.raises(ValueError, match=flaw):
        Lifecycle("filing", State.DRAFT, steps, terminal)


def test_the_picture_is_drawn_from_the_table():
    picture = mermaid(FILING, {"DRAFT": '草稿"1"', "ACCEPT": "收悉"})

    assert picture.splitlines() == [
        "stateDiagram-v2",
        '    state "草稿#34;1#34;" as DRAFT',
        '    state "RETURNED" as RETURNED',
        '    state "SUBMITTED" as SUBMITTED',
        '    state "ACCEPTED" as ACCEPTED',
        '    state "WITHDRAWN" as WITHDRAWN',
        "    [*] --> DRAFT",
        "    DRAFT --> SUBMITTED: SUBMIT",
        "    RETURNED --> SUBMITTED: SUBMIT",
        "    SUBMITTED --> ACCEPTED: 收悉 (A11.3)",
        "    SUBMITTED --> RETURNED: RETURN",
        "    SUBMITTED --> WITHDRAWN: WITHDRAW",
        "    SUBMITTED --> WITHDRAWN: WITHDRAW (A16.3)",
        "    ACCEPTED --> [*]",
        "    WITHDRAWN --> [*]",
    ]

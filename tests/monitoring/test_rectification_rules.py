"""The rules of rectification alone: steps, four eyes, what results say, where a ladder climbs."""

from itertools import product

import pytest

from services.monitoring.errors import OwnRectification, PersonRequired, RetestDecides
from services.monitoring.rules.ladder import Level, Post, climb, level_of, seats
from services.monitoring.rules.rectifications import (
    KINDS,
    RECTIFICATION,
    FindingAction,
    FindingKind,
    FindingState,
    Hand,
    Party,
    Retest,
    Verdict,
    allowed_actions,
    check_retest,
    check_second_person,
    verdict,
)
from shared.lifecycle import IllegalStep, StepForbidden

MAY = {
    ("OPEN", "ORDER"): ("DISPATCHED", {"SUPERVISOR", "PLATFORM"}),
    ("OPEN", "RESOLVE"): ("CLOSED", {"PLATFORM"}),
    ("DISPATCHED", "SUBMIT"): ("SUBMITTED", {"DEBTOR"}),
    ("REOPENED", "SUBMIT"): ("SUBMITTED", {"DEBTOR"}),
    ("SUBMITTED", "VERIFY"): ("VERIFIED", {"SUPERVISOR", "PLATFORM"}),
    ("SUBMITTED", "REOPEN"): ("REOPENED", {"SUPERVISOR", "PLATFORM"}),
    ("VERIFIED", "REOPEN"): ("REOPENED", {"SUPERVISOR", "PLATFORM"}),
    ("VERIFIED", "CLOSE"): ("CLOSED", {"SUPERVISOR", "PLATFORM"}),
    **{
        (state, "LAPSE"): ("CLOSED", {"PLATFORM"})
        for state in ("OPEN", "DISPATCHED", "SUBMITTED", "REOPENED")
    },
}


@pytest.mark.clause("A16.2")
@pytest.mark.parametrize("state", FindingState)
def test_each_state_lets_each_party_do_what_the_table_says(state: FindingState):
    for action, party in product(FindingAction, Party):
        target, parties = MAY.get((state, action), (None, set()))
        if target is None:
            with pytest.raises(IllegalStep):
                RECTIFICATION.after(state, action, party)
        elif party not in parties:
            with pytest.raises(StepForbidden):
                RECTIFICATION.after(state, action, party)
        else:
            assert RECTIFICATION.after(state, action, party) == target


@pytest.mark.feature("M9")
@pytest.mark.parametrize("retest", [Retest.PROBE, Retest.RULE])
def test_what_can_be_tested_again_offers_no_way_to_close_it_by_hand(retest: Retest):
    offered = {
        action
        for state, party in product(FindingState, (Party.SUPERVISOR, Party.DEBTOR))
        for action in allowed_actions(state, party, retest)
    }

    assert offered == {FindingAction.ORDER, FindingAction.SUBMIT}
    for action in (FindingAction.VERIFY, FindingAction.REOPEN, FindingAction.CLOSE):
        with pytest.raises(RetestDecides):
            check_retest(retest, action)
        check_retest(Retest.EVIDENCE, action)


def test_every_kind_says_what_it_is_about():
    assert set(KINDS) == set(FindingKind)
    assert all(kind.clause for kind in KINDS.values())


ANN = Hand("ann", "officers", "jx-rst", person=True)
BOB = Hand("bob", "officers", "jx-zwfw", person=True)
SYSTEM = Hand("jx-rst-system", "jx-rst-client", "jx-rst", person=False)


@pytest.mark.feature("F6")
@pytest.mark.parametrize(
    ("verifier", "submitters", "refused"),
    [
        (BOB, [ANN, SYSTEM], None),
        (SYSTEM, [ANN], PersonRequired),
        (ANN, [ANN], OwnRectification),
        (ANN, [BOB, ANN, BOB], OwnRectification),
        (Hand("ann", "elsewhere", "jx-zwfw", person=True), [ANN], OwnRectification),
        (Hand("cleo", "jx-rst-client", "jx-ybj", person=True), [SYSTEM], OwnRectification),
        (Hand("cleo", "officers", "jx-rst", person=True), [SYSTEM], PersonRequired),
        (Hand("cleo", "officers", "jx-rst", person=True), [ANN], None),
    ],
)
def test_evidence_is_read_by_a_second_person(verifier, submitters, refused):
    if refused is None:
        check_second_person(verifier, submitters)
    else:
        with pytest.raises(refused):
            check_second_person(verifier, submitters)


@pytest.mark.feature("M9")
@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        ({}, None),
        ({"a": []}, None),
        ({"a": [True]}, None),
        ({"a": [True, True]}, Verdict.PASSED),
        ({"a": [True, True, False]}, Verdict.PASSED),
        ({"a": [True, False, True]}, None),
        ({"a": [False, False]}, None),
        ({"a": [False, False, False]}, Verdict.FAILED),
        ({"a": [True, True], "b": [True]}, None),
        ({"a": [True, True], "b": []}, None),
        ({"a": [True, True], "b": [True, True]}, Verdict.PASSED),
        ({"a": [True, True], "b": [False, False, False]}, Verdict.FAILED),
    ],
)
def test_all_probes_pass_twice_or_one_fails_three_times(samples, expected):
    seen = {probe: {"one": results} for probe, results in samples.items()}

    assert verdict(seen, passes=2, failures=3, needed=2) is expected


@pytest.mark.feature("M5")
@pytest.mark.parametrize(
    ("sights", "expected"),
    [
        ({"a": "++", "b": "++", "c": "---"}, Verdict.PASSED),
        ({"a": "++", "b": "---", "c": "---"}, Verdict.FAILED),
        ({"a": "++", "b": "---"}, Verdict.PASSED),
        ({"a": "--", "b": "---"}, None),
        ({"a": "---", "b": ""}, Verdict.FAILED),
        ({"a": "++", "b": "+", "c": "---"}, None),
        ({"a": "", "b": ""}, None),
    ],
)
def test_vantage_points_decide_a_retest_as_they_decide_an_outage(sights, expected):
    seen: dict[object, dict[str, list[bool]]] = {
        "probe": {name: [each == "+" for each in text] for name, text in sights.items()}
    }

    assert verdict(seen, passes=2, failures=3, needed=2) is expected


def test_an_empty_ladder_is_addressed_to_nobody_and_says_whom_it_passed_over():
    ladder = seats("county", ["city", "province"], ["province"])

    nobody, empty = climb(ladder, Level.LEADER, {})
    found, skipped = climb(ladder, Level.RESPONSIBLE, {("city", Post.LEADER): "x"})

    assert nobody is None
    assert ("county", Post.RESPONSIBLE) not in {each.key for each in empty}
    assert found is not None
    assert found.key == ("city", Post.LEADER)
    assert [each.key for each in skipped][:3] == [
        ("county", Post.RESPONSIBLE), ("county", Post.DEPUTY), ("county", Post.LEADER),
    ]  # fmt: skip
    assert level_of("no such level") is Level.PROVINCE

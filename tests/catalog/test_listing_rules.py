"""The listing's lifecycle as a table, and the gate before anything goes live."""

from datetime import date
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.catalog.rules.listings import (
    LISTING,
    Gate,
    ListingAction,
    ListingState,
    gate,
)
from services.catalog.rules.partners import may_be_listed
from shared.events.filing import ListingContent
from shared.lifecycle import IllegalStep, StepForbidden
from shared.security.canonical import digest
from shared.security.identity import Role
from tests.catalog.province import DONGHU_PLACE, NANCHANG_PLACE, content, digest_of

S, A = ListingState, ListingAction
MOVES = {
    (S.DRAFT, A.SCHEDULE): S.SCHEDULED,
    (S.DRAFT, A.PUBLISH): S.LISTED,
    (S.SCHEDULED, A.SCHEDULE): S.SCHEDULED,
    (S.SCHEDULED, A.PUBLISH): S.LISTED,
    (S.SCHEDULED, A.SUSPEND): S.SUSPENDED,
    (S.SCHEDULED, A.DELIST): S.DELISTED,
    (S.LISTED, A.UPDATE): S.LISTED,
    (S.LISTED, A.SUSPEND): S.SUSPENDED,
    (S.LISTED, A.DELIST): S.DELISTED,
    (S.SUSPENDED, A.RESUME): S.LISTED,
    (S.SUSPENDED, A.DELIST): S.DELISTED,
    (S.DELISTED, A.PUBLISH): S.LISTED,
    (S.DELISTED, A.ARCHIVE): S.ARCHIVED,
}


@pytest.mark.feature("C1")
@pytest.mark.clause("A11.1")
@pytest.mark.parametrize(("state", "action"), list(product(S, A)))
def test_a_listing_moves_only_as_the_table_says(state: ListingState, action: ListingAction):
    if (state, action) in MOVES:
        assert LISTING.after(state, action, Role.PROVINCE) is MOVES[state, action]
    else:
        with pytest.raises(IllegalStep) as refused:
            LISTING.after(state, action, Role.PROVINCE)
        assert set(refused.value.allowed) == {a for (s, a) in MOVES if s is state}


@pytest.mark.feature("C7")
@pytest.mark.parametrize("role", [role for role in Role if role is not Role.PROVINCE])
def test_no_role_publishes_by_itself(role: Role):
    with pytest.raises(StepForbidden):
        LISTING.after(S.DRAFT, A.PUBLISH, role)


def decide(document: ListingContent | None, **changes):
    facts = {
        "filed": "" if document is None else digest_of(document),
        "owner_kind": "PROVINCIAL_DEPARTMENT",
        "references_known": True,
        "partner_holds": True,
        "confirmed_by": [],
    }
    return gate(document, **{**facts, **changes})[0]


@pytest.mark.feature("C7")
def test_what_was_filed_goes_live():
    assert decide(content()) is None


@pytest.mark.feature("C7")
@given(
    member=st.sampled_from(sorted(ListingContent.model_fields)),
    extra=st.characters(codec="utf-8", exclude_categories=["Cs"]),
)
def test_one_changed_character_is_sent_back(member, extra):
    document = content()
    value = getattr(document, member)
    if isinstance(value, list):
        changed = document.model_copy(update={member: [*value, extra]})
    else:
        changed = document.model_copy(update={member: f"{value}{extra}"})

    assert decide(changed, filed=digest_of(document)) is Gate.DIGEST


@pytest.mark.feature("C7")
def test_the_digest_is_compared_by_the_algorithm_that_was_filed():
    document = content()
    filed = digest(document.model_dump(mode="json"), algorithm="sm3")

    assert filed.startswith("sm3:")
    assert decide(document, filed=filed) is None
    assert decide(document, filed="md5:00") is Gate.DIGEST


@pytest.mark.feature("C7")
def test_an_acceptance_without_content_publishes_nothing():
    assert decide(None) is Gate.CONTENT_MISSING


@pytest.mark.feature("C7")
@pytest.mark.clause("A11.2")
@pytest.mark.parametrize("kind", ["CITY_AUTHORITY", "COUNTY_AUTHORITY"])
def test_a_local_listing_needs_a_department_s_confirmation(kind):
    document = content(**(NANCHANG_PLACE if kind == "CITY_AUTHORITY" else DONGHU_PLACE))

    assert decide(document, owner_kind=kind) is Gate.CONFIRMATION_MISSING
    assert decide(document, owner_kind=kind, confirmed_by=["jx-rst"]) is None


@pytest.mark.clause("A5.4")
def test_a_county_lists_local_scenarios_only():
    document = content(**{**DONGHU_PLACE, "kind": "STANDARD"})

    refused = decide(document, owner_kind="COUNTY_AUTHORITY", confirmed_by=["jx-rst"])

    assert refused is Gate.COUNTY_SCOPE


@pytest.mark.clause("A4.2")
def test_a_listing_without_a_registered_accountable_unit_is_refused():
    assert decide(content(), owner_kind=None) is Gate.REFERENCE_UNKNOWN
    assert decide(content(), references_known=False) is Gate.REFERENCE_UNKNOWN


@pytest.mark.clause("A15.2")
def test_a_partner_without_an_approval_that_holds_stays_out():
    assert decide(content(), owner_kind="PARTNER") is None
    assert decide(content(), owner_kind="PARTNER", partner_holds=False) is Gate.PARTNER_NOT_ACTIVE


@pytest.mark.clause("A15.2")
@pytest.mark.parametrize(
    ("state", "day", "held"),
    [("ACTIVE", 30, True), ("ACTIVE", 29, True), ("ACTIVE", 31, False), ("FORCED_OUT", 29, False)],
)
def test_an_approval_holds_up_to_its_last_day_and_not_after_an_exit(state, day, held):
    until = date(2026, 12, 30)

    assert may_be_listed(state, valid_until=until, today=date(2026, 12, day)) is held

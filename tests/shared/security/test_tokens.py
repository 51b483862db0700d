"""Tokens are issued one way, and what is within the rules is accepted."""

import base64
import json
from datetime import timedelta

import pytest

from shared.security.identity import Actor, Role
from shared.security.tokens import AUDIENCE, Claims, Issuer, issue, verify
from tests.shared.security.tokens import (
    AT,
    CITY,
    GOOD_CLAIMS,
    GOOD_HEADER,
    ISSUERS,
    KEYS,
    NOW,
    OTHER,
    OTHER_KEY,
    OWN,
    claims_with,
    signed,
    token_with,
)


@pytest.mark.feature("DEP1")
def test_an_issued_token_verifies_to_the_same_actor() -> None:
    token = issue(KEYS, issuer=OWN, actor=CITY, now=NOW, jti="0001")

    claims = verify(token, issuers=ISSUERS, now=NOW)

    assert claims == Claims(CITY, OWN, "0001", NOW, NOW + timedelta(minutes=10))


def test_an_issued_token_is_an_access_token_of_rfc_9068() -> None:
    token = issue(KEYS, issuer=OWN, actor=CITY, now=NOW, jti="0001")

    header, claims = (
        json.loads(base64.urlsafe_b64decode(part + "==")) for part in token.split(".")[:2]
    )

    assert header == GOOD_HEADER
    assert claims == GOOD_CLAIMS


@pytest.mark.feature("DEP1")
@pytest.mark.parametrize(
    "lifetime", [timedelta(minutes=10, seconds=1), timedelta(0), timedelta(seconds=-1)]
)
def test_no_token_is_issued_for_more_than_ten_minutes(lifetime) -> None:
    with pytest.raises(ValueError, match="10 minutes"):
        issue(KEYS, issuer=OWN, actor=CITY, now=NOW, jti="1", lifetime=lifetime)


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": [AUDIENCE]},
        {"iat": AT + 30, "nbf": AT + 30},
        {"iat": AT - 629, "nbf": AT - 629, "exp": AT - 29},
        {"exp": AT + 900},
        {"iat": AT + 0.5},
        {"region": "36GJ00"},
        {"region": "36"},
        {"scope": ""},
        {"scope": ...},
        {"person": True},
    ],
    ids=str,
)
def test_what_is_within_the_rules_is_accepted(changes) -> None:
    claims = verify(token_with(**changes), issuers=ISSUERS, now=NOW)

    assert claims.actor.subject == CITY.subject
    assert not claims.actor.person  # our own issuer is not flagged for persons here


@pytest.mark.parametrize(
    ("issuer", "says", "is_person"),
    [(OTHER, True, True), (OTHER, 1, False), (OTHER, "true", False), (OTHER, ..., False)],
)
def test_a_person_is_who_a_persons_issuer_says_is_one(issuer, says, is_person) -> None:
    claims = claims_with(iss=issuer, person=says, sub="officer-7")
    token = signed({"alg": "RS256", "typ": "JWT", "kid": "rsa-1"}, claims, OTHER_KEY)

    actor = verify(token, issuers=ISSUERS, now=NOW).actor

    assert (actor.subject, actor.person) == ("officer-7", is_person)


def test_an_issued_person_stays_a_person_where_the_issuer_may_name_persons() -> None:
    officer = Actor("officer-7", "console", "jx-zwfw", Role.PROVINCE, "36", frozenset(), True)
    issuers = {OWN: Issuer(OWN, KEYS.public(), issues_persons=True)}

    token = issue(KEYS, issuer=OWN, actor=officer, now=NOW, jti="1")

    assert verify(token, issuers=issuers, now=NOW).actor == officer


@pytest.mark.parametrize("algorithms", [{"HS256"}, {"none"}, {"ES256", "HS512"}, set()])
def test_an_issuer_with_a_weak_algorithm_cannot_be_configured(algorithms) -> None:
    with pytest.raises(ValueError, match="algorithms"):
        Issuer(OWN, {}, algorithms=frozenset(algorithms))

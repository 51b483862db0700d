"""Which rows an actor sees: one filter, with literal values or with values given later (A4.1)."""

import pytest
from sqlalchemy import Column, Text, bindparam
from sqlalchemy.dialects.postgresql.asyncpg import dialect

from shared.security.identity import Actor, Role
from shared.security.scope import scope_values, visible, visible_to

REGION, ORGANISATION = Column("region", Text), Column("organisation", Text)


def text_of(role: Role) -> str:
    found = visible_to(
        role,
        region=REGION,
        organisation=ORGANISATION,
        named=bindparam("own") == Column("named", Text),
        own=bindparam("own"),
        within=bindparam("within"),
    )
    return str(found.compile(dialect=dialect()))


@pytest.mark.clause("A4.1")
@pytest.mark.parametrize("role", list(Role))
def test_the_filter_of_a_role_holds_nothing_of_an_actor(role: Role):
    someone = Actor("s", "c", "city-360100", role, "360100")

    text = text_of(role)

    assert "360100" not in text
    literal = str(visible(someone, region=REGION, organisation=ORGANISATION).compile())
    assert ("organisation" in literal) is ("organisation" in text)
    assert ("LIKE" in literal) is ("LIKE" in text)


@pytest.mark.clause("A4.1")
@pytest.mark.parametrize(
    ("region", "within"), [("360100", "3601%"), ("36%", "36/%%"), ("3_", "3/_%"), ("", "")]
)
def test_a_region_is_a_prefix_and_no_pattern_and_none_reaches_nothing(region: str, within: str):
    assert scope_values(Actor("s", "c", "o", Role.CITY, region))["within"] == within

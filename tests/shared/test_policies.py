"""Policies: what a policies.toml must say, and which version holds on a day."""

from datetime import date
from decimal import Decimal

import pytest

from shared.calendar import DayEnd
from shared.deadlines import Limit, TimeUnit
from shared.policies import (
    NO_OFFICIAL_SOURCE,
    Policy,
    PolicyNotFound,
    Unit,
    effective,
    load_defaults,
    parse_value,
)

TOML = """
[listing_review]
value = 5
unit = "working_days"
source = "no official source"
clause = "A11.1"
effective_from = 2025-08-04

[availability_red_line]
value = "0.95"
unit = "ratio"
source = "政府网站检查指标"
clause = "A17.3"
effective_from = 2025-08-04

[silence_rule]
value = "none"
unit = "choice"
source = "no official source"
clause = "A11.2"
effective_from = 2025-08-04

[delist_on_oral_report]
value = true
unit = "flag"
source = "no official source"
clause = "A11.4"
effective_from = 2025-08-04
"""


def test_defaults_carry_value_unit_source_clause_and_first_day():
    policies = load_defaults(TOML.encode())

    assert policies[0] == Policy(
        key="listing_review",
        value=5,
        unit=Unit.WORKING_DAYS,
        source=NO_OFFICIAL_SOURCE,
        clause="A11.1",
        effective_from=date(2025, 8, 4),
        version=1,
    )
    assert [p.value for p in policies[1:]] == [Decimal("0.95"), "none", True]


@pytest.mark.parametrize("line", ["value", "unit", "source", "clause", "effective_from"])
def test_a_policy_that_lacks_a_field_is_refused_by_its_key(line):
    head, *fields = TOML.split("\n\n", maxsplit=1)[0].strip().splitlines()
    kept = [field for field in fields if not field.startswith(f"{line} ")]

    with pytest.raises(ValueError, match=f"listing_review.*lacks.*{line}"):
        load_defaults("\n".join([head, *kept]).encode())


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('unit = "working_days"', 'unit = "fortnights"', "fortnights"),
        ("value = 5", "value = 0.95", "0.95"),
        ("value = 5", "value = -5", "-5"),
        ("value = 5", "value = true", "True"),
        ("value = 5", 'value = "5"', "'5'"),
        ('source = "no official source"', 'source = ""', "source"),
        ('clause = "A11.1"', "clause = 11", "clause"),
        ("effective_from = 2025-08-04", 'effective_from = "2025-08-04"', "not a date"),
        ("effective_from = 2025-08-04", "effective_from = 2025-08-04T00:00:00Z", "not a date"),
        ("value = 5", "value = 5\nvalu = 6", "valu"),
        ("value = 5", "value = 5\nversion = 0", "version"),
    ],
)
def test_a_policy_that_says_it_wrongly_is_refused_by_its_key(old, new, told):
    text = TOML.split("\n\n", maxsplit=1)[0].replace(old, new, 1)

    with pytest.raises(ValueError, match=f"listing_review.*{told}"):
        load_defaults(text.encode())


def test_a_bare_value_is_no_policy():
    with pytest.raises(ValueError, match="listing_review: is not a table"):
        load_defaults(b"listing_review = 5")


@pytest.mark.parametrize(
    ("raw", "unit"),
    [("NaN", Unit.RATIO), ("Infinity", Unit.POINTS), ("much", Unit.PERCENT), ("", Unit.TEXT)],
)
def test_what_is_not_a_finite_number_or_a_word_is_refused(raw, unit):
    with pytest.raises(ValueError, match=f"{raw!r} is not"):
        parse_value(raw, unit)


def test_the_version_in_force_is_the_latest_that_has_begun():
    first = load_defaults(TOML.encode())[0]
    second = Policy(
        first.key, 3, first.unit, first.source, first.clause, date(2026, 7, 1), version=2
    )
    amended = Policy(
        first.key, 4, first.unit, first.source, first.clause, date(2026, 7, 1), version=3
    )
    policies = [second, amended, first]

    assert effective(policies, first.key, date(2026, 6, 30)) is first
    assert effective(policies, first.key, date(2026, 7, 1)) is amended


@pytest.mark.clause("A28")
@pytest.mark.parametrize(
    ("key", "day"), [("listing_review", date(2025, 8, 3)), ("unknown", date(2026, 1, 1))]
)
def test_a_policy_that_is_not_in_force_is_not_found(key, day):
    with pytest.raises(PolicyNotFound) as refusal:
        effective(load_defaults(TOML.encode()), key, day)

    assert (refusal.value.status, refusal.value.code) == (404, "policy_not_found")
    assert refusal.value.params == {"key": key, "at": day}


def test_a_duration_is_a_clocks_limit_and_a_ratio_is_not():
    review, ratio, *_ = load_defaults(TOML.encode())

    limit = review.limit(ends=DayEnd.CLOSE_OF_OFFICE)

    assert limit == Limit(5, TimeUnit.WORKING_DAYS, ends=DayEnd.CLOSE_OF_OFFICE)
    with pytest.raises(ValueError, match="ratio"):
        ratio.limit()

"""Every number comes from somewhere: value, unit, source, clause and first day."""

from datetime import date

import pytest

from docs.regulation import clauses
from docs.sources import ROOT
from shared.policies import NO_OFFICIAL_SOURCE, Policy, load_defaults

IN_FORCE = date(2025, 8, 4)
POLICIES = [
    pytest.param(policy, id=f"{file.parent.name}.{policy.key}")
    for part in ("shared", "services", "gateway")
    for file in sorted((ROOT / part).rglob("policies.toml"))
    for policy in load_defaults(file.read_bytes())
]


def test_there_are_policies():
    assert POLICIES


@pytest.mark.clause("A28")
@pytest.mark.parametrize("policy", POLICIES)
def test_a_policy_says_where_its_number_comes_from(policy: Policy):
    ids = {clause.id for clause in clauses()}

    named = set(policy.clause.replace(",", " ").split())

    assert named <= ids, "clause is not a row of the measures"
    assert policy.source == NO_OFFICIAL_SOURCE or len(policy.source) > 3
    assert policy.effective_from >= IN_FORCE

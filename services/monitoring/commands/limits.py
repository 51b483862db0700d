"""Monitoring's own policies as they hold today."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from services import monitoring
from services.monitoring.rules.hours import SiteRule
from services.monitoring.rules.hysteresis import Thresholds
from shared.clock import SHANGHAI
from shared.database import Transaction
from shared.policies import Policy, effective, load_defaults, read_defaults
from shared.policy_rows import load_policies

DEFAULTS = load_defaults(read_defaults(monitoring.__name__))


@dataclass(frozen=True, slots=True)
class ProbeLimits:
    """Today's numbers, read together; times in seconds."""

    interval: int
    shortest: int
    timeout: int
    missing_after: int
    lag: int
    per_host: int
    per_listing: int
    fresh_every: int
    certificate_days: int
    lease: int
    kept_days: int
    walk_shortest: int
    walk_runs_days: int
    hours_days: int
    site: SiteRule
    thresholds: Thresholds


async def limits_now(tx: Transaction) -> ProbeLimits:
    policies = await load_policies(tx, DEFAULTS)
    day = tx.now.astimezone(SHANGHAI).date()

    def number(key: str) -> int:
        return int(effective(policies, key, day).value)

    return ProbeLimits(
        interval=number("probe_interval"),
        shortest=number("probe_interval_shortest"),
        timeout=number("probe_timeout"),
        missing_after=number("probe_missing_after"),
        lag=number("probe_lag"),
        per_host=number("probes_per_host"),
        per_listing=number("probes_per_listing"),
        fresh_every=number("fresh_connection_every"),
        certificate_days=number("certificate_days"),
        lease=number("shard_lease"),
        kept_days=number("samples_kept"),
        walk_shortest=number("walk_interval_shortest"),
        walk_runs_days=number("walk_runs_kept"),
        hours_days=number("sample_hours_kept"),
        site=SiteRule(
            days=number("site_test_days"),
            visits=number("site_test_visits"),
            longest=number("site_test_timeout") * 1000,
            share=float(effective(policies, "site_test_failures", day).value),
        ),
        thresholds=Thresholds(
            failures=number("failures_to_open"),
            successes=number("successes_to_close"),
            hold=timedelta(minutes=number("incident_hold")),
            vantages=number("vantages_to_open"),
        ),
    )


async def policies_now(tx: Transaction) -> Mapping[str, Policy]:
    """Every policy of this service in the version that is in force today, read once."""
    kept: Mapping[str, Policy] | None = tx.kept.get("policies")
    if kept is None:
        policies = await load_policies(tx, DEFAULTS)
        day = tx.now.astimezone(SHANGHAI).date()
        keys = {each.key for each in policies if each.effective_from <= day}
        kept = tx.kept["policies"] = {key: effective(policies, key, day) for key in keys}
    return kept

"""Policies as rows: a service's defaults and the later versions beside them."""

import json
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import text

from shared.clock import SHANGHAI
from shared.database import Transaction
from shared.policies import Policy, Unit, Value, effective, last_version, parse_value


async def load_policies(tx: Transaction, defaults: Iterable[Policy]) -> tuple[Policy, ...]:
    """Defaults first, then every version that the province has set."""
    rows = await tx.session.execute(
        text(
            "select key, version, value, unit, source, clause, effective_from"
            " from policies order by key, version"
        )
    )
    changed = tuple(
        Policy(
            key=row.key,
            value=parse_value(row.value, Unit(row.unit)),
            unit=Unit(row.unit),
            source=row.source,
            clause=row.clause,
            effective_from=row.effective_from,
            version=row.version,
        )
        for row in rows
    )
    return (*defaults, *changed)


async def policy_now(tx: Transaction, defaults: Iterable[Policy], key: str) -> Policy:
    """The version in force today in Jiangxi; `policy_not_found` (404) when there is none."""
    policies = await load_policies(tx, defaults)
    return effective(policies, key, tx.now.astimezone(SHANGHAI).date())


async def policy_to_change(tx: Transaction, defaults: Iterable[Policy], key: str) -> Policy:
    """The last version, held against other changes until the commit; `policy_not_found` (404)."""
    known = tuple(defaults)
    last_version(known, key)  # an unknown key never reaches the database
    await (await tx.raw()).execute(
        "select pg_advisory_xact_lock(hashtextextended($1, 3))", f"policy:{key}"
    )
    return last_version(await load_policies(tx, known), key)


async def set_policy(
    tx: Transaction, current: Policy, *, value: Value, source: str, effective_from: date
) -> Policy:
    """Write the version after `policy_to_change`; earlier versions stay readable.

    It may begin before an earlier version does, which then takes its place on its own day.
    """
    policy = Policy(
        key=current.key,
        value=value,
        unit=current.unit,
        source=source,
        clause=current.clause,
        effective_from=effective_from,
        version=current.version + 1,
    )
    raw = await tx.raw()
    await raw.execute(
        "insert into policies (key, version, value, unit, source, clause, effective_from,"
        " set_by, set_at) values ($1, $2, $3::jsonb, $4, $5, $6, $7, $8, $9)",
        policy.key,
        policy.version,
        _json(policy.value),
        policy.unit.value,
        policy.source,
        policy.clause,
        policy.effective_from,
        tx.actor.subject,
        tx.now,
    )
    tx.audit("policy.changed", subject=f"policy:{policy.key}", details={"version": policy.version})
    return policy


def _json(value: Any) -> str:
    return json.dumps(str(value) if isinstance(value, Decimal) else value, ensure_ascii=False)

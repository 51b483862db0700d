"""Monitoring's policies in the version that is in force today, read once a transaction."""

from collections.abc import Mapping
from datetime import date

from services.monitoring.commands.limits import DEFAULTS
from shared.clock import SHANGHAI
from shared.database import Transaction
from shared.policies import Policy, effective
from shared.policy_rows import load_policies

_KEPT = "policies"


def today(tx: Transaction) -> date:
    return tx.now.astimezone(SHANGHAI).date()


async def policies_now(tx: Transaction) -> Mapping[str, Policy]:
    """Every policy of this service as it holds today."""
    found: Mapping[str, Policy] | None = tx.kept.get(_KEPT)
    if found is None:
        known = await load_policies(tx, DEFAULTS)
        day = today(tx)
        found = {each.key: effective(known, each.key, day) for each in DEFAULTS}
        tx.kept[_KEPT] = found
    return found


async def number(tx: Transaction, key: str) -> int:
    return int((await policies_now(tx))[key].value)

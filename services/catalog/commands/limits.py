"""Catalog's own policies as they hold today."""

from services import catalog
from shared.database import Transaction
from shared.policies import Value, load_defaults, read_defaults
from shared.policy_rows import policy_now

DEFAULTS = load_defaults(read_defaults(catalog.__name__))


async def limit(tx: Transaction, key: str) -> Value:
    """The value in force today; `policy_not_found` when there is none."""
    return (await policy_now(tx, DEFAULTS, key)).value

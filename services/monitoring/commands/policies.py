"""Today, and single numbers of monitoring's policies as they hold today."""

from datetime import date

from services.monitoring.commands.limits import policies_now
from shared.clock import SHANGHAI
from shared.database import Transaction

__all__ = ["number", "policies_now", "today"]


def today(tx: Transaction) -> date:
    return tx.now.astimezone(SHANGHAI).date()


async def number(tx: Transaction, key: str) -> int:
    return int((await policies_now(tx))[key].value)

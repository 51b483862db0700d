"""What the platform finds by itself: raised once, and ordered at once where the policy says so."""

from sqlalchemy import select

from services.monitoring.commands.finding_records import Raised, raise_finding
from services.monitoring.commands.policies import policies_now
from services.monitoring.commands.rectifications import order_now
from services.monitoring.rules.rectifications import PLATFORM
from services.monitoring.tables import Finding
from shared.database import Transaction


async def find_once(tx: Transaction, found: Raised) -> Finding | None:
    """None when the platform has found the same before; what it found is what `source_id` names.

    Of two who find it at once the later waits for the earlier.
    """
    await (await tx.raw()).execute(
        "select pg_advisory_xact_lock(hashtextextended($1, 4))",
        f"{found.source}|{PLATFORM}|{found.source_id}",
    )
    earlier = await tx.session.scalar(
        select(Finding.id).where(
            Finding.source == found.source,
            Finding.raising_organisation == PLATFORM,
            Finding.source_id == found.source_id,
        )
    )
    if earlier is not None:
        return None
    return await find(tx, found)


async def find(tx: Transaction, found: Raised) -> Finding:
    """Raise it for the platform, and order it at once unless the policy leaves that to people."""
    finding = raise_finding(tx, found)
    if (await policies_now(tx))["automatic_orders"].value:
        await order_now(tx, finding, by_platform=True)
    return finding

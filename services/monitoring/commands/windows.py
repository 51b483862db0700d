"""What filing's windows change here: when downtime was filed in advance (A16.3, F7)."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert

from services.monitoring.tables import KnownWindow
from shared.database import Transaction
from shared.events.filing import WindowPlanned


async def window_was_planned(tx: Transaction, told: WindowPlanned) -> None:
    """Opened or changed: the newest shape counts."""
    values = {
        "filing_id": told.filing_id,
        "organisation_id": told.organisation_id,
        "listing_ids": told.listing_ids,
        "impact": told.impact,
        "starts_at": told.starts_at,
        "ends_at": told.ends_at,
    }
    await tx.session.execute(
        insert(KnownWindow)
        .values(id=told.window_id, **values)
        .on_conflict_do_update(index_elements=["id"], set_=values)
    )


async def window_was_cancelled(tx: Transaction, window_id: UUID) -> None:
    await tx.session.execute(delete(KnownWindow).where(KnownWindow.id == window_id))


async def window_has_ended(tx: Transaction, window_id: UUID, *, ended_at: datetime) -> None:
    """Early: from then on the unit answers for its downtime again."""
    window = await tx.session.get(KnownWindow, window_id, with_for_update=True)
    if window is not None:
        window.ends_at = min(window.ends_at, ended_at)

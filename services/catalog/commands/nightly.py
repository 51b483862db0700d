"""What a night's check tells, once a night however many replicas ask."""

from datetime import date

from sqlalchemy.dialects.postgresql import insert

from services.catalog.tables import NightlyRun
from shared.database import Transaction
from shared.events.catalog import OrphanFound


async def claim_night(tx: Transaction, name: str, day: date) -> bool:
    """Whether this transaction is the one that does the check of that day."""
    claimed = await tx.session.scalar(
        insert(NightlyRun)
        .values(name=name, day=day)
        .on_conflict_do_nothing()
        .returning(NightlyRun.name)
    )
    return claimed is not None


def tell_orphan(
    tx: Transaction, *, organisation_id: str, region: str, domain: str, live_listings: int
) -> None:
    """A unit with live listings has nobody named for a domain today (C5)."""
    tx.emit(
        OrphanFound(organisation_id=organisation_id, domain=domain, live_listings=live_listings),
        subject=f"organisation:{organisation_id}",
        region=region,
    )

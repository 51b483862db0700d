"""Items that a unit need not list: granted with a reason, revoked (A8.1)."""

from uuid import UUID, uuid4

from sqlalchemy import select

from services.catalog.commands.register import Wanted, load_known, refuse
from services.catalog.errors import ExemptionNotFound, Registered
from services.catalog.schemas.coverage import ExemptionInput
from services.catalog.tables import CoverageExemption, Item
from shared.database import Transaction
from shared.errors import FieldError
from shared.events.catalog import CoverageExempted, CoverageExemptionRevoked


async def grant_exemption(tx: Transaction, given: ExemptionInput) -> CoverageExemption:
    """Take an item out of what a unit should list; `already_registered` (409) for a second one."""
    known = await load_known(tx, [Wanted(organisations=(given.organisation_id,))])
    flaws = list(known.organisation("organisation_id", given.organisation_id))
    if await tx.session.get(Item, given.item_code) is None:
        flaws.append(FieldError("item_code", "item_unknown", {"id": given.item_code}))
    refuse(flaws)
    held = await tx.session.scalar(
        select(CoverageExemption.id).where(
            CoverageExemption.organisation_id == given.organisation_id,
            CoverageExemption.item_code == given.item_code,
        )
    )
    if held is not None:
        raise Registered(id=held)
    exemption = CoverageExemption(
        id=uuid4(),
        **given.model_dump(),
        region=known.organisations[given.organisation_id].region,
        granted_by=tx.actor.organisation,
        granted_at=tx.now,
        version=1,
    )
    tx.session.add(exemption)
    await tx.session.flush()
    tx.emit(
        CoverageExempted(
            exemption_id=exemption.id,
            organisation_id=exemption.organisation_id,
            item_code=exemption.item_code,
            until=exemption.until,
        ),
        subject=f"exemption:{exemption.id}",
        region=exemption.region,
    )
    return exemption


async def revoke_exemption(tx: Transaction, exemption_id: UUID) -> None:
    """The item counts again; `exemption_not_found` (404)."""
    exemption = await tx.session.scalar(
        select(CoverageExemption).where(CoverageExemption.id == exemption_id).with_for_update()
    )
    if exemption is None:
        raise ExemptionNotFound(id=exemption_id)
    tx.expect(exemption.version)
    await tx.session.delete(exemption)
    tx.emit(
        CoverageExemptionRevoked(
            exemption_id=exemption.id,
            organisation_id=exemption.organisation_id,
            item_code=exemption.item_code,
        ),
        subject=f"exemption:{exemption.id}",
        region=exemption.region,
    )

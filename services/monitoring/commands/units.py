"""What catalog's events say of units and their posts; the newest event of an aggregate wins."""

from datetime import datetime

from sqlalchemy.dialects.postgresql import insert

from services.monitoring.tables import KnownOrganisation, KnownPerson
from shared.database import Transaction
from shared.events.catalog import OrganisationRegistered, ResponsiblePersonNamed


async def know_organisation(tx: Transaction, told: OrganisationRegistered, *, at: datetime) -> None:
    """`since` stays what the first event said."""
    values = {"kind": told.kind, "region": told.region, "parent": told.parent, "active": True}
    await tx.session.execute(
        insert(KnownOrganisation)
        .values(id=told.organisation_id, since=at, **values)
        .on_conflict_do_update(index_elements=["id"], set_=values)
    )


async def forget_organisation(tx: Transaction, id_: str) -> None:
    row = await tx.session.get(KnownOrganisation, id_, populate_existing=True)
    if row is not None:
        row.active = False


async def know_person(tx: Transaction, told: ResponsiblePersonNamed) -> None:
    """Who holds a post, by id alone; told again, the newest term holds."""
    values = told.model_dump(exclude={"person_id"})
    await tx.session.execute(
        insert(KnownPerson)
        .values(id=told.person_id, **values)
        .on_conflict_do_update(index_elements=["id"], set_=values)
    )

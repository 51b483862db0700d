"""Responsible persons as they are shown: masked, always (A12.2, A17.1, A21.2)."""

from datetime import date
from uuid import UUID

from sqlalchemy import ColumnElement, func, or_, select

from services.catalog.errors import PersonNotFound
from services.catalog.rules.sealing import Sealed, phone_index, unseal
from services.catalog.schemas.persons import PersonView
from services.catalog.tables import ResponsiblePerson
from shared.clock import SHANGHAI
from shared.database import Transaction
from shared.http.pagination import PageRequest, cut, keyset
from shared.security.encryption import Keyring
from shared.security.masking import mask_name, mask_phone
from shared.security.scope import visible


def person_view(person: ResponsiblePerson, keyring: Keyring) -> PersonView:
    clear = unseal(keyring, person.id, Sealed(person.name_sealed, person.phone_sealed))
    return PersonView(
        id=person.id,
        organisation_id=person.organisation_id,
        region=person.region,
        domain=person.domain,
        post=person.post,
        name=mask_name(clear.name),
        phone=mask_phone(clear.phone),
        valid_from=person.valid_from,
        valid_to=person.valid_to,
        version=person.version,
    )


def on_duty(today: date) -> ColumnElement[bool]:
    """The persons whose term covers that day."""
    return (ResponsiblePerson.valid_from <= today) & or_(
        ResponsiblePerson.valid_to.is_(None), ResponsiblePerson.valid_to >= today
    )


async def list_persons(
    tx: Transaction,
    page: PageRequest,
    *,
    keyring: Keyring,
    organisation: str,
    domain: str,
    post: str,
    phone: str,
    current: bool,
) -> tuple[list[PersonView], str | None, int]:
    """Among those whom the actor may see; `phone` finds by its blind index."""
    conditions = [_seen(tx)]
    if organisation:
        conditions.append(ResponsiblePerson.organisation_id == organisation)
    if domain:
        conditions.append(ResponsiblePerson.domain == domain)
    if post:
        conditions.append(ResponsiblePerson.post == post)
    if phone:
        conditions.append(ResponsiblePerson.phone_index == phone_index(keyring, phone))
    if current:
        conditions.append(on_duty(tx.now.astimezone(SHANGHAI).date()))
    total = await tx.session.scalar(
        select(func.count()).select_from(ResponsiblePerson).where(*conditions)
    )
    rows = await tx.session.scalars(
        keyset(
            select(ResponsiblePerson).where(*conditions),
            page,
            columns=[ResponsiblePerson.id],
            kinds=[UUID],
        )
    )
    shown, cursor = cut(rows.all(), page, lambda row: (row.id,))
    return [person_view(row, keyring) for row in shown], cursor, total or 0


async def get_person(tx: Transaction, person_id: UUID) -> ResponsiblePerson:
    """A person whom the actor may see, or `person_not_found` (404)."""
    found: ResponsiblePerson | None = await tx.session.scalar(
        select(ResponsiblePerson).where(ResponsiblePerson.id == person_id, _seen(tx))
    )
    if found is None:
        raise PersonNotFound(id=person_id)
    return found


def _seen(tx: Transaction) -> ColumnElement[bool]:
    return visible(
        tx.actor, region=ResponsiblePerson.region, organisation=ResponsiblePerson.organisation_id
    )

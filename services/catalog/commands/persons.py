"""Responsible persons: named, changed, disclosed; sealed at rest (A12.2, A17.1, A21.2)."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID, uuid4

from sqlalchemy import select, tuple_

from services.catalog.commands.register import Changes, Known, Wanted, load_known, refuse
from services.catalog.errors import PersonNamedTwice, PersonNotFound
from services.catalog.rules.sealing import Clear, Sealed, phone_index, seal, unseal
from services.catalog.rules.tables import Outcome
from services.catalog.schemas.persons import PersonInput, PersonUpdate
from services.catalog.tables import ResponsiblePerson
from shared.database import Transaction
from shared.errors import FieldError
from shared.events.catalog import ResponsiblePersonNamed
from shared.security.access import Relation, check_relation
from shared.security.encryption import Keyring
from shared.security.scope import visible

Key = tuple[str, str, str, str]


@dataclass
class Persons:
    """The inputs of one transaction against the persons who are named already."""

    keyring: Keyring
    known: Known
    existing: dict[Key, ResponsiblePerson]

    def key(self, given: PersonInput) -> Key:
        index = phone_index(self.keyring, given.phone)
        return given.organisation_id, given.domain, given.post, index

    def flaws(self, given: PersonInput) -> list[FieldError]:
        return list(self.known.organisation("organisation_id", given.organisation_id))

    def take(
        self, tx: Transaction, given: PersonInput, *, dry_run: bool
    ) -> tuple[Outcome, Changes]:
        """Insert, update or leave; the changes name the columns, never the values."""
        key = self.key(given)
        person = self.existing.get(key)
        if person is None:
            person = ResponsiblePerson(
                id=uuid4(),
                organisation_id=given.organisation_id,
                region=self.known.organisations[given.organisation_id].region,
                domain=given.domain,
                post=given.post,
                version=0,
            )
            self.existing[key] = person
            if not dry_run:
                tx.session.add(person)
            _write(tx, self.keyring, person, given, tell=not dry_run)
            return Outcome.INSERTED, {}
        changed = self._changed(person, given)
        if not changed:
            return Outcome.UNCHANGED, {}
        if not dry_run:
            _write(tx, self.keyring, person, given, tell=True)
        return Outcome.UPDATED, {name: [] for name in changed}

    def _changed(self, person: ResponsiblePerson, given: PersonInput) -> list[str]:
        clear = _clear(self.keyring, person)
        pairs = {
            "name": (clear.name, given.name),
            "phone": (clear.phone, given.phone),
            "valid_from": (person.valid_from, given.valid_from),
            "valid_to": (person.valid_to, given.valid_to),
        }
        return [name for name, (old, new) in pairs.items() if old != new]


async def open_persons(tx: Transaction, keyring: Keyring, given: Sequence[PersonInput]) -> Persons:
    """Read which of the inputs are named already, locked, and their organisations."""
    known = await load_known(tx, [Wanted(organisations=(each.organisation_id,)) for each in given])
    persons = Persons(keyring, known, {})
    columns = (
        ResponsiblePerson.organisation_id,
        ResponsiblePerson.domain,
        ResponsiblePerson.post,
        ResponsiblePerson.phone_index,
    )
    rows = await tx.session.scalars(
        select(ResponsiblePerson)
        .where(tuple_(*columns).in_(sorted({persons.key(each) for each in given})))
        .order_by(ResponsiblePerson.id)
        .with_for_update()
    )
    for row in rows:
        persons.existing[row.organisation_id, row.domain, row.post, row.phone_index] = row
    return persons


async def name_responsible_person(
    tx: Transaction, given: PersonInput, *, keyring: Keyring, relation: Relation
) -> ResponsiblePerson:
    """Name a person for a unit's domain; `outside_remit` (403), `person_named_twice` (409)."""
    persons = await open_persons(tx, keyring, [given])
    refuse(persons.flaws(given))
    organisation = persons.known.organisations[given.organisation_id]
    check_relation(
        relation, tx.actor, organisation=organisation.id, region=organisation.region, clause="A12.2"
    )
    if persons.key(given) in persons.existing:
        raise PersonNamedTwice
    persons.take(tx, given, dry_run=False)
    await tx.session.flush()
    return persons.existing[persons.key(given)]


async def update_responsible_person(
    tx: Transaction,
    person_id: UUID,
    given: PersonUpdate,
    *,
    keyring: Keyring,
    relation: Relation,
) -> ResponsiblePerson:
    """Hand over or prolong; `outside_remit` (403) for a person of another unit."""
    person = await _find(tx, person_id, lock=True)
    check_relation(
        relation,
        tx.actor,
        organisation=person.organisation_id,
        region=person.region,
        clause="A12.2",
    )
    tx.expect(person.version)
    taken = await tx.session.scalar(
        select(ResponsiblePerson.id).where(
            ResponsiblePerson.organisation_id == person.organisation_id,
            ResponsiblePerson.domain == person.domain,
            ResponsiblePerson.post == person.post,
            ResponsiblePerson.phone_index == phone_index(keyring, given.phone),
            ResponsiblePerson.id != person_id,
        )
    )
    if taken is not None:
        raise PersonNamedTwice
    _write(tx, keyring, person, given, tell=True)
    return person


async def disclose_responsible_person(
    tx: Transaction, person_id: UUID, *, reason: str, keyring: Keyring
) -> Clear:
    """The full values, once, with the reason in the audit (A21.2, API13)."""
    person = await _find(tx, person_id)
    tx.audit("person.disclosed", subject=f"person:{person_id}", details={"reason": reason})
    return _clear(keyring, person)


async def _find(tx: Transaction, person_id: UUID, *, lock: bool = False) -> ResponsiblePerson:
    """A person whom the actor may see, or `person_not_found` (404)."""
    statement = select(ResponsiblePerson).where(
        ResponsiblePerson.id == person_id,
        visible(
            tx.actor,
            region=ResponsiblePerson.region,
            organisation=ResponsiblePerson.organisation_id,
        ),
    )
    person: ResponsiblePerson | None = await tx.session.scalar(
        statement.with_for_update() if lock else statement
    )
    if person is None:
        raise PersonNotFound(id=person_id)
    return person


def _clear(keyring: Keyring, person: ResponsiblePerson) -> Clear:
    return unseal(keyring, person.id, Sealed(person.name_sealed, person.phone_sealed))


def _write(
    tx: Transaction,
    keyring: Keyring,
    person: ResponsiblePerson,
    given: PersonInput | PersonUpdate,
    *,
    tell: bool,
) -> None:
    sealed = seal(keyring, person.id, Clear(given.name, given.phone))
    person.name_sealed, person.phone_sealed = sealed.name, sealed.phone
    person.phone_index = phone_index(keyring, given.phone)
    person.valid_from, person.valid_to = given.valid_from, given.valid_to
    person.version += 1
    if tell:
        tx.emit(
            ResponsiblePersonNamed(
                person_id=person.id,
                organisation_id=person.organisation_id,
                domain=person.domain,
                post=person.post,
                valid_from=person.valid_from,
                valid_to=person.valid_to,
            ),
            subject=f"person:{person.id}",
            region=person.region,
        )

"""How a register takes in a record, one by one or in bulk: check, compare, write, tell.

Each resource says in one `Register` what it refers to, what would be wrong, and what it tells.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy import inspect, select

from services.catalog.errors import ReferencesWrong, Registered
from services.catalog.rules.halls import HallState
from services.catalog.rules.listings import LIVE
from services.catalog.rules.tables import Outcome
from services.catalog.tables import Base, Hall, Listing, Organisation, Region
from shared.database import Transaction
from shared.errors import FieldError
from shared.events.envelope import Event

Input = TypeVar("Input", bound=BaseModel)
Record = TypeVar("Record", bound=Base)
Changes = dict[str, list[Any]]


@dataclass
class Known:
    """What a set of inputs refers to, as far as it exists."""

    regions: dict[str, Region] = field(default_factory=dict)
    organisations: dict[str, Organisation] = field(default_factory=dict)
    halls: dict[str, Hall] = field(default_factory=dict)
    live: dict[str, list[UUID]] = field(default_factory=dict)

    def region(self, member: str, id_: str | None) -> Iterable[FieldError]:
        return _missing(self.regions, member, id_, "region_unknown")

    def organisation(self, member: str, id_: str | None) -> Iterable[FieldError]:
        if id_ is None:
            return
        found = self.organisations.get(id_)
        if found is None:
            yield FieldError(member, "organisation_unknown", {"id": id_})
        elif not found.active:
            yield FieldError(member, "organisation_closed", {"id": id_})

    def hall(self, member: str, id_: str | None) -> Iterable[FieldError]:
        return _missing(self.halls, member, id_, "hall_unknown")

    def open_hall(self, member: str, id_: str | None) -> Iterable[FieldError]:
        """A hall that was not merged into another one."""
        yield from self.hall(member, id_)
        found = self.halls.get(id_ or "")
        if found is not None and found.state == HallState.MERGED:
            yield FieldError(member, "hall_gone", {"id": id_})


@dataclass(frozen=True)
class Wanted:
    """The ids that one input refers to."""

    regions: tuple[str | None, ...] = ()
    organisations: tuple[str | None, ...] = ()
    halls: tuple[str | None, ...] = ()
    owner: str | None = None


@dataclass(frozen=True)
class Register(Generic[Input, Record]):
    """One resource of the catalog; `frozen` records refuse any change once they are there."""

    body: type[Input]
    table: type[Record]
    key: Callable[[Input], str]
    wanted: Callable[[Input], Wanted]
    flaws: Callable[[Input, Known], Iterable[FieldError]]
    event: Callable[[Record], Event]
    subject: Callable[[Record], str]
    region: Callable[[Record, Known], str]
    refuse_change: Callable[[Record, Mapping[str, Any], Known], Iterable[FieldError]] = (
        lambda _record, _values, _known: ()
    )
    revived: Mapping[str, Any] = field(default_factory=dict)


class Ledger(Protocol):
    """A set of inputs with what is known about them; made for one transaction."""

    def flaws(self, given: Any) -> list[FieldError]: ...

    def take(self, tx: Transaction, given: Any, *, dry_run: bool) -> tuple[Outcome, Changes]: ...


@dataclass
class Entries(Generic[Input, Record]):
    """The inputs of one transaction against the records that are there."""

    register: Register[Input, Record]
    known: Known
    existing: dict[str, Record]

    def flaws(self, given: Input) -> list[FieldError]:
        found = list(self.register.flaws(given, self.known))
        record = self.existing.get(self.register.key(given))
        if record is not None:
            values = self._values(given)
            found += self.register.refuse_change(record, values, self.known)
        return found

    def take(self, tx: Transaction, given: Input, *, dry_run: bool) -> tuple[Outcome, Changes]:
        """Insert, update or leave one record; a dry run only says which."""
        values = self._values(given)
        key = self.register.key(given)
        record = self.existing.get(key)
        if record is None:
            record = self.register.table(**values)
            self.existing[key] = record
            self._remember(key, record)
            if not dry_run:
                tx.session.add(record)
                self._tell(tx, record)
            return Outcome.INSERTED, {name: [None, value] for name, value in values.items()}
        changes = {
            name: [getattr(record, name), value]
            for name, value in values.items()
            if getattr(record, name) != value
        }
        if not changes:
            return Outcome.UNCHANGED, {}
        if not dry_run:
            change(tx, self.register, record, values, self.known)
        return Outcome.UPDATED, changes

    def foresee(self, given: Input) -> None:
        """Know a record that would be there by now, were this not a dry run."""
        key = self.register.key(given)
        if key not in self.existing:
            self._remember(key, self.register.table(**self._values(given)))

    def _values(self, given: Input) -> dict[str, Any]:
        return {**given.model_dump(), **self.register.revived}

    def _remember(self, key: str, record: Record) -> None:
        """A later row may name this one as its parent."""
        match record:
            case Region():
                self.known.regions[key] = record
            case Organisation():
                self.known.organisations[key] = record
            case Hall():
                self.known.halls[key] = record

    def _tell(self, tx: Transaction, record: Record) -> None:
        tell(tx, self.register, record, self.known)


def tell(tx: Transaction, register: Register[Input, Record], record: Record, known: Known) -> None:
    """Emit the record's fact."""
    tx.emit(
        register.event(record),
        subject=register.subject(record),
        region=register.region(record, known),
    )


def change(
    tx: Transaction,
    register: Register[Input, Record],
    record: Record,
    values: Mapping[str, Any],
    known: Known,
) -> None:
    """Write the values, count the version up and tell."""
    for name, value in values.items():
        setattr(record, name, value)
    record.version += 1  # type: ignore[attr-defined]  # frozen records never come here
    tell(tx, register, record, known)


async def open_entries(
    tx: Transaction, register: Register[Input, Record], given: Sequence[Input]
) -> Entries[Input, Record]:
    """Read what the inputs refer to and which of them are there already, locked."""
    table = register.table
    (key_column,) = inspect(table).primary_key
    keys = sorted({register.key(each) for each in given})
    rows = await tx.session.scalars(
        select(table).where(key_column.in_(keys)).order_by(key_column).with_for_update()
    )
    existing: dict[str, Record] = {getattr(row, str(key_column.key)): row for row in rows}
    return Entries(
        register, await load_known(tx, [register.wanted(each) for each in given]), existing
    )


async def load_known(tx: Transaction, wanted: Sequence[Wanted]) -> Known:
    """The named regions, organisations and halls, and the live listings of the named owners."""
    owners = {each.owner for each in wanted if each.owner}
    return Known(
        regions=await _by_id(tx, Region, (id_ for each in wanted for id_ in each.regions)),
        organisations=await _by_id(
            tx, Organisation, (id_ for each in wanted for id_ in each.organisations)
        ),
        halls=await _by_id(tx, Hall, (id_ for each in wanted for id_ in each.halls)),
        live=await live_listings(tx, owners),
    )


async def live_listings(tx: Transaction, organisations: Iterable[str]) -> dict[str, list[UUID]]:
    """The live listings of each of these organisations that has any."""
    owners = list(organisations)
    if not owners:
        return {}
    rows = await tx.session.execute(
        select(Listing.organisation_id, Listing.id)
        .where(Listing.organisation_id.in_(owners), Listing.state.in_(LIVE))
        .order_by(Listing.number)
    )
    found: dict[str, list[UUID]] = {}
    for owner, listing in rows:
        found.setdefault(owner, []).append(listing)
    return found


async def add(tx: Transaction, register: Register[Input, Record], given: Input) -> Record:
    """Take in one new record; `already_registered` (409), `references_wrong` (422)."""
    entries = await open_entries(tx, register, [given])
    key = register.key(given)
    if key in entries.existing:
        raise Registered(id=key)
    refuse(entries.flaws(given))
    entries.take(tx, given, dry_run=False)
    await tx.session.flush()
    return entries.existing[key]


def refuse(flaws: Sequence[FieldError]) -> None:
    """`references_wrong` (422) with a pointer for each flaw."""
    if flaws:
        raise ReferencesWrong(
            errors=[FieldError(f"/{each.pointer}", each.code, each.params) for each in flaws]
        )


def _missing(
    known: Mapping[str, object], member: str, id_: str | None, code: str
) -> Iterable[FieldError]:
    if id_ is not None and id_ not in known:
        yield FieldError(member, code, {"id": id_})


async def _by_id(
    tx: Transaction, table: type[Record], ids: Iterable[str | None]
) -> dict[str, Record]:
    wanted = sorted({id_ for id_ in ids if id_ is not None})
    if not wanted:
        return {}
    (key,) = inspect(table).primary_key
    rows = await tx.session.scalars(select(table).where(key.in_(wanted)))
    return {getattr(row, str(key.key)): row for row in rows}

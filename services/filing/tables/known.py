"""What catalog has told: projections of its events, never written by a request."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from services.filing.tables.mapping import Code, Id, Row


class KnownOrganisation(Row):
    __tablename__ = "known_organisations"

    id: Mapped[Code]
    kind: Mapped[str]
    region: Mapped[str]
    parent: Mapped[str | None]
    active: Mapped[bool]


class KnownPerson(Row):
    """That somebody holds a post of a unit's domain from a day on; an id, never who (A12.2)."""

    __tablename__ = "known_persons"
    __table_args__ = (Index("ix_known_persons_organisation", "organisation_id", "domain"),)

    id: Mapped[Id]
    organisation_id: Mapped[str]
    domain: Mapped[str]
    post: Mapped[str]
    valid_from: Mapped[date]
    valid_to: Mapped[date | None]


class KnownLiaison(Row):
    """Through whom a partner and the operator speak (A15.3); `id` is the partner's."""

    __tablename__ = "known_liaisons"

    id: Mapped[Code]
    partner_person_id: Mapped[UUID]
    operator_person_id: Mapped[UUID]


class KnownHall(Row):
    __tablename__ = "known_halls"

    id: Mapped[Code]
    region: Mapped[str]
    organisation_id: Mapped[str]
    state: Mapped[str]


class KnownZone(Row):
    __tablename__ = "known_zones"

    id: Mapped[Code]
    hall_id: Mapped[str]
    department: Mapped[str]


class KnownNorm(Row):
    """A version of a technical norm; a decision cites what is on its checklist (A10.1, C2)."""

    __tablename__ = "known_norms"

    version: Mapped[Code]
    effective_from: Mapped[date]
    checklist: Mapped[list[str]] = mapped_column(server_default=text("'{}'"))


class KnownItem(Row):
    __tablename__ = "known_items"

    code: Mapped[Code]
    department: Mapped[str]
    active: Mapped[bool]


class LiveListing(Row):
    """A listing as the public sees it: LISTED, SUSPENDED or DELISTED."""

    __tablename__ = "live_listings"
    __table_args__ = (Index("ix_live_listings_item", "item_code", "organisation_id"),)

    id: Mapped[Id]
    organisation_id: Mapped[str]
    region: Mapped[str]
    item_code: Mapped[str]
    hall_id: Mapped[str]
    version: Mapped[int]
    digest: Mapped[str]
    state: Mapped[str]
    delisted_at: Mapped[datetime | None]

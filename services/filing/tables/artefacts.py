"""What documents leave behind: field classes (A21.1); and who is named in catalog (A12.2)."""

from datetime import date
from uuid import UUID

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from services.filing.tables.mapping import Id, Row


class ClassifiedFieldRow(Row):
    """One field of a unit's newest accepted registry."""

    __tablename__ = "classified_fields"
    __table_args__ = (
        Index("ix_classified_fields_order", "organisation_id", "system", "field", "id"),
    )

    id: Mapped[Id]
    filing_id: Mapped[UUID] = mapped_column(ForeignKey("filing.filings.id"))
    organisation_id: Mapped[str]
    region: Mapped[str]
    system: Mapped[str]
    field: Mapped[str]
    level: Mapped[str]
    category: Mapped[str]
    purpose: Mapped[str]
    shared_with: Mapped[list[str]]


class KnownPerson(Row):
    """That somebody is named for a unit's domain from a day on, as catalog told; never who."""

    __tablename__ = "known_persons"
    __table_args__ = (Index("ix_known_persons_organisation", "organisation_id", "domain"),)

    id: Mapped[Id]
    organisation_id: Mapped[str]
    domain: Mapped[str]
    valid_from: Mapped[date]
    valid_to: Mapped[date | None]

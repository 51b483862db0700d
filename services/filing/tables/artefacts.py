"""What documents leave behind: field classes (A21.1)."""

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

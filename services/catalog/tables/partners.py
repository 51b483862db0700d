"""Partners and their liaison with the operator (A15.1, A15.3)."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from services.catalog.tables.mapping import Base


class Partner(Base):
    """A partner as filing told of it; the liaison pair is two responsible persons."""

    __tablename__ = "partners"

    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"), primary_key=True)
    region: Mapped[str]
    state: Mapped[str]
    supervising_organisation: Mapped[str]
    valid_until: Mapped[date]
    filing_id: Mapped[UUID]
    partner_person_id: Mapped[UUID | None] = mapped_column(ForeignKey("responsible_persons.id"))
    operator_person_id: Mapped[UUID | None] = mapped_column(ForeignKey("responsible_persons.id"))
    forced_out_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(default=1)

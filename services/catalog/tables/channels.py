"""The register of mobile channels (A5.1, A5.2)."""

from datetime import date
from uuid import UUID

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from services.catalog.tables.mapping import Base


class Channel(Base):
    """A channel; `next_due_on` is the next day after which it is late with something."""

    __tablename__ = "channels"
    __table_args__ = (
        Index(
            "uq_channels_organisation_id_kind_name_key",
            "organisation_id",
            "kind",
            "name_key",
            unique=True,
        ),
        Index("ix_channels_region", "region", "id"),
        Index("ix_channels_state", "state", "id"),
        Index("ix_channels_next_due_on", "next_due_on"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str]
    name_key: Mapped[str]
    kind: Mapped[str]
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"))
    region: Mapped[str]
    independent: Mapped[bool]
    in_service_since: Mapped[date]
    state: Mapped[str] = mapped_column(default="EXISTING")
    exception_filing_id: Mapped[UUID | None]
    exception_until: Mapped[date | None]
    plan_into: Mapped[str | None] = mapped_column(ForeignKey("halls.id"))
    plan_steps: Mapped[list[str]] = mapped_column(default=list)
    plan_starts_on: Mapped[date | None]
    plan_due_on: Mapped[date | None]
    overdue: Mapped[list[str]] = mapped_column(default=list)
    next_due_on: Mapped[date | None]
    version: Mapped[int] = mapped_column(default=1)

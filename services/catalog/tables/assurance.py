"""How a listing is kept running and protected: beside its content, which is filed (A7.2, A22)."""

from uuid import UUID

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from services.catalog.tables.mapping import Base


class ListingAssurance(Base):
    """What was set for a listing; it belongs to whom the listing belongs to, and moves with it."""

    __tablename__ = "listing_assurances"
    __table_args__ = (
        Index("ix_listing_assurances_mlps_level", "mlps_level", "listing_id"),
        Index(
            "ix_listing_assurances_critical",
            "listing_id",
            postgresql_where=text("critical_infrastructure"),
        ),
    )

    listing_id: Mapped[UUID] = mapped_column(ForeignKey("listings.id"), primary_key=True)
    availability_target: Mapped[str]
    response_milliseconds: Mapped[int]
    mlps_level: Mapped[int | None]
    critical_infrastructure: Mapped[bool]
    operations_office: Mapped[str] = mapped_column(ForeignKey("organisations.id"))
    version: Mapped[int] = mapped_column(default=1)

"""The ledger of what informatisation projects have built (A6.4)."""

from datetime import date
from uuid import UUID

from sqlalchemy import ForeignKey, Index, Uuid
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from services.catalog.tables.mapping import Base


class Asset(Base):
    """A system that a project delivered under a contract, and what it serves."""

    __tablename__ = "assets"
    __table_args__ = (
        Index(
            "uq_assets_organisation_id_contract_number_system_key",
            "organisation_id",
            "contract_number",
            "system_key",
            unique=True,
        ),
        Index("ix_assets_organisation_id", "organisation_id", "id"),
        Index("ix_assets_region", "region", "id"),
        Index("ix_assets_listing_ids", "listing_ids", postgresql_using="gin"),
        Index("ix_assets_zone_ids", "zone_ids", postgresql_using="gin"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    project: Mapped[str]
    system: Mapped[str]
    system_key: Mapped[str]
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"))
    region: Mapped[str]
    contract_number: Mapped[str]
    in_service_from: Mapped[date]
    in_service_until: Mapped[date | None]
    listing_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    zone_ids: Mapped[list[str]]
    version: Mapped[int] = mapped_column(default=1)

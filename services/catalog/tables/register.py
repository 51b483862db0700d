"""The register: where, who, with what, and which items."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from services.catalog.tables.mapping import Base


class Region(Base):
    __tablename__ = "regions"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    level: Mapped[str]
    parent: Mapped[str | None] = mapped_column(ForeignKey("regions.id"))
    gb2260: Mapped[str | None] = mapped_column(unique=True)
    version: Mapped[int] = mapped_column(default=1)


class Organisation(Base):
    __tablename__ = "organisations"
    __table_args__ = (Index("ix_organisations_region", "region", "id"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    short_name: Mapped[str]
    kind: Mapped[str]
    region: Mapped[str] = mapped_column(ForeignKey("regions.id"))
    parent: Mapped[str | None] = mapped_column(ForeignKey("organisations.id"))
    mandate_from: Mapped[date | None]
    mandate_to: Mapped[date | None]
    active: Mapped[bool] = mapped_column(default=True)
    version: Mapped[int] = mapped_column(default=1)


class ResponsiblePerson(Base):
    """Name and phone are sealed; `phone_index` finds an equal phone and reads back nothing."""

    __tablename__ = "responsible_persons"
    __table_args__ = (
        Index(
            "uq_responsible_persons_organisation_id_domain_post_phone_index",
            "organisation_id",
            "domain",
            "post",
            "phone_index",
            unique=True,
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"))
    region: Mapped[str]
    domain: Mapped[str]
    post: Mapped[str]
    name_sealed: Mapped[str]
    phone_sealed: Mapped[str]
    phone_index: Mapped[str]
    valid_from: Mapped[date]
    valid_to: Mapped[date | None]
    version: Mapped[int] = mapped_column(default=1)


class Hall(Base):
    __tablename__ = "halls"
    __table_args__ = (
        Index("ix_halls_parent", "parent"),
        Index("ix_halls_retained_until", "retained_until"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    level: Mapped[str]
    region: Mapped[str] = mapped_column(ForeignKey("regions.id"))
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"))
    parent: Mapped[str | None] = mapped_column(ForeignKey("halls.id"))
    state: Mapped[str] = mapped_column(default="ACTIVE")
    merged_into: Mapped[str | None] = mapped_column(ForeignKey("halls.id"))
    retained_until: Mapped[date | None]
    retention_filing_id: Mapped[UUID | None]
    version: Mapped[int] = mapped_column(default=1)


class HallRetention(Base):
    """An accepted retention that holds or held, both days included (A5.5)."""

    __tablename__ = "hall_retentions"
    __table_args__ = (Index("ix_hall_retentions_hall_id", "hall_id", "until"),)

    filing_id: Mapped[UUID] = mapped_column(primary_key=True)
    hall_id: Mapped[str] = mapped_column(ForeignKey("halls.id"))
    since: Mapped[date]
    until: Mapped[date]


class Zone(Base):
    """`operated_by` runs the zone for its department when it does not itself (A8.2)."""

    __tablename__ = "zones"
    __table_args__ = (Index("ix_zones_hall_id", "hall_id"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    hall_id: Mapped[str] = mapped_column(ForeignKey("halls.id"))
    department: Mapped[str] = mapped_column(ForeignKey("organisations.id"))
    operated_by: Mapped[str | None] = mapped_column(ForeignKey("organisations.id"))
    pages: Mapped[list[str]] = mapped_column(default=list)
    state: Mapped[str] = mapped_column(default="DRAFT")
    version: Mapped[int] = mapped_column(default=1)


class Norm(Base):
    """A version of a norm; `flagged_at` is when the last listing of an older one was flagged."""

    __tablename__ = "norms"

    version: Mapped[str] = mapped_column(primary_key=True)
    id: Mapped[str]
    title: Mapped[str]
    effective_from: Mapped[date]
    checklist: Mapped[list[str]]
    flagged_at: Mapped[datetime | None]


class Item(Base):
    __tablename__ = "items"
    __table_args__ = (Index("ix_items_department", "department", "code"),)

    code: Mapped[str] = mapped_column(primary_key=True)
    code_scheme: Mapped[str]
    name: Mapped[str]
    item_type: Mapped[str]
    level: Mapped[str]
    department: Mapped[str] = mapped_column(ForeignKey("organisations.id"))
    audiences: Mapped[list[str]]
    initiation: Mapped[str]
    summary: Mapped[str]
    keywords: Mapped[list[str]]
    active: Mapped[bool] = mapped_column(default=True)
    version: Mapped[int] = mapped_column(default=1)

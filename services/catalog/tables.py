"""The tables of schema `catalog`."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, ForeignKey, Index, Text, Uuid, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from shared.database import schema_metadata
from shared.messaging.tables import add_toolbox_tables

metadata = schema_metadata("catalog")
NEW_ID = text("uuidv7()")
INSTANT = DateTime(timezone=True)


class Base(DeclarativeBase):
    metadata = metadata
    type_annotation_map = {
        str: Text,
        datetime: INSTANT,
        list[str]: ARRAY(Text),
        dict[str, Any]: JSONB,
        list[Any]: JSONB,
    }


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
            "uq_responsible_persons_organisation_id_domain_phone_index",
            "organisation_id",
            "domain",
            "phone_index",
            unique=True,
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"))
    region: Mapped[str]
    domain: Mapped[str]
    name_sealed: Mapped[str]
    phone_sealed: Mapped[str]
    phone_index: Mapped[str]
    valid_from: Mapped[date]
    valid_to: Mapped[date | None]
    version: Mapped[int] = mapped_column(default=1)


class Hall(Base):
    __tablename__ = "halls"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    level: Mapped[str]
    region: Mapped[str] = mapped_column(ForeignKey("regions.id"))
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"))
    parent: Mapped[str | None] = mapped_column(ForeignKey("halls.id"))
    state: Mapped[str] = mapped_column(default="ACTIVE")
    merged_into: Mapped[str | None] = mapped_column(ForeignKey("halls.id"))
    version: Mapped[int] = mapped_column(default=1)


class Zone(Base):
    __tablename__ = "zones"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    hall_id: Mapped[str] = mapped_column(ForeignKey("halls.id"))
    department: Mapped[str] = mapped_column(ForeignKey("organisations.id"))
    version: Mapped[int] = mapped_column(default=1)


class Norm(Base):
    __tablename__ = "norms"

    version: Mapped[str] = mapped_column(primary_key=True)
    id: Mapped[str]
    title: Mapped[str]
    effective_from: Mapped[date]
    checklist: Mapped[list[str]]


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


class Listing(Base):
    """A listing's present. `doc` is its public JSON, written with every change of it.

    `number` is the `epoch` of its first publication, so listings are numbered in commit order.
    """

    __tablename__ = "listings"
    __table_args__ = (
        Index("ix_listings_epoch", "epoch"),
        Index("ix_listings_organisation_id", "organisation_id", "state"),
        Index("ix_listings_item_code", "item_code"),
        Index("ix_listings_goes_live_at", "goes_live_at"),
        Index("ix_listings_terms", "terms", postgresql_using="gin"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[int | None] = mapped_column(BigInteger, unique=True)
    epoch: Mapped[int | None] = mapped_column(BigInteger)
    state: Mapped[str]
    version: Mapped[int] = mapped_column(default=0)
    item_code: Mapped[str | None]
    organisation_id: Mapped[str]
    region: Mapped[str]
    item_type: Mapped[str] = mapped_column(default="")
    kind: Mapped[str] = mapped_column(default="")
    title: Mapped[str] = mapped_column(default="")
    hall_id: Mapped[str | None]
    audiences: Mapped[list[str]] = mapped_column(default=list)
    channels: Mapped[list[str]] = mapped_column(default=list)
    title_text: Mapped[str] = mapped_column(default="")
    search_text: Mapped[str] = mapped_column(default="")
    terms: Mapped[list[str]] = mapped_column(default=list)
    filing_id: Mapped[UUID | None]
    notice_id: Mapped[UUID | None]
    decided_at: Mapped[datetime | None]
    goes_live_at: Mapped[datetime | None]
    next_version: Mapped[int | None]
    listed_at: Mapped[datetime | None]
    delisted_at: Mapped[datetime | None]
    doc: Mapped[str | None]


class ListingVersion(Base):
    """What was accepted, byte for byte; only the instants of its life are filled in later."""

    __tablename__ = "listing_versions"

    listing_id: Mapped[UUID] = mapped_column(ForeignKey("listings.id"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    digest: Mapped[str]
    filing_id: Mapped[UUID]
    content: Mapped[dict[str, Any]]
    valid_from: Mapped[datetime | None]
    valid_to: Mapped[datetime | None]


class ListingFiling(Base):
    """A filing about a listing, as far as its events have told."""

    __tablename__ = "listing_filings"
    __table_args__ = (
        Index("ix_listing_filings_listing_id", "listing_id"),
        Index("ix_listing_filings_state", "state", "filing_id"),
    )

    filing_id: Mapped[UUID] = mapped_column(primary_key=True)
    listing_id: Mapped[UUID]
    filing_type: Mapped[str]
    item_code: Mapped[str | None]
    organisation_id: Mapped[str]
    region: Mapped[str]
    department: Mapped[str | None]
    state: Mapped[str]
    round: Mapped[int]
    digest: Mapped[str]
    submitted_at: Mapped[datetime]
    due_at: Mapped[datetime | None]
    goes_live_at: Mapped[datetime | None]


class SearchEpoch(Base):
    """One row: the number of the last change to what the public may see."""

    __tablename__ = "search_epoch"

    one: Mapped[bool] = mapped_column(primary_key=True, default=True)
    epoch: Mapped[int] = mapped_column(BigInteger)


class Notice(Base):
    __tablename__ = "notices"
    __table_args__ = (Index("ix_notices_published_at", "published_at", "id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str]
    version: Mapped[int] = mapped_column(default=1)
    title: Mapped[str]
    text: Mapped[str]
    alternative_channel: Mapped[str | None]
    listing_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    regions: Mapped[list[str]]
    starts_at: Mapped[datetime | None]
    ends_at: Mapped[datetime | None]
    publisher: Mapped[str]
    filing_id: Mapped[UUID | None]
    published_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    withdrawn_at: Mapped[datetime | None]
    withdrawal_reason: Mapped[str | None]


class NoticeWording(Base):
    __tablename__ = "notice_wordings"

    notice_id: Mapped[UUID] = mapped_column(ForeignKey("notices.id"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    text: Mapped[str]
    alternative_channel: Mapped[str | None]
    expires_at: Mapped[datetime | None]
    edited_by: Mapped[str]
    edited_at: Mapped[datetime]


class PlanLine(Base):
    """An item that a unit's accepted yearly list says it should list (A10.2)."""

    __tablename__ = "plan_lines"

    organisation_id: Mapped[str] = mapped_column(primary_key=True)
    item_code: Mapped[str] = mapped_column(primary_key=True)
    region: Mapped[str]
    year: Mapped[int]
    filing_id: Mapped[UUID]


class Import(Base):
    __tablename__ = "imports"
    __table_args__ = (
        Index(
            "ix_imports_open", "created_at", postgresql_where=text("state in ('PENDING','RUNNING')")
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    resource: Mapped[str]
    dry_run: Mapped[bool]
    state: Mapped[str]
    total: Mapped[int]
    done: Mapped[int]
    inserted: Mapped[int] = mapped_column(default=0)
    updated: Mapped[int] = mapped_column(default=0)
    unchanged: Mapped[int] = mapped_column(default=0)
    failed: Mapped[int]
    diff: Mapped[list[Any]] = mapped_column(default=list)
    tries: Mapped[int] = mapped_column(default=0)
    actor: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]


class ImportRow(Base):
    """A row that waits, in the order of work; gone when its import is done."""

    __tablename__ = "import_rows"
    __table_args__ = (Index("ix_import_rows_import_id_key", "import_id", "key"),)

    import_id: Mapped[UUID] = mapped_column(ForeignKey("imports.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int]
    key: Mapped[str]
    cells: Mapped[str]
    outcome: Mapped[str | None]


class ImportFlaw(Base):
    __tablename__ = "import_flaws"

    import_id: Mapped[UUID] = mapped_column(ForeignKey("imports.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    place: Mapped[int] = mapped_column(primary_key=True)
    column: Mapped[str | None]
    code: Mapped[str]
    params: Mapped[dict[str, Any]]


class NightlyRun(Base):
    """A nightly check that was done on a day, so that it is done once however many replicas ask."""

    __tablename__ = "nightly_runs"

    name: Mapped[str] = mapped_column(primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)


add_toolbox_tables(metadata)

"""What catalog and filing have told: units and their posts, listings and windows."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import Index, Uuid
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from services.monitoring.tables.mapping import Row


class KnownListing(Row):
    """A listing; `probe_due_at` is when a live probe must have been seen, null once it was (M9)."""

    __tablename__ = "known_listings"
    __table_args__ = (
        Index(
            "ix_known_listings_probe_due_at",
            "probe_due_at",
            postgresql_where="probe_due_at IS NOT NULL",
        ),
        Index("ix_known_listings_organisation", "organisation_id", "id"),
        Index("ix_known_listings_region", "region", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    organisation_id: Mapped[str]
    region: Mapped[str]
    title: Mapped[str]
    entry_url: Mapped[str]
    state: Mapped[str]
    probe_due_at: Mapped[datetime | None]


class KnownWindow(Row):
    """A window as filing last told it; without `listing_ids` all of its unit's (A16.3).

    `accepted_at` is when the filing was accepted that first opened it.
    """

    __tablename__ = "known_windows"
    __table_args__ = (
        Index("ix_known_windows_organisation", "organisation_id", "starts_at"),
        Index("ix_known_windows_start", "starts_at", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    filing_id: Mapped[UUID]
    filing_type: Mapped[str]
    kind: Mapped[str]
    organisation_id: Mapped[str]
    region: Mapped[str]
    listing_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    impact: Mapped[str]
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    state: Mapped[str]
    change: Mapped[int]
    short_notice: Mapped[bool]
    accepted_at: Mapped[datetime | None]


class KnownOrganisation(Row):
    """A unit; `since` is when it was registered first: before, it owed nothing."""

    __tablename__ = "known_organisations"
    __table_args__ = (Index("ix_known_organisations_kind", "kind", "id"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    region: Mapped[str]
    parent: Mapped[str | None]
    active: Mapped[bool]
    since: Mapped[datetime]


class KnownPerson(Row):
    """That somebody holds a post of a unit's domain from a day on; an id, never who (A17.1)."""

    __tablename__ = "known_persons"
    __table_args__ = (Index("ix_known_persons_organisation", "organisation_id", "domain"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    organisation_id: Mapped[str]
    domain: Mapped[str]
    post: Mapped[str]
    valid_from: Mapped[date]
    valid_to: Mapped[date | None]

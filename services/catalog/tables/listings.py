"""Listings with their versions and filings, plans, and the epoch of the search."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from services.catalog.tables.mapping import Base


class Found:
    """What a public listing is found by, and its public JSON."""

    state: Mapped[str]
    version: Mapped[int] = mapped_column(default=0)
    item_code: Mapped[str | None]
    organisation_id: Mapped[str]
    region: Mapped[str]
    item_type: Mapped[str] = mapped_column(default="")
    kind: Mapped[str] = mapped_column(default="")
    audiences: Mapped[list[str]] = mapped_column(default=list)
    channels: Mapped[list[str]] = mapped_column(default=list)
    title_text: Mapped[str] = mapped_column(default="")
    search_text: Mapped[str] = mapped_column(default="")
    terms: Mapped[list[str]] = mapped_column(default=list)
    doc: Mapped[str | None]


class Listing(Found, Base):
    """A listing's present. `doc` is its public JSON, written with every change of it.

    `number` is the `epoch` of its first publication, so listings are numbered in commit order.
    """

    __tablename__ = "listings"
    __table_args__ = (
        Index("ix_listings_epoch", "epoch"),
        Index("ix_listings_organisation_id", "organisation_id", "state"),
        Index("ix_listings_item_code", "item_code"),
        Index("ix_listings_hall_id", "hall_id"),
        Index("ix_listings_norm_version", "norm_version", "id"),
        Index("ix_listings_recheck_norm", "recheck_norm", "id"),
        Index("ix_listings_zone_id", "zone_id", "state"),
        Index("ix_listings_goes_live_at", "goes_live_at"),
        Index("ix_listings_terms", "terms", postgresql_using="gin"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[int | None] = mapped_column(BigInteger, unique=True)
    epoch: Mapped[int | None] = mapped_column(BigInteger)
    title: Mapped[str] = mapped_column(default="")
    hall_id: Mapped[str | None]
    zone_id: Mapped[str | None]
    filing_id: Mapped[UUID | None]
    notice_id: Mapped[UUID | None]
    decided_at: Mapped[datetime | None]
    goes_live_at: Mapped[datetime | None]
    next_version: Mapped[int | None]
    listed_at: Mapped[datetime | None]
    delisted_at: Mapped[datetime | None]
    off_by: Mapped[str | None]
    norm_version: Mapped[str | None]
    recheck_norm: Mapped[str | None]
    recheck_since: Mapped[datetime | None]


class ListingAppearance(Found, Base):
    """What the public saw of a listing from one instant up to another, and what caused it (C4).

    An open end is the present. The first index holds all that a listing is filtered by except its
    text, so that a page and its total at an instant never read a document that is not shown.
    """

    __tablename__ = "listing_appearances"
    __table_args__ = (
        Index(
            "ix_listing_appearances_number_seen_from",
            "number",
            "seen_from",
            postgresql_include=[
                "seen_to",
                "state",
                "region",
                "organisation_id",
                "item_type",
                "item_code",
                "kind",
                "listing_id",
                "epoch",
            ],
        ),
        Index("ix_listing_appearances_seen_from_epoch", "seen_from", "epoch"),
        Index("ix_listing_appearances_organisation_id", "organisation_id", "number"),
        Index("ix_listing_appearances_item_code", "item_code", "number"),
        Index("ix_listing_appearances_terms", "terms", postgresql_using="gin"),
    )

    listing_id: Mapped[UUID] = mapped_column(ForeignKey("listings.id"), primary_key=True)
    epoch: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger)
    seen_from: Mapped[datetime]
    seen_to: Mapped[datetime | None]
    cause: Mapped[str]
    cause_id: Mapped[str]


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


class PlanLine(Base):
    """An item that a unit's accepted yearly list says it should list (A10.2)."""

    __tablename__ = "plan_lines"
    __table_args__ = (Index("ix_plan_lines_year", "organisation_id", "year"),)

    organisation_id: Mapped[str] = mapped_column(primary_key=True)
    item_code: Mapped[str] = mapped_column(primary_key=True)
    region: Mapped[str]
    year: Mapped[int]
    filing_id: Mapped[UUID]


class CoverageExemption(Base):
    """An item that a unit need not list, and why; after its last day it counts again (A8.1)."""

    __tablename__ = "coverage_exemptions"
    __table_args__ = (
        Index(
            "uq_coverage_exemptions_organisation_id_item_code",
            "organisation_id",
            "item_code",
            unique=True,
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"))
    region: Mapped[str]
    item_code: Mapped[str] = mapped_column(ForeignKey("items.code"))
    reason: Mapped[str]
    until: Mapped[date | None]
    granted_by: Mapped[str]
    granted_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(default=1)


class SearchEpoch(Base):
    """One row: the number of the last change to what the public may see."""

    __tablename__ = "search_epoch"

    one: Mapped[bool] = mapped_column(primary_key=True, default=True)
    epoch: Mapped[int] = mapped_column(BigInteger)

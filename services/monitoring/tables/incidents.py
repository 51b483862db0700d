"""Faults and findings."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Identity, Index
from sqlalchemy.orm import Mapped, mapped_column

from services.monitoring.tables.mapping import Row


class Incident(Row):
    """One continuous fault of one probe, from its first failed result on (M3)."""

    __tablename__ = "incidents"
    __table_args__ = (
        Index(
            "uq_incidents_open",
            "probe_id",
            unique=True,
            postgresql_where="closed_at IS NULL",
        ),
        Index("ix_incidents_opened", "opened_at", "id"),
        Index("ix_incidents_organisation", "organisation_id", "opened_at", "id"),
        Index("ix_incidents_listing", "listing_id", "opened_at", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    probe_id: Mapped[UUID] = mapped_column(ForeignKey("monitoring.probes.id"))
    listing_id: Mapped[UUID]
    organisation_id: Mapped[str]
    region: Mapped[str]
    cause: Mapped[str]
    started_at: Mapped[datetime]
    opened_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    reopened: Mapped[int]
    window_id: Mapped[UUID | None]
    filing_id: Mapped[UUID | None]
    version: Mapped[int]


class IncidentEntry(Row):
    """One line of an incident's timeline; never rewritten."""

    __tablename__ = "incident_entries"
    __table_args__ = (Index("ix_incident_entries_incident", "incident_id", "number"),)

    number: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    incident_id: Mapped[UUID] = mapped_column(ForeignKey("monitoring.incidents.id"))
    at: Mapped[datetime]
    action: Mapped[str]
    detail: Mapped[str | None]


class Finding(Row):
    """Something that a unit has to put right; what can be tested again closes by that alone."""

    __tablename__ = "findings"
    __table_args__ = (
        Index(
            "uq_findings_open",
            "listing_id",
            "kind",
            unique=True,
            postgresql_where="closed_at IS NULL",
        ),
        Index("ix_findings_raised", "raised_at", "id"),
        Index("ix_findings_organisation", "organisation_id", "raised_at", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str]
    listing_id: Mapped[UUID]
    organisation_id: Mapped[str]
    region: Mapped[str]
    raised_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]

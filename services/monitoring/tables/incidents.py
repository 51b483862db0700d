"""Faults."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Identity, Index
from sqlalchemy.orm import Mapped, mapped_column

from services.monitoring.tables.mapping import Row


class Incident(Row):
    """One continuous fault of one probe, from its first failed result on (M3); or one by hand.

    `resolved_at` is when it was over, `closed_at` when nothing is owed about it any more. While
    `parent_incident_id` is set that one explains it, and it is told of with that one (M6).
    """

    __tablename__ = "incidents"
    __table_args__ = (
        Index(
            "uq_incidents_open",
            "probe_id",
            unique=True,
            postgresql_where="closed_at IS NULL AND resolved_at IS NULL",
        ),
        Index(
            "ix_incidents_grade_due_at",
            "grade_due_at",
            postgresql_where="grade_due_at IS NOT NULL",
        ),
        Index("ix_incidents_opened", "opened_at", "id"),
        Index("ix_incidents_organisation", "organisation_id", "opened_at", "id"),
        Index("ix_incidents_listing", "listing_id", "opened_at", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str]
    probe_id: Mapped[UUID | None] = mapped_column(ForeignKey("monitoring.probes.id"))
    listing_id: Mapped[UUID | None]
    organisation_id: Mapped[str]
    region: Mapped[str]
    cause: Mapped[str]
    started_at: Mapped[datetime]
    opened_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    reopened: Mapped[int]
    window_id: Mapped[UUID | None]
    filing_id: Mapped[UUID | None]
    summary: Mapped[str | None]
    severity: Mapped[str]
    percent: Mapped[int | None]
    core_function: Mapped[bool]
    data_loss: Mapped[bool]
    critical: Mapped[bool]
    grade_due_at: Mapped[datetime | None]
    acknowledged_at: Mapped[datetime | None]
    acknowledged_by: Mapped[str | None]
    handler_organisation: Mapped[str | None]
    handler_domain: Mapped[str | None]
    handler_post: Mapped[str | None]
    coordinator: Mapped[str | None]
    resolved_at: Mapped[datetime | None]
    notice_id: Mapped[UUID | None]
    reported_at: Mapped[datetime | None]
    report_filing_id: Mapped[UUID | None]
    parent_incident_id: Mapped[UUID | None]
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
    organisation_id: Mapped[str | None]

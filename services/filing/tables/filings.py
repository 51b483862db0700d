"""Filings with their thread: rounds, history, confirmations, and the lines of yearly lists."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from services.filing.tables.mapping import Code, Id, Number, Row, metadata

__all__ = [
    "Confirmation",
    "Filing",
    "FilingTypeVersion",
    "HistoryEntry",
    "Line",
    "Round",
    "metadata",
]

_PENDING = "state IN ('SUBMITTED', 'CONFIRMED', 'RETURNED', 'REFUSED')"


class FilingTypeVersion(Row):
    """A version that the province issued beside those of types.toml (F1)."""

    __tablename__ = "filing_type_versions"

    type: Mapped[Code]
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    definition: Mapped[dict[str, Any]]
    effective_from: Mapped[date]
    issued_by: Mapped[str]
    issued_at: Mapped[datetime]


class Filing(Row):
    """One filing: its document, where it stands, and what its clock says (derived).

    `subject` names what it is about when that is no listing: a hall, a channel, a partner.
    """

    __tablename__ = "filings"
    __table_args__ = (
        Index("ix_filings_organisation", "organisation_id", "created_at", "id"),
        Index("ix_filings_region", "region", "created_at", "id"),
        Index("ix_filings_created", "created_at", "id"),
        Index("ix_filings_listing_id", "listing_id"),
        Index("ix_filings_item_digest", "item_code", "digest"),
        Index("ix_filings_oral_report_id", "oral_report_id"),
        Index("ix_filings_revoked_by", "revoked_by"),
        Index("ix_filings_due", "due_at", "id", postgresql_where=text("due_at IS NOT NULL")),
        Index(
            "ix_filings_due_owner",
            "organisation_id",
            "due_at",
            "id",
            postgresql_where=text("due_at IS NOT NULL"),
        ),
        Index(
            "ix_filings_confirmation",
            "due_at",
            "id",
            postgresql_where=text("due_for = 'CONFIRMATION'"),
        ),
        Index(
            "ix_filings_review",
            "due_at",
            "id",
            postgresql_where=text("due_for IN ('REVIEW', 'APPEAL')"),
        ),
        Index("ix_filings_departments", "departments", postgresql_using="gin"),
        Index(
            "uq_filings_pending_listing",
            "listing_id",
            "type",
            unique=True,
            postgresql_where=text(f"{_PENDING} AND listing_id IS NOT NULL"),
        ),
        Index(
            "uq_filings_pending_plan",
            "organisation_id",
            "plan_year",
            unique=True,
            postgresql_where=text(f"{_PENDING} AND type = 'LISTING_PLAN'"),
        ),
        Index(
            "uq_filings_pending_subject",
            "organisation_id",
            "type",
            "subject",
            unique=True,
            postgresql_where=text(f"{_PENDING} AND subject IS NOT NULL"),
        ),
        Index(
            "ix_filings_subject",
            "subject",
            "created_at",
            "id",
            postgresql_where=text("subject IS NOT NULL"),
        ),
    )

    id: Mapped[Id]
    number: Mapped[str | None] = mapped_column(unique=True)
    type: Mapped[str]
    type_version: Mapped[int]
    flow: Mapped[str]
    state: Mapped[str]
    organisation_id: Mapped[str]
    region: Mapped[str]
    listing_id: Mapped[UUID | None]
    item_code: Mapped[str | None]
    plan_line_id: Mapped[UUID | None]
    plan_year: Mapped[int | None]
    oral_report_id: Mapped[UUID | None]
    subject: Mapped[str | None]
    content: Mapped[dict[str, Any]]
    digest: Mapped[str]
    self_test: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    departments: Mapped[list[str]]
    round: Mapped[int]
    goes_live_at: Mapped[datetime | None]
    revoked_by: Mapped[UUID | None]
    submitted_at: Mapped[datetime | None]
    decided_at: Mapped[datetime | None]
    due_at: Mapped[datetime | None]
    due_for: Mapped[str | None]
    provisional: Mapped[bool]
    overdue_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    version: Mapped[int]


class Round(Row):
    """What was sent in one round of a thread, as it was sent."""

    __tablename__ = "filing_rounds"

    filing_id: Mapped[UUID] = mapped_column(ForeignKey("filing.filings.id"), primary_key=True)
    round: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    content: Mapped[dict[str, Any]]
    digest: Mapped[str]
    self_test: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    submitted_at: Mapped[datetime]


class HistoryEntry(Row):
    """Who did what, when, under which clause, with which opinion and evidence; append-only."""

    __tablename__ = "filing_history"
    __table_args__ = (Index("ix_filing_history_filing_id", "filing_id", "number"),)

    number: Mapped[Number]
    filing_id: Mapped[UUID] = mapped_column(ForeignKey("filing.filings.id"))
    round: Mapped[int]
    at: Mapped[datetime]
    actor: Mapped[str]
    client_id: Mapped[str]
    person: Mapped[bool]
    acting_for: Mapped[str | None]
    delegation_id: Mapped[UUID | None]
    organisation: Mapped[str]
    action: Mapped[str]
    state: Mapped[str]
    clause: Mapped[str | None]
    opinion: Mapped[str]
    evidence: Mapped[list[dict[str, Any]]]
    digest: Mapped[str]


class Confirmation(Row):
    """A provincial department confirms one version of one item's listing (A11.2)."""

    __tablename__ = "confirmations"
    __table_args__ = (
        Index(
            "uq_confirmations_waiting",
            "item_code",
            "digest",
            "department",
            unique=True,
            postgresql_where=text("filing_id IS NULL"),
        ),
        Index("ix_confirmations_filing_id", "filing_id"),
        Index("ix_confirmations_given", "given_at", "id"),
    )

    id: Mapped[Id]
    item_code: Mapped[str]
    digest: Mapped[str]
    department: Mapped[str]
    filing_id: Mapped[UUID | None] = mapped_column(ForeignKey("filing.filings.id"))
    opinion: Mapped[str]
    given_by: Mapped[str]
    client_id: Mapped[str]
    person: Mapped[bool]
    given_at: Mapped[datetime]


class Line(Row):
    """A line of a yearly list: FILED, ACTIVE once accepted, REPLACED by a later list (A10.2)."""

    __tablename__ = "plan_lines"
    __table_args__ = (
        Index("ix_plan_lines_filing_id", "filing_id"),
        Index("ix_plan_lines_owner", "organisation_id", "year", "state"),
        Index("ix_plan_lines_item", "item_code", "organisation_id"),
        Index("ix_plan_lines_order", "year", "item_code", "id"),
    )

    id: Mapped[Id]
    filing_id: Mapped[UUID] = mapped_column(ForeignKey("filing.filings.id"))
    organisation_id: Mapped[str]
    region: Mapped[str]
    year: Mapped[int]
    item_code: Mapped[str]
    hall_id: Mapped[str]
    kind: Mapped[str]
    planned_on: Mapped[date]
    note: Mapped[str]
    state: Mapped[str]

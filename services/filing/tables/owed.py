"""Oral reports, emergency delistings, obligations, and the clocks on them and on filings."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from services.filing.tables.mapping import Id, Number, Row


class OralReport(Row):
    """Who reported what to whom, when and how, before the switch (A11.4); offices, not persons."""

    __tablename__ = "oral_reports"

    id: Mapped[Id]
    listing_id: Mapped[UUID]
    organisation_id: Mapped[str]
    region: Mapped[str]
    reporter_office: Mapped[str]
    receiver_office: Mapped[str]
    channel: Mapped[str]
    reported_at: Mapped[datetime]
    summary: Mapped[str]
    reason_class: Mapped[str]
    recorded_by: Mapped[str]
    recorded_at: Mapped[datetime]


class EmergencyDelisting(Row):
    """An order to take a listing off at once; notice and closing arrive from catalog (C8)."""

    __tablename__ = "emergency_delistings"
    __table_args__ = (
        UniqueConstraint("oral_report_id"),
        UniqueConstraint("number"),
        Index("ix_emergency_delistings_listing_id", "listing_id"),
    )

    id: Mapped[Id]
    number: Mapped[str]
    listing_id: Mapped[UUID]
    organisation_id: Mapped[str]
    region: Mapped[str]
    oral_report_id: Mapped[UUID] = mapped_column(ForeignKey("filing.oral_reports.id"))
    reason_class: Mapped[str]
    notice_text: Mapped[str | None]
    alternative_channel: Mapped[str | None]
    on_order_of: Mapped[str | None]
    ordered_by: Mapped[str]
    ordering_organisation: Mapped[str]
    ordered_at: Mapped[datetime]
    notice_id: Mapped[UUID | None]
    notice_published_at: Mapped[datetime | None]
    delisted_at: Mapped[datetime | None]
    version: Mapped[int]


class Obligation(Row):
    """Something owed by a date; a breach and lateness stay for ever (F8).

    It follows an emergency delisting, or a `subject` that a unit owes once: a report, a document.
    """

    __tablename__ = "obligations"
    __table_args__ = (
        Index("ix_obligations_filing_id", "filing_id"),
        Index("ix_obligations_opened", "opened_at", "id"),
        Index("ix_obligations_fulfilled_by", "fulfilled_by"),
        Index(
            "uq_obligations_subject",
            "organisation_id",
            "kind",
            "subject",
            unique=True,
            postgresql_where=text("subject IS NOT NULL"),
        ),
        Index("ix_obligations_due", "due_at", "id", postgresql_where=text("fulfilled_at IS NULL")),
    )

    id: Mapped[Id]
    kind: Mapped[str]
    organisation_id: Mapped[str]
    region: Mapped[str]
    domain: Mapped[str]
    filing_id: Mapped[UUID | None]
    subject: Mapped[str | None]
    clause: Mapped[str]
    opened_at: Mapped[datetime]
    due_at: Mapped[datetime]
    provisional: Mapped[bool]
    breached_at: Mapped[datetime | None]
    fulfilled_at: Mapped[datetime | None]
    fulfilled_by: Mapped[UUID | None]
    late: Mapped[bool]
    version: Mapped[int]


class LadderRung(Row):
    """One rung of an obligation's ladder: when, for which level, and to whom; append-only (K4).

    Nobody when all posts up to the province's are empty; `skipped` names those passed over.
    """

    __tablename__ = "ladder_rungs"
    __table_args__ = (Index("ix_ladder_rungs_organisation", "organisation_id", "obligation_id"),)

    obligation_id: Mapped[UUID] = mapped_column(
        ForeignKey("filing.obligations.id"), primary_key=True
    )
    rung: Mapped[str] = mapped_column(primary_key=True)
    level: Mapped[str]
    fired_at: Mapped[datetime]
    organisation_id: Mapped[str | None]
    post: Mapped[str | None]
    person_id: Mapped[UUID | None]
    skipped: Mapped[list[dict[str, Any]]]


class Clock(Row):
    """One clock: its limit, and what follows from its ledger (derived; `next_due_at` is swept).

    `ladder_version` names the versions of the ladder by which `next_due_at` was found.
    """

    __tablename__ = "clocks"
    __table_args__ = (
        Index("ix_clocks_record_id", "record_id"),
        Index(
            "ix_clocks_policy",
            "policy",
            "policy_version",
            postgresql_where=text("state <> 'STOPPED' AND overdue_at IS NULL"),
        ),
        Index(
            "ix_clocks_ladder",
            "ladder_version",
            postgresql_where=text("record = 'obligation' AND state = 'RUNNING'"),
        ),
        Index(
            "ix_clocks_next_due_at", "next_due_at", postgresql_where=text("next_due_at IS NOT NULL")
        ),
    )

    id: Mapped[Id]
    record: Mapped[str]
    record_id: Mapped[UUID]
    kind: Mapped[str]
    policy: Mapped[str]
    policy_version: Mapped[int]
    amount: Mapped[int]
    unit: Mapped[str]
    fired: Mapped[list[str]]
    ladder_version: Mapped[str]
    state: Mapped[str]
    due_at: Mapped[datetime | None]
    local_date: Mapped[date | None]
    provisional: Mapped[bool]
    calendar_version: Mapped[str]
    next_due_at: Mapped[datetime | None]
    overdue_at: Mapped[datetime | None]


class ClockEntry(Row):
    """One entry of a clock's ledger; append-only."""

    __tablename__ = "clock_entries"
    __table_args__ = (Index("ix_clock_entries_clock_id", "clock_id", "number"),)

    number: Mapped[Number]
    clock_id: Mapped[UUID] = mapped_column(ForeignKey("filing.clocks.id"))
    kind: Mapped[str]
    at: Mapped[datetime]
    by: Mapped[str]
    reason: Mapped[str]
    amount: Mapped[int | None]
    unit: Mapped[str | None]
    asked_by: Mapped[str | None]

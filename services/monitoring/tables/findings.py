"""Findings, their history, and the clocks of their rectification."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Identity, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from services.monitoring.tables.mapping import Row


class Finding(Row):
    """Something that a unit has to put right; what can be tested again closes by that alone.

    A source tells of one thing once (`source_id`); what a rule tests again is `about_id`,
    `settled_at` since when that is as it should be, `retest_at` when the re-test looks next.
    """

    __tablename__ = "findings"
    __table_args__ = (
        Index(
            "uq_findings_missing",
            "listing_id",
            unique=True,
            postgresql_where=text("closed_at IS NULL AND kind = 'PROBE_MISSING'"),
        ),
        Index("uq_findings_source", "source", "raising_organisation", "source_id", unique=True),
        Index("ix_findings_about", "about_id", postgresql_where=text("about_id IS NOT NULL")),
        Index("ix_findings_raised", "raised_at", "id"),
        Index("ix_findings_organisation", "organisation_id", "raised_at", "id"),
        Index("ix_findings_listing", "listing_id", "raised_at", "id"),
        Index("ix_findings_retest", "retest_at", postgresql_where=text("retest_at IS NOT NULL")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str]
    listing_id: Mapped[UUID | None]
    organisation_id: Mapped[str]
    region: Mapped[str]
    raised_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    state: Mapped[str] = mapped_column(server_default="OPEN")
    source: Mapped[str] = mapped_column(server_default="RULE")
    source_id: Mapped[str | None]
    about_id: Mapped[UUID | None]
    settled_at: Mapped[datetime | None]
    domain: Mapped[str] = mapped_column(server_default="MAINTENANCE")
    severity: Mapped[str] = mapped_column(server_default="NORMAL")
    clause: Mapped[str] = mapped_column(server_default="A17.3")
    retest: Mapped[str] = mapped_column(server_default="PROBE")
    summary: Mapped[str] = mapped_column(server_default="")
    raising_organisation: Mapped[str] = mapped_column(server_default="platform")
    ordering_organisation: Mapped[str | None]
    ordered_at: Mapped[datetime | None]
    due_at: Mapped[datetime | None]
    provisional: Mapped[bool] = mapped_column(server_default="false")
    overdue_at: Mapped[datetime | None]
    submitted_at: Mapped[datetime | None]
    round: Mapped[int] = mapped_column(server_default="0")
    extension_amount: Mapped[int | None]
    extension_asked_by: Mapped[str | None]
    extension_reason: Mapped[str | None]
    extension_granted: Mapped[bool | None]
    closed_because: Mapped[str | None]
    retest_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(server_default="1")


class FindingEntry(Row):
    """One line of a finding's history; never rewritten."""

    __tablename__ = "finding_entries"
    __table_args__ = (Index("ix_finding_entries_finding", "finding_id", "number"),)

    number: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    finding_id: Mapped[UUID] = mapped_column(ForeignKey("monitoring.findings.id"))
    at: Mapped[datetime]
    action: Mapped[str]
    actor: Mapped[str]
    client_id: Mapped[str]
    organisation: Mapped[str]
    person: Mapped[bool]
    opinion: Mapped[str]
    evidence: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    addressee: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))


class FindingClock(Row):
    """One clock of a rectification, and what follows from its ledger (derived)."""

    __tablename__ = "finding_clocks"
    __table_args__ = (
        Index("ix_finding_clocks_finding", "finding_id"),
        Index(
            "ix_finding_clocks_next_due_at",
            "next_due_at",
            postgresql_where=text("next_due_at IS NOT NULL"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    finding_id: Mapped[UUID] = mapped_column(ForeignKey("monitoring.findings.id"))
    policy: Mapped[str]
    policy_version: Mapped[int]
    amount: Mapped[int]
    unit: Mapped[str]
    fired: Mapped[list[str]]
    state: Mapped[str]
    due_at: Mapped[datetime | None]
    local_date: Mapped[date | None]
    provisional: Mapped[bool]
    calendar_version: Mapped[str]
    next_due_at: Mapped[datetime | None]
    overdue_at: Mapped[datetime | None]


class FindingClockEntry(Row):
    """One entry of a clock's ledger; append-only."""

    __tablename__ = "finding_clock_entries"
    __table_args__ = (Index("ix_finding_clock_entries_clock", "clock_id", "number"),)

    number: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    clock_id: Mapped[UUID] = mapped_column(ForeignKey("monitoring.finding_clocks.id"))
    kind: Mapped[str]
    at: Mapped[datetime]
    by: Mapped[str]
    reason: Mapped[str]
    amount: Mapped[int | None]
    unit: Mapped[str | None]
    asked_by: Mapped[str | None]

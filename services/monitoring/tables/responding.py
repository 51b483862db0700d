"""Report clocks of incidents, and the notices that announce them (A16.4, A16.5)."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Identity, Index, Uuid
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from services.monitoring.tables.mapping import Row


class IncidentClock(Row):
    """One report that is owed: its limit, and what follows from its ledger (derived)."""

    __tablename__ = "incident_clocks"
    __table_args__ = (
        Index("ix_incident_clocks_incident", "incident_id", "id"),
        Index(
            "ix_incident_clocks_next_due_at",
            "next_due_at",
            postgresql_where="next_due_at IS NOT NULL",
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    incident_id: Mapped[UUID] = mapped_column(ForeignKey("monitoring.incidents.id"))
    kind: Mapped[str]
    policy: Mapped[str]
    policy_version: Mapped[int]
    amount: Mapped[int]
    unit: Mapped[str]
    fired: Mapped[list[str]]
    state: Mapped[str]
    outcome: Mapped[str | None]
    due_at: Mapped[datetime | None]
    next_due_at: Mapped[datetime | None]
    overdue_at: Mapped[datetime | None]


class IncidentClockEntry(Row):
    """One entry of a clock's ledger; append-only."""

    __tablename__ = "incident_clock_entries"
    __table_args__ = (Index("ix_incident_clock_entries_clock", "clock_id", "number"),)

    number: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    clock_id: Mapped[UUID] = mapped_column(ForeignKey("monitoring.incident_clocks.id"))
    kind: Mapped[str]
    at: Mapped[datetime]
    by: Mapped[str]
    reason: Mapped[str]


class KnownNotice(Row):
    """A notice of a fault or a security incident that catalog published; all see it (A16.5)."""

    __tablename__ = "known_notices"
    __table_args__ = (Index("ix_known_notices_listings", "listing_ids", postgresql_using="gin"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str]
    listing_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    published_at: Mapped[datetime]
    withdrawn: Mapped[bool]

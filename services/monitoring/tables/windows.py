"""What filed windows hold back, and what they change about the past (A16.3, M8)."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Double, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from services.monitoring.tables.mapping import Row


class SuppressedAlert(Row):
    """A fault that would have opened an incident within a window; it names window and filing.

    It ends when the fault is over, or as the incident of the same id when the window is.
    """

    __tablename__ = "suppressed_alerts"
    __table_args__ = (
        Index(
            "uq_suppressed_alerts_open",
            "probe_id",
            unique=True,
            postgresql_where="ended_at IS NULL",
        ),
        Index("ix_suppressed_alerts_suppressed", "suppressed_at", "id"),
        Index("ix_suppressed_alerts_organisation", "organisation_id", "suppressed_at", "id"),
        Index("ix_suppressed_alerts_listing", "listing_id", "suppressed_at", "id"),
        Index("ix_suppressed_alerts_window", "window_id", "suppressed_at", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    window_id: Mapped[UUID]
    filing_id: Mapped[UUID]
    probe_id: Mapped[UUID] = mapped_column(ForeignKey("monitoring.probes.id"))
    listing_id: Mapped[UUID]
    organisation_id: Mapped[str]
    region: Mapped[str]
    cause: Mapped[str]
    detail: Mapped[str | None]
    started_at: Mapped[datetime]
    suppressed_at: Mapped[datetime]
    times: Mapped[int]
    ended_at: Mapped[datetime | None]
    outcome: Mapped[str | None]


class AvailabilityCorrection(Row):
    """Time of a probe that a filing put into a window, or out of one, after it had passed.

    Seconds are positive where they became maintenance and negative where they became the unit's
    own again; never rewritten.
    """

    __tablename__ = "availability_corrections"
    __table_args__ = (
        UniqueConstraint("filing_id", "probe_id"),
        Index("ix_availability_corrections_corrected", "corrected_at", "id"),
        Index("ix_availability_corrections_organisation", "organisation_id", "corrected_at", "id"),
        Index("ix_availability_corrections_probe", "probe_id", "corrected_at", "id"),
        Index("ix_availability_corrections_window", "window_id", "corrected_at", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    window_id: Mapped[UUID]
    filing_id: Mapped[UUID]
    probe_id: Mapped[UUID] = mapped_column(ForeignKey("monitoring.probes.id"))
    listing_id: Mapped[UUID]
    organisation_id: Mapped[str]
    region: Mapped[str]
    since: Mapped[datetime]
    until: Mapped[datetime]
    down_seconds: Mapped[float] = mapped_column(Double)
    up_seconds: Mapped[float] = mapped_column(Double)
    corrected_at: Mapped[datetime]

"""What came of each walk (M2)."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index
from sqlalchemy.dialects.postgresql import REAL
from sqlalchemy.orm import Mapped, mapped_column

from services.monitoring.tables.mapping import Row


class WalkRun(Row):
    """One run of a walk, by its interval or asked for; `at` is when it was asked for, then begun.

    `ok` is null until it has ended.
    """

    __tablename__ = "walk_runs"
    __table_args__ = (
        Index("ix_walk_runs_walk", "walk_id", "at", "id"),
        Index("ix_walk_runs_listing", "listing_id", "at", "id"),
        Index("ix_walk_runs_at", "at"),
        Index("uq_walk_runs_waiting", "walk_id", unique=True, postgresql_where="state <> 'DONE'"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    walk_id: Mapped[UUID] = mapped_column(ForeignKey("monitoring.probes.id"))
    listing_id: Mapped[UUID]
    organisation_id: Mapped[str]
    region: Mapped[str]
    state: Mapped[str]
    requested: Mapped[bool]
    claimed_at: Mapped[datetime | None]
    at: Mapped[datetime]
    vantage: Mapped[str | None]
    ok: Mapped[bool | None]
    total: Mapped[float | None] = mapped_column(REAL)
    failed_step: Mapped[str | None]
    cleaned: Mapped[bool | None]
    steps: Mapped[list[dict[str, Any]]]

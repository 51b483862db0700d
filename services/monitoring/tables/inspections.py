"""Inspection plans, and their runs by the units."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from services.monitoring.tables.mapping import Row


class InspectionPlan(Row):
    """Who inspects what how often; units are named, or meant by their kind (A16.1).

    Every unit may read it. Missed runs were looked for up to and with `checked_through`.
    """

    __tablename__ = "inspection_plans"
    __table_args__ = (
        Index("ix_inspection_plans_issued", "issued_at", "id"),
        Index(
            "ix_inspection_plans_checked",
            "checked_through",
            postgresql_where=text("ended_at IS NULL"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    title: Mapped[str]
    domain: Mapped[str]
    frequency: Mapped[str]
    unit_kinds: Mapped[list[str]]
    units: Mapped[list[str]]
    checklist: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    issued_by: Mapped[str]
    issued_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    checked_through: Mapped[date]
    version: Mapped[int]


class InspectionRun(Row):
    """One inspection of a unit in a period, with an answer to each item; never rewritten."""

    __tablename__ = "inspection_runs"
    __table_args__ = (
        UniqueConstraint("plan_id", "organisation_id", "period"),
        Index("ix_inspection_runs_done", "done_at", "id"),
        Index("ix_inspection_runs_organisation", "organisation_id", "done_at", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    plan_id: Mapped[UUID] = mapped_column(ForeignKey("monitoring.inspection_plans.id"))
    organisation_id: Mapped[str]
    region: Mapped[str]
    period: Mapped[str]
    results: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    evidence: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    failed: Mapped[int]
    done_by: Mapped[str]
    done_at: Mapped[datetime]

"""Emergency plans with their versions, drills and activations; leads of liability (A23, A26)."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Double, ForeignKey, Index, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from services.monitoring.tables.mapping import Row


class EmergencyPlan(Row):
    """A unit's plan as it stands; `chase_on` is the day on which the clock looks at it next.

    Which of its dues were told of as missed stands in `told`, until the next one is held.
    """

    __tablename__ = "emergency_plans"
    __table_args__ = (
        Index("ix_emergency_plans_organisation", "organisation_id", "id"),
        Index("ix_emergency_plans_region", "region", "id"),
        Index("ix_emergency_plans_chase_on", "chase_on", postgresql_where="chase_on IS NOT NULL"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    organisation_id: Mapped[str]
    region: Mapped[str]
    title: Mapped[str]
    covers: Mapped[str]
    number: Mapped[int]
    adopted_on: Mapped[date]
    drilled_on: Mapped[date | None]
    review_due_on: Mapped[date]
    drill_due_on: Mapped[date]
    told: Mapped[list[str]]
    chase_on: Mapped[date | None]
    version: Mapped[int]


class EmergencyPlanVersion(Row):
    """One text of a plan, by its file's digest; never rewritten."""

    __tablename__ = "emergency_plan_versions"

    plan_id: Mapped[UUID] = mapped_column(
        ForeignKey("monitoring.emergency_plans.id"), primary_key=True
    )
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    title: Mapped[str]
    summary: Mapped[str]
    file_sha256: Mapped[str]
    adopted_on: Mapped[date]
    kept_at: Mapped[datetime]


class Drill(Row):
    """That a plan was practised, with what came of it; never rewritten."""

    __tablename__ = "drills"
    __table_args__ = (
        Index("ix_drills_plan", "plan_id", "held_on", "id"),
        Index("ix_drills_organisation", "organisation_id", "held_on", "id"),
        Index("ix_drills_held", "held_on", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    plan_id: Mapped[UUID] = mapped_column(ForeignKey("monitoring.emergency_plans.id"))
    plan_number: Mapped[int]
    organisation_id: Mapped[str]
    region: Mapped[str]
    scenario: Mapped[str]
    held_on: Mapped[date]
    participants: Mapped[int]
    result: Mapped[str]
    remarks: Mapped[str]
    late: Mapped[bool]
    recorded_at: Mapped[datetime]


class PlanActivation(Row):
    """A plan was started for an incident, so many seconds after its detection (A23.3)."""

    __tablename__ = "plan_activations"
    __table_args__ = (
        UniqueConstraint("incident_id", "plan_id"),
        Index("ix_plan_activations_organisation", "organisation_id", "activated_at", "id"),
        Index("ix_plan_activations_activated", "activated_at", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    plan_id: Mapped[UUID] = mapped_column(ForeignKey("monitoring.emergency_plans.id"))
    plan_number: Mapped[int]
    incident_id: Mapped[UUID] = mapped_column(ForeignKey("monitoring.incidents.id"))
    organisation_id: Mapped[str]
    region: Mapped[str]
    reason: Mapped[str]
    activated_at: Mapped[datetime]
    latency_seconds: Mapped[float] = mapped_column(Double)


class AccountabilityLead(Row):
    """A lead that somebody may be liable; the province alone reads it (A26).

    `bundle` is the evidence as it stood at the referral, under its digest.
    """

    __tablename__ = "accountability_leads"
    __table_args__ = (
        Index("ix_accountability_leads_recorded", "recorded_at", "id"),
        Index("ix_accountability_leads_organisation", "organisation_id", "recorded_at", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    type: Mapped[str]
    state: Mapped[str]
    organisation_id: Mapped[str]
    region: Mapped[str]
    incident_id: Mapped[UUID | None] = mapped_column(ForeignKey("monitoring.incidents.id"))
    summary: Mapped[str]
    evidence: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    recorded_at: Mapped[datetime]
    referred_to: Mapped[str | None]
    referred_at: Mapped[datetime | None]
    bundle: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    digest: Mapped[str | None]
    closed_at: Mapped[datetime | None]
    outcome: Mapped[str | None]
    version: Mapped[int]

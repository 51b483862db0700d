"""Reviews of units by themselves or for security, and bulletins about them."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from services.monitoring.tables.mapping import Row


class Review(Row):
    """A self-inspection, a security inspection or a risk assessment; never rewritten.

    What a unit owes once a period is there once (A14.2, A20.3).
    """

    __tablename__ = "reviews"
    __table_args__ = (
        Index(
            "uq_reviews_period",
            "organisation_id",
            "kind",
            "period",
            unique=True,
            postgresql_where=text("kind <> 'SECURITY_INSPECTION'"),
        ),
        Index("ix_reviews_recorded", "recorded_at", "id"),
        Index("ix_reviews_organisation", "organisation_id", "recorded_at", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str]
    organisation_id: Mapped[str]
    region: Mapped[str]
    period: Mapped[str]
    summary: Mapped[str]
    issues: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    evidence: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    recording_organisation: Mapped[str]
    recorded_by: Mapped[str]
    recorded_at: Mapped[datetime]


class Bulletin(Row):
    """What stood of a period when it was published, for the units that it names (A14.2)."""

    __tablename__ = "bulletins"
    __table_args__ = (
        UniqueConstraint("organisation_id", "region", "period"),
        Index("ix_bulletins_published", "published_at", "id"),
        Index("ix_bulletins_units", "units", postgresql_using="gin"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    organisation_id: Mapped[str]
    region: Mapped[str]
    period: Mapped[str]
    title: Mapped[str]
    text: Mapped[str]
    units: Mapped[list[str]]
    figures: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    digest: Mapped[str]
    published_by: Mapped[str]
    published_at: Mapped[datetime]

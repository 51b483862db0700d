"""Samples of listed services, and the checks that were made of them (A24.1)."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint, Uuid
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from services.monitoring.tables.mapping import Row


class SupervisionSample(Row):
    """A sample with all that it takes to draw it again; never rewritten.

    Of its supervisor and of those above: a unit does not read beforehand that it will be checked.
    """

    __tablename__ = "supervision_samples"
    __table_args__ = (
        Index("ix_supervision_samples_drawn", "drawn_at", "id"),
        Index("ix_supervision_samples_organisation", "organisation_id", "drawn_at", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    organisation_id: Mapped[str]
    region: Mapped[str]
    of_organisation: Mapped[str | None]
    seed: Mapped[str]
    drawn_on: Mapped[date]
    algorithm: Mapped[str]
    algorithm_version: Mapped[int]
    size: Mapped[int]
    population_digest: Mapped[str]
    population: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    listing_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    drawn_by: Mapped[str]
    drawn_at: Mapped[datetime]


class SupervisionCheck(Row):
    """One check of a listed service with its evidence; `walk_run_id` is of a mock transaction."""

    __tablename__ = "supervision_checks"
    __table_args__ = (
        UniqueConstraint("sample_id", "listing_id", "method"),
        Index("ix_supervision_checks_checked", "checked_at", "id"),
        Index("ix_supervision_checks_organisation", "organisation_id", "checked_at", "id"),
        Index("ix_supervision_checks_listing", "listing_id", "checked_at", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    sample_id: Mapped[UUID | None] = mapped_column(ForeignKey("monitoring.supervision_samples.id"))
    listing_id: Mapped[UUID]
    organisation_id: Mapped[str]
    region: Mapped[str]
    method: Mapped[str]
    passed: Mapped[bool]
    summary: Mapped[str]
    evidence: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    walk_run_id: Mapped[UUID | None]
    finding_id: Mapped[UUID | None] = mapped_column(ForeignKey("monitoring.findings.id"))
    checking_organisation: Mapped[str]
    checked_by: Mapped[str]
    checked_at: Mapped[datetime]

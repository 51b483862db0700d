"""Probes, where each stands, what each has seen, and who carries it out."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    Table,
    Text,
    Uuid,
    func,
    select,
)
from sqlalchemy.dialects.postgresql import REAL
from sqlalchemy.orm import Mapped, mapped_column

from services.monitoring.tables.mapping import Row, metadata


class Probe(Row):
    """One check of a listing; the ENTRY probe comes and goes with its listing (M9).

    `shard` follows from the host, so that one replica at a time speaks to a host. It runs while the
    listing is listed and its owner has not paused it. Of `vantages` null leaves it to the policy.
    A `walk` has steps instead of one question; its secrets are sealed (M2).
    A heartbeat knows the digest of its token and the last beat.
    """

    __tablename__ = "probes"
    __table_args__ = (
        Index("ix_probes_listing", "listing_id", "id"),
        Index("ix_probes_organisation", "organisation_id", "id"),
        Index("ix_probes_region", "region", "id"),
        Index("ix_probes_shard", "shard", "changed_at"),
        Index(
            "uq_probes_beat_digest",
            "beat_digest",
            unique=True,
            postgresql_where="beat_digest IS NOT NULL",
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    listing_id: Mapped[UUID] = mapped_column(ForeignKey("monitoring.known_listings.id"))
    organisation_id: Mapped[str]
    region: Mapped[str]
    purpose: Mapped[str]
    name: Mapped[str]
    url: Mapped[str]
    method: Mapped[str]
    conditions: Mapped[list[str]]
    interval_seconds: Mapped[int]
    timeout_seconds: Mapped[int]
    redirects: Mapped[int]
    vantages: Mapped[int | None]
    listed: Mapped[bool]
    paused: Mapped[bool]
    walk: Mapped[dict[str, Any] | None]
    secrets_sealed: Mapped[str | None]
    beat_digest: Mapped[str | None]
    beat_at: Mapped[datetime | None]
    grace_seconds: Mapped[int | None]
    shard: Mapped[int]
    changed_at: Mapped[datetime]
    version: Mapped[int]


class ProbeParent(Row):
    """A probe whose fault explains that of another (M6).

    It holds ids alone and has no row-level security: a circle that leads through another unit's
    probes is found too.
    """

    __tablename__ = "probe_parents"
    __table_args__ = (Index("ix_probe_parents_parent", "parent_id"),)

    probe_id: Mapped[UUID] = mapped_column(
        ForeignKey("monitoring.probes.id", ondelete="CASCADE"), primary_key=True
    )
    parent_id: Mapped[UUID] = mapped_column(
        ForeignKey("monitoring.probes.id", ondelete="CASCADE"), primary_key=True
    )


class ProbeStanding(Row):
    """Where a probe stands, all vantage points together.

    Its counts are kept for the release before vantage points, which reads them, and are 0.
    """

    __tablename__ = "probe_standings"

    probe_id: Mapped[UUID] = mapped_column(
        ForeignKey("monitoring.probes.id", ondelete="CASCADE"), primary_key=True
    )
    state: Mapped[str]
    since: Mapped[datetime | None]
    failures: Mapped[int]
    successes: Mapped[int]
    run_since: Mapped[datetime | None]
    incident_id: Mapped[UUID | None]
    incident_open: Mapped[bool]
    closed_at: Mapped[datetime | None]
    seen: Mapped[bool]
    failure: Mapped[str | None]


class VantageStanding(Row):
    """Where a probe stands as one vantage point sees it, so that another replica goes on (M5)."""

    __tablename__ = "vantage_standings"

    probe_id: Mapped[UUID] = mapped_column(
        ForeignKey("monitoring.probes.id", ondelete="CASCADE"), primary_key=True
    )
    vantage: Mapped[str] = mapped_column(primary_key=True)
    state: Mapped[str]
    since: Mapped[datetime | None]
    failures: Mapped[int]
    successes: Mapped[int]
    run_since: Mapped[datetime | None]
    faulty: Mapped[bool]
    seen: Mapped[bool]
    failure: Mapped[str | None]


class Advisory(Row):
    """A fault that too few vantage points see to be an outage, with what they saw (M5).

    `incident_id` names the outage that it became a part of.
    """

    __tablename__ = "advisories"
    __table_args__ = (
        Index(
            "uq_advisories_open",
            "probe_id",
            "vantage",
            unique=True,
            postgresql_where="closed_at IS NULL",
        ),
        Index("ix_advisories_opened", "opened_at", "id"),
        Index("ix_advisories_organisation", "organisation_id", "opened_at", "id"),
        Index("ix_advisories_probe", "probe_id", "opened_at", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    probe_id: Mapped[UUID] = mapped_column(ForeignKey("monitoring.probes.id"))
    listing_id: Mapped[UUID]
    organisation_id: Mapped[str]
    region: Mapped[str]
    vantage: Mapped[str]
    cause: Mapped[str]
    detail: Mapped[str | None]
    started_at: Mapped[datetime]
    opened_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    incident_id: Mapped[UUID | None]


class StateChange(Row):
    """From `at` on a probe's target was in this state (M7)."""

    __tablename__ = "state_changes"
    __table_args__ = (Index("ix_state_changes_probe", "probe_id", "at", "number"),)

    number: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    probe_id: Mapped[UUID] = mapped_column(ForeignKey("monitoring.probes.id", ondelete="CASCADE"))
    at: Mapped[datetime]
    state: Mapped[str]


SAMPLE_COLUMNS = (
    Column("probe_id", Uuid, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("vantage", Text, nullable=False),
    Column("ok", Boolean, nullable=False),
    Column("evidence", Boolean, nullable=False),
    Column("reused", Boolean, nullable=False),
    Column("lag", REAL, nullable=False),
    Column("total", REAL, nullable=False),
    Column("dns", REAL),
    Column("connect", REAL),
    Column("tls", REAL),
    Column("first_byte", REAL),
    Column("transfer", REAL),
    Column("status", Integer),
    Column("error", Text),
    Column("failure", Text),
)
# In day partitions, filled by COPY alone; times are milliseconds. It has no row-level security,
# which COPY does not know: whoever may see the probe may see its samples.
samples = Table(
    "samples",
    metadata,
    *SAMPLE_COLUMNS,
    Index("ix_samples_at", "at", postgresql_using="brin"),
    postgresql_partition_by="RANGE (at)",
)


class SampleHour(Row):
    """The results of a probe from one vantage point in one hour of UTC; milliseconds.

    Like the samples it has no region of its own: whoever may see the probe may see its hours.
    """

    __tablename__ = "sample_hours"
    __table_args__ = (Index("ix_sample_hours_hour", "hour", postgresql_using="brin"),)

    probe_id: Mapped[UUID] = mapped_column(primary_key=True)
    hour: Mapped[datetime] = mapped_column(primary_key=True)
    vantage: Mapped[str] = mapped_column(primary_key=True)
    visits: Mapped[int]
    failed: Mapped[int]
    total: Mapped[float]
    slowest: Mapped[float] = mapped_column(REAL)
    first_at: Mapped[datetime]
    first_opened: Mapped[bool]
    first_total: Mapped[float] = mapped_column(REAL)


class ShardLease(Row):
    """Who carries out a shard from a vantage point, until when; `token` counts the owners (M4).

    Up to `watched_until` all its results are stored: what lies after was seen by nobody (M7).
    """

    __tablename__ = "shard_leases"

    shard: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    vantage: Mapped[str] = mapped_column(primary_key=True, server_default="default")
    holder: Mapped[str | None]
    until: Mapped[datetime | None]
    token: Mapped[int] = mapped_column(BigInteger)
    watched_until: Mapped[datetime | None]


LAST_WATCHED = (  # of each shard, by whichever vantage point looked last
    select(ShardLease.shard, func.max(ShardLease.watched_until).label("watched_until"))
    .group_by(ShardLease.shard)
    .subquery("lease")
)


class Replica(Row):
    """A replica that probes, and the vantage point that it looks from."""

    __tablename__ = "replicas"

    name: Mapped[str] = mapped_column(primary_key=True)
    vantage: Mapped[str]
    seen_at: Mapped[datetime]

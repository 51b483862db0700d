"""Probes, where each stands, what each has seen, and who carries it out."""

from datetime import datetime
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
)
from sqlalchemy.dialects.postgresql import REAL
from sqlalchemy.orm import Mapped, mapped_column

from services.monitoring.tables.mapping import Row, metadata


class Probe(Row):
    """One check of a listing; the ENTRY probe comes and goes with its listing (M9).

    `shard` follows from the host, so that one replica at a time speaks to a host. It runs while the
    listing is listed and its owner has not paused it.
    """

    __tablename__ = "probes"
    __table_args__ = (
        Index("ix_probes_listing", "listing_id", "id"),
        Index("ix_probes_organisation", "organisation_id", "id"),
        Index("ix_probes_region", "region", "id"),
        Index("ix_probes_shard", "shard", "changed_at"),
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
    listed: Mapped[bool]
    paused: Mapped[bool]
    shard: Mapped[int]
    changed_at: Mapped[datetime]
    version: Mapped[int]


class ProbeStanding(Row):
    """Where a probe stands between two results, so that another replica goes on from there."""

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


class ShardLease(Row):
    """Who carries out the probes of a shard, until when; `token` counts the owners (M4).

    Up to `watched_until` all its results are stored: what lies after was seen by nobody (M7).
    """

    __tablename__ = "shard_leases"

    shard: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    holder: Mapped[str | None]
    until: Mapped[datetime | None]
    token: Mapped[int] = mapped_column(BigInteger)
    watched_until: Mapped[datetime | None]


class Replica(Row):
    """A replica that probes, and the vantage point that it looks from."""

    __tablename__ = "replicas"

    name: Mapped[str] = mapped_column(primary_key=True)
    vantage: Mapped[str]
    seen_at: Mapped[datetime]

"""Windows in full, the alerts that they hold back, and the corrections of past time."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from shared.migrations import toolbox

revision = "0003_windows_and_incidents"
down_revision = "0001_initial"
branch_labels = None
depends_on = None

_SCOPED = ("known_windows", "suppressed_alerts", "availability_corrections")


def upgrade() -> None:
    op.execute("set local lock_timeout = '1s'")
    for column in _of_a_window():
        op.add_column("known_windows", column, schema="monitoring")
    for column in _of_an_incident():
        op.add_column("incidents", column, schema="monitoring")
    _index("known_windows", "ix_known_windows_start", "starts_at", "id")
    _create_suppressed_alerts()
    _create_corrections()
    _protect()


def _of_a_window() -> tuple[sa.Column[Any], ...]:
    """With defaults in the database: who knows only the former columns can go on."""
    return (
        sa.Column("region", sa.Text(), nullable=False, server_default="36"),
        sa.Column("filing_type", sa.Text(), nullable=False, server_default="MAINTENANCE"),
        sa.Column("kind", sa.Text(), nullable=False, server_default="OTHER"),
        sa.Column("state", sa.Text(), nullable=False, server_default="PLANNED"),
        sa.Column("change", sa.Integer(), nullable=False, server_default="1"),
        sa.Column("short_notice", sa.Boolean(), nullable=False, server_default="false"),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=True),
    )


def _of_an_incident() -> tuple[sa.Column[Any], ...]:
    return (
        sa.Column("window_id", sa.Uuid(), nullable=True),
        sa.Column("filing_id", sa.Uuid(), nullable=True),
    )


def _create_suppressed_alerts() -> None:
    op.create_table(
        "suppressed_alerts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("window_id", sa.Uuid(), nullable=False),
        sa.Column("filing_id", sa.Uuid(), nullable=False),
        sa.Column("probe_id", sa.Uuid(), nullable=False),
        sa.Column("listing_id", sa.Uuid(), nullable=False),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("suppressed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["probe_id"], ["monitoring.probes.id"], name=op.f("fk_suppressed_alerts_probe_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_suppressed_alerts")),
        schema="monitoring",
    )
    op.create_index(
        "uq_suppressed_alerts_open",
        "suppressed_alerts",
        ["probe_id"],
        unique=True,
        schema="monitoring",
        postgresql_where="ended_at IS NULL",
    )
    for name, first in (
        ("suppressed", ()),
        ("organisation", ("organisation_id",)),
        ("listing", ("listing_id",)),
        ("window", ("window_id",)),
    ):
        _index("suppressed_alerts", f"ix_suppressed_alerts_{name}", *first, "suppressed_at", "id")


def _create_corrections() -> None:
    op.create_table(
        "availability_corrections",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("window_id", sa.Uuid(), nullable=False),
        sa.Column("filing_id", sa.Uuid(), nullable=False),
        sa.Column("probe_id", sa.Uuid(), nullable=False),
        sa.Column("listing_id", sa.Uuid(), nullable=False),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("down_seconds", sa.Double(), nullable=False),
        sa.Column("up_seconds", sa.Double(), nullable=False),
        sa.Column("corrected_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["probe_id"],
            ["monitoring.probes.id"],
            name=op.f("fk_availability_corrections_probe_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_availability_corrections")),
        sa.UniqueConstraint(
            "filing_id", "probe_id", name=op.f("uq_availability_corrections_filing_id_probe_id")
        ),
        schema="monitoring",
    )
    for name, first in (
        ("corrected", ()),
        ("organisation", ("organisation_id",)),
        ("probe", ("probe_id",)),
        ("window", ("window_id",)),
    ):
        _index(
            "availability_corrections",
            f"ix_availability_corrections_{name}",
            *first,
            "corrected_at",
            "id",
        )


def _index(table: str, name: str, *columns: str) -> None:
    op.create_index(name, table, list(columns), unique=False, schema="monitoring")


def _protect() -> None:
    """Row-level security as the second layer (A4.1), and what is never rewritten."""
    for table in _SCOPED:
        toolbox.protect("monitoring", table)
    op.execute("""
        do $$ begin
        if exists (select from pg_roles where rolname = 'monitoring_app') then
            revoke update, delete, truncate on monitoring.availability_corrections
                from monitoring_app;
        end if;
        end $$
    """)


def downgrade() -> None:
    op.drop_table("availability_corrections", schema="monitoring")
    op.drop_table("suppressed_alerts", schema="monitoring")
    op.execute("drop policy scope_known_windows on monitoring.known_windows")
    op.execute("alter table monitoring.known_windows no force row level security")
    op.execute("alter table monitoring.known_windows disable row level security")
    op.drop_index("ix_known_windows_start", "known_windows", schema="monitoring")
    for column in reversed(_of_an_incident()):
        op.drop_column("incidents", column.name, schema="monitoring")
    for column in reversed(_of_a_window()):
        op.drop_column("known_windows", column.name, schema="monitoring")

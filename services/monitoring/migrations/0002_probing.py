"""Dependencies of probes, vantage points with what each sees,
walks of several steps, heartbeats, and results by the hour."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from shared.migrations import toolbox

revision = "0002_probing"
down_revision = "0001_initial"
branch_labels = None
depends_on = None

_OF_A_PROBE = "exists (select from monitoring.probes where probes.id = probe_id)"


def upgrade() -> None:
    op.execute("set local lock_timeout = '1s'")
    op.add_column("probes", sa.Column("vantages", sa.Integer(), nullable=True), schema="monitoring")
    op.add_column(
        "incidents", sa.Column("parent_incident_id", sa.Uuid(), nullable=True), schema="monitoring"
    )
    op.add_column(
        "probes", sa.Column("walk", postgresql.JSONB(), nullable=True), schema="monitoring"
    )
    op.add_column(
        "probes", sa.Column("secrets_sealed", sa.Text(), nullable=True), schema="monitoring"
    )
    op.add_column("probes", sa.Column("beat_digest", sa.Text(), nullable=True), schema="monitoring")
    op.add_column(
        "probes",
        sa.Column("beat_at", sa.DateTime(timezone=True), nullable=True),
        schema="monitoring",
    )
    op.add_column(
        "probes", sa.Column("grace_seconds", sa.Integer(), nullable=True), schema="monitoring"
    )
    op.create_index(
        "uq_probes_beat_digest",
        "probes",
        ["beat_digest"],
        unique=True,
        schema="monitoring",
        postgresql_where="beat_digest IS NOT NULL",
    )
    _create_tables()
    _create_walk_runs()
    _create_sample_hours()
    _split_leases()
    toolbox.protect("monitoring", "advisories")
    toolbox.protect("monitoring", "walk_runs")
    op.execute("alter table monitoring.vantage_standings enable row level security")
    op.execute("alter table monitoring.vantage_standings force row level security")
    op.execute(
        "create policy scope_vantage_standings on monitoring.vantage_standings"
        f" using ({_OF_A_PROBE})"
    )


def _create_tables() -> None:
    op.create_table(
        "probe_parents",
        sa.Column("probe_id", sa.Uuid(), nullable=False),
        sa.Column("parent_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["parent_id"],
            ["monitoring.probes.id"],
            name=op.f("fk_probe_parents_parent_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["probe_id"],
            ["monitoring.probes.id"],
            name=op.f("fk_probe_parents_probe_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("probe_id", "parent_id", name=op.f("pk_probe_parents")),
        schema="monitoring",
    )
    op.create_index("ix_probe_parents_parent", "probe_parents", ["parent_id"], schema="monitoring")
    op.create_table(
        "vantage_standings",
        sa.Column("probe_id", sa.Uuid(), nullable=False),
        sa.Column("vantage", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("successes", sa.Integer(), nullable=False),
        sa.Column("run_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("faulty", sa.Boolean(), nullable=False),
        sa.Column("seen", sa.Boolean(), nullable=False),
        sa.Column("failure", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["probe_id"],
            ["monitoring.probes.id"],
            name=op.f("fk_vantage_standings_probe_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("probe_id", "vantage", name=op.f("pk_vantage_standings")),
        schema="monitoring",
    )
    op.create_table(
        "advisories",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("probe_id", sa.Uuid(), nullable=False),
        sa.Column("listing_id", sa.Uuid(), nullable=False),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("vantage", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("incident_id", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(
            ["probe_id"], ["monitoring.probes.id"], name=op.f("fk_advisories_probe_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_advisories")),
        schema="monitoring",
    )
    op.create_index("ix_advisories_opened", "advisories", ["opened_at", "id"], schema="monitoring")
    op.create_index(
        "ix_advisories_organisation",
        "advisories",
        ["organisation_id", "opened_at", "id"],
        schema="monitoring",
    )
    op.create_index(
        "ix_advisories_probe", "advisories", ["probe_id", "opened_at", "id"], schema="monitoring"
    )
    op.create_index(
        "uq_advisories_open",
        "advisories",
        ["probe_id", "vantage"],
        unique=True,
        schema="monitoring",
        postgresql_where="closed_at IS NULL",
    )


def _create_sample_hours() -> None:
    op.create_table(
        "sample_hours",
        sa.Column("probe_id", sa.Uuid(), nullable=False),
        sa.Column("hour", sa.DateTime(timezone=True), nullable=False),
        sa.Column("vantage", sa.Text(), nullable=False),
        sa.Column("visits", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("total", sa.Float(), nullable=False),
        sa.Column("slowest", sa.REAL(), nullable=False),
        sa.Column("first_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("first_opened", sa.Boolean(), nullable=False),
        sa.Column("first_total", sa.REAL(), nullable=False),
        sa.PrimaryKeyConstraint("probe_id", "hour", "vantage", name=op.f("pk_sample_hours")),
        schema="monitoring",
    )
    op.create_index(
        "ix_sample_hours_hour",
        "sample_hours",
        ["hour"],
        schema="monitoring",
        postgresql_using="brin",
    )


def _create_walk_runs() -> None:
    op.create_table(
        "walk_runs",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("walk_id", sa.Uuid(), nullable=False),
        sa.Column("listing_id", sa.Uuid(), nullable=False),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("requested", sa.Boolean(), nullable=False),
        sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("vantage", sa.Text(), nullable=True),
        sa.Column("ok", sa.Boolean(), nullable=True),
        sa.Column("total", sa.REAL(), nullable=True),
        sa.Column("failed_step", sa.Text(), nullable=True),
        sa.Column("cleaned", sa.Boolean(), nullable=True),
        sa.Column("steps", postgresql.JSONB(), nullable=False),
        sa.ForeignKeyConstraint(
            ["walk_id"], ["monitoring.probes.id"], name=op.f("fk_walk_runs_walk_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_walk_runs")),
        schema="monitoring",
    )
    op.create_index("ix_walk_runs_walk", "walk_runs", ["walk_id", "at", "id"], schema="monitoring")
    op.create_index(
        "ix_walk_runs_listing", "walk_runs", ["listing_id", "at", "id"], schema="monitoring"
    )
    op.create_index("ix_walk_runs_at", "walk_runs", ["at"], schema="monitoring")
    op.create_index(
        "uq_walk_runs_waiting",
        "walk_runs",
        ["walk_id"],
        unique=True,
        schema="monitoring",
        postgresql_where="state <> 'DONE'",
    )


def _split_leases() -> None:
    """A lease is of a shard and a vantage point; what was known was seen from the default one.

    A replica of the release before holds leases of that one, and shares them with the new ones.
    """
    op.add_column(
        "shard_leases",
        sa.Column("vantage", sa.Text(), server_default="default", nullable=False),
        schema="monitoring",
    )
    op.drop_constraint("pk_shard_leases", "shard_leases", schema="monitoring")
    op.create_primary_key(
        "pk_shard_leases", "shard_leases", ["shard", "vantage"], schema="monitoring"
    )
    op.execute("select set_config('app.scope', '36', true)")  # row-level security binds owners too
    op.execute(
        "insert into monitoring.vantage_standings select probe_id, 'default', state, since,"
        " failures, successes, run_since, incident_open, seen, failure"
        " from monitoring.probe_standings"
    )


def downgrade() -> None:
    op.execute("delete from monitoring.shard_leases where vantage <> 'default'")
    op.drop_constraint("pk_shard_leases", "shard_leases", schema="monitoring")
    op.create_primary_key("pk_shard_leases", "shard_leases", ["shard"], schema="monitoring")
    op.drop_column("shard_leases", "vantage", schema="monitoring")
    op.drop_table("sample_hours", schema="monitoring")
    op.drop_table("walk_runs", schema="monitoring")
    op.drop_table("advisories", schema="monitoring")
    op.drop_table("vantage_standings", schema="monitoring")
    op.drop_table("probe_parents", schema="monitoring")
    op.drop_column("incidents", "parent_incident_id", schema="monitoring")
    for column in ("grace_seconds", "beat_at", "beat_digest", "secrets_sealed", "walk"):
        op.drop_column("probes", column, schema="monitoring")
    op.drop_column("probes", "vantages", schema="monitoring")

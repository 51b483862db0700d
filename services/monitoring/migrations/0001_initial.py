"""The first schema of monitoring: what was told, probes with their standing, samples, incidents."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from shared.migrations import toolbox

revision = "0001_initial"
down_revision = None
branch_labels = None
depends_on = None

_OF_A_PROBE = "exists (select from monitoring.probes where probes.id = probe_id)"
_OF_AN_INCIDENT = "exists (select from monitoring.incidents where incidents.id = incident_id)"


def upgrade() -> None:
    op.execute("set local lock_timeout = '1s'")
    _create_tables()
    op.execute(
        "insert into monitoring.shard_leases (shard, token)"
        " select shard, 0 from generate_series(0, 31) as shard"
    )
    _create_functions()
    toolbox.create_v1("monitoring")
    _protect()


def _create_tables() -> None:
    op.create_table(
        "findings",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("listing_id", sa.Uuid(), nullable=False),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("raised_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_findings")),
        schema="monitoring",
    )
    op.create_index(
        "ix_findings_organisation",
        "findings",
        ["organisation_id", "raised_at", "id"],
        unique=False,
        schema="monitoring",
    )
    op.create_index(
        "ix_findings_raised", "findings", ["raised_at", "id"], unique=False, schema="monitoring"
    )
    op.create_index(
        "uq_findings_open",
        "findings",
        ["listing_id", "kind"],
        unique=True,
        schema="monitoring",
        postgresql_where="closed_at IS NULL",
    )
    op.create_table(
        "known_listings",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("entry_url", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("probe_due_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_known_listings")),
        schema="monitoring",
    )
    op.create_index(
        "ix_known_listings_probe_due_at",
        "known_listings",
        ["probe_due_at"],
        unique=False,
        schema="monitoring",
        postgresql_where="probe_due_at IS NOT NULL",
    )
    op.create_table(
        "known_windows",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("filing_id", sa.Uuid(), nullable=False),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("listing_ids", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("impact", sa.Text(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_known_windows")),
        schema="monitoring",
    )
    op.create_index(
        "ix_known_windows_organisation",
        "known_windows",
        ["organisation_id", "starts_at"],
        unique=False,
        schema="monitoring",
    )
    op.create_table(
        "replicas",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("vantage", sa.Text(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_replicas")),
        schema="monitoring",
    )
    op.create_table(
        "samples",
        sa.Column("probe_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("vantage", sa.Text(), nullable=False),
        sa.Column("ok", sa.Boolean(), nullable=False),
        sa.Column("evidence", sa.Boolean(), nullable=False),
        sa.Column("reused", sa.Boolean(), nullable=False),
        sa.Column("lag", sa.REAL(), nullable=False),
        sa.Column("total", sa.REAL(), nullable=False),
        sa.Column("dns", sa.REAL(), nullable=True),
        sa.Column("connect", sa.REAL(), nullable=True),
        sa.Column("tls", sa.REAL(), nullable=True),
        sa.Column("first_byte", sa.REAL(), nullable=True),
        sa.Column("transfer", sa.REAL(), nullable=True),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("failure", sa.Text(), nullable=True),
        schema="monitoring",
        postgresql_partition_by="RANGE (at)",
    )
    op.create_index(
        "ix_samples_at",
        "samples",
        ["at"],
        unique=False,
        schema="monitoring",
        postgresql_using="brin",
    )
    op.create_table(
        "shard_leases",
        sa.Column("shard", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("holder", sa.Text(), nullable=True),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("token", sa.BigInteger(), nullable=False),
        sa.Column("watched_until", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("shard", name=op.f("pk_shard_leases")),
        schema="monitoring",
    )
    op.create_table(
        "probes",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("listing_id", sa.Uuid(), nullable=False),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("conditions", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("interval_seconds", sa.Integer(), nullable=False),
        sa.Column("timeout_seconds", sa.Integer(), nullable=False),
        sa.Column("redirects", sa.Integer(), nullable=False),
        sa.Column("listed", sa.Boolean(), nullable=False),
        sa.Column("paused", sa.Boolean(), nullable=False),
        sa.Column("shard", sa.Integer(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["listing_id"], ["monitoring.known_listings.id"], name=op.f("fk_probes_listing_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_probes")),
        schema="monitoring",
    )
    op.create_index(
        "ix_probes_listing", "probes", ["listing_id", "id"], unique=False, schema="monitoring"
    )
    op.create_index(
        "ix_probes_organisation",
        "probes",
        ["organisation_id", "id"],
        unique=False,
        schema="monitoring",
    )
    op.create_index(
        "ix_probes_region", "probes", ["region", "id"], unique=False, schema="monitoring"
    )
    op.create_index(
        "ix_probes_shard", "probes", ["shard", "changed_at"], unique=False, schema="monitoring"
    )
    op.create_table(
        "incidents",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("probe_id", sa.Uuid(), nullable=False),
        sa.Column("listing_id", sa.Uuid(), nullable=False),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reopened", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["probe_id"], ["monitoring.probes.id"], name=op.f("fk_incidents_probe_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incidents")),
        schema="monitoring",
    )
    op.create_index(
        "ix_incidents_listing",
        "incidents",
        ["listing_id", "opened_at", "id"],
        unique=False,
        schema="monitoring",
    )
    op.create_index(
        "ix_incidents_opened", "incidents", ["opened_at", "id"], unique=False, schema="monitoring"
    )
    op.create_index(
        "ix_incidents_organisation",
        "incidents",
        ["organisation_id", "opened_at", "id"],
        unique=False,
        schema="monitoring",
    )
    op.create_index(
        "uq_incidents_open",
        "incidents",
        ["probe_id"],
        unique=True,
        schema="monitoring",
        postgresql_where="closed_at IS NULL",
    )
    op.create_table(
        "probe_standings",
        sa.Column("probe_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("successes", sa.Integer(), nullable=False),
        sa.Column("run_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("incident_id", sa.Uuid(), nullable=True),
        sa.Column("incident_open", sa.Boolean(), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("seen", sa.Boolean(), nullable=False),
        sa.Column("failure", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["probe_id"],
            ["monitoring.probes.id"],
            name=op.f("fk_probe_standings_probe_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("probe_id", name=op.f("pk_probe_standings")),
        schema="monitoring",
    )
    op.create_table(
        "state_changes",
        sa.Column("number", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("probe_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["probe_id"],
            ["monitoring.probes.id"],
            name=op.f("fk_state_changes_probe_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_state_changes")),
        schema="monitoring",
    )
    op.create_index(
        "ix_state_changes_probe",
        "state_changes",
        ["probe_id", "at", "number"],
        unique=False,
        schema="monitoring",
    )
    op.create_table(
        "incident_entries",
        sa.Column("number", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("incident_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["incident_id"],
            ["monitoring.incidents.id"],
            name=op.f("fk_incident_entries_incident_id"),
        ),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_incident_entries")),
        schema="monitoring",
    )
    op.create_index(
        "ix_incident_entries_incident",
        "incident_entries",
        ["incident_id", "number"],
        unique=False,
        schema="monitoring",
    )


def _create_functions() -> None:
    """The days of samples come and go: the application may have them made, and no other table."""
    op.execute("""
        create function monitoring.keep_sample_day(day date) returns void
        language plpgsql security definer set search_path = monitoring, pg_temp as $$
        begin
            execute format(
                'create table if not exists monitoring.samples_p%s partition of'
                ' monitoring.samples for values from (%L) to (%L)',
                to_char(day, 'YYYYMMDD'),
                day::timestamp at time zone 'UTC', (day + 1)::timestamp at time zone 'UTC'
            );
            if exists (select from pg_roles where rolname = 'monitoring_app') then
                execute format(
                    'revoke insert, update, delete, truncate on monitoring.samples_p%s'
                    ' from monitoring_app', to_char(day, 'YYYYMMDD')
                );
            end if;
        end $$
    """)
    op.execute("""
        create function monitoring.drop_sample_days(oldest date) returns void
        language plpgsql security definer set search_path = monitoring, pg_temp as $$
        declare day regclass;
        begin
            for day in
                select inhrelid::regclass from pg_inherits
                join pg_class on pg_class.oid = inhrelid
                where inhparent = 'monitoring.samples'::regclass
                and relname < 'samples_p' || to_char(oldest, 'YYYYMMDD')
            loop
                execute format('drop table %s', day);
            end loop;
        end $$
    """)
    for function in ("keep_sample_day", "drop_sample_days"):
        op.execute(f"revoke all on function monitoring.{function}(date) from public")
        op.execute(f"""
            do $$ begin
            if exists (select from pg_roles where rolname = 'monitoring_app') then
                grant execute on function monitoring.{function}(date) to monitoring_app;
            end if;
            end $$
        """)


def _protect() -> None:
    """Row-level security as the second layer (A4.1), and what is never rewritten.

    Samples have none: COPY does not know it, and they carry no region of their own.
    """
    for table in ("known_listings", "probes", "incidents", "findings"):
        toolbox.protect("monitoring", table)
    for table, condition in (
        ("probe_standings", _OF_A_PROBE),
        ("state_changes", _OF_A_PROBE),
        ("incident_entries", _OF_AN_INCIDENT),
    ):
        op.execute(f"alter table monitoring.{table} enable row level security")
        op.execute(f"alter table monitoring.{table} force row level security")
        op.execute(f"create policy scope_{table} on monitoring.{table} using ({condition})")
    op.execute("""
        do $$ begin
        if exists (select from pg_roles where rolname = 'monitoring_app') then
            revoke update, delete, truncate on monitoring.incident_entries from monitoring_app;
            revoke update, delete, truncate on monitoring.samples from monitoring_app;
        end if;
        end $$
    """)


def downgrade() -> None:
    op.execute("drop function monitoring.drop_sample_days(date)")
    op.execute("drop function monitoring.keep_sample_day(date)")
    op.drop_table("incident_entries", schema="monitoring")
    op.drop_table("state_changes", schema="monitoring")
    op.drop_table("probe_standings", schema="monitoring")
    op.drop_table("incidents", schema="monitoring")
    op.drop_table("probes", schema="monitoring")
    op.drop_table("shard_leases", schema="monitoring")
    op.drop_table("samples", schema="monitoring")
    op.drop_table("replicas", schema="monitoring")
    op.drop_table("known_windows", schema="monitoring")
    op.drop_table("known_listings", schema="monitoring")
    op.drop_table("findings", schema="monitoring")
    toolbox.drop_all("monitoring")

"""Findings of every source with their rectification: state, history, clocks; units and posts."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from shared.migrations import toolbox

revision = "0004_rectifications"
down_revision = "0003_windows_and_incidents"
branch_labels = None
depends_on = None

_OF_A_FINDING = "exists (select from monitoring.findings where findings.id = finding_id)"
_OF_A_CLOCK = "exists (select from monitoring.finding_clocks where finding_clocks.id = clock_id)"


def upgrade() -> None:
    op.execute("set local lock_timeout = '1s'")
    for column in _columns():
        op.add_column("findings", column, schema="monitoring")
    op.alter_column("findings", "listing_id", nullable=True, schema="monitoring")
    op.execute("alter table monitoring.findings no force row level security")
    op.execute("update monitoring.findings set state = 'CLOSED' where closed_at is not null")
    op.execute("alter table monitoring.findings force row level security")
    _index_findings()
    _create_history()
    _create_clocks()
    _create_known()
    _create_inspections()
    _create_supervision()
    _create_reviews()
    _protect()


def _columns() -> list[sa.Column[Any]]:
    """What a finding is more than before; made anew, because a column belongs to one table."""
    return [
        sa.Column("state", sa.Text(), server_default="OPEN", nullable=False),
        sa.Column("source", sa.Text(), server_default="RULE", nullable=False),
        sa.Column("source_id", sa.Text(), nullable=True),
        sa.Column("about_id", sa.Uuid(), nullable=True),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("domain", sa.Text(), server_default="MAINTENANCE", nullable=False),
        sa.Column("severity", sa.Text(), server_default="NORMAL", nullable=False),
        sa.Column("clause", sa.Text(), server_default="A17.3", nullable=False),
        sa.Column("retest", sa.Text(), server_default="PROBE", nullable=False),
        sa.Column("summary", sa.Text(), server_default="", nullable=False),
        sa.Column("raising_organisation", sa.Text(), server_default="platform", nullable=False),
        sa.Column("ordering_organisation", sa.Text(), nullable=True),
        sa.Column("ordered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("provisional", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("overdue_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("round", sa.Integer(), server_default="0", nullable=False),
        sa.Column("extension_amount", sa.Integer(), nullable=True),
        sa.Column("extension_asked_by", sa.Text(), nullable=True),
        sa.Column("extension_reason", sa.Text(), nullable=True),
        sa.Column("extension_granted", sa.Boolean(), nullable=True),
        sa.Column("closed_because", sa.Text(), nullable=True),
        sa.Column("retest_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
    ]


def _index_findings() -> None:
    """Two findings of one kind may stand open for a listing, save for the missing probe."""
    op.create_index(
        "uq_findings_missing",
        "findings",
        ["listing_id"],
        unique=True,
        schema="monitoring",
        postgresql_where="closed_at IS NULL AND kind = 'PROBE_MISSING'",
    )
    op.drop_index("uq_findings_open", "findings", schema="monitoring")
    op.create_index(
        "uq_findings_source",
        "findings",
        ["source", "raising_organisation", "source_id"],
        unique=True,
        schema="monitoring",
    )
    op.create_index(
        "ix_findings_listing", "findings", ["listing_id", "raised_at", "id"], schema="monitoring"
    )
    op.create_index(
        "ix_findings_about",
        "findings",
        ["about_id"],
        schema="monitoring",
        postgresql_where="about_id IS NOT NULL",
    )
    op.create_index(
        "ix_findings_retest",
        "findings",
        ["retest_at"],
        schema="monitoring",
        postgresql_where="retest_at IS NOT NULL",
    )


def _create_history() -> None:
    op.create_table(
        "finding_entries",
        sa.Column("number", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("finding_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("organisation", sa.Text(), nullable=False),
        sa.Column("person", sa.Boolean(), nullable=False),
        sa.Column("opinion", sa.Text(), nullable=False),
        sa.Column("evidence", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("addressee", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.ForeignKeyConstraint(
            ["finding_id"], ["monitoring.findings.id"], name=op.f("fk_finding_entries_finding_id")
        ),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_finding_entries")),
        schema="monitoring",
    )
    op.create_index(
        "ix_finding_entries_finding",
        "finding_entries",
        ["finding_id", "number"],
        schema="monitoring",
    )


def _create_clocks() -> None:
    op.create_table(
        "finding_clocks",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("finding_id", sa.Uuid(), nullable=False),
        sa.Column("policy", sa.Text(), nullable=False),
        sa.Column("policy_version", sa.Integer(), nullable=False),
        sa.Column("amount", sa.Integer(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("fired", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("local_date", sa.Date(), nullable=True),
        sa.Column("provisional", sa.Boolean(), nullable=False),
        sa.Column("calendar_version", sa.Text(), nullable=False),
        sa.Column("next_due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("overdue_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["finding_id"], ["monitoring.findings.id"], name=op.f("fk_finding_clocks_finding_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_finding_clocks")),
        schema="monitoring",
    )
    op.create_index(
        "ix_finding_clocks_finding", "finding_clocks", ["finding_id"], schema="monitoring"
    )
    op.create_index(
        "ix_finding_clocks_next_due_at",
        "finding_clocks",
        ["next_due_at"],
        schema="monitoring",
        postgresql_where="next_due_at IS NOT NULL",
    )
    op.create_table(
        "finding_clock_entries",
        sa.Column("number", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("clock_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("amount", sa.Integer(), nullable=True),
        sa.Column("unit", sa.Text(), nullable=True),
        sa.Column("asked_by", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["clock_id"],
            ["monitoring.finding_clocks.id"],
            name=op.f("fk_finding_clock_entries_clock_id"),
        ),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_finding_clock_entries")),
        schema="monitoring",
    )
    op.create_index(
        "ix_finding_clock_entries_clock",
        "finding_clock_entries",
        ["clock_id", "number"],
        schema="monitoring",
    )


def _create_known() -> None:
    op.create_table(
        "known_organisations",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("parent", sa.Text(), nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_known_organisations")),
        schema="monitoring",
    )
    op.create_index(
        "ix_known_organisations_kind", "known_organisations", ["kind", "id"], schema="monitoring"
    )
    op.create_table(
        "known_persons",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("domain", sa.Text(), nullable=False),
        sa.Column("post", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_known_persons")),
        schema="monitoring",
    )
    op.create_index(
        "ix_known_persons_organisation",
        "known_persons",
        ["organisation_id", "domain"],
        schema="monitoring",
    )


def _create_inspections() -> None:
    op.create_table(
        "inspection_plans",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("domain", sa.Text(), nullable=False),
        sa.Column("frequency", sa.Text(), nullable=False),
        sa.Column("unit_kinds", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("units", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("checklist", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("issued_by", sa.Text(), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("checked_through", sa.Date(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inspection_plans")),
        schema="monitoring",
    )
    op.create_index(
        "ix_inspection_plans_issued", "inspection_plans", ["issued_at", "id"], schema="monitoring"
    )
    op.create_index(
        "ix_inspection_plans_checked",
        "inspection_plans",
        ["checked_through"],
        schema="monitoring",
        postgresql_where="ended_at IS NULL",
    )
    op.create_table(
        "inspection_runs",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("plan_id", sa.Uuid(), nullable=False),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("results", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("evidence", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("done_by", sa.Text(), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["plan_id"],
            ["monitoring.inspection_plans.id"],
            name=op.f("fk_inspection_runs_plan_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inspection_runs")),
        sa.UniqueConstraint(
            "plan_id",
            "organisation_id",
            "period",
            name=op.f("uq_inspection_runs_plan_id_organisation_id_period"),
        ),
        schema="monitoring",
    )
    op.create_index(
        "ix_inspection_runs_done", "inspection_runs", ["done_at", "id"], schema="monitoring"
    )
    op.create_index(
        "ix_inspection_runs_organisation",
        "inspection_runs",
        ["organisation_id", "done_at", "id"],
        schema="monitoring",
    )


def _create_supervision() -> None:
    op.create_table(
        "supervision_samples",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("of_organisation", sa.Text(), nullable=True),
        sa.Column("seed", sa.Text(), nullable=False),
        sa.Column("drawn_on", sa.Date(), nullable=False),
        sa.Column("algorithm", sa.Text(), nullable=False),
        sa.Column("algorithm_version", sa.Integer(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("population_digest", sa.Text(), nullable=False),
        sa.Column("population", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("listing_ids", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("drawn_by", sa.Text(), nullable=False),
        sa.Column("drawn_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_supervision_samples")),
        schema="monitoring",
    )
    op.create_index(
        "ix_supervision_samples_drawn",
        "supervision_samples",
        ["drawn_at", "id"],
        schema="monitoring",
    )
    op.create_index(
        "ix_supervision_samples_organisation",
        "supervision_samples",
        ["organisation_id", "drawn_at", "id"],
        schema="monitoring",
    )
    op.create_table(
        "supervision_checks",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("sample_id", sa.Uuid(), nullable=True),
        sa.Column("listing_id", sa.Uuid(), nullable=False),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("passed", sa.Boolean(), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("evidence", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("walk_run_id", sa.Uuid(), nullable=True),
        sa.Column("finding_id", sa.Uuid(), nullable=True),
        sa.Column("checking_organisation", sa.Text(), nullable=False),
        sa.Column("checked_by", sa.Text(), nullable=False),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["sample_id"],
            ["monitoring.supervision_samples.id"],
            name=op.f("fk_supervision_checks_sample_id"),
        ),
        sa.ForeignKeyConstraint(
            ["finding_id"],
            ["monitoring.findings.id"],
            name=op.f("fk_supervision_checks_finding_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_supervision_checks")),
        sa.UniqueConstraint(
            "sample_id",
            "listing_id",
            "method",
            name=op.f("uq_supervision_checks_sample_id_listing_id_method"),
        ),
        schema="monitoring",
    )
    for name, columns in (
        ("checked", ["checked_at", "id"]),
        ("organisation", ["organisation_id", "checked_at", "id"]),
        ("listing", ["listing_id", "checked_at", "id"]),
    ):
        op.create_index(
            f"ix_supervision_checks_{name}", "supervision_checks", columns, schema="monitoring"
        )


def _create_reviews() -> None:
    op.create_table(
        "reviews",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("issues", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("evidence", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("recording_organisation", sa.Text(), nullable=False),
        sa.Column("recorded_by", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reviews")),
        schema="monitoring",
    )
    op.create_index(
        "uq_reviews_period",
        "reviews",
        ["organisation_id", "kind", "period"],
        unique=True,
        schema="monitoring",
        postgresql_where="kind <> 'SECURITY_INSPECTION'",
    )
    op.create_index("ix_reviews_recorded", "reviews", ["recorded_at", "id"], schema="monitoring")
    op.create_index(
        "ix_reviews_organisation",
        "reviews",
        ["organisation_id", "recorded_at", "id"],
        schema="monitoring",
    )
    op.create_table(
        "bulletins",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("units", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("figures", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("published_by", sa.Text(), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bulletins")),
        sa.UniqueConstraint(
            "organisation_id",
            "region",
            "period",
            name=op.f("uq_bulletins_organisation_id_region_period"),
        ),
        schema="monitoring",
    )
    op.create_index(
        "ix_bulletins_published", "bulletins", ["published_at", "id"], schema="monitoring"
    )
    op.create_index(
        "ix_bulletins_units", "bulletins", ["units"], schema="monitoring", postgresql_using="gin"
    )


def _protect() -> None:
    """What belongs to a finding is seen by whoever sees the finding; its history stays (A4.1).

    Inspection plans have none: every unit reads what may concern it.
    """
    for table in ("inspection_runs", "supervision_samples", "supervision_checks", "reviews"):
        toolbox.protect("monitoring", table)
    toolbox.protect(
        "monitoring", "bulletins", named="current_setting('app.organisation', true) = any(units)"
    )
    for table, condition in (
        ("finding_entries", _OF_A_FINDING),
        ("finding_clocks", _OF_A_FINDING),
        ("finding_clock_entries", _OF_A_CLOCK),
    ):
        op.execute(f"alter table monitoring.{table} enable row level security")
        op.execute(f"alter table monitoring.{table} force row level security")
        op.execute(f"create policy scope_{table} on monitoring.{table} using ({condition})")
    op.execute("""
        do $$ begin
        if exists (select from pg_roles where rolname = 'monitoring_app') then
            revoke update, delete, truncate on monitoring.finding_entries from monitoring_app;
            revoke update, delete, truncate on monitoring.inspection_runs from monitoring_app;
            revoke delete, truncate on monitoring.supervision_samples from monitoring_app;
            revoke update, delete, truncate on monitoring.reviews from monitoring_app;
            revoke update, delete, truncate on monitoring.bulletins from monitoring_app;
            revoke update, delete, truncate on monitoring.supervision_checks from monitoring_app;
            revoke update, delete, truncate on monitoring.finding_clock_entries
                from monitoring_app;
        end if;
        end $$
    """)


def downgrade() -> None:
    """Findings that the release before cannot hold go, with their history."""
    for table in (
        "bulletins",
        "reviews",
        "supervision_checks",
        "supervision_samples",
        "inspection_runs",
        "inspection_plans",
        "known_persons",
        "known_organisations",
        "finding_clock_entries",
        "finding_clocks",
        "finding_entries",
    ):
        op.drop_table(table, schema="monitoring")
    op.execute("alter table monitoring.findings no force row level security")
    op.execute("delete from monitoring.findings where kind <> 'PROBE_MISSING'")
    op.execute("alter table monitoring.findings force row level security")
    for index in (
        "uq_findings_missing",
        "uq_findings_source",
        "ix_findings_listing",
        "ix_findings_about",
        "ix_findings_retest",
    ):
        op.drop_index(index, "findings", schema="monitoring")
    op.create_index(
        "uq_findings_open",
        "findings",
        ["listing_id", "kind"],
        unique=True,
        schema="monitoring",
        postgresql_where="closed_at IS NULL",
    )
    for column in _columns():
        op.drop_column("findings", column.name, schema="monitoring")
    op.alter_column("findings", "listing_id", nullable=False, schema="monitoring")

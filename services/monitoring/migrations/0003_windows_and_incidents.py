"""Windows in full, alerts that they hold back, corrections; and what is done about incidents."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from shared.migrations import toolbox

revision = "0003_windows_and_incidents"
down_revision = "0002_probing"
branch_labels = None
depends_on = None

_OF_AN_INCIDENT = "exists (select from monitoring.incidents where incidents.id = incident_id)"
_OF_A_CLOCK = "exists (select from monitoring.incident_clocks where incident_clocks.id = clock_id)"
_OF_A_PLAN = "exists (select from monitoring.emergency_plans where emergency_plans.id = plan_id)"
_OF_THE_PROVINCE = "current_setting('app.scope', true) = '36'"
_SCOPED = (
    "known_windows",
    "suppressed_alerts",
    "availability_corrections",
    "emergency_plans",
    "drills",
    "plan_activations",
)


def upgrade() -> None:
    op.execute("set local lock_timeout = '1s'")
    for column in _of_a_window():
        op.add_column("known_windows", column, schema="monitoring")
    _widen_incidents()
    _create_clocks()
    _create_plans()
    _create_leads()
    _index("known_listings", "ix_known_listings_organisation", "organisation_id", "id")
    _index("known_listings", "ix_known_listings_region", "region", "id")
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
        sa.Column("kind", sa.Text(), nullable=False, server_default="FAULT"),
        sa.Column("summary", sa.Text(), nullable=True),
        sa.Column("severity", sa.Text(), nullable=False, server_default="GENERAL"),
        sa.Column("percent", sa.Integer(), nullable=True),
        sa.Column("core_function", sa.Boolean(), nullable=False, server_default="false"),
        sa.Column("data_loss", sa.Boolean(), nullable=False, server_default="false"),
        sa.Column("critical", sa.Boolean(), nullable=False, server_default="false"),
        sa.Column("grade_due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("acknowledged_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("acknowledged_by", sa.Text(), nullable=True),
        sa.Column("handler_organisation", sa.Text(), nullable=True),
        sa.Column("handler_domain", sa.Text(), nullable=True),
        sa.Column("handler_post", sa.Text(), nullable=True),
        sa.Column("coordinator", sa.Text(), nullable=True),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("notice_id", sa.Uuid(), nullable=True),
        sa.Column("reported_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("report_filing_id", sa.Uuid(), nullable=True),
    )


def _widen_incidents() -> None:
    """One may be recorded by hand, and one that is over may wait while the next begins."""
    for column in _of_an_incident():
        op.add_column("incidents", column, schema="monitoring")
    op.add_column("incident_entries", sa.Column("organisation_id", sa.Text()), schema="monitoring")
    for name in ("probe_id", "listing_id"):
        op.alter_column("incidents", name, nullable=True, schema="monitoring")
    _one_open("closed_at IS NULL AND resolved_at IS NULL")
    op.create_index(
        "ix_incidents_grade_due_at",
        "incidents",
        ["grade_due_at"],
        schema="monitoring",
        postgresql_where="grade_due_at IS NOT NULL",
    )


def _one_open(condition: str) -> None:
    op.drop_index("uq_incidents_open", "incidents", schema="monitoring")
    op.create_index(
        "uq_incidents_open",
        "incidents",
        ["probe_id"],
        unique=True,
        schema="monitoring",
        postgresql_where=condition,
    )


def _create_clocks() -> None:
    op.create_table(
        "incident_clocks",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("incident_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("policy", sa.Text(), nullable=False),
        sa.Column("policy_version", sa.Integer(), nullable=False),
        sa.Column("amount", sa.Integer(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("fired", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("next_due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("overdue_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["incident_id"],
            ["monitoring.incidents.id"],
            name=op.f("fk_incident_clocks_incident_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incident_clocks")),
        schema="monitoring",
    )
    _index("incident_clocks", "ix_incident_clocks_incident", "incident_id", "id")
    op.create_index(
        "ix_incident_clocks_next_due_at",
        "incident_clocks",
        ["next_due_at"],
        schema="monitoring",
        postgresql_where="next_due_at IS NOT NULL",
    )
    op.create_table(
        "incident_clock_entries",
        sa.Column("number", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("clock_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["clock_id"],
            ["monitoring.incident_clocks.id"],
            name=op.f("fk_incident_clock_entries_clock_id"),
        ),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_incident_clock_entries")),
        schema="monitoring",
    )
    _index("incident_clock_entries", "ix_incident_clock_entries_clock", "clock_id", "number")
    op.create_table(
        "known_notices",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("listing_ids", sa.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("withdrawn", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_known_notices")),
        schema="monitoring",
    )
    op.create_index(
        "ix_known_notices_listings",
        "known_notices",
        ["listing_ids"],
        schema="monitoring",
        postgresql_using="gin",
    )


def _create_plans() -> None:
    op.create_table(
        "emergency_plans",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("covers", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("adopted_on", sa.Date(), nullable=False),
        sa.Column("drilled_on", sa.Date(), nullable=True),
        sa.Column("review_due_on", sa.Date(), nullable=False),
        sa.Column("drill_due_on", sa.Date(), nullable=False),
        sa.Column("told", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("chase_on", sa.Date(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_emergency_plans")),
        schema="monitoring",
    )
    _index("emergency_plans", "ix_emergency_plans_organisation", "organisation_id", "id")
    _index("emergency_plans", "ix_emergency_plans_region", "region", "id")
    op.create_index(
        "ix_emergency_plans_chase_on",
        "emergency_plans",
        ["chase_on"],
        schema="monitoring",
        postgresql_where="chase_on IS NOT NULL",
    )
    op.create_table(
        "emergency_plan_versions",
        sa.Column("plan_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("file_sha256", sa.Text(), nullable=False),
        sa.Column("adopted_on", sa.Date(), nullable=False),
        sa.Column("kept_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["plan_id"],
            ["monitoring.emergency_plans.id"],
            name=op.f("fk_emergency_plan_versions_plan_id"),
        ),
        sa.PrimaryKeyConstraint("plan_id", "number", name=op.f("pk_emergency_plan_versions")),
        schema="monitoring",
    )
    op.create_table(
        "drills",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("plan_id", sa.Uuid(), nullable=False),
        sa.Column("plan_number", sa.Integer(), nullable=False),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("scenario", sa.Text(), nullable=False),
        sa.Column("held_on", sa.Date(), nullable=False),
        sa.Column("participants", sa.Integer(), nullable=False),
        sa.Column("result", sa.Text(), nullable=False),
        sa.Column("remarks", sa.Text(), nullable=False),
        sa.Column("late", sa.Boolean(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["plan_id"], ["monitoring.emergency_plans.id"], name=op.f("fk_drills_plan_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_drills")),
        schema="monitoring",
    )
    _index("drills", "ix_drills_plan", "plan_id", "held_on", "id")
    _index("drills", "ix_drills_organisation", "organisation_id", "held_on", "id")
    _index("drills", "ix_drills_held", "held_on", "id")
    op.create_table(
        "plan_activations",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("plan_id", sa.Uuid(), nullable=False),
        sa.Column("plan_number", sa.Integer(), nullable=False),
        sa.Column("incident_id", sa.Uuid(), nullable=False),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("activated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("latency_seconds", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["plan_id"], ["monitoring.emergency_plans.id"], name=op.f("fk_plan_activations_plan_id")
        ),
        sa.ForeignKeyConstraint(
            ["incident_id"],
            ["monitoring.incidents.id"],
            name=op.f("fk_plan_activations_incident_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plan_activations")),
        sa.UniqueConstraint(
            "incident_id", "plan_id", name=op.f("uq_plan_activations_incident_id_plan_id")
        ),
        schema="monitoring",
    )
    name = "ix_plan_activations"
    _index("plan_activations", f"{name}_organisation", "organisation_id", "activated_at", "id")
    _index("plan_activations", f"{name}_activated", "activated_at", "id")


def _create_leads() -> None:
    op.create_table(
        "accountability_leads",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("incident_id", sa.Uuid(), nullable=True),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("evidence", postgresql.JSONB(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("referred_to", sa.Text(), nullable=True),
        sa.Column("referred_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("bundle", postgresql.JSONB(), nullable=True),
        sa.Column("digest", sa.Text(), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["incident_id"],
            ["monitoring.incidents.id"],
            name=op.f("fk_accountability_leads_incident_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_accountability_leads")),
        schema="monitoring",
    )
    name = "ix_accountability_leads"
    _index("accountability_leads", f"{name}_recorded", "recorded_at", "id")
    _index("accountability_leads", f"{name}_organisation", "organisation_id", "recorded_at", "id")


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
    for table, condition in (
        ("incident_clocks", _OF_AN_INCIDENT),
        ("incident_clock_entries", _OF_A_CLOCK),
        ("emergency_plan_versions", _OF_A_PLAN),
        ("accountability_leads", _OF_THE_PROVINCE),
    ):
        op.execute(f"alter table monitoring.{table} enable row level security")
        op.execute(f"alter table monitoring.{table} force row level security")
        op.execute(f"create policy scope_{table} on monitoring.{table} using ({condition})")
    op.execute("""
        do $$ begin
        if exists (select from pg_roles where rolname = 'monitoring_app') then
            revoke update, delete, truncate on monitoring.availability_corrections,
                monitoring.incident_clock_entries, monitoring.emergency_plan_versions,
                monitoring.drills, monitoring.plan_activations from monitoring_app;
        end if;
        end $$
    """)


def downgrade() -> None:
    op.drop_table("availability_corrections", schema="monitoring")
    op.drop_table("suppressed_alerts", schema="monitoring")
    op.execute("drop policy scope_known_windows on monitoring.known_windows")
    op.execute("alter table monitoring.known_windows no force row level security")
    op.execute("alter table monitoring.known_windows disable row level security")
    for name in ("organisation", "region"):
        op.drop_index(f"ix_known_listings_{name}", "known_listings", schema="monitoring")
    op.drop_index("ix_known_windows_start", "known_windows", schema="monitoring")
    for table in (
        "accountability_leads",
        "plan_activations",
        "drills",
        "emergency_plan_versions",
        "emergency_plans",
        "known_notices",
        "incident_clock_entries",
        "incident_clocks",
    ):
        op.drop_table(table, schema="monitoring")
    _narrow_incidents()
    for column in reversed(_of_a_window()):
        op.drop_column("known_windows", column.name, schema="monitoring")


def _narrow_incidents() -> None:
    """What was recorded by hand, or waits for its notice, cannot be said in the former columns."""
    op.execute(
        "delete from monitoring.incident_entries using monitoring.incidents"
        " where incidents.id = incident_id and (probe_id is null or listing_id is null)"
    )
    op.execute("delete from monitoring.incidents where probe_id is null or listing_id is null")
    op.execute("update monitoring.incidents set closed_at = resolved_at where closed_at is null")
    op.drop_index("ix_incidents_grade_due_at", "incidents", schema="monitoring")
    _one_open("closed_at IS NULL")
    for name in ("probe_id", "listing_id"):
        op.alter_column("incidents", name, nullable=False, schema="monitoring")
    op.drop_column("incident_entries", "organisation_id", schema="monitoring")
    for column in reversed(_of_an_incident()):
        op.drop_column("incidents", column.name, schema="monitoring")

"""API clients and their secrets, signing keys, routes, entry points, rate leases."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from gateway.limits_store import create_lease_table, drop_lease_table
from shared.migrations import toolbox

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

SCHEMA = "gateway"
INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.execute("set local lock_timeout = '1s'")
    op.create_table(
        "api_clients",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("organisation_id", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("region", sa.Text, nullable=False),
        sa.Column("scopes", sa.ARRAY(sa.Text), nullable=False),
        sa.Column("groups", sa.ARRAY(sa.Text), nullable=False),
        sa.Column("jwks", postgresql.JSONB),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("registered_at", INSTANT, nullable=False),
        sa.Column("suspended_at", INSTANT),
        sa.Column("suspended_reason", sa.Text),
        sa.Column("void_before", INSTANT),
        sa.Column("clearance_due", sa.Date),
        sa.PrimaryKeyConstraint("id", name="pk_api_clients"),
        schema=SCHEMA,
    )
    op.create_index(
        "ix_api_clients_organisation_id", "api_clients", ["organisation_id"], schema=SCHEMA
    )
    op.create_index("ix_api_clients_void_before", "api_clients", ["void_before"], schema=SCHEMA)
    op.create_table(
        "client_secrets",
        sa.Column("stored", sa.Text, nullable=False),
        sa.Column("client_id", sa.Text, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("expires_at", INSTANT),
        sa.Column("last_used_at", INSTANT),
        sa.PrimaryKeyConstraint("stored", name="pk_client_secrets"),
        sa.ForeignKeyConstraint(
            ["client_id"], ["gateway.api_clients.id"], name="fk_client_secrets_client_id"
        ),
        schema=SCHEMA,
    )
    op.create_index("ix_client_secrets_client_id", "client_secrets", ["client_id"], schema=SCHEMA)
    op.create_table(
        "used_assertions",
        sa.Column("client_id", sa.Text, nullable=False),
        sa.Column("jti", sa.Text, nullable=False),
        sa.Column("replay_until", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("client_id", "jti", name="pk_used_assertions"),
        schema=SCHEMA,
    )
    op.create_index(
        "ix_used_assertions_replay_until", "used_assertions", ["replay_until"], schema=SCHEMA
    )
    op.create_table(
        "signing_keys",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("envelope", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("rotated_at", INSTANT, nullable=False),
        sa.Column("previous_until", INSTANT),
        sa.PrimaryKeyConstraint("name", name="pk_signing_keys"),
        schema=SCHEMA,
    )
    op.create_table(
        "signing_key_stamps",
        sa.Column("kid", sa.Text, nullable=False),
        sa.Column("last_used_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("kid", name="pk_signing_key_stamps"),
        schema=SCHEMA,
    )
    op.create_table(
        "route_versions",
        sa.Column("version", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("base", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("routes", postgresql.JSONB, nullable=False),
        sa.Column("rules", postgresql.JSONB, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("set_by", sa.Text, nullable=False),
        sa.Column("set_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("version", name="pk_route_versions"),
        schema=SCHEMA,
    )
    op.create_table(
        "log_only_findings",
        sa.Column("operation", sa.Text, nullable=False),
        sa.Column("client_id", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("organisation_id", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("calls", sa.BigInteger, nullable=False),
        sa.Column("first_at", INSTANT, nullable=False),
        sa.Column("last_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("operation", "client_id", "reason", name="pk_log_only_findings"),
        schema=SCHEMA,
    )
    op.create_table(
        "person_grants",
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("organisation_id", sa.Text, nullable=False),
        sa.Column("groups", sa.ARRAY(sa.Text), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("granted_at", INSTANT, nullable=False),
        sa.Column("granted_by", sa.Text, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("subject", name="pk_person_grants"),
        schema=SCHEMA,
    )
    op.create_index("ix_person_grants_revision", "person_grants", ["revision"], schema=SCHEMA)
    op.create_table(
        "clearances",
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("organisation_id", sa.Text, nullable=False),
        sa.Column("filing_id", sa.Uuid),
        sa.Column("valid_from", sa.Date, nullable=False),
        sa.Column("valid_until", sa.Date, nullable=False),
        sa.Column("revoked", sa.Boolean, nullable=False),
        sa.Column("told_at", INSTANT, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("subject", name="pk_clearances"),
        schema=SCHEMA,
    )
    op.create_index("ix_clearances_revision", "clearances", ["revision"], schema=SCHEMA)
    op.create_table(
        "entry_points",
        sa.Column("listing_id", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("entry_url", sa.Text, nullable=False),
        sa.Column("notice_id", sa.Text),
        sa.Column("changed_at", INSTANT, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("listing_id", name="pk_entry_points"),
        schema=SCHEMA,
    )
    op.create_index("ix_entry_points_revision", "entry_points", ["revision"], schema=SCHEMA)
    op.execute("create sequence gateway.entry_revisions")
    op.execute("create sequence gateway.standing_revisions")
    create_lease_table()
    toolbox.create_v1(SCHEMA)


def downgrade() -> None:
    toolbox.drop_all(SCHEMA)
    drop_lease_table()
    for table in (
        "entry_points",
        "clearances",
        "person_grants",
        "log_only_findings",
        "route_versions",
        "signing_key_stamps",
        "signing_keys",
        "used_assertions",
        "client_secrets",
        "api_clients",
    ):
        op.drop_table(table, schema=SCHEMA)
    op.execute("drop sequence gateway.standing_revisions")
    op.execute("drop sequence gateway.entry_revisions")

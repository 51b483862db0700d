"""The toolbox tables as a migration step: each lineage calls `create` in its first revision.

Frozen by name: a change to these tables is a new function, called by a new revision of each
lineage. `alembic check` compares the sum with shared/messaging/tables.py.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import MetaData

from shared.database import NAMING
from shared.messaging.tables import add_toolbox_tables
from shared.security.audit import GENESIS

APPEND_ONLY = ("audit_log", "event_archive")


def create_v1(schema: str) -> None:
    """Create the toolbox tables, seed the audit head, and grant what app and relay may do."""
    metadata = MetaData(schema=schema, naming_convention=NAMING)
    add_toolbox_tables(metadata)
    metadata.create_all(op.get_bind())
    op.execute(
        sa.insert(metadata.tables[f"{schema}.audit_head"]).values(
            number=0, hash=GENESIS, algorithm="sha-256"
        )
    )
    grant(schema)


def grant(schema: str) -> None:
    """What app and relay roles may do; skipped in a database that has one role for all."""
    op.execute(f"""
        do $$ begin
        if exists (select from pg_roles where rolname = '{schema}_app') then
            grant usage on schema {schema} to {schema}_app, {schema}_relay;
            grant select, insert, update, delete on all tables in schema {schema} to {schema}_app;
            grant usage on all sequences in schema {schema} to {schema}_app;
            revoke update, delete, truncate on {schema}.audit_log from {schema}_app;
            revoke update, truncate on {schema}.audit_pending from {schema}_app;
            revoke insert, update, delete, truncate on {schema}.alembic_version from {schema}_app;
            revoke delete, truncate on {schema}.event_archive from {schema}_app;
            grant select, update, delete on {schema}.outbox to {schema}_relay;
            grant select, insert on {schema}.event_archive to {schema}_relay;
        end if;
        end $$
    """)  # noqa: S608 the names of our own schemas


def drop_all(schema: str) -> None:
    metadata = MetaData(schema=schema, naming_convention=NAMING)
    add_toolbox_tables(metadata)
    metadata.drop_all(op.get_bind())


def protect(schema: str, table: str, *, named: str | None = None) -> None:
    """Row-level security on a table with `region` and `organisation_id` columns (A4.1, P2).

    `named` is an SQL condition for organisations that are named on the row.
    """
    scope, own = "current_setting('app.scope', true)", "current_setting('app.organisation', true)"
    condition = (
        f"({scope} <> '' and region like {scope} || '%')"
        f" or ({own} <> '' and organisation_id = {own})" + (f" or ({named})" if named else "")
    )
    op.execute(f"alter table {schema}.{table} enable row level security")
    op.execute(f"alter table {schema}.{table} force row level security")
    op.execute(f"create policy scope_{table} on {schema}.{table} using ({condition})")

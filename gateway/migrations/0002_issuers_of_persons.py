"""A person's grant is its issuer's: two issuers may use one and the same `sub`."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

SCHEMA = "gateway"


def upgrade() -> None:
    op.execute("set local lock_timeout = '1s'")
    op.add_column(
        "person_grants",
        sa.Column("issuer", sa.Text, server_default="", nullable=False),
        schema=SCHEMA,
    )
    _key("issuer", "subject")


def downgrade() -> None:
    # Without issuers a subject has one grant; which person's it was nobody could tell any more.
    op.execute(
        "delete from gateway.person_grants as a using gateway.person_grants as b"
        " where a.subject = b.subject and a.issuer <> b.issuer"
    )
    _key("subject")
    op.drop_column("person_grants", "issuer", schema=SCHEMA)


def _key(*columns: str) -> None:
    op.drop_constraint("pk_person_grants", "person_grants", schema=SCHEMA)
    op.create_primary_key("pk_person_grants", "person_grants", list(columns), schema=SCHEMA)

"""What a norm's checklist holds, and in whose place an appeal was decided."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002_norms_and_deputies"
down_revision = "0001_initial"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("set local lock_timeout = '1s'")
    op.add_column(
        "known_norms",
        sa.Column(
            "checklist",
            postgresql.ARRAY(sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        schema="filing",
    )
    op.add_column("appeals", sa.Column("decided_for", sa.Text(), nullable=True), schema="filing")


def downgrade() -> None:
    op.drop_column("appeals", "decided_for", schema="filing")
    op.drop_column("known_norms", "checklist", schema="filing")

"""the machine that a host is, by its firmware's number."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("hosts", sa.Column("machine_id", sa.String(length=255), nullable=False, server_default=""))


def downgrade() -> None:
    op.drop_column("hosts", "machine_id")

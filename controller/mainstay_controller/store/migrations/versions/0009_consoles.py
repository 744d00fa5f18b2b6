"""tickets that open consoles."""

import sqlalchemy as sa
from alembic import op

from mainstay_controller.store.sql.tables import Utc

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "console_tickets",
        sa.Column("id", sa.String(length=255), nullable=False),
        sa.Column("vm_id", sa.String(length=255), nullable=False),
        sa.Column("user_id", sa.String(length=255), nullable=False),
        sa.Column("created", Utc(), nullable=False),
        sa.Column("expires", Utc(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("extra_sha256", sa.Text(), nullable=False),
        sa.Column("used", Utc(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    op.create_index("ix_console_tickets_expires", "console_tickets", ["expires"], unique=False)


def downgrade() -> None:
    op.drop_table("console_tickets")

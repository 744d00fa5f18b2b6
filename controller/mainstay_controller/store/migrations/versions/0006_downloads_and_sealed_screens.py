"""downloads, and secrets of screens that are sealed."""

import sqlalchemy as sa
from alembic import op

from mainstay_controller.store.sql.tables import Utc

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("vms", sa.Column("vnc_secret", sa.Text(), nullable=True))
    op.create_table(
        "downloads",
        sa.Column("id", sa.String(length=255), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.String(length=255), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("user_id", sa.String(length=255), nullable=False),
        sa.Column("created", Utc(), nullable=False),
        sa.Column("expires", Utc(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("zone_id", sa.String(length=255), nullable=True),
        sa.Column("is_copy", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    op.create_index("ix_downloads_expires", "downloads", ["expires"], unique=False)


def downgrade() -> None:
    op.drop_table("downloads")
    op.drop_column("vms", "vnc_secret")

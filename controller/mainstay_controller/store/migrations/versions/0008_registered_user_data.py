"""user data with a name, who deployed a guest, passwords that the holder of a key can read, and the keys of guests from before 0007.

Such a guest has the name of a key pair and no key.  It is given the key of the pair of that name, unless the pair is younger than the guest: then
it may be another than the one that the guest was made with."""

import sqlalchemy as sa
from alembic import op

from mainstay_controller.store.sql.tables import Utc

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("vms", sa.Column("user_id", sa.String(length=255), nullable=True))
    op.add_column("vms", sa.Column("user_data_id", sa.String(length=255), nullable=True))
    op.add_column("vms", sa.Column("encrypted_password", sa.Text(), nullable=True))
    op.create_table(
        "user_data",
        sa.Column("id", sa.String(length=255), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("account_id", sa.String(length=255), nullable=False),
        sa.Column("domain_id", sa.String(length=255), nullable=False),
        sa.Column("created", Utc(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("params", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("account_id", "name", name="uq_user_data_account_id_name"),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    op.execute(
        "UPDATE vms SET public_key = (SELECT key_pairs.public_key FROM key_pairs WHERE key_pairs.account_id = vms.account_id"
        " AND key_pairs.name = vms.key_pair AND key_pairs.created <= vms.created)"
        " WHERE public_key IS NULL AND key_pair <> ''"
    )


def downgrade() -> None:
    op.drop_table("user_data")
    op.drop_column("vms", "encrypted_password")
    op.drop_column("vms", "user_data_id")
    op.drop_column("vms", "user_id")

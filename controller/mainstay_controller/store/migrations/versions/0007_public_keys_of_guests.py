"""the public keys that guests are given."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("vms", sa.Column("public_key", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("vms", "public_key")

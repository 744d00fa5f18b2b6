"""user data of templates, and values of the variables in it."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("vms", sa.Column("user_data_details", sa.Text(), nullable=True))
    op.add_column("templates", sa.Column("user_data_id", sa.String(length=255), nullable=True))
    op.add_column("templates", sa.Column("user_data_policy", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("templates", "user_data_policy")
    op.drop_column("templates", "user_data_id")
    op.drop_column("vms", "user_data_details")

"""The tables before in, the same with what was wrong with deliveries and jobs in words out; and back."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_TABLES = ("inbox", "jobs")


def upgrade() -> None:
    """Of those of before only the code is known."""
    for table in _TABLES:
        op.add_column(table, sa.Column("error_message", sa.Text()))


def downgrade() -> None:
    """The code is all that is known."""
    for table in _TABLES:
        op.drop_column(table, "error_message")

"""The tables before in, the same with which own fields of a workspace count out; and back."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

Document = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    """Every field that is told counts, until an admin hides one or more than 24 are found."""
    op.add_column("workspaces", sa.Column("own_fields", Document))


def downgrade() -> None:
    """What was hidden shows again."""
    op.drop_column("workspaces", "own_fields")

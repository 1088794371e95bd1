"""The tables before in, the same with an index of the transcripts that need review or do not out; and back."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

_NAME = "ix_records_flagged"


def upgrade() -> None:
    """Only transcripts are in it, so that a filter by this reads no other record."""
    judged = sa.text("needs_review IS NOT NULL")
    columns = ["workspace_id", "needs_review", "status", "id"]
    op.create_index(_NAME, "records", columns, sqlite_where=judged, postgresql_where=judged)


def downgrade() -> None:
    """Without it."""
    op.drop_index(_NAME, "records")

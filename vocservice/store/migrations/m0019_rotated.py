"""The tables before in, the same with when keys were rotated out; and back."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The audit log knows it of those of before."""
    op.add_column("keys", sa.Column("rotated_at", sa.BigInteger()))
    op.execute("UPDATE keys SET rotated_at = (SELECT min(at) FROM audit WHERE action = 'key.rotate' AND target = keys.id)")


def downgrade() -> None:
    """The audit log knows it."""
    op.drop_column("keys", "rotated_at")

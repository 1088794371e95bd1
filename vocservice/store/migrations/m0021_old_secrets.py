"""The tables before in, the same with secrets of endpoints that were rotated out; and back."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Every endpoint has one secret until it is rotated."""
    op.create_table(
        "old_secrets",
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("endpoint_id", sa.String(40), nullable=False),
        sa.Column("secret_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_old_secrets"),
        sa.ForeignKeyConstraint(["endpoint_id"], ["endpoints.id"], name="fk_old_secrets_endpoint_id", ondelete="CASCADE"),
    )
    op.create_index("ix_old_secrets_endpoint_id", "old_secrets", ["endpoint_id"])


def downgrade() -> None:
    """Only the newest secret signs."""
    op.drop_table("old_secrets")

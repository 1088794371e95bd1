"""The tables before in, the same with the tokens that sources had before their URL was renewed out; and back."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

Id, Hash = sa.String(40), sa.String(64)


def upgrade() -> None:
    """No URL was ever renewed before."""
    op.create_table(
        "old_tokens",
        sa.Column("token_hash", Hash, nullable=False),
        sa.Column("source_id", Id, nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("token_hash", name="pk_old_tokens"),
        sa.ForeignKeyConstraint(["source_id"], ["sources.id"], name="fk_old_tokens_source_id", ondelete="CASCADE"),
    )
    op.create_index("ix_old_tokens_source_id", "old_tokens", ["source_id"])


def downgrade() -> None:
    """A source has the URL that was made last, no other."""
    op.drop_table("old_tokens")

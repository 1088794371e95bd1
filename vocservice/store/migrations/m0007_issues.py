"""The tables before in, the same with experience issues out; and back."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

Id, Key, Code = sa.String(40), sa.String(255), sa.String(64)
Time = sa.BigInteger()
Document = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
LIVE = sa.text("status IN ('open', 'mending')")


def upgrade() -> None:
    """Make the table, empty."""
    op.create_table(
        "issues",
        sa.Column("id", Id, nullable=False),
        sa.Column("workspace_id", Id, nullable=False),
        sa.Column("stage", Code, nullable=False),
        sa.Column("factor", Code, nullable=False),
        sa.Column("title", Key, nullable=False),
        sa.Column("owner", Code, nullable=False),
        sa.Column("status", Code, nullable=False),
        sa.Column("evidence", Document, nullable=False),
        sa.Column("opened_by", Key, nullable=False),
        sa.Column("opened_at", Time, nullable=False),
        sa.Column("changed_at", Time, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_issues"),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_issues_workspace_id", ondelete="CASCADE"),
        sa.CheckConstraint("status IN ('open', 'mending', 'closed', 'dismissed')", name="status"),
    )
    op.create_index("ix_issues_workspace_id_changed_at", "issues", ["workspace_id", "changed_at"])
    op.create_index("ix_issues_live", "issues", ["workspace_id", "stage", "factor"], unique=True, sqlite_where=LIVE, postgresql_where=LIVE)


def downgrade() -> None:
    """Drop it with what is in it."""
    op.drop_table("issues")

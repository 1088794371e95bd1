"""The tables before in, the same with what watches the workbench, and events that are of no record, out; and back."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

Id, Key, Code = sa.String(40), sa.String(255), sa.String(64)
Time = sa.BigInteger()
Document = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    """Make the table, empty; let events be of no record."""
    op.create_table(
        "watches",
        sa.Column("id", Id, nullable=False),
        sa.Column("workspace_id", Id, nullable=False),
        sa.Column("name", Key, nullable=False),
        sa.Column("segment", Key, nullable=False),
        sa.Column("filters", Document, nullable=False),
        sa.Column("selection", Document, nullable=False),
        sa.Column("zone", Code, nullable=False),
        sa.Column("cool_down", sa.Integer(), nullable=False),
        sa.Column("quiet_from", Code),
        sa.Column("quiet_to", Code),
        sa.Column("digest_at", Code),
        sa.Column("days", Document, nullable=False),
        sa.Column("readers", Document, nullable=False),
        sa.Column("tells_endpoints", sa.Boolean(), nullable=False),
        sa.Column("is_enabled", sa.Boolean(), nullable=False),
        sa.Column("created_by", Key, nullable=False),
        sa.Column("since", Time, nullable=False),
        sa.Column("last_sent_at", Time),
        sa.Column("told", Document, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_watches"),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_watches_workspace_id", ondelete="CASCADE"),
    )
    op.create_index("ix_watches_workspace_id", "watches", ["workspace_id"])
    _let_record_be_missing(True)


def downgrade() -> None:
    """Drop it with what is in it, its jobs, which no older worker takes, and the events that are of no record."""
    op.execute("DELETE FROM jobs WHERE kind IN ('watch', 'watch_now')")
    op.execute("DELETE FROM deliveries WHERE record_id IS NULL")
    _let_record_be_missing(False)
    op.drop_table("watches")


def _let_record_be_missing(may: bool) -> None:
    """On SQLite the table is copied."""
    with op.batch_alter_table("deliveries") as table:
        table.alter_column("record_id", existing_type=Id, nullable=may)

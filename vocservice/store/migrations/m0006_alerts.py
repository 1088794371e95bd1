"""The tables before in, the same with alerts and what they have to say out; and back."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

Id, Key, Code = sa.String(40), sa.String(255), sa.String(64)
Time = sa.BigInteger()
Document = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    """Make both tables, empty."""
    op.create_table(
        "alerts",
        sa.Column("id", Id, nullable=False),
        sa.Column("workspace_id", Id, nullable=False),
        sa.Column("name", Key, nullable=False),
        sa.Column("labels", Document, nullable=False),
        sa.Column("least_urgency", sa.Integer(), nullable=False),
        sa.Column("zone", Code, nullable=False),
        sa.Column("cool_down", sa.Integer(), nullable=False),
        sa.Column("quiet_from", Code),
        sa.Column("quiet_to", Code),
        sa.Column("digest_at", Code),
        sa.Column("days", Document, nullable=False),
        sa.Column("readers", Document, nullable=False),
        sa.Column("tells_endpoints", sa.Boolean(), nullable=False),
        sa.Column("is_enabled", sa.Boolean(), nullable=False),
        sa.Column("created_at", Time, nullable=False),
        sa.Column("last_sent_at", Time),
        sa.PrimaryKeyConstraint("id", name="pk_alerts"),
        _reference("alerts", "workspace_id", "workspaces"),
    )
    op.create_index("ix_alerts_workspace_id", "alerts", ["workspace_id"])
    op.create_table(
        "alert_matters",
        sa.Column("alert_id", Id, nullable=False),
        sa.Column("record_id", Id, nullable=False),
        sa.Column("workspace_id", Id, nullable=False),
        sa.Column("at", Time, nullable=False),
        sa.Column("said_at", Time),
        sa.PrimaryKeyConstraint("alert_id", "record_id", name="pk_alert_matters"),
        _reference("alert_matters", "alert_id", "alerts"),
        _reference("alert_matters", "record_id", "records"),
        _reference("alert_matters", "workspace_id", "workspaces"),
    )
    op.create_index("ix_alert_matters_record_id", "alert_matters", ["record_id"])
    op.create_index("ix_alert_matters_alert_id_said_at", "alert_matters", ["alert_id", "said_at"])


def downgrade() -> None:
    """Drop both with what is in them."""
    op.drop_table("alert_matters")
    op.drop_table("alerts")


def _reference(table: str, column: str, to: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{to}.id"], name=f"fk_{table}_{column}", ondelete="CASCADE")

"""The tables before in, the same with those that the review desk works with out; and back."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

Id, Key, Code = sa.String(40), sa.String(255), sa.String(64)
Time = sa.BigInteger()
Document = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")

# What the queue is sorted and filtered by, beside urgency.
SORTED = (("decided_at", "entered_at"), ("scope", "decided_at", "urgency"), ("channel", "decided_at", "urgency"))
TABLES = ("second_readings", "bulk_steps", "bulks", "views", "drafts", "tags", "snoozes", "assignments")


def upgrade() -> None:
    """Make the tables, all empty."""
    _of_records()
    _of_people()
    for names in SORTED:
        columns = ["workspace_id", *names, "record_id"]
        op.create_index(f"ix_reviews_{'_'.join(columns)}", "reviews", columns)


def downgrade() -> None:
    """Drop them with what is in them; decisions themselves stay."""
    for names in SORTED:
        op.drop_index(f"ix_reviews_{'_'.join(('workspace_id', *names, 'record_id'))}", "reviews")
    for table in TABLES:
        op.drop_table(table)


def _reference(table: str, column: str, to: str, *, gone: str = "CASCADE") -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{to}.id"], name=f"fk_{table}_{column}", ondelete=gone)


def _of_records() -> None:
    op.create_table(
        "assignments",
        sa.Column("record_id", Id, nullable=False),
        sa.Column("workspace_id", Id, nullable=False),
        sa.Column("user_id", Id, nullable=False),
        sa.Column("at", Time, nullable=False),
        sa.PrimaryKeyConstraint("record_id", name="pk_assignments"),
        _reference("assignments", "record_id", "records"),
        _reference("assignments", "workspace_id", "workspaces"),
        _reference("assignments", "user_id", "users"),
    )
    op.create_index("ix_assignments_user_id", "assignments", ["user_id"])
    op.create_table(
        "snoozes",
        sa.Column("record_id", Id, nullable=False),
        sa.Column("workspace_id", Id, nullable=False),
        sa.Column("user_id", Id, nullable=False),
        sa.Column("until", Time, nullable=False),
        sa.PrimaryKeyConstraint("record_id", name="pk_snoozes"),
        _reference("snoozes", "record_id", "records"),
        _reference("snoozes", "workspace_id", "workspaces"),
        _reference("snoozes", "user_id", "users"),
    )
    op.create_index("ix_snoozes_workspace_id_until", "snoozes", ["workspace_id", "until"])
    op.create_table(
        "tags",
        sa.Column("record_id", Id, nullable=False),
        sa.Column("tag", Code, nullable=False),
        sa.Column("workspace_id", Id, nullable=False),
        sa.PrimaryKeyConstraint("record_id", "tag", name="pk_tags"),
        _reference("tags", "record_id", "records"),
        _reference("tags", "workspace_id", "workspaces"),
    )
    op.create_index("ix_tags_workspace_id_tag", "tags", ["workspace_id", "tag"])
    op.create_table(
        "second_readings",
        sa.Column("first_id", Id, nullable=False),
        sa.Column("record_id", Id, nullable=False),
        sa.Column("workspace_id", Id, nullable=False),
        sa.Column("user_id", Id),
        sa.Column("labels", Document),
        sa.Column("note", sa.Text),
        sa.Column("is_agreed", sa.Boolean),
        sa.Column("read_at", Time),
        sa.Column("settled_by", Id),
        sa.PrimaryKeyConstraint("first_id", name="pk_second_readings"),
        _reference("second_readings", "first_id", "annotations"),
        _reference("second_readings", "record_id", "records"),
        _reference("second_readings", "workspace_id", "workspaces"),
        _reference("second_readings", "user_id", "users", gone="SET NULL"),
        _reference("second_readings", "settled_by", "annotations", gone="SET NULL"),
    )
    op.create_index("ix_second_readings_record_id", "second_readings", ["record_id"])
    op.create_index("ix_second_readings_workspace_id_read_at", "second_readings", ["workspace_id", "read_at"])


def _of_people() -> None:
    op.create_table(
        "drafts",
        sa.Column("record_id", Id, nullable=False),
        sa.Column("user_id", Id, nullable=False),
        sa.Column("workspace_id", Id, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("labels", Document, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("saved_at", Time, nullable=False),
        sa.PrimaryKeyConstraint("record_id", "user_id", name="pk_drafts"),
        _reference("drafts", "record_id", "records"),
        _reference("drafts", "user_id", "users"),
        _reference("drafts", "workspace_id", "workspaces"),
    )
    op.create_index("ix_drafts_user_id", "drafts", ["user_id"])
    op.create_table(
        "views",
        sa.Column("id", Id, nullable=False),
        sa.Column("workspace_id", Id, nullable=False),
        sa.Column("user_id", Id, nullable=False),
        sa.Column("name", Key, nullable=False),
        sa.Column("filters", Document, nullable=False),
        sa.Column("is_shared", sa.Boolean, nullable=False),
        sa.Column("created_at", Time, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_views"),
        _reference("views", "workspace_id", "workspaces"),
        _reference("views", "user_id", "users"),
    )
    op.create_index("ix_views_workspace_id_name", "views", ["workspace_id", "name"])
    op.create_table(
        "bulks",
        sa.Column("id", Id, nullable=False),
        sa.Column("workspace_id", Id, nullable=False),
        sa.Column("user_id", Id, nullable=False),
        sa.Column("action", Code, nullable=False),
        sa.Column("submission", Id, nullable=False),
        sa.Column("left", sa.Integer, nullable=False),
        sa.Column("created_at", Time, nullable=False),
        sa.Column("undone_at", Time),
        sa.PrimaryKeyConstraint("id", name="pk_bulks"),
        _reference("bulks", "workspace_id", "workspaces"),
        _reference("bulks", "user_id", "users"),
        sa.UniqueConstraint("submission", name="uq_bulks_submission"),
    )
    op.create_index("ix_bulks_user_id_created_at", "bulks", ["user_id", "created_at"])
    op.create_table(
        "bulk_steps",
        sa.Column("bulk_id", Id, nullable=False),
        sa.Column("record_id", Id, nullable=False),
        sa.Column("before", Document, nullable=False),
        sa.PrimaryKeyConstraint("bulk_id", "record_id", name="pk_bulk_steps"),
        _reference("bulk_steps", "bulk_id", "bulks"),
        _reference("bulk_steps", "record_id", "records"),
    )
    op.create_index("ix_bulk_steps_record_id", "bulk_steps", ["record_id"])

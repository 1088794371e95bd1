"""The tables before in, the same with the rules of workspaces, their versions and what they held for out; and back."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

Id, Key, Code = sa.String(40), sa.String(255), sa.String(64)
Time = sa.BigInteger()
Document = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables, all empty."""
    op.create_table(
        "rules",
        sa.Column("id", Id, nullable=False),
        sa.Column("workspace_id", Id, nullable=False),
        sa.Column("name", Key, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("is_enabled", sa.Boolean(), nullable=False),
        sa.Column("created_by", Key, nullable=False),
        sa.Column("created_at", Time, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_rules"),
        sa.UniqueConstraint("workspace_id", "name", name="uq_rules_workspace_id_name"),
        _reference("rules", "workspace_id", "workspaces"),
    )
    op.create_table(
        "rule_versions",
        sa.Column("rule_id", Id, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("workspace_id", Id, nullable=False),
        sa.Column("name", Key, nullable=False),
        sa.Column("owner", Key, nullable=False),
        sa.Column("expression", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("effect", Code, nullable=False),
        sa.Column("urgency", sa.Integer(), nullable=False),
        sa.Column("tag", Code),
        sa.Column("assignee_id", Id),
        sa.Column("taxonomy", Key, nullable=False),
        sa.Column("changed_by", Key, nullable=False),
        sa.Column("changed_at", Time, nullable=False),
        sa.PrimaryKeyConstraint("rule_id", "version", name="pk_rule_versions"),
        sa.CheckConstraint("effect IN ('review', 'route')", name="effect"),
        _reference("rule_versions", "rule_id", "rules"),
        _reference("rule_versions", "workspace_id", "workspaces"),
        _reference("rule_versions", "assignee_id", "users", gone="SET NULL"),
    )
    _hits()


def downgrade() -> None:
    """Drop them with what is in them."""
    for table in ("rule_hits", "rule_versions", "rules"):
        op.drop_table(table)


def _hits() -> None:
    op.create_table(
        "rule_hits",
        sa.Column("number", Number, autoincrement=True, nullable=False),
        sa.Column("workspace_id", Id, nullable=False),
        sa.Column("record_id", Id, nullable=False),
        sa.Column("rule_id", Id, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("bundle", Key, nullable=False),
        sa.Column("because", sa.Text(), nullable=False),
        sa.Column("evidence", Document, nullable=False),
        sa.Column("at", Time, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_rule_hits"),
        sa.UniqueConstraint(
            "record_id", "rule_id", "version", "revision", "bundle", name="uq_rule_hits_record_id_rule_id_version_revision_bundle"
        ),
        _reference("rule_hits", "rule_id", "rules"),
        _reference("rule_hits", "workspace_id", "workspaces"),
        _reference("rule_hits", "record_id", "records"),
    )
    op.create_index("ix_rule_hits_workspace_id_number", "rule_hits", ["workspace_id", "number"])
    op.create_index("ix_rule_hits_rule_id_version", "rule_hits", ["rule_id", "version"])


def _reference(table: str, column: str, to: str, *, gone: str = "CASCADE") -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{to}.id"], name=f"fk_{table}_{column}", ondelete=gone)

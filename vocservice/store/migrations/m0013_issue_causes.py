"""The tables before in, the same with the causes of issues and where their texts lie out; and back."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

Id, Key = sa.String(40), sa.String(255)
LIVE = "status IN ('open', 'mending')"


def upgrade() -> None:
    """Issues that are there stand for all complaints of their cell."""
    op.add_column("issues", sa.Column("cause", Key, nullable=False, server_default=""))
    _one_live("cause")
    op.create_table(
        "issue_regions",
        sa.Column("issue_id", Id, nullable=False),
        sa.Column("bundle", Key, nullable=False),
        sa.Column("workspace_id", Id, nullable=False),
        sa.Column("own", sa.LargeBinary(), nullable=False),
        sa.Column("others", sa.LargeBinary(), nullable=False),
        sa.Column("radius", sa.Float(), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("issue_id", "bundle", name="pk_issue_regions"),
        sa.ForeignKeyConstraint(["issue_id"], ["issues.id"], name="fk_issue_regions_issue_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_issue_regions_workspace_id", ondelete="CASCADE"),
    )
    op.create_index("ix_issue_regions_workspace_id", "issue_regions", ["workspace_id"])


def downgrade() -> None:
    """An issue of one cause would count all complaints of its cell: it is dismissed, unless it is closed."""
    op.drop_table("issue_regions")
    op.execute(f"UPDATE issues SET status = 'dismissed' WHERE cause <> '' AND {LIVE}")  # noqa: S608 - words of ours
    _one_live()
    op.drop_column("issues", "cause")


def _one_live(*more: str) -> None:
    live = sa.text(LIVE)
    op.drop_index("ix_issues_live", "issues")
    columns = ["workspace_id", "stage", "factor", *more]
    op.create_index("ix_issues_live", "issues", columns, unique=True, sqlite_where=live, postgresql_where=live)

"""The tables of the first release in, the same with a table of vectors out; and back."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

Id, Key = sa.String(40), sa.String(255)


def upgrade() -> None:
    """Make the table; it fills as records are analysed."""
    op.create_table(
        "vectors",
        sa.Column("record_id", Id, nullable=False),
        sa.Column("bundle", Key, nullable=False),
        sa.Column("workspace_id", Id, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("vector", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("record_id", "bundle", name="pk_vectors"),
        sa.ForeignKeyConstraint(["record_id"], ["records.id"], name="fk_vectors_record_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_vectors_workspace_id", ondelete="CASCADE"),
    )
    op.create_index("ix_vectors_workspace_id_bundle", "vectors", ["workspace_id", "bundle"])


def downgrade() -> None:
    """Drop it, with every vector."""
    op.drop_table("vectors")

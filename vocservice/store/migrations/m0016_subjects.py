"""The tables before in, the same with every customer that a record was ever said to be of out; and back."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

Id, Hash = sa.String(40), sa.String(64)


def upgrade() -> None:
    """Of records of before only the customer of the newest version is known."""
    op.create_table(
        "subjects",
        sa.Column("record_id", Id, nullable=False),
        sa.Column("subject_hash", Hash, nullable=False),
        sa.Column("workspace_id", Id, nullable=False),
        sa.PrimaryKeyConstraint("record_id", "subject_hash", name="pk_subjects"),
        sa.ForeignKeyConstraint(["record_id"], ["records.id"], name="fk_subjects_record_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_subjects_workspace_id", ondelete="CASCADE"),
    )
    op.create_index("ix_subjects_workspace_id_subject_hash", "subjects", ["workspace_id", "subject_hash"])
    told = "SELECT id, subject_hash, workspace_id FROM records WHERE subject_hash IS NOT NULL"
    op.execute(f"INSERT INTO subjects (record_id, subject_hash, workspace_id) {told}")


def downgrade() -> None:
    """The customer of the newest version is the only one that a record is found by."""
    op.drop_table("subjects")

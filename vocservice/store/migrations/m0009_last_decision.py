"""The tables before in, the same with decisions found by who made them last out; and back."""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """One's own last decision is looked up on every page of the desk."""
    op.create_index("ix_annotations_user_id_created_at", "annotations", ["user_id", "created_at"])


def downgrade() -> None:
    """Look through all of a workspace again."""
    op.drop_index("ix_annotations_user_id_created_at", "annotations")

"""The tables before in, the same with views that say which page they are of out; and back."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Those that are there are of the desk."""
    op.add_column("views", sa.Column("page", sa.String(64), nullable=False, server_default="desk"))


def downgrade() -> None:
    """Forget those of other pages, and which page they are of."""
    op.execute("DELETE FROM views WHERE page <> 'desk'")
    op.drop_column("views", "page")

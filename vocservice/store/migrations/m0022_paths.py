"""The tables before in, the same with the senders' ids of records in the order of their bytes out; and back."""

from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """SQLite has that order anyway; PostgreSQL builds the index on them anew."""
    _order_by("C")


def downgrade() -> None:
    """In that of the database."""
    _order_by("default")


def _order_by(collation: str) -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f'ALTER TABLE records ALTER COLUMN source_record TYPE VARCHAR(255) COLLATE "{collation}"')

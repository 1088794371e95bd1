"""The tables before in, the same with an audit log that the database lets nobody change out; and back."""

from alembic import op

from vocservice.store import appending

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the triggers; the rows stay as they are."""
    for statement in appending.made(op.get_bind().dialect.name):
        op.get_bind().exec_driver_sql(statement)


def downgrade() -> None:
    """Drop them."""
    for statement in appending.unmade(op.get_bind().dialect.name):
        op.get_bind().exec_driver_sql(statement)

"""The tables before in, the same with the packed rows emptied of records that tell something of their own out; and back."""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_TOLD = "SELECT id FROM records WHERE CAST(details AS TEXT) NOT IN ('null', '{}')"
_EMPTIED = f"UPDATE packed SET fixed = NULL, given = NULL, context = NULL WHERE record_id IN ({_TOLD})"  # noqa: S608 - all of it stands above


def upgrade() -> None:
    """They are packed again, with their own fields, as figures are asked for."""
    op.execute(_EMPTIED)


def downgrade() -> None:
    """They are packed again, without."""
    op.execute(_EMPTIED)

"""The tables before in, the same with a table of packed records that the database keeps marked out; and back."""

import sqlalchemy as sa
from alembic import op

from vocservice.store import marking

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

Id = sa.String(40)


def upgrade() -> None:
    """Make the table with a row for every record that has an analysis, and the triggers; packing follows as figures are asked for."""
    op.create_table(
        "packed",
        sa.Column("record_id", Id, nullable=False),
        sa.Column("workspace_id", Id, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("fixed", sa.LargeBinary()),
        sa.Column("given", sa.LargeBinary()),
        sa.Column("context", sa.Text()),
        sa.PrimaryKeyConstraint("record_id", name="pk_packed"),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_packed_workspace_id", ondelete="CASCADE"),
    )
    op.create_index("ix_packed_workspace_id_number", "packed", ["workspace_id", "number"])
    where = sa.text("fixed IS NULL")
    op.create_index("ix_packed_waiting", "packed", ["workspace_id", "number"], sqlite_where=where, postgresql_where=where)
    op.execute("INSERT INTO packed (record_id, workspace_id, number) SELECT DISTINCT record_id, workspace_id, 1 FROM analyses")
    for statement in marking.made(op.get_bind().dialect.name):
        op.get_bind().exec_driver_sql(statement)


def downgrade() -> None:
    """Drop the triggers and the table; figures are made of the analyses themselves."""
    for statement in marking.unmade(op.get_bind().dialect.name):
        op.get_bind().exec_driver_sql(statement)
    op.drop_table("packed")

"""The tables before in, the same with a table of packed records that the database keeps marked out; and back."""

from collections.abc import Iterator

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

Id = sa.String(40)
_EMPTIED = "fixed = NULL, given = NULL, context = NULL"
_OF_RECORDS = "status, revision, channel, source_key, subject_hash, score_kind, score_value, score_scale, created_at, received_at"
# Table, event, which of its rows names the record, and whether a row is made where there is none.
_EVENTS = (
    ("analyses", "INSERT", "NEW.record_id", True),
    ("analyses", "UPDATE OF is_current, result, revision", "NEW.record_id", True),
    ("analyses", "DELETE", "OLD.record_id", False),
    ("annotations", "INSERT", "NEW.record_id", False),
    ("annotations", "UPDATE OF decision, labels, revision, undone_at", "NEW.record_id", False),
    ("annotations", "DELETE", "OLD.record_id", False),
    ("records", f"UPDATE OF {_OF_RECORDS}", "NEW.id", False),
    ("records", "DELETE", "OLD.id", False),
)
_NEXT = "(SELECT coalesce(max(number), 0) + 1 FROM packed WHERE workspace_id = {row}.workspace_id)"
_TRANSACTION = "pg_current_xact_id()::text::bigint"


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
    for statement in _made(op.get_bind().dialect.name):
        op.get_bind().exec_driver_sql(statement)


def downgrade() -> None:
    """Drop the triggers and the table; figures are made of the analyses themselves."""
    for statement in _unmade(op.get_bind().dialect.name):
        op.get_bind().exec_driver_sql(statement)
    op.drop_table("packed")


def _made(dialect: str) -> Iterator[str]:
    """The statements that make the triggers; made again, nothing changes."""
    for table, event, record, is_new in _EVENTS:
        name, row = _name(table, event), record.partition(".")[0]
        if dialect == "sqlite":
            body = _body(record, row, _NEXT.format(row=row), is_new=is_new)
            yield f"CREATE TRIGGER IF NOT EXISTS {name} AFTER {event} ON {table} BEGIN {body}; END"
        else:
            body = _body(record, row, _TRANSACTION, is_new=is_new)
            yield f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body}; RETURN NULL; END $$"
            yield f"DROP TRIGGER IF EXISTS {name} ON {table}"
            yield f"CREATE TRIGGER {name} AFTER {event} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()"


def _unmade(dialect: str) -> Iterator[str]:
    """The statements that drop them."""
    for table, event, _, _ in _EVENTS:
        name = _name(table, event)
        yield f"DROP TRIGGER {name}" if dialect == "sqlite" else f"DROP FUNCTION {name}() CASCADE"


def _name(table: str, event: str) -> str:
    return f"packed_{table}_{event.partition(' ')[0].lower()}"


def _body(record: str, row: str, number: str, *, is_new: bool) -> str:
    if not is_new:
        return f"UPDATE packed SET number = {number}, {_EMPTIED} WHERE record_id = {record}"  # noqa: S608 - all of it stands above
    values = f"VALUES ({record}, {row}.workspace_id, {number})"
    return (
        f"INSERT INTO packed (record_id, workspace_id, number) {values} "
        f"ON CONFLICT (record_id) DO UPDATE SET number = excluded.number, {_EMPTIED}"
    )

"""The tables before in, the same with a sketch of each packed record's vector, packed again if it needs review, out; and back."""

from collections.abc import Iterator

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

_PLAIN = "fixed = NULL, given = NULL, context = NULL"
_SKETCHED = f"{_PLAIN}, sketch = NULL"
_OF_RECORDS = "status, revision, channel, source_key, subject_hash, score_kind, score_value, score_scale, created_at, received_at"
_JUDGED = "needs_review IS NOT NULL"
_FORGOTTEN = "; DELETE FROM said WHERE record_id = {record}"
# Table, event, which of its rows names the record, whether a row is made where there is none, and what else is deleted.
_EVENTS = (
    ("analyses", "INSERT", "NEW.record_id", True, ""),
    ("analyses", "UPDATE OF is_current, result, revision", "NEW.record_id", True, ""),
    ("analyses", "DELETE", "OLD.record_id", False, _FORGOTTEN),
    ("annotations", "INSERT", "NEW.record_id", False, ""),
    ("annotations", "UPDATE OF decision, labels, revision, undone_at", "NEW.record_id", False, ""),
    ("annotations", "DELETE", "OLD.record_id", False, ""),
    ("records", "UPDATE OF {columns}", "NEW.id", False, ""),
    ("records", "DELETE", "OLD.id", False, _FORGOTTEN),
)
_NEXT = "(SELECT coalesce(max(number), 0) + 1 FROM packed WHERE workspace_id = {row}.workspace_id)"
_TRANSACTION = "pg_current_xact_id()::text::bigint"


def upgrade() -> None:
    """Add the column, which the triggers empty too. Records are packed again, by workers and looks; an index that they replace goes."""
    op.add_column("packed", sa.Column("sketch", sa.LargeBinary()))
    _make(_SKETCHED, f"{_OF_RECORDS}, needs_review")
    op.drop_index("ix_records_flagged", "records")
    op.execute(f"UPDATE packed SET {_SKETCHED} WHERE length(fixed) > 0")  # noqa: S608 - it stands above


def downgrade() -> None:
    """Without it; vectors themselves are searched, and transcripts that need review are found by an index."""
    _make(_PLAIN, _OF_RECORDS)
    judged = sa.text(_JUDGED)
    columns = ["workspace_id", "needs_review", "status", "id"]
    op.create_index("ix_records_flagged", "records", columns, sqlite_where=judged, postgresql_where=judged)
    op.drop_column("packed", "sketch")


def _make(emptied: str, columns: str) -> None:
    for statement in _statements(op.get_bind().dialect.name, emptied, columns):
        op.get_bind().exec_driver_sql(statement)


def _statements(dialect: str, emptied: str, columns: str) -> Iterator[str]:
    """Those that make the triggers anew."""
    for table, event, record, is_new, also in _EVENTS:
        name, row = f"packed_{table}_{event.partition(' ')[0].lower()}", record.partition(".")[0]
        number = _NEXT.format(row=row) if dialect == "sqlite" else _TRANSACTION
        body = _body(record, row, number, emptied, is_new=is_new) + also.format(record=record)
        fired = f"AFTER {event.format(columns=columns)} ON {table}"
        if dialect == "sqlite":
            yield f"DROP TRIGGER IF EXISTS {name}"
            yield f"CREATE TRIGGER {name} {fired} BEGIN {body}; END"
        else:
            yield f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body}; RETURN NULL; END $$"
            yield f"DROP TRIGGER IF EXISTS {name} ON {table}"
            yield f"CREATE TRIGGER {name} {fired} FOR EACH ROW EXECUTE FUNCTION {name}()"


def _body(record: str, row: str, number: str, emptied: str, *, is_new: bool) -> str:
    if not is_new:
        return f"UPDATE packed SET number = {number}, {emptied} WHERE record_id = {record}"  # noqa: S608 - all of it stands above
    values = f"VALUES ({record}, {row}.workspace_id, {number})"
    return (
        f"INSERT INTO packed (record_id, workspace_id, number) {values} "
        f"ON CONFLICT (record_id) DO UPDATE SET number = excluded.number, {emptied}"
    )

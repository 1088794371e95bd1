"""A kind of database in, the triggers by which it notes itself which records changed out: whatever writes, no change is missed.

The row of a record in `packed` is emptied with every change of what figures take from it: its analyses, decisions on it, what its sender
told, its erasure. `number` grows: on SQLite by one with each change, on PostgreSQL it is the transaction. A step of the schema that makes
one of these tables anew must make its triggers anew.
"""

from collections.abc import Iterator

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


def made(dialect: str) -> Iterator[str]:
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

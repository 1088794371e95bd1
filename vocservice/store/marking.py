"""A database dialect in, triggers out that mark changed records, so that no change is missed, whatever writes it.

The row of a record in `packed` is emptied by every change of what figures use: its analyses, decisions on it, the sender's
fields, its erasure. `number` grows: on SQLite by one per change, on PostgreSQL it is the transaction id. If an analysis or record
is deleted, so are its words in `said`. A migration that recreates one of these tables must recreate its triggers.
"""

from collections.abc import Iterator

_EMPTIED = "fixed = NULL, given = NULL, context = NULL, sketch = NULL"
_OF_RECORDS = (
    "status, revision, channel, source_key, subject_hash, score_kind, score_value, score_scale, created_at, received_at, needs_review"
)
MADE, CHANGED, GONE = "made", "changed", "gone"
# Table, event, row that names the record, and effect: a row is created if missing, emptied, or its words are deleted too.
_EVENTS = (
    ("analyses", "INSERT", "NEW.record_id", MADE),
    ("analyses", "UPDATE OF is_current, result, revision", "NEW.record_id", MADE),
    ("analyses", "DELETE", "OLD.record_id", GONE),
    ("annotations", "INSERT", "NEW.record_id", CHANGED),
    ("annotations", "UPDATE OF decision, labels, revision, undone_at", "NEW.record_id", CHANGED),
    ("annotations", "DELETE", "OLD.record_id", CHANGED),
    ("records", f"UPDATE OF {_OF_RECORDS}", "NEW.id", CHANGED),
    ("records", "DELETE", "OLD.id", GONE),
)
_NEXT = "(SELECT coalesce(max(number), 0) + 1 FROM packed WHERE workspace_id = {row}.workspace_id)"
_TRANSACTION = "pg_current_xact_id()::text::bigint"


def made(dialect: str) -> Iterator[str]:
    """The statements that create the triggers; idempotent."""
    for table, event, record, effect in _EVENTS:
        name, row = _name(table, event), record.partition(".")[0]
        if dialect == "sqlite":
            body = _body(record, row, _NEXT.format(row=row), effect)
            yield f"CREATE TRIGGER IF NOT EXISTS {name} AFTER {event} ON {table} BEGIN {body}; END"
        else:
            body = _body(record, row, _TRANSACTION, effect)
            yield f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body}; RETURN NULL; END $$"
            yield f"DROP TRIGGER IF EXISTS {name} ON {table}"
            yield f"CREATE TRIGGER {name} AFTER {event} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()"


def _name(table: str, event: str) -> str:
    return f"packed_{table}_{event.partition(' ')[0].lower()}"


def _body(record: str, row: str, number: str, effect: str) -> str:
    if effect != MADE:
        emptied = f"UPDATE packed SET number = {number}, {_EMPTIED} WHERE record_id = {record}"  # noqa: S608 - all of it stands above
        return f"{emptied}; DELETE FROM said WHERE record_id = {record}" if effect == GONE else emptied  # noqa: S608 - likewise
    values = f"VALUES ({record}, {row}.workspace_id, {number})"
    return (
        f"INSERT INTO packed (record_id, workspace_id, number) {values} "
        f"ON CONFLICT (record_id) DO UPDATE SET number = excluded.number, {_EMPTIED}"
    )

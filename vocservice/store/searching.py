"""A database dialect in, the statements that create its word index out: FTS5 on SQLite, GIN over `said.words` on PostgreSQL.

SQLite's index is separate and maintained by triggers. Deleted words stay in its pages until it is fully merged, which
`analysed.words` does: each deletion increments the fact `LEFT`. A migration that recreates `said` must recreate these.
"""

from collections.abc import Iterator

INDEX = "said_words"
LEFT = "words_left"  # name of the fact
_PUT = f"INSERT INTO {INDEX} (rowid, words) VALUES (NEW.number, NEW.words)"  # noqa: S608 - our own names
_TAKE = f"INSERT INTO {INDEX} ({INDEX}, rowid, words) VALUES ('delete', OLD.number, OLD.words)"  # noqa: S608 - our own names
_COUNT = (
    f"INSERT INTO facts (name, value) VALUES ('{LEFT}', '1') "  # noqa: S608 - our own names
    "ON CONFLICT (name) DO UPDATE SET value = CAST(CAST(facts.value AS INTEGER) + 1 AS TEXT)"
)
_TRIGGERS = (
    ("said_insert", "INSERT", (_PUT,)),
    ("said_update", "UPDATE OF words", (_TAKE, _PUT, _COUNT)),
    ("said_delete", "DELETE", (_TAKE, _COUNT)),
)


def made(dialect: str) -> Iterator[str]:
    """The statements that create the index and its triggers; idempotent."""
    if dialect != "sqlite":
        yield "CREATE INDEX IF NOT EXISTS ix_said_words ON said USING gin (words)"
        return
    options = "content = 'said', content_rowid = 'number', columnsize = 0, tokenize = 'ascii'"
    yield f"CREATE VIRTUAL TABLE IF NOT EXISTS {INDEX} USING fts5 (words, {options})"
    yield f"INSERT INTO {INDEX} ({INDEX}, rank) VALUES ('usermerge', 2)"  # noqa: S608 - our own name
    for name, event, statements in _TRIGGERS:
        yield f"CREATE TRIGGER IF NOT EXISTS {name} AFTER {event} ON said BEGIN {'; '.join(statements)}; END"

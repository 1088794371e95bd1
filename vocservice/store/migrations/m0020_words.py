"""The tables before in, the same with the words of analysed records, and an index of them that the database keeps, out; and back."""

from collections.abc import Iterator

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

Id = sa.String(40)
Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Words = sa.Text().with_variant(postgresql.TSVECTOR(), "postgresql")
_EMPTIED = "fixed = NULL, given = NULL, context = NULL"
_NEXT = "(SELECT coalesce(max(number), 0) + 1 FROM packed WHERE workspace_id = OLD.workspace_id)"
_TRANSACTION = "pg_current_xact_id()::text::bigint"
_DELETIONS = (("analyses", "OLD.record_id"), ("records", "OLD.id"))
_PUT = "INSERT INTO said_words (rowid, words) VALUES (NEW.number, NEW.words)"
_TAKE = "INSERT INTO said_words (said_words, rowid, words) VALUES ('delete', OLD.number, OLD.words)"
_COUNT = (
    "INSERT INTO facts (name, value) VALUES ('words_left', '1') "
    "ON CONFLICT (name) DO UPDATE SET value = CAST(CAST(facts.value AS INTEGER) + 1 AS TEXT)"
)
_TRIGGERS = (
    ("said_insert", "INSERT", (_PUT,)),
    ("said_update", "UPDATE OF words", (_TAKE, _PUT, _COUNT)),
    ("said_delete", "DELETE", (_TAKE, _COUNT)),
)


def upgrade() -> None:
    """Make table, index and triggers. Words come as records are packed again, a thousand at a time, by workers and looks."""
    op.create_table(
        "said",
        sa.Column("number", Number, autoincrement=True, nullable=False),
        sa.Column("record_id", Id, nullable=False),
        sa.Column("workspace_id", Id, nullable=False),
        sa.Column("key", sa.BigInteger(), nullable=False),
        sa.Column("words", Words, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_said"),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_said_workspace_id", ondelete="CASCADE"),
        sa.UniqueConstraint("record_id", name="uq_said_record_id"),
    )
    for statement in (*_index(), *_deletions("DELETE FROM said WHERE record_id = {record}")):
        op.get_bind().exec_driver_sql(statement)
    op.execute(f"UPDATE packed SET {_EMPTIED} WHERE length(fixed) > 0")  # noqa: S608 - it stands above


def downgrade() -> None:
    """Drop them; words are looked for in the analyses themselves."""
    for statement in _deletions():
        op.get_bind().exec_driver_sql(statement)
    if op.get_bind().dialect.name == "sqlite":
        for name, _, _ in _TRIGGERS:
            op.execute(f"DROP TRIGGER {name}")
        op.execute("DROP TABLE said_words")
        op.execute("DELETE FROM facts WHERE name = 'words_left'")
    op.drop_table("said")


def _index() -> Iterator[str]:
    if op.get_bind().dialect.name != "sqlite":
        yield "CREATE INDEX IF NOT EXISTS ix_said_words ON said USING gin (words)"
        return
    options = "content = 'said', content_rowid = 'number', columnsize = 0, tokenize = 'ascii'"
    yield f"CREATE VIRTUAL TABLE IF NOT EXISTS said_words USING fts5 (words, {options})"
    yield "INSERT INTO said_words (said_words, rank) VALUES ('usermerge', 2)"
    for name, event, statements in _TRIGGERS:
        yield f"CREATE TRIGGER IF NOT EXISTS {name} AFTER {event} ON said BEGIN {'; '.join(statements)}; END"


def _deletions(also: str = "") -> Iterator[str]:
    """The triggers of what is deleted, which empty a packed row, and perhaps do something else."""
    for table, record in _DELETIONS:
        name, is_sqlite = f"packed_{table}_delete", op.get_bind().dialect.name == "sqlite"
        number = _NEXT if is_sqlite else _TRANSACTION
        body = f"UPDATE packed SET number = {number}, {_EMPTIED} WHERE record_id = {record}"  # noqa: S608 - all of it stands above
        body = "; ".join(filter(None, (body, also.format(record=record))))
        if is_sqlite:
            yield f"DROP TRIGGER IF EXISTS {name}"
            yield f"CREATE TRIGGER IF NOT EXISTS {name} AFTER DELETE ON {table} BEGIN {body}; END"
        else:
            yield f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body}; RETURN NULL; END $$"

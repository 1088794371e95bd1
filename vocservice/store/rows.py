"""Values in, rows written: statements that SQLite and PostgreSQL share but SQLAlchemy's core lacks."""

import hashlib
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Table, Text, cast, literal, type_coerce
from sqlalchemy.dialects import postgresql, sqlite

from vocservice.store.types import plain

_LONGEST_KEY = 200
_INSERTS: Mapping[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


def insert_if_new(connection: Connection, table: Table, values: Mapping[str, Any]) -> bool:
    """Insert a row; False if a unique constraint already has another, which is left unchanged."""
    return connection.execute(_insertion(connection.dialect.name, table), dict(values)).first() is not None


def insert_new(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> set[str]:
    """Insert rows with an `id` in one statement; return the ids of those inserted."""
    if not rows:
        return set()
    return set(connection.scalars(_insertion_of_many(connection.dialect.name, table), [dict(row) for row in rows]))


def insert_missing(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows, skipping those that violate a unique constraint."""
    if rows:
        connection.execute(_insertion_of_missing(connection.dialect.name, table), [dict(row) for row in rows])


def upsert_changed(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]], *, key: str, changed: str) -> None:
    """Insert rows; for an existing key update a single column if it differs."""
    if rows:
        connection.execute(_upsertion(connection.dialect.name, table, key, changed), [dict(row) for row in rows])


# Built once each: per delivery, building a statement costs more than running it.
@cache
def _insertion(dialect: str, table: Table) -> Any:
    return _insertion_of_missing(dialect, table).returning(literal(1))


@cache
def _insertion_of_many(dialect: str, table: Table) -> Any:
    return _insertion_of_missing(dialect, table).returning(table.c.id)


@cache
def _insertion_of_missing(dialect: str, table: Table) -> Any:
    return _INSERTS[dialect](table).on_conflict_do_nothing()


@cache
def _upsertion(dialect: str, table: Table, key: str, changed: str) -> Any:
    made = _INSERTS[dialect](table)
    new = made.excluded[changed]
    return made.on_conflict_do_update(index_elements=[key], set_={changed: new}, where=table.c[changed].is_distinct_from(new))


def as_text(connection: Connection, document: Column[Any]) -> ColumnElement[str]:
    """A JSON column as stored text, for faster parsers."""
    return cast(document, Text) if connection.dialect.name == "postgresql" else type_coerce(document, Text)


def bounded(key: str) -> str:
    """A sender's key, unchanged if it fits every column and index, else its SHA-256."""
    if len(key) <= _LONGEST_KEY and plain(key) == key:
        return key
    return "sha256:" + hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()

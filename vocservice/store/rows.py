"""Values in, rows written: the few statements that SQLite and PostgreSQL spell alike but SQLAlchemy does not."""

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
    """Insert a row; False where a unique constraint already holds another, which is left as it is."""
    return connection.execute(_insertion(connection.dialect.name, table), dict(values)).first() is not None


def insert_new(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> set[str]:
    """Insert rows with an `id` by one statement; returns the ids of those that no unique constraint kept out."""
    if not rows:
        return set()
    return set(connection.scalars(_insertion_of_many(connection.dialect.name, table), [dict(row) for row in rows]))


def insert_missing(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows, leaving out those that a unique constraint holds already."""
    if rows:
        connection.execute(_insertion_of_missing(connection.dialect.name, table), [dict(row) for row in rows])


def upsert_changed(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]], *, key: str, changed: str) -> None:
    """Insert rows; of one that is there by its key a single column is set, where it is another."""
    if rows:
        connection.execute(_upsertion(connection.dialect.name, table, key, changed), [dict(row) for row in rows])


# Made once each: on the way of a delivery, building a statement costs more than running it.
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
    """A column of JSON as it is stored, for whoever parses it faster."""
    return cast(document, Text) if connection.dialect.name == "postgresql" else type_coerce(document, Text)


def bounded(key: str) -> str:
    """A sender's own key, as it is while every column and index holds it, else its SHA-256."""
    if len(key) <= _LONGEST_KEY and plain(key) == key:
        return key
    return "sha256:" + hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()

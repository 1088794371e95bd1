"""Values in, rows written: the few statements that SQLite and PostgreSQL spell alike but SQLAlchemy does not."""

import hashlib
from collections.abc import Mapping
from functools import cache
from typing import Any

from sqlalchemy import Connection, Table, literal
from sqlalchemy.dialects import postgresql, sqlite

from vocservice.store.types import plain

_LONGEST_KEY = 200
_INSERTS: Mapping[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


def insert_if_new(connection: Connection, table: Table, values: Mapping[str, Any]) -> bool:
    """Insert a row; False where a unique constraint already holds another, which is left as it is."""
    return connection.execute(_insertion(connection.dialect.name, table), dict(values)).first() is not None


@cache
def _insertion(dialect: str, table: Table) -> Any:
    """Made once: on the way of a delivery, building a statement costs more than running it."""
    return _INSERTS[dialect](table).on_conflict_do_nothing().returning(literal(1))


def bounded(key: str) -> str:
    """A sender's own key, as it is while every column and index holds it, else its SHA-256."""
    if len(key) <= _LONGEST_KEY and plain(key) == key:
        return key
    return "sha256:" + hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()

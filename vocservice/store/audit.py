"""An action in, a tamper-evident row out: each hash covers the row and the previous hash.

Details contain ids, counts and settings; never a text, a key or an address.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Connection, insert, select, text

from vocservice.store.database import now
from vocservice.store.schema import audit
from vocservice.store.types import plain, plain_json, to_micros

FIRST = "0" * 64
_LONGEST = 255
_LOCK = "LOCK TABLE audit IN SHARE ROW EXCLUSIVE MODE"


@dataclass(frozen=True, slots=True)
class Act:
    """An action; `actor` is `user:ID`, `key:ID`, `source:ID` or `command line`."""

    actor: str
    action: str
    target: str
    details: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Chain:
    """Result of checking the chain: number of intact rows, the hash of the last one, and the first broken row."""

    rows: int
    last_hash: str
    broken_at: int | None


def write(connection: Connection, workspace_id: str | None, act: Act) -> str:
    """Append a row to the chain; return its hash. Do this last in a transaction: it blocks other writers of the log until its end."""
    if connection.dialect.name == "postgresql":
        connection.execute(text(_LOCK))
    previous = connection.scalar(select(audit.c.hash).order_by(audit.c.number.desc()).limit(1)) or FIRST
    kept = Act(plain(act.actor)[:_LONGEST], plain(act.action), plain(act.target)[:_LONGEST], plain_json(dict(act.details)))
    at = now(connection)
    made = _hash(previous, workspace_id, at, kept)
    values = asdict(kept) | {"workspace_id": workspace_id, "at": at, "previous_hash": previous, "hash": made}
    connection.execute(insert(audit).values(**values))
    return made


def verify(connection: Connection) -> Chain:
    """Check every row against the one before and against its own hash.

    Rows cut off at the end leave no gap: compare `rows` and `last_hash` with values recorded elsewhere.
    """
    previous, rows = FIRST, 0
    for row in connection.execute(select(audit).order_by(audit.c.number), execution_options={"yield_per": 1000}):
        act = Act(row.actor, row.action, row.target, row.details)
        if row.previous_hash != previous or row.hash != _hash(previous, row.workspace_id, row.at, act):
            return Chain(rows, previous, int(row.number))
        previous, rows = row.hash, rows + 1
    return Chain(rows, previous, None)


def first_broken(connection: Connection) -> int | None:
    """The number of the first broken row; None if the chain is intact."""
    return verify(connection).broken_at


def _hash(previous: str, workspace_id: str | None, at: datetime, act: Act) -> str:
    parts = [previous, workspace_id, to_micros(at), act.actor, act.action, act.target, _canonical(act.details)]
    return hashlib.sha256(orjson.dumps(parts, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _canonical(value: Any) -> Any:
    """PostgreSQL returns integers as integers, however they were written."""
    match value:
        case float():
            return int(value) if value.is_integer() else value
        case Mapping():
            return {key: _canonical(item) for key, item in value.items()}
        case list():
            return [_canonical(item) for item in value]
    return value

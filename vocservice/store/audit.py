"""Who did what to which thing in, a row that cannot be changed unnoticed out: each hash covers the row and the hash before.

Details name ids, counts and settings; never a text, a key or an address.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Connection, insert, select, text

from vocservice.store.database import now
from vocservice.store.schema import audit
from vocservice.store.types import to_micros

FIRST = "0" * 64
_LOCK = "LOCK TABLE audit IN SHARE ROW EXCLUSIVE MODE"


@dataclass(frozen=True, slots=True)
class Act:
    """What was done: `actor` is `user:ID`, `key:ID`, `source:ID` or `command line`."""

    actor: str
    action: str
    target: str
    details: Mapping[str, Any]


def write(connection: Connection, workspace_id: str | None, act: Act) -> str:
    """Append a row to the chain; returns its hash."""
    if connection.dialect.name == "postgresql":
        connection.execute(text(_LOCK))
    previous = connection.scalar(select(audit.c.hash).order_by(audit.c.number.desc()).limit(1)) or FIRST
    at = now(connection)
    made = _hash(previous, workspace_id, at, act)
    connection.execute(
        insert(audit).values(
            workspace_id=workspace_id,
            at=at,
            actor=act.actor,
            action=act.action,
            target=act.target,
            details=dict(act.details),
            previous_hash=previous,
            hash=made,
        )
    )
    return made


def first_broken(connection: Connection) -> int | None:
    """The number of the first row that does not fit the one before or its own hash; None where the chain is whole."""
    previous = FIRST
    for row in connection.execute(select(audit).order_by(audit.c.number)):
        act = Act(row.actor, row.action, row.target, row.details)
        if row.previous_hash != previous or row.hash != _hash(previous, row.workspace_id, row.at, act):
            return int(row.number)
        previous = row.hash
    return None


def _hash(previous: str, workspace_id: str | None, at: datetime, act: Act) -> str:
    parts = [previous, workspace_id, to_micros(at), act.actor, act.action, act.target, dict(act.details)]
    return hashlib.sha256(orjson.dumps(parts, option=orjson.OPT_SORT_KEYS)).hexdigest()

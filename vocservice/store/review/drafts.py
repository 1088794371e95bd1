"""Unsent choices on a record in, a private draft out; a newer draft is never overwritten."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, delete, select, update

from vocservice.errors import ConflictError
from vocservice.records import Json
from vocservice.store.accounts.users import User
from vocservice.store.database import now
from vocservice.store.review.annotations import LONGEST_NOTE
from vocservice.store.rows import insert_if_new
from vocservice.store.schema import drafts

NONE = 0


@dataclass(frozen=True, slots=True)
class Kept:
    """A draft: `version` counts its saves, `revision` is the record's revision it is based on."""

    version: int
    revision: int
    labels: Json
    note: str
    saved_at: datetime


def of(connection: Connection, user: User, record_id: str) -> Kept | None:
    """A person's draft on a record; None without one."""
    chosen = select(*(drafts.c[name] for name in Kept.__dataclass_fields__)).where(*_mine(user, record_id))
    row = connection.execute(chosen).one_or_none()
    return None if row is None else Kept(*row)


def save(connection: Connection, user: User, record_id: str, *, version: int, revision: int, labels: Json, note: str) -> int:
    """Save a draft over the version that its writer saw (0: none); return the new version.

    Raises:
        ConflictError: there is a newer one, from another window (`draft_conflict`).
    """
    values = {"revision": revision, "labels": labels, "note": note[:LONGEST_NOTE], "version": version + 1, "saved_at": now(connection)}
    if version == NONE:
        new = {"record_id": record_id, "user_id": user.id, "workspace_id": user.workspace_id, **values}
        is_kept = insert_if_new(connection, drafts, new)
    else:
        held = update(drafts).where(*_mine(user, record_id), drafts.c.version == version)
        is_kept = connection.execute(held.values(**values)).rowcount == 1
    if not is_kept:
        raise ConflictError("you saved a newer draft from another window; this one was not kept", code="draft_conflict")
    return version + 1


def drop(connection: Connection, user: User, record_id: str) -> None:
    """Discard a draft."""
    connection.execute(delete(drafts).where(*_mine(user, record_id)))


def _mine(user: User, record_id: str) -> tuple[ColumnElement[bool], ...]:
    return drafts.c.workspace_id == user.workspace_id, drafts.c.record_id == record_id, drafts.c.user_id == user.id

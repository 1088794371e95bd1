"""A record with an assignee, a snooze time or a tag in, the same stored out; each function returns the previous value.

None of these are labels: decisions are in `annotations`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, func, insert, select

from vocservice.errors import InputError
from vocservice.store.accounts.users import User
from vocservice.store.rows import insert_if_new
from vocservice.store.schema import assignments, snoozes, tags, users
from vocservice.store.types import from_micros, to_micros

LONGEST_TAG = 40
MOST_TAGS = 200


@dataclass(frozen=True, slots=True)
class Handled:
    """What people attach to a record, beside decisions."""

    assignee: str | None = None
    assignee_id: str | None = None
    until: datetime | None = None
    tags: tuple[str, ...] = ()


def assign(connection: Connection, user: User, record_id: str, to: str | None, *, at: datetime) -> str | None:
    """Assign a record to a person of the workspace, or to nobody; return the previous assignee."""
    mine = assignments.c.record_id == record_id
    before = connection.scalar(select(assignments.c.user_id).where(mine))
    connection.execute(delete(assignments).where(mine))
    if to is not None:
        values = {"record_id": record_id, "workspace_id": user.workspace_id, "user_id": to, "at": at}
        connection.execute(insert(assignments).values(**values))
    return None if before is None else str(before)


def snooze(connection: Connection, user: User, record_id: str, until: datetime | None) -> int | None:
    """Snooze a record until a time, or wake it; return the previous time, in microseconds."""
    mine = snoozes.c.record_id == record_id
    before = connection.scalar(select(snoozes.c.until).where(mine))
    connection.execute(delete(snoozes).where(mine))
    if until is not None:
        values = {"record_id": record_id, "workspace_id": user.workspace_id, "user_id": user.id, "until": until}
        connection.execute(insert(snoozes).values(**values))
    return None if before is None else to_micros(before)


def put_tag(connection: Connection, user: User, record_id: str, tag: str) -> bool:
    """Add a tag to a record; return whether it had it."""
    return not insert_if_new(connection, tags, {"record_id": record_id, "tag": tag, "workspace_id": user.workspace_id})


def drop_tag(connection: Connection, record_id: str, tag: str) -> bool:
    """Remove a tag from a record; return whether it had it."""
    return connection.execute(delete(tags).where(tags.c.record_id == record_id, tags.c.tag == tag)).rowcount > 0


def checked_tag(text: str) -> str:
    """Normalise a tag: lower case, single blanks.

    Raises:
        InputError: it is blank, too long, or not printable (`tag_unusable`).
    """
    tag = " ".join(text.casefold().split())
    if not tag or len(tag) > LONGEST_TAG or not tag.isprintable():
        raise InputError(f"a tag is a word or a few, at most {LONGEST_TAG} characters", code="tag_unusable")
    return tag


def of(connection: Connection, record_ids: Iterable[str], *, at: datetime) -> dict[str, Handled]:
    """The attachments of several records."""
    ids = list(record_ids)
    owned = select(assignments.c.record_id, users.c.id, users.c.name).join(users, users.c.id == assignments.c.user_id)
    owners = {row[0]: (row[1], row[2]) for row in connection.execute(owned.where(assignments.c.record_id.in_(ids)))}
    out = select(snoozes.c.record_id, snoozes.c.until).where(snoozes.c.record_id.in_(ids), snoozes.c.until > at)
    untils = {row[0]: row[1] for row in connection.execute(out)}
    words: dict[str, tuple[str, ...]] = {}
    for record_id, tag in connection.execute(select(tags.c.record_id, tags.c.tag).where(tags.c.record_id.in_(ids)).order_by(tags.c.tag)):
        words[record_id] = (*words.get(record_id, ()), tag)
    return {one: Handled(*_owner(owners, one), untils.get(one), words.get(one, ())) for one in ids}


def known_tags(connection: Connection, workspace_id: str) -> list[str]:
    """The tags of a workspace, by name."""
    chosen = select(tags.c.tag).where(tags.c.workspace_id == workspace_id).group_by(tags.c.tag)
    return list(connection.scalars(chosen.order_by(func.count().desc(), tags.c.tag).limit(MOST_TAGS)))


def people(connection: Connection, workspace_id: str) -> dict[str, str]:
    """The users who may decide in a workspace, id to name."""
    chosen = select(users.c.id, users.c.name).where(users.c.workspace_id == workspace_id, users.c.is_active, users.c.role != "analyst")
    return {row[0]: row[1] for row in connection.execute(chosen.order_by(users.c.name, users.c.id))}


def restored_until(before: int | None) -> datetime | None:
    """The value returned by `snooze`, as a time."""
    return None if before is None else from_micros(before)


def _owner(owners: Mapping[str, tuple[str, str]], record_id: str) -> tuple[str | None, str | None]:
    user_id, name = owners.get(record_id, (None, None))
    return name, user_id

"""One action on several records in, its outcome out; the whole action can be undone.

All records are processed in one transaction, under the rules of single decisions: records changed since the list was made, or
claimed by others, are skipped and counted.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Connection, func, insert, select, update

from vocservice.errors import ConflictError, InputError
from vocservice.records import Json
from vocservice.store import audit
from vocservice.store.accounts.users import User
from vocservice.store.audit import Act
from vocservice.store.database import now
from vocservice.store.ids import new_id
from vocservice.store.review import annotations, handling
from vocservice.store.review.annotations import Draft, Seen
from vocservice.store.rows import insert_if_new
from vocservice.store.schema import analyses, bulk_steps, bulks, records, reviews

Action = Literal["confirm", "dismiss", "assign", "snooze", "tag", "untag"]
MOST = 200
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Wish:
    """An action: `value` is a user's id or blank (assign), days (snooze) or a word (tag)."""

    action: Action
    submission: str
    value: str = ""


@dataclass(frozen=True, slots=True)
class Bulk:
    """The outcome of an action: numbers of changed and skipped records."""

    id: str
    action: Action
    done: int
    left: int
    undone_at: datetime | None


def do(connection: Connection, user: User, seen: Mapping[str, Seen], wish: Wish) -> Bulk:
    """Apply an action to records, by id; resubmitting a form has no effect.

    Raises:
        InputError: there are no records or too many, or the value is unusable (`bulk_unusable`, `tag_unusable`).
    """
    if not 0 < len(seen) <= MOST:
        raise InputError(f"choose 1 to {MOST} records first", code="bulk_unusable")
    bulk_id = _begun(connection, user, wish)
    if bulk_id is None:
        return get(connection, user, _sent(connection, user, wish))
    act = _act(connection, user, wish)
    mine = set(_locked(connection, user, list(seen)))
    found = {record_id: act(record_id, seen[record_id]) for record_id in sorted(seen) if record_id in mine}
    steps = [{"bulk_id": bulk_id, "record_id": record_id, "before": before} for record_id, before in found.items() if before is not None]
    if steps:
        connection.execute(insert(bulk_steps), steps)
    left = len(seen) - len(steps)
    connection.execute(update(bulks).where(bulks.c.id == bulk_id).values(left=left))
    _audit(connection, user, f"bulk.{wish.action}", bulk_id, records=len(steps), left=left)
    return get(connection, user, bulk_id)


def undo(connection: Connection, user: User, bulk_id: str) -> None:
    """Undo one's own action; idempotent.

    Raises:
        InputError: there is no such act of this user (`bulk_unknown`).
    """
    held = get(connection, user, bulk_id)
    first = update(bulks).where(bulks.c.id == bulk_id, bulks.c.undone_at.is_(None)).values(undone_at=now(connection))
    if not connection.execute(first).rowcount:
        return
    steps = connection.execute(select(bulk_steps.c.record_id, bulk_steps.c.before).where(bulk_steps.c.bulk_id == bulk_id)).all()
    _locked(connection, user, [record_id for record_id, _ in steps])
    undone = sum(_undone(connection, user, held.action, record_id, before) for record_id, before in steps)
    _audit(connection, user, "bulk.undo", bulk_id, records=undone, left=len(steps) - undone)


def get(connection: Connection, user: User, bulk_id: str) -> Bulk:
    """An action of a user.

    Raises:
        InputError: there is no such act of this user (`bulk_unknown`).
    """
    found = find(connection, user, bulk_id)
    if found is None:
        raise InputError("there is nothing here for you to undo", code="bulk_unknown")
    return found


def find(connection: Connection, user: User, bulk_id: str) -> Bulk | None:
    """An action of a user; None if there is none."""
    done = select(func.count()).where(bulk_steps.c.bulk_id == bulks.c.id).scalar_subquery()
    chosen = select(bulks.c.id, bulks.c.action, done, bulks.c.left, bulks.c.undone_at)
    row = connection.execute(chosen.where(bulks.c.id == bulk_id, bulks.c.user_id == user.id)).one_or_none()
    return None if row is None else Bulk(*row)


def _begun(connection: Connection, user: User, wish: Wish) -> str | None:
    """Create an action without records; None if the form was submitted before, or is being processed."""
    bulk_id = new_id("blk")
    values = {"id": bulk_id, "workspace_id": user.workspace_id, "user_id": user.id, "action": wish.action, "submission": wish.submission}
    is_new = insert_if_new(connection, bulks, {**values, "left": 0, "created_at": now(connection)})
    return bulk_id if is_new else None


def _sent(connection: Connection, user: User, wish: Wish) -> str:
    """The id of the action already made by this form; blank if it was another person's."""
    mine = (bulks.c.submission == wish.submission, bulks.c.user_id == user.id)
    return connection.scalar(select(bulks.c.id).where(*mine)) or ""


_Do = Callable[[str, Seen], Json | None]


def _act(connection: Connection, user: User, wish: Wish) -> _Do:
    """The change to one record; it returns the previous value, or None if skipped."""
    at = now(connection)
    match wish.action:
        case "confirm" | "dismiss":
            return lambda record_id, seen: _decided(connection, user, record_id, seen, wish)
        case "assign":
            to = _person(connection, user, wish.value)
            return lambda record_id, _: {"user": handling.assign(connection, user, record_id, to, at=at)}
        case "snooze":
            until = at + _days(wish.value)
            return lambda record_id, _: {"until": handling.snooze(connection, user, record_id, until)}
        case "tag":
            tag = handling.checked_tag(wish.value)
            return lambda record_id, _: None if handling.put_tag(connection, user, record_id, tag) else {"tag": tag}
        case "untag":
            tag = handling.checked_tag(wish.value)
            return lambda record_id, _: {"tag": tag} if handling.drop_tag(connection, record_id, tag) else None


def _decided(connection: Connection, user: User, record_id: str, seen: Seen, wish: Wish) -> Json | None:
    result = connection.scalar(select(analyses.c.result).where(analyses.c.record_id == record_id, analyses.c.is_current))
    waits = select(reviews.c.record_id).where(reviews.c.record_id == record_id, reviews.c.decided_at.is_(None))
    if result is None or connection.scalar(waits) is None:
        return None
    decision: Literal["confirm", "dismiss"] = "confirm" if wish.action == "confirm" else "dismiss"
    draft = Draft(decision, annotations.labels_of(decision, result), "", _of_one(wish.submission, record_id))
    try:
        return {"annotation": annotations.decide(connection, user, record_id, seen, draft).id}
    except ConflictError:
        return None


def _undone(connection: Connection, user: User, action: Action, record_id: str, before: Json) -> bool:
    match action:
        case "confirm" | "dismiss":
            try:
                annotations.undo(connection, user, record_id, before["annotation"])
            except (ConflictError, InputError):
                return False
        case "assign":
            handling.assign(connection, user, record_id, before["user"], at=now(connection))
        case "snooze":
            handling.snooze(connection, user, record_id, handling.restored_until(before["until"]))
        case "tag":
            return handling.drop_tag(connection, record_id, before["tag"])
        case "untag":
            return not handling.put_tag(connection, user, record_id, before["tag"])
    return True


def _locked(connection: Connection, user: User, record_ids: Sequence[str]) -> list[str]:
    """The given records in the user's workspace that are not erased, all locked up front: locking one more after the audit row
    could deadlock with somebody who decides on it and waits for the audit log."""
    chosen = select(records.c.id).where(records.c.workspace_id == user.workspace_id, records.c.id.in_(record_ids))
    return list(connection.scalars(chosen.where(records.c.status != "erased").order_by(records.c.id).with_for_update()))


def _person(connection: Connection, user: User, value: str) -> str | None:
    if value and value not in handling.people(connection, user.workspace_id):
        raise InputError("there is no such person who may decide", code="bulk_unusable")
    return value or None


def _days(value: str) -> timedelta:
    if not (value.isascii() and value.isdigit() and 0 < int(value) <= 365):
        raise InputError("give 1 to 365 days", code="bulk_unusable")
    return int(value) * _DAY


def _of_one(submission: str, record_id: str) -> str:
    """The submission id for one of the records."""
    return hashlib.sha256(f"{submission}.{record_id}".encode()).hexdigest()[:40]


def _audit(connection: Connection, user: User, action: str, bulk_id: str, **details: Any) -> None:
    audit.write(connection, user.workspace_id, Act(user.actor, action, bulk_id, details))

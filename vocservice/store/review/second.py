"""A sampled, decided record and a second reader in, a second reading beside the first decision out; and their differences.

The second reader does not see the first decision before submitting. A second reading changes no decision: if the two
differ, a third person decides.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, and_, delete, func, select, update

from vocservice.errors import ConflictError
from vocservice.records import Json
from vocservice.store import audit
from vocservice.store.accounts.users import User
from vocservice.store.audit import Act
from vocservice.store.database import now
from vocservice.store.review import holders
from vocservice.store.review.annotations import LONGEST_NOTE, Draft, Seen, given_labels
from vocservice.store.schema import analyses, annotations, drafts, records, second_readings, users

MOST = 200
_readers = users.alias()


@dataclass(frozen=True, slots=True)
class Asked:
    """A record that waits for a second reading, or for a third person."""

    record_id: str
    channel: str | None
    is_transcript: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class Dispute:
    """A disagreement of two readers: the sets, and the labels of each."""

    first_by: str | None
    second_by: str | None
    first: Json
    second: Json
    note: str | None

    @property
    def sets(self) -> tuple[str, ...]:
        """The sets in which they disagree."""
        return differing(self.first, self.second)


@dataclass(frozen=True, slots=True)
class Pair:
    """Independent labels of two people for the same text, and the model's."""

    first: Json
    second: Json
    model: Json


@dataclass(frozen=True, slots=True)
class Standing:
    """Numbers of sampled records that wait for a second reading, were read, and are disputed."""

    waiting: int
    read: int
    disputed: int


def asked(connection: Connection, user: User, record_id: str) -> bool:
    """Whether this person may give the second reading of this record."""
    return _waits_for(connection, user, record_id) is not None


def waiting(connection: Connection, user: User) -> list[Asked]:
    """The records that this person can read second, oldest first."""
    chosen = _listed().where(second_readings.c.read_at.is_(None), *_open(user), annotations.c.revision == records.c.revision)
    return [Asked(*row) for row in connection.execute(chosen.order_by(annotations.c.created_at, second_readings.c.record_id))]


def disputes(connection: Connection, user: User) -> list[Asked]:
    """The records on which two others disagree, for this person to settle."""
    chosen = _listed().where(*_disputed(), *_open(user), second_readings.c.user_id != user.id)
    return [Asked(*row) for row in connection.execute(chosen.order_by(second_readings.c.read_at, second_readings.c.record_id))]


def dispute(connection: Connection, workspace_id: str, record_id: str) -> Dispute | None:
    """The open disagreement of two readers on a record; None without one."""
    columns = (users.c.name, _readers.c.name, annotations.c.labels, second_readings.c.labels, second_readings.c.note)
    chosen = (
        select(*columns)
        .select_from(_joined())
        .outerjoin(users, users.c.id == annotations.c.user_id)
        .outerjoin(_readers, _readers.c.id == second_readings.c.user_id)
        .where(*_disputed(), second_readings.c.record_id == record_id, second_readings.c.workspace_id == workspace_id)
    )
    row = connection.execute(chosen).first()
    return None if row is None else Dispute(*row)


def read(connection: Connection, user: User, record_id: str, seen: Seen, draft: Draft) -> bool:
    """Store a second reading; return whether both agree. Resubmitting has no effect.

    Raises:
        ConflictError: it is no longer needed, or the text changed since the form was created (`review_conflict`), or another
            person holds it (`review_held`).
    """
    found = _waits_for(connection, user, record_id)
    if found is None and (sent := _sent(connection, user, record_id, draft)) is not None:
        return sent
    if found is None or (found.revision, found.bundle) != (seen.revision, seen.bundle):
        raise _gone()
    holders.check(connection, user, record_id)
    is_agreed = not differing(found.labels, draft.labels)
    values = {
        "user_id": user.id,
        "labels": draft.labels,
        "note": draft.note.strip()[:LONGEST_NOTE] or None,
        "is_agreed": is_agreed,
        "read_at": now(connection),
    }
    waits = second_readings.c.first_id == found.first_id, second_readings.c.read_at.is_(None)
    if not connection.execute(update(second_readings).where(*waits).values(**values)).rowcount:  # another person has just read it
        raise _gone()
    mine = drafts.c.record_id == record_id, drafts.c.user_id == user.id
    connection.execute(delete(drafts).where(*mine))
    audit.write(connection, user.workspace_id, Act(user.actor, "review.second", record_id, {"is_agreed": is_agreed}))
    return is_agreed


def standing(connection: Connection, workspace_id: str) -> Standing:
    """Progress of second readings in a workspace."""
    stands = (second_readings.c.workspace_id == workspace_id, annotations.c.undone_at.is_(None))
    parts = ((second_readings.c.read_at.is_(None),), (second_readings.c.read_at.is_not(None),), _disputed())
    chosen = (select(func.count()).select_from(_joined()).where(*stands, *part) for part in parts)
    return Standing(*(connection.execute(one).scalar_one() for one in chosen))


def pairs(connection: Connection, workspace_id: str) -> Iterator[Pair]:
    """Every record read by two people whose first decision is still valid."""
    fits = and_(
        analyses.c.record_id == annotations.c.record_id,
        analyses.c.revision == annotations.c.revision,
        analyses.c.bundle == annotations.c.bundle,
    )
    chosen = (
        select(annotations.c.labels, second_readings.c.labels, analyses.c.result)
        .select_from(_joined().join(analyses, fits))
        .where(second_readings.c.workspace_id == workspace_id, second_readings.c.read_at.is_not(None), annotations.c.undone_at.is_(None))
        .order_by(second_readings.c.read_at)
    )
    return (Pair(row[0], row[1], given_labels(row[2])) for row in connection.execute(chosen))


def differing(first: Mapping[str, Any], second: Mapping[str, Any]) -> tuple[str, ...]:
    """The sets in which two people gave different labels, ignoring order."""
    return tuple(name for name in first if _plain(first[name]) != _plain(second.get(name)))


def _plain(value: Any) -> Any:
    return sorted(map(str, value)) if isinstance(value, list) else value


def _waits_for(connection: Connection, user: User, record_id: str) -> Any:
    columns = (second_readings.c.first_id, annotations.c.revision, annotations.c.bundle, annotations.c.labels)
    chosen = select(*columns).select_from(_joined()).where(second_readings.c.record_id == record_id, second_readings.c.read_at.is_(None))
    return connection.execute(chosen.where(*_open(user), annotations.c.revision == records.c.revision)).first()


def _sent(connection: Connection, user: User, record_id: str, draft: Draft) -> bool | None:
    """Whether both agreed, if this person submitted the same before; None otherwise."""
    mine = second_readings.c.record_id == record_id, second_readings.c.user_id == user.id
    last = select(second_readings.c.labels, second_readings.c.is_agreed).where(*mine).order_by(second_readings.c.read_at.desc())
    row = connection.execute(last).first()
    return bool(row.is_agreed) if row is not None and row.labels == draft.labels else None


def _gone() -> ConflictError:
    return ConflictError("this second reading is no longer needed; nothing was stored", code="review_conflict")


def _open(user: User) -> tuple[Any, ...]:
    """Valid first decisions of others."""
    return second_readings.c.workspace_id == user.workspace_id, annotations.c.undone_at.is_(None), annotations.c.user_id != user.id


def _disputed() -> tuple[Any, ...]:
    return second_readings.c.is_agreed.is_(False), second_readings.c.settled_by.is_(None), annotations.c.undone_at.is_(None)


def _joined() -> Any:
    first = second_readings.join(annotations, annotations.c.id == second_readings.c.first_id)
    return first.join(records, records.c.id == second_readings.c.record_id)


def _listed() -> Select[Any]:
    columns = (second_readings.c.record_id, records.c.channel, records.c.is_transcript, records.c.received_at)
    return select(*columns).select_from(_joined()).limit(MOST)

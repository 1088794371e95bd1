"""A decided record of the sample and a second person in, what they hold true beside the first decision out; and where the two differ.

Who reads second does not see the first decision before theirs is kept. What they decide changes no decision: where the two
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
    """Two readers who differ: in which sets, and what each holds true."""

    first_by: str | None
    second_by: str | None
    first: Json
    second: Json
    note: str | None

    @property
    def sets(self) -> tuple[str, ...]:
        """The sets in which they differ."""
        return differing(self.first, self.second)


@dataclass(frozen=True, slots=True)
class Pair:
    """What two people held true of the same text, each without the other, and what the model gave."""

    first: Json
    second: Json
    model: Json


@dataclass(frozen=True, slots=True)
class Standing:
    """How many records of the sample wait for a second reading, were read, and are disputed."""

    waiting: int
    read: int
    disputed: int


def asked(connection: Connection, user: User, record_id: str) -> bool:
    """Whether this person is to read this record second."""
    return _waits_for(connection, user, record_id) is not None


def waiting(connection: Connection, user: User) -> list[Asked]:
    """The records that this person can read second, the oldest first."""
    chosen = _listed().where(second_readings.c.read_at.is_(None), *_open(user), annotations.c.revision == records.c.revision)
    return [Asked(*row) for row in connection.execute(chosen.order_by(annotations.c.created_at, second_readings.c.record_id))]


def disputes(connection: Connection, user: User) -> list[Asked]:
    """The records on which two others differ, for this person to settle."""
    chosen = _listed().where(*_disputed(), *_open(user), second_readings.c.user_id != user.id)
    return [Asked(*row) for row in connection.execute(chosen.order_by(second_readings.c.read_at, second_readings.c.record_id))]


def dispute(connection: Connection, workspace_id: str, record_id: str) -> Dispute | None:
    """Where two readers of a record differ and nobody settled it yet; None where they do not."""
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
    """Keep a second reading; returns whether both hold the same true. The same again is the same reading.

    Raises:
        ConflictError: nobody waits for it any longer, or the text changed since the form was made (`review_conflict`), or another
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
    if not connection.execute(update(second_readings).where(*waits).values(**values)).rowcount:  # another read it in this moment
        raise _gone()
    mine = drafts.c.record_id == record_id, drafts.c.user_id == user.id
    connection.execute(delete(drafts).where(*mine))
    audit.write(connection, user.workspace_id, Act(user.actor, "review.second", record_id, {"is_agreed": is_agreed}))
    return is_agreed


def standing(connection: Connection, workspace_id: str) -> Standing:
    """How the double reading of a workspace stands."""
    stands = (second_readings.c.workspace_id == workspace_id, annotations.c.undone_at.is_(None))
    parts = ((second_readings.c.read_at.is_(None),), (second_readings.c.read_at.is_not(None),), _disputed())
    chosen = (select(func.count()).select_from(_joined()).where(*stands, *part) for part in parts)
    return Standing(*(connection.execute(one).scalar_one() for one in chosen))


def pairs(connection: Connection, workspace_id: str) -> Iterator[Pair]:
    """Every record that two people read, as far as the first decision stands."""
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
    """The sets in which two people hold different labels true, whatever their order."""
    return tuple(name for name in first if _plain(first[name]) != _plain(second.get(name)))


def _plain(value: Any) -> Any:
    return sorted(map(str, value)) if isinstance(value, list) else value


def _waits_for(connection: Connection, user: User, record_id: str) -> Any:
    columns = (second_readings.c.first_id, annotations.c.revision, annotations.c.bundle, annotations.c.labels)
    chosen = select(*columns).select_from(_joined()).where(second_readings.c.record_id == record_id, second_readings.c.read_at.is_(None))
    return connection.execute(chosen.where(*_open(user), annotations.c.revision == records.c.revision)).first()


def _sent(connection: Connection, user: User, record_id: str, draft: Draft) -> bool | None:
    """Whether both agreed, where this person read the same before; None where they did not."""
    mine = second_readings.c.record_id == record_id, second_readings.c.user_id == user.id
    last = select(second_readings.c.labels, second_readings.c.is_agreed).where(*mine).order_by(second_readings.c.read_at.desc())
    row = connection.execute(last).first()
    return bool(row.is_agreed) if row is not None and row.labels == draft.labels else None


def _gone() -> ConflictError:
    return ConflictError("this second reading is no longer needed; nothing was stored", code="review_conflict")


def _open(user: User) -> tuple[Any, ...]:
    """First decisions of others that stand."""
    return second_readings.c.workspace_id == user.workspace_id, annotations.c.undone_at.is_(None), annotations.c.user_id != user.id


def _disputed() -> tuple[Any, ...]:
    return second_readings.c.is_agreed.is_(False), second_readings.c.settled_by.is_(None), annotations.c.undone_at.is_(None)


def _joined() -> Any:
    first = second_readings.join(annotations, annotations.c.id == second_readings.c.first_id)
    return first.join(records, records.c.id == second_readings.c.record_id)


def _listed() -> Select[Any]:
    columns = (second_readings.c.record_id, records.c.channel, records.c.is_transcript, records.c.received_at)
    return select(*columns).select_from(_joined()).limit(MOST)

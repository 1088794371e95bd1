"""Analyses in, the queue of records that a person should look at out: filtered, the most urgent first, page by page."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, Row, Select, and_, delete, exists, func, insert, or_, select, update

from vocservice.records import Json
from vocservice.store import urgency
from vocservice.store.database import now
from vocservice.store.rows import insert_if_new
from vocservice.store.schema import analyses, claims, records, review_labels, reviews, users
from vocservice.store.types import from_micros, to_micros
from vocservice.store.users import User

State = Literal["pending", "decided"]
Assignee = Literal["", "mine", "free", "others"]
_Where = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """Which part of the queue: blank is any."""

    state: State = "pending"
    label: str = ""
    scope: str = ""
    channel: str = ""
    assignee: Assignee = ""


@dataclass(frozen=True, slots=True)
class Item:
    """A line of the queue; `holder` is who is looking at it now."""

    record_id: str
    urgency: int
    scope: str | None
    channel: str | None
    is_transcript: bool
    received_at: datetime
    decided_at: datetime | None
    holder: str | None
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """Lines of the queue, and where the next page begins (None: there is none)."""

    items: tuple[Item, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class Counts:
    """How many records wait and are decided; of those that wait, by label, scope and channel."""

    pending: int
    decided: int
    labels: Mapping[str, int]
    scopes: Mapping[str, int]
    channels: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Earlier:
    """Another record of the same customer."""

    record_id: str
    channel: str | None
    at: datetime
    level: int | None
    scope: str | None


@dataclass(frozen=True, slots=True)
class Case:
    """A record with its current analysis."""

    record_id: str
    revision: int
    bundle: str
    channel: str | None
    at: datetime
    result: Json
    subject_hash: str | None
    urgency: int | None


def enter(connection: Connection, workspace_id: str, record_id: str, *, revision: int, result: Json) -> bool:
    """Put a record into the queue, or take it out, by its newest analysis; a decision on the same revision stands.

    Returns:
        Whether it is in the queue.
    """
    labels, by = urgency.given(result), urgency.rules()
    held = connection.execute(select(reviews).where(reviews.c.record_id == record_id).with_for_update()).one_or_none()
    stands = held is not None and held.decided_at is not None and held.revision == revision
    if not urgency.enters(labels, by) and not stands:
        connection.execute(delete(reviews).where(reviews.c.record_id == record_id))
        return False
    values = {
        "revision": revision,
        "urgency": urgency.urgency(labels, by),
        "scope": (result.get("scope") or {}).get("key"),
        "channel": connection.scalar(select(records.c.channel).where(records.c.id == record_id)),
        "decided_at": held.decided_at if held is not None and stands else None,
    }
    _put(connection, workspace_id, record_id, values)
    connection.execute(delete(review_labels).where(review_labels.c.record_id == record_id))
    for label in urgency.shown(labels):
        connection.execute(insert(review_labels).values(record_id=record_id, label=label))
    return True


def page(connection: Connection, user: User, choice: Choice, *, cursor: str | None = None, limit: int = 25) -> Page:
    """A page of the queue: the most urgent first and of those the oldest; of what is decided the last first."""
    order = reviews.c.urgency if choice.state == "pending" else reviews.c.decided_at
    at = now(connection)
    chosen = select(reviews.c.record_id).where(*_where(user, choice, at))
    if after := _parsed(cursor):
        edge: Any = after[0] if choice.state == "pending" else from_micros(after[0])
        chosen = chosen.where(or_(order < edge, and_(order == edge, reviews.c.record_id > after[1])))
    ids = chosen.order_by(order.desc(), reviews.c.record_id).limit(limit + 1).correlate(None)
    lines = _listed().where(reviews.c.record_id.in_(ids))  # the rest is looked up for these alone, not for the whole queue
    rows = connection.execute(lines.order_by(order.desc(), reviews.c.record_id)).all()
    labels = _labels(connection, [row.record_id for row in rows[:limit]])
    items = tuple(_item(row, labels.get(row.record_id, ()), at) for row in rows[:limit])
    return Page(items, _cursor(items[-1], choice) if len(rows) > limit else None)


def following(connection: Connection, user: User, choice: Choice) -> str | None:
    """The first record of the queue that nobody else is looking at; None where there is none."""
    at = now(connection)
    other = exists().where(claims.c.record_id == reviews.c.record_id, claims.c.user_id != user.id, claims.c.lease_until > at)
    chosen = select(reviews.c.record_id).where(*_where(user, choice, at), ~other, reviews.c.decided_at.is_(None))
    return connection.scalar(chosen.order_by(reviews.c.urgency.desc(), reviews.c.record_id).limit(1))


def counts(connection: Connection, workspace_id: str) -> Counts:
    """How many there are."""
    waits = (reviews.c.workspace_id == workspace_id, reviews.c.decided_at.is_(None))
    decided = select(func.count()).where(reviews.c.workspace_id == workspace_id, reviews.c.decided_at.is_not(None))
    labelled = select(review_labels.c.label, func.count()).join(reviews, reviews.c.record_id == review_labels.c.record_id)
    return Counts(
        pending=connection.execute(select(func.count()).where(*waits)).scalar_one(),
        decided=connection.execute(decided).scalar_one(),
        labels=_counted(connection, labelled.where(*waits).group_by(review_labels.c.label)),
        scopes=_counted(connection, select(reviews.c.scope, func.count()).where(*waits).group_by(reviews.c.scope)),
        channels=_counted(connection, select(reviews.c.channel, func.count()).where(*waits).group_by(reviews.c.channel)),
    )


def case(connection: Connection, workspace_id: str, record_id: str) -> Case | None:
    """A record of a workspace with its current analysis; None where there is none."""
    chosen = (
        select(
            records.c.id,
            analyses.c.revision,
            analyses.c.bundle,
            records.c.channel,
            records.c.received_at,
            analyses.c.result,
            records.c.subject_hash,
            reviews.c.urgency,
        )
        .join(analyses, and_(analyses.c.record_id == records.c.id, analyses.c.is_current))
        .outerjoin(reviews, reviews.c.record_id == records.c.id)
        .where(records.c.workspace_id == workspace_id, records.c.id == record_id)
    )
    row = connection.execute(chosen).one_or_none()
    return None if row is None else Case(*row)


def earlier(connection: Connection, workspace_id: str, found: Case, *, limit: int = 10) -> list[Earlier]:
    """Other records of the same customer, the newest first."""
    if found.subject_hash is None:
        return []
    chosen = (
        select(records.c.id, records.c.channel, records.c.received_at, analyses.c.result)
        .join(analyses, and_(analyses.c.record_id == records.c.id, analyses.c.is_current))
        .where(records.c.workspace_id == workspace_id, records.c.subject_hash == found.subject_hash, records.c.id != found.record_id)
        .order_by(records.c.received_at.desc(), records.c.id.desc())
        .limit(limit)
    )
    return [_earlier(row) for row in connection.execute(chosen)]


def _put(connection: Connection, workspace_id: str, record_id: str, values: Mapping[str, Any]) -> None:
    new = {"record_id": record_id, "workspace_id": workspace_id, "entered_at": now(connection), **values}
    if not insert_if_new(connection, reviews, new):
        connection.execute(update(reviews).where(reviews.c.record_id == record_id).values(**values))


def _listed() -> Select[Any]:
    columns = (reviews.c.record_id, reviews.c.urgency, reviews.c.scope, reviews.c.channel, reviews.c.decided_at)
    chosen = select(*columns, records.c.is_transcript, records.c.received_at, claims.c.lease_until, users.c.name)
    chosen = chosen.join(records, records.c.id == reviews.c.record_id)
    return chosen.outerjoin(claims, claims.c.record_id == reviews.c.record_id).outerjoin(users, users.c.id == claims.c.user_id)


def _where(user: User, choice: Choice, at: datetime) -> _Where:
    parts: list[Any] = [reviews.c.workspace_id == user.workspace_id]
    parts.append(reviews.c.decided_at.is_(None) if choice.state == "pending" else reviews.c.decided_at.is_not(None))
    parts += [reviews.c[name] == value for name in ("scope", "channel") if (value := getattr(choice, name))]
    if choice.label:
        parts.append(exists().where(review_labels.c.record_id == reviews.c.record_id, review_labels.c.label == choice.label))
    return (*parts, *_held(user, choice.assignee, at))


def _held(user: User, assignee: Assignee, at: datetime) -> _Where:
    held = claims.alias()
    live = (held.c.record_id == reviews.c.record_id, held.c.lease_until > at)
    match assignee:
        case "mine":
            return (exists().where(*live, held.c.user_id == user.id),)
        case "others":
            return (exists().where(*live, held.c.user_id != user.id),)
        case "free":
            return (~exists().where(*live),)
    return ()


def _item(row: Row[*tuple[Any, ...]], labels: tuple[str, ...], at: datetime) -> Item:
    holder = row.name if row.lease_until is not None and row.lease_until > at else None
    return Item(row.record_id, row.urgency, row.scope, row.channel, row.is_transcript, row.received_at, row.decided_at, holder, labels)


def _labels(connection: Connection, record_ids: list[str]) -> dict[str, tuple[str, ...]]:
    chosen = select(review_labels.c.record_id, review_labels.c.label).where(review_labels.c.record_id.in_(record_ids))
    found: dict[str, tuple[str, ...]] = {}
    for record_id, label in connection.execute(chosen.order_by(review_labels.c.label)):
        found[record_id] = (*found.get(record_id, ()), label)
    return found


def _earlier(row: Row[*tuple[Any, ...]]) -> Earlier:
    mood, scope = row.result.get("sentiment") or {}, row.result.get("scope") or {}
    return Earlier(row.id, row.channel, row.received_at, mood.get("level"), scope.get("key"))


def _counted(connection: Connection, chosen: Select[Any]) -> dict[str, int]:
    return {row[0]: row[1] for row in connection.execute(chosen) if row[0] is not None}


def _cursor(item: Item, choice: Choice) -> str:
    edge = item.urgency if choice.state == "pending" or item.decided_at is None else to_micros(item.decided_at)
    return f"{edge}.{item.record_id}"


def _parsed(cursor: str | None) -> tuple[int, str] | None:
    """Number and id of a cursor; None for anything else, which is the beginning."""
    number, _, record_id = (cursor or "").partition(".")
    is_number = number.isascii() and number.isdigit() and len(number) < 19
    return (int(number), record_id) if is_number and record_id.isascii() and record_id.isprintable() else None

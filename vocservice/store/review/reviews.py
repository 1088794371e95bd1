"""Analyses in, the queue of records for people out: filtered, most urgent first, page by page."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Literal

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    Row,
    Select,
    Table,
    and_,
    bindparam,
    cast,
    delete,
    exists,
    func,
    or_,
    select,
    update,
)
from sqlalchemy import case as when

from vocservice.records import Json
from vocservice.store.accounts.users import User
from vocservice.store.analysed import issues
from vocservice.store.database import now
from vocservice.store.review import annotations, handling, unfixed, urgency
from vocservice.store.review.handling import Handled
from vocservice.store.review.rule_hits import Hit
from vocservice.store.rows import insert_if_new, insert_missing
from vocservice.store.schema import analyses, assignments, claims, drafts, records, review_labels, reviews, snoozes, tags, users
from vocservice.store.types import from_micros, place_of, to_micros

State = Literal["pending", "draft", "later", "decided"]
Assignee = Literal["", "mine", "free", "others"]
Sort = Literal["urgency", "oldest"]
_Where = tuple[Any, ...]
_ALL = 2**31 - 1
_MANY = 5000
_OPENING = 90  # characters of a record shown in a line of the queue
_READ = 400  # characters read, before white space is collapsed
_TURNS = 8  # turns of a transcript searched for the customer's first words


@dataclass(frozen=True, slots=True)
class Choice:
    """Filters of the queue; blank means any."""

    state: State = "pending"
    label: str = ""
    scope: str = ""
    channel: str = ""
    assignee: Assignee = ""  # who has it open
    owner: Assignee = ""  # its assignee
    tag: str = ""
    overdue: bool = False
    sort: Sort = "urgency"
    unfixed: bool = False  # the customer was helped but the cause remains
    handling: tuple[str, ...] = ()  # factors that are not a cause at the contact stage


@dataclass(frozen=True, slots=True)
class Item:
    """A line of the queue; `holder` is who has it open, `is_mine` whether that is the reader, `due_at` the deadline of the decision,
    `opening` the customer's first words, redacted, on one line."""

    record_id: str
    revision: int
    urgency: int
    scope: str | None
    channel: str | None
    is_transcript: bool
    received_at: datetime
    decided_at: datetime | None
    holder: str | None
    is_mine: bool
    labels: tuple[str, ...]
    due_at: datetime
    handled: Handled
    opening: str


@dataclass(frozen=True, slots=True)
class Page:
    """Lines of the queue, and the start of the next page (None at the end)."""

    items: tuple[Item, ...]
    next: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Counts:
    """Numbers of waiting and decided records; of waiting ones also snoozed and overdue, and by label, scope and channel."""

    pending: int
    decided: int
    later: int
    overdue: int
    labels: Mapping[str, int]
    scopes: Mapping[str, int]
    channels: Mapping[str, int]


def enter(connection: Connection, workspace_id: str, record_id: str, *, revision: int, result: Json, hits: Sequence[Hit] = ()) -> bool:
    """Update the queue for a record by its newest analysis and its matching rules; a decision on the same
    revision stands. A record decided on an earlier revision returns, due from now.

    Returns:
        Whether it is in the queue.
    """
    labels, by = urgency.given(result), urgency.rules()
    held = connection.execute(_line(), {"record": record_id}).one_or_none()
    decided = held if held is not None and held.decided_at is not None else None
    stands = decided is not None and decided.revision == revision
    called = [hit for hit in hits if hit.calls]
    if not (urgency.enters(labels, by) or urgency.is_called(result) or called or stands):
        leave(connection, record_id)
        return False
    values = {
        "revision": revision,
        "urgency": urgency.urgency(labels, by) + 10 * sum(hit.urgency for hit in called),
        "scope": (result.get("scope") or {}).get("key"),
        "channel": connection.scalar(_channel(), {"record": record_id}),
        "decided_at": decided.decided_at if decided is not None and stands else None,
    }
    if decided is not None and not stands:
        values["entered_at"] = now(connection)
    if not _put(connection, workspace_id, record_id, values):
        connection.execute(delete(review_labels).where(review_labels.c.record_id == record_id))
    found = dict.fromkeys([*urgency.shown(labels), *(f"{urgency.RULES}.{hit.name}" for hit in hits)])
    insert_missing(connection, review_labels, [{"record_id": record_id, "label": label} for label in found])
    unfixed.note(connection, record_id, result, annotations.labels_held(connection, record_id, revision, result))
    return True


def leave(connection: Connection, record_id: str) -> None:
    """Remove a record from the queue, with its labels."""
    connection.execute(delete(reviews).where(reviews.c.record_id == record_id))


def page(connection: Connection, user: User, choice: Choice, *, cursor: str | None = None, limit: int = 25) -> Page:
    """A page of the queue: most urgent first and oldest among equals, or oldest first; decided ones last first."""
    at = now(connection)
    order = _order(choice)
    chosen = select(reviews.c.record_id).where(*_where(connection, user, choice, at))
    if after := place_of(cursor or ""):  # an invalid cursor means the beginning
        chosen = chosen.where(_is_after(choice, *after))
    ids = chosen.order_by(*order).limit(limit + 1).correlate(None)
    lines = _listed().where(reviews.c.record_id.in_(ids))  # other fields are loaded for these lines only
    rows = connection.execute(lines.order_by(*order)).all()
    shown = [row.record_id for row in rows[:limit]]
    labels, handled, openings = _labels(connection, shown), handling.of(connection, shown, at=at), _openings(connection, shown)
    found = ((row, labels.get(row.record_id, ()), handled[row.record_id], openings.get(row.record_id, "")) for row in rows[:limit])
    items = tuple(_item(*one, user, at) for one in found)
    return Page(items, _cursor(rows[limit - 1], choice) if len(rows) > limit else None, at)


def following(connection: Connection, user: User, choice: Choice, *, after: str = "") -> str | None:
    """The first record of the queue that nobody else has open; None without one.

    After a record, the next one, wrapping around at the end; never the same one, even if it left the queue.
    """
    at = now(connection)
    other = exists().where(claims.c.record_id == reviews.c.record_id, claims.c.user_id != user.id, claims.c.lease_until > at)
    waits = replace(choice, state="pending") if choice.state == "decided" else choice
    chosen = select(reviews.c.record_id).where(*_where(connection, user, waits, at), ~other, reviews.c.record_id != after)
    chosen = chosen.order_by(*_order(waits)).limit(1)
    edge = _edge_of(connection, user, waits, after) if after else None
    behind = None if edge is None else connection.scalar(chosen.where(_is_after(waits, edge, after)))
    return behind or connection.scalar(chosen)


def more_wait(connection: Connection, workspace_id: str, most: int) -> bool:
    """Whether more than a number of records wait; never counts further."""
    waits = select(reviews.c.record_id).where(reviews.c.workspace_id == workspace_id, reviews.c.decided_at.is_(None))
    some = waits.limit(most + 1).subquery()
    return connection.execute(select(func.count()).select_from(some)).scalar_one() > most


def counts(connection: Connection, workspace_id: str) -> Counts:
    """Count the queue."""
    at = now(connection)
    waits = (reviews.c.workspace_id == workspace_id, reviews.c.decided_at.is_(None))
    decided = select(func.count()).where(reviews.c.workspace_id == workspace_id, reviews.c.decided_at.is_not(None))
    later = select(func.count()).select_from(snoozes.join(reviews, reviews.c.record_id == snoozes.c.record_id))
    labelled = select(review_labels.c.label, func.count()).join(reviews, reviews.c.record_id == review_labels.c.record_id)
    kinds = connection.execute(_kinds(waits, at)).all()
    return Counts(
        pending=sum(kind.lines for kind in kinds),
        decided=connection.execute(decided).scalar_one(),
        later=connection.execute(later.where(*waits, snoozes.c.workspace_id == workspace_id, snoozes.c.until > at)).scalar_one(),
        overdue=sum(kind.late for kind in kinds),
        labels=_added((row[0], row[1]) for row in connection.execute(labelled.where(*waits).group_by(review_labels.c.label))),
        scopes=_added((kind.scope, kind.lines) for kind in kinds),
        channels=_added((kind.channel, kind.lines) for kind in kinds),
    )


def _kinds(waits: Sequence[ColumnElement[bool]], at: datetime) -> Select[Any]:
    """Waiting lines by scope and channel: their number, and how many are overdue.

    Waiting lines are selected first, by an index: otherwise SQLite scans all decided ones to group without sorting.
    """
    late = cast(is_overdue(at), Integer).label("late")
    line = select(reviews.c.scope, reviews.c.channel, late).where(*waits).order_by(reviews.c.entered_at).limit(_ALL).subquery()
    sums = (func.count().label("lines"), func.sum(line.c.late).label("late"))
    return select(line.c.scope, line.c.channel, *sums).group_by(line.c.scope, line.c.channel)


# run for every analysed record: built once
@cache
def _line() -> Select[Any]:
    return select(reviews.c.revision, reviews.c.decided_at).where(reviews.c.record_id == bindparam("record")).with_for_update()


@cache
def _channel() -> Select[Any]:
    return select(records.c.channel).where(records.c.id == bindparam("record"))


def _put(connection: Connection, workspace_id: str, record_id: str, values: Mapping[str, Any]) -> bool:
    """Whether the record is new in the queue."""
    new = {"record_id": record_id, "workspace_id": workspace_id, "entered_at": now(connection), **values}
    if insert_if_new(connection, reviews, new):
        return True
    connection.execute(update(reviews).where(reviews.c.record_id == record_id).values(**values))
    return False


def _listed() -> Select[Any]:
    columns = [reviews.c[name] for name in ("record_id", "revision", "urgency", "scope", "channel", "entered_at", "decided_at")]
    chosen = select(*columns, records.c.is_transcript, records.c.received_at, claims.c.lease_until, claims.c.user_id, users.c.name)
    chosen = chosen.join(records, records.c.id == reviews.c.record_id)
    return chosen.outerjoin(claims, claims.c.record_id == reviews.c.record_id).outerjoin(users, users.c.id == claims.c.user_id)


def _where(connection: Connection, user: User, choice: Choice, at: datetime) -> _Where:
    parts: list[Any] = [reviews.c.workspace_id == user.workspace_id, *_in_state(user, choice.state, at)]
    parts += [reviews.c[name] == value for name in ("scope", "channel") if (value := getattr(choice, name))]
    if choice.label:
        parts.append(_has_label(connection, choice.label))
    if choice.tag:
        tagged = select(tags.c.record_id).where(tags.c.workspace_id == user.workspace_id, tags.c.tag == choice.tag)
        parts.append(reviews.c.record_id.in_(tagged))
    if choice.overdue:
        parts.append(is_overdue(at))
    if choice.unfixed:
        parts.append(unfixed.stands(issues.mended(connection, user.workspace_id), choice.handling))
    return (*parts, *_held(user, choice.assignee, at), *_owned(user, choice.owner))


def _has_label(connection: Connection, label: str) -> ColumnElement[bool]:
    """A rare label is looked up once; for a frequent one each line of the queue is tested until a page is full."""
    having = select(review_labels.c.record_id).where(review_labels.c.label == label)
    some = having.limit(_MANY).subquery()
    if connection.execute(select(func.count()).select_from(some)).scalar_one() < _MANY:
        return reviews.c.record_id.in_(having)
    return exists().where(review_labels.c.record_id == reviews.c.record_id, review_labels.c.label == label)


def _in_state(user: User, state: State, at: datetime) -> _Where:
    out = select(snoozes.c.record_id).where(snoozes.c.workspace_id == user.workspace_id, snoozes.c.until > at)
    match state:
        case "decided":
            return (reviews.c.decided_at.is_not(None),)
        case "later":
            return reviews.c.decided_at.is_(None), reviews.c.record_id.in_(out)
        case "draft":
            mine = select(drafts.c.record_id).where(drafts.c.user_id == user.id)
            return reviews.c.decided_at.is_(None), reviews.c.record_id.in_(mine)
    return reviews.c.decided_at.is_(None), reviews.c.record_id.not_in(out)


def is_overdue(at: datetime) -> ColumnElement[bool]:
    """Whether a waiting record is overdue."""
    due = urgency.rules().due
    urgent = and_(reviews.c.urgency >= 10 * due.urgent_from, reviews.c.entered_at < at - timedelta(hours=due.urgent_hours))
    return or_(reviews.c.entered_at < at - timedelta(hours=due.hours), urgent)


def _held(user: User, assignee: Assignee, at: datetime) -> _Where:
    return _whose(user, assignee, claims, claims.c.lease_until > at)


def _owned(user: User, owner: Assignee) -> _Where:
    return _whose(user, owner, assignments)


def _whose(user: User, who: Assignee, table: Table, *live: ColumnElement[bool]) -> _Where:
    held = select(table.c.record_id).where(table.c.workspace_id == user.workspace_id, *live)
    match who:
        case "mine":
            return (reviews.c.record_id.in_(held.where(table.c.user_id == user.id)),)
        case "others":
            return (reviews.c.record_id.in_(held.where(table.c.user_id != user.id)),)
        case "free":
            return (reviews.c.record_id.not_in(held),)
    return ()


def _order(choice: Choice) -> tuple[Any, ...]:
    if choice.state == "decided":
        return reviews.c.decided_at.desc(), reviews.c.record_id
    return (reviews.c.entered_at if choice.sort == "oldest" else reviews.c.urgency.desc()), reviews.c.record_id


def _is_after(choice: Choice, edge: int, record_id: str) -> ColumnElement[bool]:
    """Whether a line comes after the cursor."""
    if choice.state != "decided" and choice.sort == "urgency":
        return or_(reviews.c.urgency < edge, and_(reviews.c.urgency == edge, reviews.c.record_id > record_id))
    column, is_last_first = (reviews.c.decided_at, True) if choice.state == "decided" else (reviews.c.entered_at, False)
    at: Any = from_micros(edge)
    return or_(column < at if is_last_first else column > at, and_(column == at, reviews.c.record_id > record_id))


def _item(row: Row[*tuple[Any, ...]], labels: tuple[str, ...], handled: Handled, opening: str, user: User, at: datetime) -> Item:
    holder = row.name if row.lease_until is not None and row.lease_until > at else None
    plain = (row.record_id, row.revision, row.urgency, row.scope, row.channel, row.is_transcript, row.received_at, row.decided_at)
    is_mine = holder is not None and row.user_id == user.id
    return Item(*plain, holder, is_mine, labels, urgency.rules().due.at(row.entered_at, row.urgency), handled, opening)


def _labels(connection: Connection, record_ids: list[str]) -> dict[str, tuple[str, ...]]:
    chosen = select(review_labels.c.record_id, review_labels.c.label).where(review_labels.c.record_id.in_(record_ids))
    found: dict[str, tuple[str, ...]] = {}
    for record_id, label in connection.execute(chosen.order_by(review_labels.c.label)):
        found[record_id] = (*found.get(record_id, ()), label)
    return found


def _openings(connection: Connection, record_ids: list[str]) -> dict[str, str]:
    """The first words of each record, cut by the database, so that no whole transcript is read."""
    return {record_id: _cut(text or "") for record_id, text in connection.execute(_beginnings(), {"records": record_ids})}


@cache  # a dozen document look-ups: building them costs more than running them
def _beginnings() -> Select[Any]:
    begins = func.substr(func.coalesce(*_said_first(), analyses.c.result["text"].as_string()), 1, _READ)
    some = analyses.c.record_id.in_(bindparam("records", expanding=True))
    return select(analyses.c.record_id, begins).where(some, analyses.c.is_current)


def _said_first() -> Iterator[ColumnElement[str]]:
    """The first turns with text by the customer, because a transcript begins with the greeting."""
    for number in range(_TURNS):
        speaker, text = (analyses.c.result[("turns", number, name)].as_string() for name in ("speaker", "text"))
        yield when((speaker == "customer", func.nullif(func.trim(text), "")))


def _cut(text: str) -> str:
    """On one line, cut between words if possible."""
    line = " ".join(text.split())
    if len(line) <= _OPENING:
        return line
    return f"{(line[:_OPENING].rpartition(' ')[0] or line[:_OPENING])}…"


def _added(found: Iterable[tuple[str | None, int]]) -> dict[str, int]:
    """Counts by name; unnamed ones are left out."""
    sums: Counter[str] = Counter()
    for name, count in found:
        if name is not None:
            sums[name] += count
    return dict(sorted(sums.items()))


def _cursor(row: Row[*tuple[Any, ...]], choice: Choice) -> str:
    return f"{_edge(row, choice)}.{row.record_id}"


def _edge(row: Row[*tuple[Any, ...]], choice: Choice) -> int:
    """The sort key of a line."""
    if choice.state != "decided" and choice.sort == "urgency":
        return int(row.urgency)
    return to_micros(row.decided_at if choice.state == "decided" else row.entered_at)


def _edge_of(connection: Connection, user: User, choice: Choice, record_id: str) -> int | None:
    """The sort key of one record, waiting or not; None if it is not on this person's desk."""
    one = select(reviews.c.urgency, reviews.c.entered_at).where(
        reviews.c.workspace_id == user.workspace_id, reviews.c.record_id == record_id
    )
    row = connection.execute(one).one_or_none()
    return None if row is None else _edge(row, choice)

"""A record that reaches the review desk in, the alerts that match it out; and the contents of an alert's next message.

A match is stored in the transaction of the analysis. A separate job sends it, due when the alert's timing allows. An alert reports a
record once, and only records received after the alert was created. Messages contain ids, labels and urgency, never a text.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, bindparam, delete, func, insert, select, update

from vocservice.errors import InputError
from vocservice.records import Json
from vocservice.store import audit, jobs
from vocservice.store.accounts.users import SUPPORT_LEAD, User
from vocservice.store.analysed import outbound
from vocservice.store.audit import Act
from vocservice.store.database import now
from vocservice.store.ids import new_id
from vocservice.store.received.records import guard
from vocservice.store.review.reviews import is_overdue
from vocservice.store.review.telling import Telling, addresses, checked, told_in
from vocservice.store.rows import insert_if_new
from vocservice.store.schema import alert_matters, alerts, records, review_labels, reviews
from vocservice.store.schema import jobs as job_table

ALERT, TRY = "alert", "alert_try"
MOST = 50
HIGHEST_URGENCY = 1000
READ_BY = SUPPORT_LEAD
_LIVE = select(alerts).where(alerts.c.workspace_id == bindparam("workspace"), alerts.c.is_enabled)


@dataclass(frozen=True, slots=True)
class Wish(Telling):
    """An alert as requested: recipients, records and timing.

    `labels`: any of these, as `SET.KEY`; empty means every record that reaches the desk. `least_urgency` is in points.
    """

    labels: tuple[str, ...]
    least_urgency: int


@dataclass(frozen=True, slots=True)
class Alert(Wish):
    """A stored alert."""

    id: str
    workspace_id: str
    is_enabled: bool
    created_at: datetime
    last_sent_at: datetime | None

    def wants(self, found: Collection[str], points: float) -> bool:
        """Whether it matches a record with these labels and points."""
        return points >= self.least_urgency and (not self.labels or not set(self.labels).isdisjoint(found))


@dataclass(frozen=True, slots=True)
class Matter:
    """A record to report; `points` of urgency, `at` the time it reached the desk."""

    record_id: str
    points: float
    labels: tuple[str, ...]
    at: datetime


@dataclass(frozen=True, slots=True)
class Letter:
    """The contents of an alert's next message: records, the most urgent first. `waiting` and `overdue` count the whole desk."""

    alert: Alert
    addresses: tuple[str, ...]
    matters: tuple[Matter, ...]
    waiting: int
    overdue: int


def create(connection: Connection, user: User, wish: Wish, *, known: Collection[str]) -> Alert:
    """Create an alert for records received from now on.

    Args:
        known: the existing labels.

    Raises:
        InputError: the name is invalid, a label or reader does not exist (`label_unknown`, `reader_unknown`), the urgency is out of
            range (`urgency_invalid`), the alert has no recipient (`alert_silent`), or there are too many alerts (`alerts_full`).
    """
    _check(connection, user, wish, known)
    at = now(connection)
    values = {"id": new_id("alt"), "workspace_id": user.workspace_id, "is_enabled": True, "created_at": at}
    chosen = {"labels": list(wish.labels), "least_urgency": wish.least_urgency}
    connection.execute(insert(alerts).values(**values, **chosen, **checked(connection, user, wish, READ_BY)))
    made = get(connection, user.workspace_id, str(values["id"]))
    _await_digest(connection, made, at)
    audit.write(connection, user.workspace_id, Act(user.actor, "alert.create", made.id, {"labels": list(wish.labels)}))
    return made


def listed(connection: Connection, workspace_id: str) -> list[Alert]:
    """The alerts of a workspace, by name."""
    found = select(alerts).where(alerts.c.workspace_id == workspace_id).order_by(alerts.c.name, alerts.c.id)
    return [_alert(row) for row in connection.execute(found)]


def get(connection: Connection, workspace_id: str, alert_id: str) -> Alert:
    """An alert of this workspace.

    Raises:
        InputError: there is none (`alert_unknown`).
    """
    row = connection.execute(select(alerts).where(alerts.c.id == alert_id, alerts.c.workspace_id == workspace_id)).one_or_none()
    if row is None:
        raise InputError("there is no such alert", code="alert_unknown")
    return _alert(row)


def set_enabled(connection: Connection, alert: Alert, is_enabled: bool, *, actor: str) -> None:
    """Resume or pause an alert; pausing drops the matches that were not sent."""
    connection.execute(update(alerts).where(alerts.c.id == alert.id).values(is_enabled=is_enabled))
    if is_enabled:
        _await_digest(connection, alert, now(connection))
    else:
        _forget(connection, alert)
    audit.write(connection, alert.workspace_id, Act(actor, f"alert.{'enable' if is_enabled else 'disable'}", alert.id, {}))


def remove(connection: Connection, alert: Alert, *, actor: str) -> None:
    """Delete an alert."""
    _forget(connection, alert)
    connection.execute(delete(alerts).where(alerts.c.id == alert.id))
    audit.write(connection, alert.workspace_id, Act(actor, "alert.delete", alert.id, {}))


def ask_try(connection: Connection, alert: Alert) -> None:
    """Queue a test mail.

    Raises:
        InputError: the alert mails nobody (`alert_silent`).
    """
    if not alert.readers:
        raise InputError("this alert mails nobody", code="alert_silent")
    jobs.enqueue(connection, alert.workspace_id, TRY, alert.id)


def gather(connection: Connection, workspace_id: str, record_id: str) -> int:
    """Store the matches of a record that is on the desk; returns the number of new ones."""
    rows = connection.execute(_LIVE, {"workspace": workspace_id}).all()
    if not rows:
        return 0
    on_desk = select(reviews.c.urgency, records.c.received_at).join(records, records.c.id == reviews.c.record_id)
    held = connection.execute(on_desk.where(reviews.c.record_id == record_id, reviews.c.decided_at.is_(None))).one_or_none()
    if held is None:
        return 0
    labels = set(connection.scalars(select(review_labels.c.label).where(review_labels.c.record_id == record_id)))
    wanting = [alert for alert in map(_alert, rows) if held.received_at >= alert.created_at and alert.wants(labels, held.urgency / 10)]
    return sum(_note(connection, alert, record_id) for alert in wanting)


def letter(connection: Connection, alert_id: str) -> Letter | None:
    """The unsent matches that nobody has decided on; None if the alert was deleted or paused."""
    row = connection.execute(select(alerts).where(alerts.c.id == alert_id, alerts.c.is_enabled)).one_or_none()
    if row is None:
        return None
    alert = _alert(row)
    to = addresses(connection, alert.workspace_id, alert.readers, READ_BY)
    return Letter(alert, to, tuple(_matters(connection, alert)), *_counts(connection, alert.workspace_id))


def put_off(connection: Connection, alert: Alert) -> bool:
    """Queue the alert for the time at which it may be sent; False if that is now."""
    at = now(connection)
    if alert.is_digest or alert.timing.next_at(at, alert.last_sent_at) <= at:
        return False
    _due(connection, alert, at, last=alert.last_sent_at)
    return True


def said(connection: Connection, sent: Letter) -> None:
    """Record that a message was sent, queue its events for endpoints, and schedule the next one.

    Records erased meanwhile, and matches dropped by a pause, are left out of the events.
    """
    alert, at = sent.alert, now(connection)
    guard(connection, alert.workspace_id)
    unsaid = (alert_matters.c.alert_id == alert.id, alert_matters.c.said_at.is_(None))
    held = set(connection.scalars(select(alert_matters.c.record_id).where(*unsaid)))
    told = {matter.record_id: _data(alert, matter) for matter in sent.matters if matter.record_id in held}
    if told:
        one = update(alert_matters).where(*unsaid, alert_matters.c.record_id == bindparam("record")).values(said_at=at)
        connection.execute(one, [{"record": record_id} for record_id in told])
    if alert.tells_endpoints:
        outbound.raise_alert(connection, alert.workspace_id, told)
    undecided = select(reviews.c.record_id).where(reviews.c.workspace_id == alert.workspace_id, reviews.c.decided_at.is_(None))
    gone = alert_matters.c.record_id.not_in(undecided)  # decided meanwhile: nothing left to report
    connection.execute(update(alert_matters).where(*unsaid, gone).values(said_at=at))
    if sent.matters or alert.is_digest:
        connection.execute(update(alerts).where(alerts.c.id == alert.id).values(last_sent_at=at))
    _await_digest(connection, alert, at)
    if not alert.is_digest and connection.scalar(select(alert_matters.c.record_id).where(*unsaid).limit(1)):
        _due(connection, alert, at, last=at)


def _check(connection: Connection, user: User, wish: Wish, known: Collection[str]) -> None:
    if unknown := sorted(set(wish.labels) - set(known)):
        raise InputError(f"there is no label {unknown[0][:100]}", code="label_unknown")
    if not 0 <= wish.least_urgency <= HIGHEST_URGENCY:
        raise InputError(f"an urgency has 0 to {HIGHEST_URGENCY} points", code="urgency_invalid")
    if len(listed(connection, user.workspace_id)) >= MOST:
        raise InputError(f"there are {MOST} alerts; delete one first", code="alerts_full")


def _note(connection: Connection, alert: Alert, record_id: str) -> bool:
    at = now(connection)
    values = {"alert_id": alert.id, "record_id": record_id, "workspace_id": alert.workspace_id, "at": at}
    if not insert_if_new(connection, alert_matters, values):
        return False
    if not alert.is_digest or not _is_awaited(connection, alert):
        _due(connection, alert, at, last=alert.last_sent_at)
    return True


def _is_awaited(connection: Connection, alert: Alert) -> bool:
    """Whether the next digest is queued or being sent; False after the last one became a dead letter."""
    mine = (job_table.c.kind == ALERT, job_table.c.target == alert.id)
    return connection.scalar(select(job_table.c.id).where(*mine, job_table.c.state != "dead").limit(1)) is not None


def _await_digest(connection: Connection, alert: Alert, at: datetime) -> None:
    if alert.is_digest:
        _due(connection, alert, at, last=None)


def _due(connection: Connection, alert: Alert, at: datetime, *, last: datetime | None) -> None:
    """Queue the job that sends the alert; a job that already waits includes this match too."""
    delay = (alert.timing.next_at(at, last) - at).total_seconds()
    jobs.enqueue(connection, alert.workspace_id, ALERT, alert.id, delay=delay)


def _forget(connection: Connection, alert: Alert) -> None:
    waiting = (job_table.c.kind.in_((ALERT, TRY)), job_table.c.target == alert.id, job_table.c.state != "running")
    connection.execute(delete(job_table).where(*waiting))
    connection.execute(delete(alert_matters).where(alert_matters.c.alert_id == alert.id, alert_matters.c.said_at.is_(None)))


def _matters(connection: Connection, alert: Alert) -> list[Matter]:
    chosen = select(reviews.c.record_id, reviews.c.urgency, reviews.c.entered_at)
    mine = and_(alert_matters.c.record_id == reviews.c.record_id, alert_matters.c.alert_id == alert.id, alert_matters.c.said_at.is_(None))
    undecided = chosen.join(alert_matters, mine).where(reviews.c.decided_at.is_(None))
    rows = connection.execute(undecided.order_by(reviews.c.urgency.desc(), reviews.c.record_id)).all()
    labels = _labels(connection, mine)
    return [Matter(row.record_id, row.urgency / 10, tuple(labels.get(row.record_id, ())), row.entered_at) for row in rows]


def _labels(connection: Connection, mine: ColumnElement[bool]) -> dict[str, list[str]]:
    """The labels of an alert's records, by record."""
    chosen = select(review_labels.c.record_id, review_labels.c.label).join(reviews, reviews.c.record_id == review_labels.c.record_id)
    found: dict[str, list[str]] = {}
    for record_id, label in connection.execute(chosen.join(alert_matters, mine).order_by(review_labels.c.label)):
        found.setdefault(record_id, []).append(label)
    return found


def _counts(connection: Connection, workspace_id: str) -> tuple[int, int]:
    """The number of records waiting on the desk, and of those overdue."""
    open_ones = (reviews.c.workspace_id == workspace_id, reviews.c.decided_at.is_(None))
    late = is_overdue(now(connection))
    waiting, overdue = connection.execute(select(func.count(), func.count().filter(late)).select_from(reviews).where(*open_ones)).one()
    return waiting, overdue


def _data(alert: Alert, matter: Matter) -> Json:
    named = {"alert": alert.id, "name": alert.name, "id": matter.record_id}
    return named | {"urgency": matter.points, "labels": list(matter.labels), "entered_at": matter.at.isoformat()}


def _alert(row: Row[Any]) -> Alert:
    kept = (row.id, row.workspace_id, row.is_enabled, row.created_at, row.last_sent_at)
    return Alert(*told_in(row), tuple(row.labels), row.least_urgency, *kept)

"""A workbench segment and a timing in, a watch out: who is told what stands out there, and what was told already.

A watch sends at the times of a digest, or anomalies as soon as a look finds them. Its next look is always a job; what it told
is stored in the transaction that ends that job, so that nothing is told twice. Only labels and days are stored, nothing of a customer.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from itertools import starmap
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, or_, select, update

from vocservice.errors import InputError
from vocservice.records import Json
from vocservice.store import audit, jobs
from vocservice.store.accounts.users import ANALYST, User
from vocservice.store.analysed import outbound
from vocservice.store.analysed.reading import OWN, Choice, Selection
from vocservice.store.audit import Act
from vocservice.store.database import now
from vocservice.store.ids import new_id
from vocservice.store.review.telling import Telling, checked, told_in
from vocservice.store.schema import jobs as job_table
from vocservice.store.schema import watches

WATCH, NOW = "watch", "watch_now"
READ_BY = ANALYST
MOST = 50
LOOK = timedelta(hours=3)
REMEMBERED = timedelta(days=28)
_ANY = Selection()


@dataclass(frozen=True, slots=True)
class Wish(Telling):
    """Who is told what about the workbench, and when.

    Attributes:
        segment: the name of the segment; blank for every record.
        filters: its URL parameters.
        selection: the records they select.
    """

    segment: str
    filters: Mapping[str, Any]
    selection: Selection


@dataclass(frozen=True, slots=True)
class Watch(Wish):
    """A stored watch.

    Attributes:
        since: a watch without a digest ignores what ended before.
        told: keys of what was told, with the last day on which it was found.
    """

    id: str
    workspace_id: str
    is_enabled: bool
    since: datetime
    last_sent_at: datetime | None
    told: Mapping[str, str]

    def fields_of(self, hidden: Collection[str]) -> tuple[str, ...]:
        """The hidden custom fields in its segment; if there is one, it matches no record."""
        named = (
            *(name for name, _ in self.selection.own),
            *(one.name.removeprefix(OWN) for one in self.selection.also if one.name.startswith(OWN)),
        )
        return tuple(name for name in named if name in hidden)


def create(connection: Connection, user: User, wish: Wish) -> Watch:
    """Create a watch.

    Raises:
        InputError: the name is unusable, the segment cannot be watched (`segment_unfit`), there is no such reader
            (`reader_unknown`), it would notify nobody (`alert_silent`), or there are too many (`alerts_full`).
    """
    if len(listed(connection, user.workspace_id)) >= MOST:
        raise InputError(f"there are {MOST} watches; delete one first", code="alerts_full")
    values = {"id": new_id("wch"), "workspace_id": user.workspace_id, "created_by": user.actor, "is_enabled": True, "told": {}}
    connection.execute(insert(watches).values(**values, **_checked(connection, user, wish), since=now(connection)))
    made = get(connection, user.workspace_id, str(values["id"]))
    _await(connection, made)
    _audit(connection, user, "watch.create", made.id)
    return made


def change(connection: Connection, user: User, watch: Watch, wish: Wish) -> None:
    """Change name, segment, timing or readers; for another segment, nothing counts as told.

    Raises:
        InputError: as in `create`.
    """
    afresh = {} if wish.selection == watch.selection else {"told": {}, "since": now(connection)}
    connection.execute(update(watches).where(watches.c.id == watch.id).values(**_checked(connection, user, wish), **afresh))
    _forget(connection, watch, WATCH)
    if watch.is_enabled:
        _await(connection, get(connection, watch.workspace_id, watch.id))
    _audit(connection, user, "watch.change", watch.id)


def listed(connection: Connection, workspace_id: str) -> list[Watch]:
    """The watches of a workspace, by name."""
    found = select(watches).where(watches.c.workspace_id == workspace_id).order_by(watches.c.name, watches.c.id)
    return [_watch(row) for row in connection.execute(found)]


def get(connection: Connection, workspace_id: str, watch_id: str) -> Watch:
    """A watch of this workspace.

    Raises:
        InputError: there is none (`watch_unknown`).
    """
    row = connection.execute(select(watches).where(watches.c.id == watch_id, watches.c.workspace_id == workspace_id)).one_or_none()
    if row is None:
        raise InputError("there is no such watch", code="watch_unknown")
    return _watch(row)


def by_id(connection: Connection, watch_id: str) -> Watch | None:
    """The watch of a job; None if deleted."""
    row = connection.execute(select(watches).where(watches.c.id == watch_id)).one_or_none()
    return None if row is None else _watch(row)


def set_enabled(connection: Connection, user: User, watch: Watch, is_enabled: bool) -> None:
    """Resume or pause a watch; what ended while it was paused is not told."""
    connection.execute(update(watches).where(watches.c.id == watch.id).values(is_enabled=is_enabled, since=now(connection)))
    _forget(connection, watch, WATCH)
    if is_enabled:
        _await(connection, watch)
    _audit(connection, user, f"watch.{'enable' if is_enabled else 'disable'}", watch.id)


def remove(connection: Connection, user: User, watch: Watch) -> None:
    """Delete a watch and its pending requests."""
    _forget(connection, watch, WATCH, NOW)
    connection.execute(delete(watches).where(watches.c.id == watch.id))
    _audit(connection, user, "watch.delete", watch.id)


def ask_now(connection: Connection, user: User, watch: Watch) -> None:
    """Let a worker mail one person what a watch would send now, without counting it as told."""
    jobs.enqueue(connection, watch.workspace_id, NOW, f"{watch.id}/{user.id}", payload={"watch": watch.id, "reader": user.id})
    _audit(connection, user, "watch.send", watch.id)


def put_off(connection: Connection, watch: Watch) -> bool:
    """Wait for the end of a cool-down or of quiet hours; False if it may send now."""
    at = now(connection)
    due = at if watch.is_digest else watch.timing.next_at(at, watch.last_sent_at)
    if due <= at:
        return False
    wait(connection, watch, due - at)
    return True


def wait(connection: Connection, watch: Watch, delay: timedelta) -> None:
    """Look again after so long."""
    jobs.enqueue(connection, watch.workspace_id, WATCH, watch.id, delay=delay.total_seconds())


def said(connection: Connection, watch: Watch, found: Collection[str], *, event: Json | None) -> None:
    """Store what was found, with an event also that it was told now (to endpoints too), and schedule the next look.

    Findings not seen for four weeks are forgotten, so that they would be told again. If the watch got another segment during
    the look, the findings are dropped; if it was deleted, nothing is stored or sent.
    """
    row = connection.execute(select(watches).where(watches.c.id == watch.id).with_for_update()).one_or_none()
    if row is None:
        return
    before, watch = watch.selection, _watch(row)
    at = now(connection)
    oldest = (at - REMEMBERED).date().isoformat()
    told = {key: day for key, day in watch.told.items() if day >= oldest}
    told |= dict.fromkeys(found, at.date().isoformat()) if watch.selection == before else {}
    sent = {"last_sent_at": at} if event else {}
    connection.execute(update(watches).where(watches.c.id == watch.id).values(told=told, **sent))
    if event and watch.tells_endpoints:
        outbound.tell_found(connection, watch.workspace_id, event)
    _await(connection, watch, last=at if event else watch.last_sent_at)


def await_all(connection: Connection) -> None:
    """Queue the next look of every active watch without one: its last one became a dead letter."""
    live = select(job_table.c.target).where(job_table.c.kind == WATCH, job_table.c.state != "dead")
    for row in connection.execute(select(watches).where(watches.c.is_enabled, watches.c.id.not_in(live))):
        _await(connection, _watch(row))


def _await(connection: Connection, watch: Watch, *, last: datetime | None = None) -> None:
    """The time of the next digest; else of the next look, after the cool-down."""
    at = now(connection)
    wait(connection, watch, watch.timing.next_at(at if watch.is_digest else at + LOOK, last) - at)


def _checked(connection: Connection, user: User, wish: Wish) -> Json:
    watched = {"segment": wish.segment, "filters": dict(wish.filters), "selection": written(wish.selection)}
    return checked(connection, user, wish, READ_BY) | watched


def written(selection: Selection) -> Json:
    """The conditions of a selection, as values.

    Raises:
        InputError: it is limited to days, a cell, words or one customer (`segment_unfit`).
    """
    values = {item.name: getattr(selection, item.name) for item in fields(selection)}
    found = {name: value for name, value in values.items() if value != getattr(_ANY, name)}
    if not found.keys().isdisjoint(("since", "until", "cell", "words", "customer_of")):
        raise InputError("a segment of some days, of a cell, of words or of one customer cannot be watched", code="segment_unfit")
    return found | ({"also": [list(choice) for choice in selection.also]} if selection.also else {})


def _forget(connection: Connection, watch: Watch, *kinds: str) -> None:
    """Delete its jobs of these kinds, except running ones."""
    mine = or_(job_table.c.target == watch.id, job_table.c.target.startswith(f"{watch.id}/"))
    connection.execute(delete(job_table).where(job_table.c.kind.in_(kinds), mine, job_table.c.state != "running"))


def _watch(row: Row[Any]) -> Watch:
    held = {name: _frozen(value) for name, value in row.selection.items()}
    selection = Selection(**held | {"also": tuple(starmap(Choice, held.get("also", ())))})
    watched = (row.segment, dict(row.filters), selection)
    return Watch(*told_in(row), *watched, row.id, row.workspace_id, row.is_enabled, row.since, row.last_sent_at, dict(row.told))


def _frozen(value: Any) -> Any:
    return tuple(map(_frozen, value)) if isinstance(value, list) else value


def _audit(connection: Connection, user: User, action: str, watch_id: str) -> None:
    audit.write(connection, user.workspace_id, Act(user.actor, action, watch_id, {}))

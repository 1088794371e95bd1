"""Filters of a page and a name in, a saved view out: private or shared in the workspace."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, func, insert, or_, select

from vocservice.errors import InputError
from vocservice.store import audit
from vocservice.store.accounts.users import ADMIN, User
from vocservice.store.audit import Act
from vocservice.store.database import now
from vocservice.store.ids import new_id
from vocservice.store.received.sources import checked_name
from vocservice.store.schema import users, views

MOST = 50
DESK, WORKBENCH = "desk", "workbench"


@dataclass(frozen=True, slots=True)
class View:
    """Named filters; `by` is who saved them."""

    id: str
    name: str
    filters: Mapping[str, Any]
    is_shared: bool
    user_id: str
    by: str


def listed(connection: Connection, user: User, *, page: str = DESK) -> list[View]:
    """A person's own and shared views of a page, by name."""
    chosen = select(views.c.id, views.c.name, views.c.filters, views.c.is_shared, views.c.user_id, users.c.name)
    mine = (views.c.workspace_id == user.workspace_id, views.c.page == page, or_(views.c.user_id == user.id, views.c.is_shared))
    found = chosen.join(users, users.c.id == views.c.user_id).where(*mine).order_by(views.c.name, views.c.id)
    return [View(*row) for row in connection.execute(found)]


def save(connection: Connection, user: User, name: str, filters: Mapping[str, Any], *, is_shared: bool, page: str = DESK) -> None:
    """Save filters, replacing one's own view of the same name.

    Raises:
        InputError: the name is unusable (`name_unusable`), or there are too many (`views_full`).
    """
    named = checked_name(name)
    connection.execute(delete(views).where(views.c.user_id == user.id, views.c.page == page, views.c.name == named))
    if connection.execute(select(func.count()).where(views.c.user_id == user.id)).scalar_one() >= MOST:
        raise InputError(f"you have {MOST} views; delete one first", code="views_full")
    values = {"id": new_id("viw"), "workspace_id": user.workspace_id, "user_id": user.id, "name": named, "filters": dict(filters)}
    connection.execute(insert(views).values(**values, page=page, is_shared=is_shared, created_at=now(connection)))
    _audit(connection, user, "view.save", str(values["id"]), is_shared=is_shared)


def forget(connection: Connection, user: User, view_id: str) -> None:
    """Delete one's own view, or, as an admin, a shared one.

    Raises:
        InputError: there is none that this person may delete (`view_unknown`).
    """
    mine = views.c.user_id == user.id
    allowed = (views.c.id == view_id, views.c.workspace_id == user.workspace_id, or_(mine, views.c.is_shared) if user.may(ADMIN) else mine)
    if not connection.execute(delete(views).where(*allowed)).rowcount:
        raise InputError("there is no such view of yours", code="view_unknown")
    _audit(connection, user, "view.delete", view_id)


def _audit(connection: Connection, user: User, action: str, view_id: str, **details: bool) -> None:
    audit.write(connection, user.workspace_id, Act(user.actor, action, view_id, details))

"""Filters in, a page of a workspace's audit log out, newest first; and whether an action was logged recently."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from vocservice.store.audit import Act
from vocservice.store.schema import audit, users

LOOKED = 500


@dataclass(frozen=True, slots=True)
class Entry:
    """An audit entry; `name` is the user's, if the actor is one."""

    number: int
    at: datetime
    actor: str
    action: str
    target: str
    details: Mapping[str, Any]
    name: str | None


def page(
    connection: Connection, workspace_id: str, *, before: int | None = None, limit: int, actor: str = "", action: str = "", target: str = ""
) -> list[Entry]:
    """Entries below a number; blank filters mean any, an action also matches by prefix."""
    columns = (audit.c.number, audit.c.at, audit.c.actor, audit.c.action, audit.c.target, audit.c.details, users.c.name)
    chosen = select(*columns).outerjoin(users, audit.c.actor == "user:" + users.c.id).where(audit.c.workspace_id == workspace_id)
    if before is not None:
        chosen = chosen.where(audit.c.number < before)
    if action:
        chosen = chosen.where(audit.c.action.startswith(action, autoescape=True))
    for column, wanted in ((audit.c.actor, actor), (audit.c.target, target)):
        chosen = chosen.where(column == wanted) if wanted else chosen
    return [Entry(*row) for row in connection.execute(chosen.order_by(audit.c.number.desc()).limit(limit))]


def is_written(connection: Connection, workspace_id: str, act: Act, *, since: datetime) -> bool:
    """Whether the same action is among the last `LOOKED` entries of a workspace, since a time."""
    columns = (audit.c.number, audit.c.at, audit.c.action, audit.c.target, audit.c.details)
    last = select(*columns).where(audit.c.workspace_id == workspace_id).order_by(audit.c.number.desc()).limit(LOOKED).subquery()
    same = last.c.at >= since, last.c.action == act.action, last.c.target == act.target
    return any(details == act.details for details in connection.scalars(select(last.c.details).where(*same)))

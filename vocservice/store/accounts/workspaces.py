"""A name in, a workspace out: data that belong together, whether unredacted texts are kept, and for how many days records are."""

from dataclasses import dataclass

from sqlalchemy import Connection, RowMapping, select, update

from vocservice.errors import InputError
from vocservice.store import audit
from vocservice.store.audit import Act
from vocservice.store.database import now
from vocservice.store.ids import new_id
from vocservice.store.received.sources import checked_name
from vocservice.store.rows import insert_if_new
from vocservice.store.schema import workspaces

MAIN = "main"
LONGEST_RETENTION = 36_500


@dataclass(frozen=True, slots=True)
class Workspace:
    """A workspace; `retention_days` None keeps forever."""

    id: str
    name: str
    keeps_originals: bool
    retention_days: int | None


def create(connection: Connection, name: str, *, actor: str) -> Workspace:
    """Create a workspace that drops unredacted texts after their analysis and keeps the rest forever.

    Raises:
        InputError: the name is blank, too long, or taken (`name_taken`).
    """
    made = Workspace(new_id("ws"), checked_name(name), False, None)
    values = {"id": made.id, "name": made.name, "keeps_originals": False, "created_at": now(connection)}
    if not insert_if_new(connection, workspaces, values):
        raise InputError("there is a workspace of this name already", code="name_taken")
    audit.write(connection, made.id, Act(actor, "workspace_created", made.id, {}))
    return made


def get(connection: Connection, workspace_id: str) -> Workspace:
    """The workspace of an id.

    Raises:
        InputError: there is none (`workspace_unknown`).
    """
    row = connection.execute(select(workspaces).where(workspaces.c.id == workspace_id)).mappings().one_or_none()
    if row is None:
        raise InputError("there is no such workspace", code="workspace_unknown")
    return _workspace(row)


def first(connection: Connection) -> str | None:
    """The id of the workspace created first; None without any."""
    return connection.scalar(select(workspaces.c.id).order_by(workspaces.c.created_at, workspaces.c.id).limit(1))


def listed(connection: Connection) -> list[Workspace]:
    """All of them, by name."""
    return [_workspace(row) for row in connection.execute(select(workspaces).order_by(workspaces.c.name)).mappings()]


def set_keeps_originals(connection: Connection, workspace: Workspace, keeps: bool, *, actor: str) -> None:
    """Set whether unredacted texts are kept; those stored already go with their next analysis or erasure."""
    connection.execute(update(workspaces).where(workspaces.c.id == workspace.id).values(keeps_originals=keeps))
    audit.write(connection, workspace.id, Act(actor, "workspace_changed", workspace.id, {"keeps_originals": keeps}))


def set_retention(connection: Connection, workspace: Workspace, days: int | None, *, actor: str) -> None:
    """Keep records for a number of days, or forever; `retention.sweep` erases.

    Raises:
        InputError: not between 1 and 36500 days (`retention_invalid`).
    """
    check_retention(days)
    connection.execute(update(workspaces).where(workspaces.c.id == workspace.id).values(retention_days=days))
    audit.write(connection, workspace.id, Act(actor, "workspace_changed", workspace.id, {"retention_days": days}))


def check_retention(days: int | None) -> None:
    """Check a number of days.

    Raises:
        InputError: not between 1 and 36500 days (`retention_invalid`).
    """
    if days is not None and not 1 <= days <= LONGEST_RETENTION:
        raise InputError(f"days of retention must be from 1 to {LONGEST_RETENTION}", code="retention_invalid")


def _workspace(row: RowMapping) -> Workspace:
    return Workspace(row["id"], row["name"], row["keeps_originals"], row["retention_days"])

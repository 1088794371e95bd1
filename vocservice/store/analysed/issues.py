"""Shared service complaints in, an experience issue with owner and status out: it closes when the inflow falls.

Contains keys, counts and words used by at least five customers, never a record.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, select, update

from vocservice.errors import ConflictError, InputError
from vocservice.records import Json
from vocservice.reporting.recovery import Cell, Mended
from vocservice.store import audit
from vocservice.store.accounts.users import User
from vocservice.store.audit import Act
from vocservice.store.database import now
from vocservice.store.ids import new_id
from vocservice.store.received.sources import checked_name
from vocservice.store.rows import insert_if_new
from vocservice.store.schema import issues

OPEN, MENDING, CLOSED, DISMISSED = "open", "mending", "closed", "dismissed"
STATUSES = (OPEN, MENDING, CLOSED, DISMISSED)
LIVE = (OPEN, MENDING)
FALLEN = "fallen"
MOST = 200


@dataclass(frozen=True, slots=True)
class Issue:
    """An experience issue.

    Attributes:
        stage, factor: the cell of the service complaints it covers.
        cause: the words of the single cause it covers; blank for all complaints of the cell.
        owner: key of the team in the taxonomy.
        evidence: counts when it was opened: records, customers, ratio to the base rate and q, words in common.
        opened_on: the day that separates the inflow before and since.
        closed_on: the day on which it was closed; None if it is not.
    """

    id: str
    stage: str
    factor: str
    cause: str
    title: str
    owner: str
    status: str
    evidence: Json
    opened_on: date
    closed_on: date | None
    opened_by: str
    changed_at: datetime

    @property
    def is_live(self) -> bool:
        return self.status in LIVE

    @property
    def version(self) -> str:
        """The version a form is based on, so that it changes only what its reader saw."""
        return self.changed_at.isoformat()


def listed(connection: Connection, workspace_id: str) -> list[Issue]:
    """The issues of a workspace, live ones first, last changed first; at most 200."""
    order = (issues.c.status.in_(LIVE).desc(), issues.c.changed_at.desc(), issues.c.id.desc())
    chosen = select(issues).where(issues.c.workspace_id == workspace_id).order_by(*order).limit(MOST)
    return [_issue(row) for row in connection.execute(chosen)]


def by_id(connection: Connection, workspace_id: str, issue_id: str) -> Issue | None:
    """One issue of a workspace; None if missing."""
    row = connection.execute(select(issues).where(issues.c.workspace_id == workspace_id, issues.c.id == issue_id)).one_or_none()
    return None if row is None else _issue(row)


def mended(connection: Connection, workspace_id: str) -> tuple[Mended, ...]:
    """Mended cells, with the day: an issue for all complaints of the cell was closed, and none is live.

    A closed issue for a single cause mends nothing here: causes can be told for many complaints together, not for a single one.
    """
    columns = (issues.c.stage, issues.c.factor, issues.c.cause, issues.c.status, issues.c.closed_at)
    chosen = select(*columns).where(issues.c.workspace_id == workspace_id, issues.c.status.in_((*LIVE, CLOSED)))
    found = connection.execute(chosen.order_by(issues.c.closed_at)).all()
    live = {(row.stage, row.factor) for row in found if row.status != CLOSED}
    closed = {(row.stage, row.factor): row.closed_at.date() for row in found if row.status == CLOSED and not row.cause}
    return tuple(sorted(Mended(*cell, until) for cell, until in closed.items() if cell not in live))


def about(connection: Connection, workspace_id: str, causes: Collection[Cell]) -> list[Issue]:
    """The issues, except dismissed ones, of the stages and factors that a conversation blames."""
    if not causes:
        return []
    return [issue for issue in listed(connection, workspace_id) if issue.status != DISMISSED and (issue.stage, issue.factor) in causes]


def open_one(
    connection: Connection, user: User, *, stage: str, factor: str, cause: str = "", title: str, owner: str, evidence: Json
) -> str:
    """Open an issue; return its id.

    Raises:
        InputError: the title is unusable (`name_unusable`).
        ConflictError: one is already open for this cell and cause (`issue_open`).
    """
    at, issue_id = now(connection), new_id("iss")
    values: Json = {"id": issue_id, "workspace_id": user.workspace_id, "stage": stage, "factor": factor, "cause": cause}
    values |= {
        "title": checked_name(title),
        "owner": owner,
        "status": OPEN,
        "evidence": evidence,
        "opened_by": user.actor,
        "opened_at": at,
        "changed_at": at,
    }
    if not insert_if_new(connection, issues, values):
        raise taken()
    _audit(connection, user, "issue.open", issue_id, stage=stage, factor=factor, owner=owner)
    return issue_id


def check_seen(issue: Issue, version: str) -> None:
    """Check that a decision is based on the current version of the issue.

    Raises:
        ConflictError: it is based on another version (`issue_changed`).
    """
    if version != issue.version:
        raise _changed()


def move(connection: Connection, user: User, issue: Issue, *, status: str, owner: str, verdict: str) -> None:
    """Change status or owner of an issue.

    Args:
        connection: a transaction.
        user: the actor.
        issue: as its reader saw it.
        status: open, mending, closed or dismissed.
        owner: key of the team.
        verdict: of the inflow now.

    Raises:
        InputError: there is no such status (`parameter_invalid`).
        ConflictError: it should close but the inflow has not fallen (`inflow_not_fallen`), somebody changed it meanwhile
            (`issue_changed`), or another one is open for the same cell and cause (`issue_open`).
    """
    if status not in STATUSES:
        raise InputError(f"a status is one of {', '.join(STATUSES)}", code="parameter_invalid")
    if status == CLOSED and issue.status != CLOSED and verdict != FALLEN:
        raise ConflictError("an issue closes when its inflow has fallen; it has not, or that is not known yet", code="inflow_not_fallen")
    if status in LIVE and not issue.is_live and _is_taken(connection, user.workspace_id, issue):
        raise taken()
    same = (issues.c.id == issue.id, issues.c.workspace_id == user.workspace_id, issues.c.changed_at == issue.changed_at)
    at = now(connection)
    values = {"status": status, "owner": owner, "changed_at": at}
    if status != issue.status:
        values["closed_at"] = at if status == CLOSED else None
    if not connection.execute(update(issues).where(*same).values(**values)).rowcount:
        raise _changed()
    _audit(connection, user, "issue.move", issue.id, before=issue.status, after=status, owner=owner)


def taken() -> ConflictError:
    """The error for a second issue on the same subject."""
    return ConflictError(
        "an issue is open for this stage, factor and cause already, or for one that cannot be told from it", code="issue_open"
    )


def _changed() -> ConflictError:
    return ConflictError("somebody changed this issue meanwhile; reload it", code="issue_changed")


def _is_taken(connection: Connection, workspace_id: str, issue: Issue) -> bool:
    same = (issues.c.workspace_id == workspace_id, *(issues.c[name] == getattr(issue, name) for name in ("stage", "factor", "cause")))
    return connection.execute(select(issues.c.id).where(*same, issues.c.status.in_(LIVE)).limit(1)).first() is not None


def _issue(row: Any) -> Issue:
    kept = (row.id, row.stage, row.factor, row.cause, row.title, row.owner, row.status, row.evidence)
    closed_on = row.closed_at.date() if row.closed_at else None
    return Issue(*kept, row.opened_at.date(), closed_on, row.opened_by, row.changed_at)


def _audit(connection: Connection, user: User, action: str, issue_id: str, **details: str) -> None:
    audit.write(connection, user.workspace_id, Act(user.actor, action, issue_id, details))

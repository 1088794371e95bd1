"""Work in, leases on it out: at least once, never two workers at a time, by the database's clock.

A job is queued, then running under a lease that its worker renews, then deleted. An expired lease is taken by the next
worker. A retried job is taken alone, so that one that kills its worker affects no other; after
`max_attempts` it is dead, until somebody retries it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, bindparam, delete, func, literal, select, update
from sqlalchemy.exc import IntegrityError

from vocservice.store.database import now
from vocservice.store.ids import new_id
from vocservice.store.rows import insert_if_new, insert_missing
from vocservice.store.schema import jobs

LOST = "worker_lost"
_FINISH = delete(jobs).where(jobs.c.id == bindparam("job"), jobs.c.lease_owner == bindparam("owner"), jobs.c.state == "running")


@dataclass(frozen=True, slots=True)
class Job:
    """A leased job; `attempts` includes this one."""

    id: str
    workspace_id: str
    kind: str
    target: str
    payload: Mapping[str, Any]
    attempts: int


@dataclass(frozen=True, slots=True)
class Lease:
    """A worker, the length of its leases, and the maximum of attempts."""

    owner: str
    seconds: float = 60.0
    max_attempts: int = 5


def enqueue(
    connection: Connection, workspace_id: str, kind: str, target: str, *, payload: Mapping[str, Any] | None = None, delay: float = 0.0
) -> bool:
    """Queue a job; False if the same is already queued. `delay` in seconds."""
    return insert_if_new(connection, jobs, _row(workspace_id, kind, target, now(connection), payload=payload, delay=delay))


def enqueue_all(connection: Connection, kind: str, targets: Sequence[tuple[str, str]], *, at: datetime) -> None:
    """Queue a job for each (workspace, target) in one statement, due at once, unless already queued."""
    insert_missing(connection, jobs, [_row(workspace_id, kind, target, at) for workspace_id, target in targets])


def _row(
    workspace_id: str, kind: str, target: str, at: datetime, *, payload: Mapping[str, Any] | None = None, delay: float = 0.0
) -> dict[str, Any]:
    return {
        "id": new_id("job"),
        "workspace_id": workspace_id,
        "kind": kind,
        "target": target,
        "payload": dict(payload or {}),
        "state": "queued",
        "due_at": at + timedelta(seconds=delay),
        "created_at": at,
        "attempts": 0,
    }


def claim(connection: Connection, lease: Lease, *, limit: int, kinds: Sequence[str]) -> list[Job]:
    """Take up to `limit` due jobs of the given kinds, oldest first; a retried one alone."""
    at = now(connection)
    _bury(connection, lease, at, kinds)
    queued = _first(connection, kinds, jobs.c.state == "queued", jobs.c.due_at <= at, limit=limit)
    lost = _first(connection, kinds, jobs.c.state == "running", jobs.c.lease_until < at, limit=limit)
    found = sorted([*queued, *lost], key=lambda row: (row.due_at, row.id))[:limit]
    if not found:
        return []
    fresh = [row.id for row in found if row.attempts == 0]
    wanted = fresh if found[0].attempts == 0 else [found[0].id]
    taken = (
        update(jobs)
        .where(jobs.c.id.in_(wanted))
        .values(state="running", attempts=jobs.c.attempts + 1, lease_owner=lease.owner, lease_until=at + timedelta(seconds=lease.seconds))
        .returning(jobs.c.id, jobs.c.workspace_id, jobs.c.kind, jobs.c.target, jobs.c.payload, jobs.c.attempts)
    )
    by_id = {row.id: Job(*row) for row in connection.execute(taken)}
    return [by_id[job_id] for job_id in wanted]


def due(connection: Connection, kinds: Sequence[str]) -> list[str]:
    """The kinds with due jobs; read-only, so that frequent polling blocks nobody."""
    at = now(connection)
    queued = and_(jobs.c.state == "queued", jobs.c.due_at <= at)
    lost = and_(jobs.c.state == "running", jobs.c.lease_until < at)
    waits = {kind: [select(literal(1)).where(jobs.c.kind == kind, state).limit(1) for state in (queued, lost)] for kind in kinds}
    return [kind for kind, looks in waits.items() if any(connection.scalar(look) for look in looks)]


def _first(connection: Connection, kinds: Sequence[str], *where: ColumnElement[bool], limit: int) -> Sequence[Any]:
    """The oldest jobs of one state, locked; uses an index, so it is fast for any queue length."""
    due = select(jobs.c.id, jobs.c.attempts, jobs.c.due_at).where(jobs.c.kind.in_(kinds), *where)
    return connection.execute(due.order_by(jobs.c.due_at, jobs.c.id).limit(limit).with_for_update(skip_locked=True)).all()


def _bury(connection: Connection, lease: Lease, at: Any, kinds: Sequence[str]) -> None:
    """Jobs whose worker was lost during their last attempt."""
    lost = and_(jobs.c.state == "running", jobs.c.lease_until < at, jobs.c.attempts >= lease.max_attempts, jobs.c.kind.in_(kinds))
    gone = {"state": "dead", "error_code": LOST, "error_message": None, "lease_owner": None, "lease_until": None}
    connection.execute(update(jobs).where(lost).values(**gone))


def renew(connection: Connection, lease: Lease, job_ids: Sequence[str]) -> set[str]:
    """Extend the leases still held; return their ids: missing ones were lost."""
    until = now(connection) + timedelta(seconds=lease.seconds)
    held = and_(jobs.c.id.in_(job_ids), jobs.c.lease_owner == lease.owner, jobs.c.state == "running")
    return set(connection.scalars(update(jobs).where(held).values(lease_until=until).returning(jobs.c.id)))


def finish(connection: Connection, lease: Lease, job_id: str) -> bool:
    """Delete a finished job; False if the lease was lost and its result must not be stored."""
    done: int = connection.execute(_FINISH, {"job": job_id, "owner": lease.owner}).rowcount
    return done == 1


def release(connection: Connection, lease: Lease, job_ids: Sequence[str]) -> None:
    """Return jobs unfinished, as at shutdown; the attempt does not count."""
    for job_id in job_ids:
        _requeue(connection, lease, job_id, attempts=jobs.c.attempts - 1, delay=0.0)


def fail(connection: Connection, lease: Lease, job: Job, *, code: str, message: str | None = None, delay: float) -> bool:
    """Retry after `delay` seconds, or mark dead after the last attempt; False if the lease was lost."""
    if job.attempts < lease.max_attempts:
        return _requeue(connection, lease, job.id, attempts=jobs.c.attempts, delay=delay, code=code, message=message)
    return bury(connection, lease, job.id, code=code, message=message)


def bury(connection: Connection, lease: Lease, job_id: str, *, code: str, message: str | None = None) -> bool:
    """Mark a job dead that no retry can help; False if the lease was lost."""
    held = and_(jobs.c.id == job_id, jobs.c.lease_owner == lease.owner)
    gone = update(jobs).where(held).values(state="dead", error_code=code, error_message=message, lease_owner=None, lease_until=None)
    return connection.execute(gone).rowcount == 1


def _requeue(
    connection: Connection, lease: Lease, job_id: str, *, attempts: Any, delay: float, code: str | None = None, message: str | None = None
) -> bool:
    """Requeue, unless a newer job for the same target is queued, which makes this one unnecessary."""
    held = and_(jobs.c.id == job_id, jobs.c.lease_owner == lease.owner, jobs.c.state == "running")
    due = now(connection) + timedelta(seconds=delay)
    free = {"lease_owner": None, "lease_until": None}
    back = {"state": "queued", "attempts": attempts, "due_at": due, "error_code": code, "error_message": message, **free}
    try:
        with connection.begin_nested():
            return connection.execute(update(jobs).where(held).values(**back)).rowcount == 1
    except IntegrityError:
        return connection.execute(delete(jobs).where(held)).rowcount == 1


def revive(connection: Connection, workspace_id: str | None = None, *, job_ids: Sequence[str] | None = None) -> int:
    """Requeue all or the given dead jobs with attempts reset; return their number."""
    chosen = [jobs.c.state == "dead"]
    chosen += [jobs.c.workspace_id == workspace_id] if workspace_id else []
    chosen += [jobs.c.id.in_(job_ids)] if job_ids is not None else []
    dead = connection.execute(select(jobs.c.id, jobs.c.workspace_id, jobs.c.kind, jobs.c.target, jobs.c.payload).where(*chosen)).all()
    for row in dead:
        connection.execute(delete(jobs).where(jobs.c.id == row.id))
        enqueue(connection, row.workspace_id, row.kind, row.target, payload=row.payload)
    return len(dead)


def waiting(connection: Connection, workspace_id: str, kind: str) -> int:
    """Number of queued jobs of a kind in a workspace."""
    return _waiting(connection, jobs.c.workspace_id == workspace_id, jobs.c.kind == kind)


def waiting_anywhere(connection: Connection, *kinds: str) -> int:
    """Number of queued jobs of these kinds in all workspaces."""
    return _waiting(connection, jobs.c.kind.in_(kinds))


def oldest_due(connection: Connection) -> dict[str, float]:
    """By kind: seconds for which the oldest untaken job has been due."""
    at = now(connection)
    due = select(jobs.c.kind, func.min(jobs.c.due_at)).where(jobs.c.state == "queued", jobs.c.due_at <= at).group_by(jobs.c.kind)
    return {kind: (at - first).total_seconds() for kind, first in connection.execute(due)}


def counts(connection: Connection) -> dict[tuple[str, str], int]:
    """Number of jobs by (kind, state)."""
    rows = connection.execute(select(jobs.c.kind, jobs.c.state, func.count()).group_by(jobs.c.kind, jobs.c.state))
    return {(row[0], row[1]): row[2] for row in rows}


def _waiting(connection: Connection, *where: ColumnElement[bool]) -> int:
    return connection.execute(select(func.count()).select_from(jobs).where(*where, jobs.c.state == "queued")).scalar_one()

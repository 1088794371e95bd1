"""Workspaces with retention periods in, older data erased: by time of receipt, in small transactions.

Expired batches are removed with their files at a worker's next look.
"""

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, delete, exists, func, select, update

from vocservice.store import audit, jobs
from vocservice.store.accounts.workspaces import Workspace
from vocservice.store.analysed import words
from vocservice.store.audit import Act
from vocservice.store.database import Database, now
from vocservice.store.received import batches, idempotency, records
from vocservice.store.schema import deliveries, inbox, workspaces
from vocservice.store.schema import jobs as job_table
from vocservice.store.schema import records as record_table
from vocservice.store.vault import Vault

AGE, RETAIN = "retention", "retain"
_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Swept:
    """Number of records, delivery bodies and batches erased, or that would be."""

    records: int = 0
    bodies: int = 0
    batches: int = 0

    def __add__(self, other: "Swept") -> "Swept":
        return Swept(self.records + other.records, self.bodies + other.bodies, self.batches + other.batches)


def await_all(connection: Connection) -> None:
    """Queue a sweep of each workspace with a retention period and none queued; a dead one waits for a retry."""
    has_job = exists().where(job_table.c.kind == RETAIN, job_table.c.target == workspaces.c.id)
    found = connection.scalars(select(workspaces.c.id).where(workspaces.c.retention_days.is_not(None), ~has_job)).all()
    jobs.enqueue_all(connection, RETAIN, [(name, name) for name in found], at=now(connection))


def due(connection: Connection, workspace: Workspace) -> Swept:
    """What a sweep would erase now."""
    if workspace.retention_days is None:
        return Swept()
    before = _before(connection, workspace.retention_days)
    old_records = select(func.count()).select_from(record_table).where(*_old_records(workspace, before))
    old_bodies = select(func.count()).select_from(inbox).where(*_old_bodies(workspace, before))
    old_batches = batches.count_older(connection, workspace.id, before=before)
    return Swept(connection.execute(old_records).scalar_one(), connection.execute(old_bodies).scalar_one(), old_batches)


def sweep(database: Database, vault: Vault, workspace: Workspace, *, actor: str) -> Swept:
    """Erase what exceeds the retention period, including events without a record, and prune stored answers.

    Raises:
        StoreError: the database does not answer; what was erased so far stays erased.
    """
    done = Swept()
    while (step := _step(database, vault, workspace, actor)) != Swept():
        done += step
    with database.write() as connection:
        idempotency.prune(connection)
        _forget_events(connection, workspace)
    words.forget(database)
    database.overwrite_log()
    return done


def _step(database: Database, vault: Vault, workspace: Workspace, actor: str) -> Swept:
    """Erase a batch, with its audit row, in one transaction."""
    if workspace.retention_days is None:
        return Swept()
    with database.write() as connection:
        records.guard(connection, workspace.id, is_alone=True)
        before = _before(connection, workspace.retention_days)
        some = select(record_table.c.id).where(*_old_records(workspace, before)).limit(_AT_ONCE)
        found = list(connection.scalars(some))
        for record_id in found:
            records.erase_by_id(connection, vault, workspace.id, record_id, reason=AGE, takes_below=False)  # those by age
        bodies = connection.execute(update(inbox).where(*_old_bodies(workspace, before)).values(body_sealed=None)).rowcount
        quarantined = inbox.c.workspace_id == workspace.id, inbox.c.status == "quarantined", inbox.c.received_at < before
        connection.execute(update(inbox).where(*quarantined).values(status="discarded"))
        done = Swept(len(found), bodies, batches.expire(connection, workspace.id, before=before))
        if done != Swept():
            details = asdict(done) | {"days": workspace.retention_days}
            audit.write(connection, workspace.id, Act(actor, "retention_swept", workspace.id, details))
        return done


def _forget_events(connection: Connection, workspace: Workspace) -> None:
    """Events of a record are deleted with it; events without one (from watches) by age."""
    if workspace.retention_days is None:
        return
    old = deliveries.c.created_at < _before(connection, workspace.retention_days)
    connection.execute(delete(deliveries).where(deliveries.c.workspace_id == workspace.id, deliveries.c.record_id.is_(None), old))


def _before(connection: Connection, days: int) -> datetime:
    return now(connection) - timedelta(days=days)


def _old_records(workspace: Workspace, before: datetime) -> tuple[ColumnElement[bool], ...]:
    return record_table.c.workspace_id == workspace.id, record_table.c.received_at < before, record_table.c.status != "erased"


def _old_bodies(workspace: Workspace, before: datetime) -> tuple[ColumnElement[bool], ...]:
    return inbox.c.workspace_id == workspace.id, inbox.c.received_at < before, inbox.c.body_sealed.is_not(None)

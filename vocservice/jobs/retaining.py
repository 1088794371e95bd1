"""A workspace in, its expired data erased and the next daily sweep queued out."""

from datetime import timedelta

from vocservice.store import jobs
from vocservice.store.accounts import workspaces
from vocservice.store.jobs import Job, Lease
from vocservice.store.opened import Store
from vocservice.store.received import retention
from vocservice.store.received.retention import RETAIN

MAX_ATTEMPTS = 20
EVERY = timedelta(days=1)


class Retaining:
    """Sweeps a workspace."""

    def __init__(self, store: Store):
        self._store = store

    def run(self, job: Job, lease: Lease) -> None:
        """Sweep, and queue the next sweep in a day while the workspace has a retention period.

        Raises:
            StoreError: the database does not answer; what was erased so far stays erased.
        """
        with self._store.database.read() as connection:
            workspace = workspaces.get(connection, job.workspace_id)
        retention.sweep(self._store.database, self._store.vault, workspace, actor="worker")
        with self._store.database.write() as connection:
            if jobs.finish(connection, lease, job.id) and workspace.retention_days is not None:
                jobs.enqueue(connection, job.workspace_id, RETAIN, job.target, delay=EVERY.total_seconds())

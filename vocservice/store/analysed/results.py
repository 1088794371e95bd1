"""The result of a record in, the updated record and its events out: in the caller's single transaction."""

from sqlalchemy import Connection

from vocservice.records import Result
from vocservice.store.analysed import analyses, outbound
from vocservice.store.analysed.analyses import Cleaned, Task
from vocservice.store.jobs import Lease


def keep(
    connection: Connection, lease: Lease, task: Task, result: Result, cleaned: Cleaned | None, *, bundle: str, served: str | None = None
) -> bool:
    """Store a result, finish its job and queue its events; arguments as in `analyses.save`.

    Returns:
        False if nothing was stored: the lease was lost, or the record or the serving bundle changed meanwhile.
    """
    before = outbound.before(connection, task.job.target)
    kept = analyses.save(connection, lease, task, result, cleaned, bundle=bundle, served=served)
    if kept is None:
        return False
    if before is not None:
        outbound.publish(connection, before, result, hits=kept.hits)
    return True

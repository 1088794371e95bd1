"""The result of a record in, the record as it now stands out, with the events that it gives rise to: one transaction, the caller's."""

from collections.abc import Sequence

from sqlalchemy import Connection

from vocservice.records import Rejected, Result
from vocservice.store import analyses, outbound, rule_hits
from vocservice.store.analyses import Cleaned, Task
from vocservice.store.jobs import Lease
from vocservice.store.rule_hits import Hit


def keep(connection: Connection, lease: Lease, task: Task, result: Result, cleaned: Cleaned | None, *, bundle: str) -> bool:
    """Keep a result, finish its job and queue its events.

    Returns:
        False where nothing was kept: the lease was lost, or the record changed meanwhile.
    """
    before = outbound.before(connection, task.job.target)
    if not analyses.save(connection, lease, task, result, cleaned, bundle=bundle):
        return False
    if before is not None and before.is_news:
        outbound.publish(connection, before, result, hits=_hits(connection, task, result, bundle))
    return True


def _hits(connection: Connection, task: Task, result: Result, bundle: str) -> Sequence[Hit]:
    """The rules of the workspace that held for a result."""
    if isinstance(result, Rejected):
        return ()
    return rule_hits.of(connection, task.job.target, revision=task.revision, bundle=bundle, result=result.to_dict())

"""A fetching job in, the record that waits for its text out; and, once the answer is there, its events in, its records out.

A thin event speaks of a response, its answers are records of their own below it: the placeholder goes when they are there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, exists, func, select, update

from vocservice.ingest.events import Event
from vocservice.store import jobs
from vocservice.store.jobs import Job, Lease
from vocservice.store.received import intake
from vocservice.store.received.records import FETCH, Applied, Origin, guard
from vocservice.store.schema import inbox, mentions, records, sources
from vocservice.store.schema import jobs as job_table
from vocservice.store.vault import Vault


@dataclass(frozen=True, slots=True)
class Waiting:
    """A record without a text, and whom to ask for it."""

    record_id: str
    workspace_id: str
    source_id: str
    adapter: str


@dataclass(frozen=True, slots=True)
class Fetching:
    """How many announced texts of a source are not fetched yet, and with which code the last try of any of them failed."""

    waiting: int = 0
    fetch_code: str | None = None


def by_source(connection: Connection, workspace_id: str) -> Mapping[str, Fetching]:
    """By id of a source, what it still waits for; those that wait for nothing are left out."""
    counted = select(records.c.source_id, job_table.c.error_code, func.count(), func.max(job_table.c.due_at))
    mine = job_table.c.workspace_id == workspace_id, job_table.c.kind == FETCH, records.c.id == job_table.c.target
    rows = connection.execute(counted.where(*mine).group_by(records.c.source_id, job_table.c.error_code)).all()
    found: dict[str, Fetching] = {}
    for source_id, code, count, _ in sorted(rows, key=lambda row: row[3]):
        before = found.get(source_id, Fetching())
        found[source_id] = Fetching(before.waiting + count, code or before.fetch_code)
    return found


def of(connection: Connection, job: Job) -> Waiting | None:
    """What a job waits for; None where nothing is left to fetch (erased, or its source is gone).

    A disabled source takes no deliveries; what came before is fetched.
    """
    columns = (records.c.id, records.c.workspace_id, records.c.source_id, sources.c.adapter)
    found = select(*columns).where(records.c.id == job.target, records.c.status != "erased", sources.c.id == records.c.source_id)
    row = connection.execute(found).one_or_none()
    return None if row is None else Waiting(*row)


def settle(connection: Connection, vault: Vault, lease: Lease, job: Job, waiting: Waiting, events: Sequence[Event]) -> list[Applied] | None:
    """Finish a job: apply what was fetched under the delivery that announced it, and remove a placeholder that has no text of its own.

    It stays while it was announced anew since. None where the lease was lost: nothing is stored then. The workspace is guarded
    before anything is locked, as whoever erases or announces guards it first and comes to the same rows.
    """
    guard(connection, waiting.workspace_id, is_alone=True)
    if not jobs.finish(connection, lease, job.id):
        return None
    told = select(mentions.c.inbox_id).where(mentions.c.record_id == waiting.record_id).order_by(mentions.c.inbox_id.desc())
    deliveries = list(connection.scalars(told))
    origin = Origin(waiting.workspace_id, waiting.source_id, deliveries[0] if deliveries else None)
    applied = [done for event in events if (done := intake.apply(connection, vault, origin, event))]
    empty = (
        records.c.id == waiting.record_id,
        records.c.original_sealed.is_(None),
        records.c.clean.is_(None),
        records.c.status != "erased",
        ~exists().where(job_table.c.kind == FETCH, job_table.c.target == records.c.id, job_table.c.state.in_(("queued", "running"))),
    )
    connection.execute(delete(records).where(*empty))
    _close(connection, deliveries)
    return applied


def _close(connection: Connection, deliveries: Sequence[str]) -> None:
    """Forget the bodies of deliveries that no record speaks of any longer."""
    spoken = select(mentions.c.inbox_id).where(mentions.c.inbox_id.in_(deliveries))
    connection.execute(update(inbox).where(inbox.c.id.in_(deliveries), inbox.c.id.not_in(spoken)).values(body_sealed=None))

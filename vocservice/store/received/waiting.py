"""A fetch job in, the record that awaits its text out; fetched events in, its records out.

An id-only event concerns a response, whose answers are separate records below it: the placeholder is deleted once they exist.
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
    """A record without a text, and the source to ask for it."""

    record_id: str
    workspace_id: str
    source_id: str
    adapter: str


@dataclass(frozen=True, slots=True)
class Fetching:
    """Number of announced texts not fetched yet, and the error code of the last attempt of any."""

    waiting: int = 0
    fetch_code: str | None = None


def by_source(connection: Connection, workspace_id: str) -> Mapping[str, Fetching]:
    """By source id: what it still waits for; sources without any are left out."""
    counted = select(records.c.source_id, job_table.c.error_code, func.count(), func.max(job_table.c.due_at))
    mine = job_table.c.workspace_id == workspace_id, job_table.c.kind == FETCH, records.c.id == job_table.c.target
    rows = connection.execute(counted.where(*mine).group_by(records.c.source_id, job_table.c.error_code)).all()
    found: dict[str, Fetching] = {}
    for source_id, code, count, _ in sorted(rows, key=lambda row: row[3]):
        before = found.get(source_id, Fetching())
        found[source_id] = Fetching(before.waiting + count, code or before.fetch_code)
    return found


def of(connection: Connection, job: Job) -> Waiting | None:
    """Load the work of a fetch job; None if nothing is left to fetch (erased, or its source is gone).

    A disabled source accepts no deliveries; earlier announcements are still fetched.
    """
    columns = (records.c.id, records.c.workspace_id, records.c.source_id, sources.c.adapter)
    found = select(*columns).where(records.c.id == job.target, records.c.status != "erased", sources.c.id == records.c.source_id)
    row = connection.execute(found).one_or_none()
    return None if row is None else Waiting(*row)


def settle(connection: Connection, vault: Vault, lease: Lease, job: Job, waiting: Waiting, events: Sequence[Event]) -> list[Applied] | None:
    """Finish a job: apply the fetched events under the announcing delivery, and delete a placeholder without its own text.

    It stays if it was announced again since. None if the lease was lost: nothing is stored then. The workspace is locked
    first, in the same order as erasure and intake.
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
    """Delete bodies of deliveries without remaining records."""
    spoken = select(mentions.c.inbox_id).where(mentions.c.inbox_id.in_(deliveries))
    connection.execute(update(inbox).where(inbox.c.id.in_(deliveries), inbox.c.id.not_in(spoken)).values(body_sealed=None))

"""What nobody goes on with in, a list of it out, and each sent back: dead jobs, records that we failed at, quarantined deliveries.

A quarantined body goes through its adapter again, after that or the options of its source were put right.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, RowMapping, exists, select, update

from vocservice.errors import ConfigError, UnusableBodyError
from vocservice.ingest.delivery import Delivery
from vocservice.ingest.events import Parsed
from vocservice.ingest.registry import adapter
from vocservice.store import jobs
from vocservice.store.received import intake, records
from vocservice.store.received.records import ANALYSE, FETCH, Origin
from vocservice.store.schema import inbox, sources
from vocservice.store.schema import jobs as job_table
from vocservice.store.schema import records as record_table
from vocservice.store.vault import Vault

log = logging.getLogger("vocservice.store")

_AGAIN: Mapping[str, str] = {ANALYSE: "pending", FETCH: "waiting"}


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One of them: `kind` is job, record or delivery; `what` the job's kind, the record's channel or the source's name."""

    id: str
    kind: str
    what: str
    code: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Retried:
    """How many were sent back, and how many deliveries are as unusable as before."""

    sent_back: int = 0
    unusable: int = 0


def listed(connection: Connection, workspace_id: str) -> list[DeadLetter]:
    """All of a workspace, oldest first."""
    found = [*_jobs(connection, workspace_id), *_records(connection, workspace_id), *_deliveries(connection, workspace_id)]
    return sorted(found, key=lambda letter: (letter.at, letter.id))


def retry(connection: Connection, vault: Vault, workspace_id: str, *, ids: Sequence[str] | None = None) -> Retried:
    """Send back all of a workspace, or those of the given ids.

    Raises:
        StoreError: a body cannot be opened (`key_missing`).
    """
    chosen = [letter for letter in listed(connection, workspace_id) if ids is None or letter.id in ids]
    of: dict[str, list[str]] = {kind: [letter.id for letter in chosen if letter.kind == kind] for kind in ("job", "record", "delivery")}
    records.guard(connection, workspace_id, is_alone=True)
    sent = _revive(connection, workspace_id, of["job"]) + sum(_requeue(connection, workspace_id, name) for name in of["record"])
    outcomes = [_redrive(connection, vault, name) for name in of["delivery"]]
    return Retried(sent + sum(outcomes), outcomes.count(False))


def discard(connection: Connection, workspace_id: str, ids: Sequence[str]) -> int:
    """Give up quarantined deliveries for good, with their bodies; returns how many."""
    these = inbox.c.workspace_id == workspace_id, inbox.c.id.in_(ids), inbox.c.status == "quarantined"
    gone: int = connection.execute(update(inbox).where(*these).values(status="discarded", body_sealed=None)).rowcount
    return gone


def _jobs(connection: Connection, workspace_id: str) -> list[DeadLetter]:
    columns = (job_table.c.id, job_table.c.kind, job_table.c.error_code, job_table.c.created_at)
    dead = select(*columns).where(job_table.c.workspace_id == workspace_id, job_table.c.state == "dead")
    return [DeadLetter(row.id, "job", row.kind, row.error_code or "", row.created_at) for row in connection.execute(dead)]


def _records(connection: Connection, workspace_id: str) -> list[DeadLetter]:
    """Failed records; those whose job is dead are in the list with it."""
    has_job = exists().where(job_table.c.target == record_table.c.id)
    columns = (record_table.c.id, record_table.c.channel, record_table.c.error_code, record_table.c.received_at)
    failed = select(*columns).where(record_table.c.workspace_id == workspace_id, record_table.c.status == "failed", ~has_job)
    rows = connection.execute(failed)
    return [DeadLetter(row.id, "record", row.channel or "", row.error_code or "", row.received_at) for row in rows]


def _deliveries(connection: Connection, workspace_id: str) -> list[DeadLetter]:
    columns = (inbox.c.id, inbox.c.error_code, inbox.c.received_at, sources.c.name)
    held = (inbox.c.workspace_id == workspace_id, inbox.c.status == "quarantined", inbox.c.source_id == sources.c.id)
    rows = connection.execute(select(*columns).where(*held))
    return [DeadLetter(row.id, "delivery", row.name, row.error_code or "", row.received_at) for row in rows]


def _revive(connection: Connection, workspace_id: str, job_ids: Sequence[str]) -> int:
    dead = select(job_table.c.kind, job_table.c.target).where(job_table.c.id.in_(job_ids))
    targets = connection.execute(dead).all()
    revived = jobs.revive(connection, workspace_id, job_ids=job_ids)
    for kind, target in targets:
        if kind in _AGAIN:
            _set_status(connection, target, _AGAIN[kind])
    return revived


def _requeue(connection: Connection, workspace_id: str, record_id: str) -> int:
    _set_status(connection, record_id, _AGAIN[ANALYSE])
    return int(jobs.enqueue(connection, workspace_id, ANALYSE, record_id))


def _set_status(connection: Connection, record_id: str, status: str) -> None:
    failed = record_table.c.id == record_id, record_table.c.status == "failed"
    connection.execute(update(record_table).where(*failed).values(status=status, error_code=None))


def _redrive(connection: Connection, vault: Vault, inbox_id: str) -> bool:
    """Whether a body could be used this time."""
    columns = (*inbox.c, sources.c.adapter, sources.c.options)
    held = select(*columns).where(inbox.c.id == inbox_id, inbox.c.status == "quarantined", sources.c.id == inbox.c.source_id)
    row = connection.execute(held.with_for_update()).mappings().one_or_none()
    if row is None or row["body_sealed"] is None:
        return False
    parsed = _parsed(row, vault.sealer.open(row["body_sealed"]))
    if isinstance(parsed, str):
        connection.execute(update(inbox).where(inbox.c.id == inbox_id).values(error_code=parsed))
        return False
    _apply(connection, vault, row, parsed)
    return True


def _parsed(row: RowMapping, body: bytes) -> Parsed | str:
    """The events, or the code of why there are none: what an adapter fails at keeps nothing else from being sent back."""
    delivery = Delivery(body, {"content-type": row["content_type"] or ""}, received_at=row["received_at"])
    try:
        return adapter(row["adapter"]).parse(delivery, row["options"])
    except (UnusableBodyError, ConfigError) as error:
        return error.code
    except Exception as error:
        log.error("delivery %s: its adapter failed: %s", row["id"], type(error).__name__)  # a traceback would quote the body
        return intake.PARSE_FAILED


def _apply(connection: Connection, vault: Vault, row: RowMapping, parsed: Parsed) -> None:
    """As when it came."""
    origin = Origin(row["workspace_id"], row["source_id"], row["id"])
    connection.execute(update(inbox).where(inbox.c.id == row["id"]).values(status="accepted", error_code=None))
    applied = [done for event in parsed.events if (done := intake.apply(connection, vault, origin, event))]
    intake.forget_body(connection, row["id"], applied)

"""Failed work (dead jobs, failed records, quarantined deliveries) in, a list of it out; each can be retried or discarded.

A quarantined body goes through its adapter again, for example after it or the options of its source were corrected.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, RowMapping, and_, delete, exists, select, update

from vocservice.errors import ConfigError, UnusableBodyError, VocError
from vocservice.ingest.delivery import Delivery
from vocservice.ingest.events import Parsed
from vocservice.ingest.registry import adapter
from vocservice.store import jobs
from vocservice.store.received import intake, records
from vocservice.store.received.batches import BATCH, OPEN
from vocservice.store.received.erasure import ERASE_FILES
from vocservice.store.received.records import ANALYSE, FETCH, Origin
from vocservice.store.schema import analyses, batches, inbox, reviews, sources, vectors
from vocservice.store.schema import jobs as job_table
from vocservice.store.schema import records as record_table
from vocservice.store.vault import Vault

log = logging.getLogger("vocservice.store")

_AGAIN: Mapping[str, str] = {ANALYSE: "pending", FETCH: "waiting"}


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One dead letter: `kind` is job, record or delivery; `what` the job's kind, the record's channel or the source's name.

    `message` explains `code`, and `source` is its source, both if known.
    """

    id: str
    kind: str
    what: str
    code: str
    at: datetime
    message: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class Discarded:
    """Numbers of discarded ones, and of those that cannot be discarded."""

    gone: int = 0
    owed: int = 0


@dataclass(frozen=True, slots=True)
class Retried:
    """Numbers of retried ones, and of deliveries still unusable."""

    sent_back: int = 0
    unusable: int = 0


def listed(connection: Connection, workspace_id: str) -> list[DeadLetter]:
    """All of a workspace, oldest first."""
    found = [*_jobs(connection, workspace_id), *_records(connection, workspace_id), *_deliveries(connection, workspace_id)]
    return sorted(found, key=lambda letter: (letter.at, letter.id))


def retry(connection: Connection, vault: Vault, workspace_id: str, *, ids: Sequence[str] | None = None) -> Retried:
    """Retry all of a workspace, or the given ids.

    Raises:
        StoreError: a body cannot be decrypted (`key_missing`).
    """
    chosen = [letter for letter in listed(connection, workspace_id) if ids is None or letter.id in ids]
    of: dict[str, list[str]] = {kind: [letter.id for letter in chosen if letter.kind == kind] for kind in ("job", "record", "delivery")}
    records.guard(connection, workspace_id, is_alone=True)
    sent = _revive(connection, workspace_id, of["job"]) + sum(_requeue(connection, workspace_id, name) for name in of["record"])
    outcomes = [_redrive(connection, vault, name) for name in of["delivery"]]
    return Retried(sent + sum(outcomes), outcomes.count(False))


def discard(connection: Connection, workspace_id: str, ids: Sequence[str]) -> Discarded:
    """Discard the given ids permanently: deliveries with their bodies, jobs, and records, which become `rejected` without a text.

    Searches for erased customers and open batches must be completed: such jobs stay.
    """
    records.guard(connection, workspace_id, is_alone=True)
    gone = [_DISCARD[letter.kind](connection, letter) for letter in listed(connection, workspace_id) if letter.id in ids]
    return Discarded(gone.count(True), gone.count(False))


def _drop_job(connection: Connection, letter: DeadLetter) -> bool:
    """Delete a dead job and discard a record without other jobs; False if it must stay."""
    ended = select(batches.c.id).where(batches.c.status.not_in(OPEN))
    is_free = job_table.c.kind.not_in((ERASE_FILES, BATCH)) | (job_table.c.kind == BATCH) & job_table.c.target.in_(ended)
    dead = job_table.c.id == letter.id, job_table.c.state == "dead", is_free
    row = connection.execute(delete(job_table).where(*dead).returning(job_table.c.kind, job_table.c.target)).one_or_none()
    if row is not None and row.kind in _AGAIN:
        _give_up(connection, row.target, letter.code)
    return row is not None


def _drop_record(connection: Connection, letter: DeadLetter) -> bool:
    _give_up(connection, letter.id, letter.code)
    return True


def _drop_delivery(connection: Connection, letter: DeadLetter) -> bool:
    connection.execute(update(inbox).where(inbox.c.id == letter.id).values(status="discarded", body_sealed=None))
    return True


_DISCARD: Mapping[str, Callable[[Connection, DeadLetter], bool]] = {"job": _drop_job, "record": _drop_record, "delivery": _drop_delivery}


def _give_up(connection: Connection, record_id: str, code: str) -> None:
    """Mark an abandoned record as not analysable, deleting its text and earlier versions."""
    works = exists().where(job_table.c.target == record_id, job_table.c.kind.in_(_AGAIN))
    stuck = record_table.c.id == record_id, record_table.c.status.in_(("failed", *_AGAIN.values())), ~works
    values = {"status": "rejected", "error_code": code, **dict.fromkeys(("clean", "details", "needs_review"))}
    if connection.execute(update(record_table).where(*stuck).values(**values)).rowcount:
        connection.execute(update(analyses).where(analyses.c.record_id == record_id, analyses.c.is_current).values(is_current=False))
        for table in (vectors, reviews):
            connection.execute(delete(table).where(table.c.record_id == record_id))
        records.forget_original(connection, record_id)


def _jobs(connection: Connection, workspace_id: str) -> list[DeadLetter]:
    columns = (*(job_table.c[name] for name in ("id", "kind", "error_code", "error_message", "created_at")), sources.c.name)
    of = and_(job_table.c.kind.in_(_AGAIN), record_table.c.id == job_table.c.target)
    dead = select(*columns).outerjoin(record_table, of).outerjoin(sources, sources.c.id == record_table.c.source_id)
    rows = connection.execute(dead.where(job_table.c.workspace_id == workspace_id, job_table.c.state == "dead"))
    return [_letter(row, "job", row.kind, row.created_at, row.error_message) for row in rows]


def _records(connection: Connection, workspace_id: str) -> list[DeadLetter]:
    """Failed records; records with a dead job are listed with it."""
    has_job = exists().where(job_table.c.target == record_table.c.id)
    columns = (*(record_table.c[name] for name in ("id", "channel", "error_code", "received_at")), sources.c.name)
    failed = select(*columns).outerjoin(sources, sources.c.id == record_table.c.source_id)
    rows = connection.execute(failed.where(record_table.c.workspace_id == workspace_id, record_table.c.status == "failed", ~has_job))
    return [_letter(row, "record", row.channel or "", row.received_at) for row in rows]


def _deliveries(connection: Connection, workspace_id: str) -> list[DeadLetter]:
    columns = (*(inbox.c[name] for name in ("id", "error_code", "error_message", "received_at")), sources.c.name)
    held = (inbox.c.workspace_id == workspace_id, inbox.c.status == "quarantined", inbox.c.source_id == sources.c.id)
    rows = connection.execute(select(*columns).where(*held))
    return [_letter(row, "delivery", row.name, row.received_at, row.error_message) for row in rows]


def _letter(row: Row[Any], kind: str, what: str, at: datetime, message: str | None = None) -> DeadLetter:
    return DeadLetter(row.id, kind, what, row.error_code or "", at, message or "", row.name or "")


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
    if isinstance(parsed, VocError):
        values = {"error_code": parsed.code, "error_message": parsed.message}
        connection.execute(update(inbox).where(inbox.c.id == inbox_id).values(**values))
        return False
    _apply(connection, vault, row, parsed)
    return True


def _parsed(row: RowMapping, body: bytes) -> Parsed | VocError:
    """The events, or the error: a failing adapter must not keep others from being retried."""
    delivery = Delivery(body, {"content-type": row["content_type"] or ""}, received_at=row["received_at"])
    try:
        return adapter(row["adapter"]).parse(delivery, row["options"])
    except (UnusableBodyError, ConfigError) as error:
        return error
    except Exception as error:
        log.error("delivery %s: its adapter failed: %s", row["id"], type(error).__name__)  # a traceback would quote the body
        return intake.parse_failed()


def _apply(connection: Connection, vault: Vault, row: RowMapping, parsed: Parsed) -> None:
    """The delivery as received."""
    origin = Origin(row["workspace_id"], row["source_id"], row["id"])
    connection.execute(update(inbox).where(inbox.c.id == row["id"]).values(status="accepted", error_code=None, error_message=None))
    applied = [done for event in parsed.events if (done := intake.apply(connection, vault, origin, event))]
    intake.forget_body(connection, row["id"], applied)

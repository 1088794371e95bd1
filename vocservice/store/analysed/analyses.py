"""Results of the pipeline in, the record's current analysis out; older ones are kept with bundle and revision."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, exists, select, update

from vocservice.records import Json, RawVerbatim, Rejected, Result
from vocservice.store import jobs
from vocservice.store.analysed import promotions, vectors
from vocservice.store.analysed.vectors import Held
from vocservice.store.database import now
from vocservice.store.ids import new_id
from vocservice.store.jobs import Job, Lease
from vocservice.store.received import records
from vocservice.store.received.verbatims import from_bytes, from_kept
from vocservice.store.review import alerts, reviews, rule_hits
from vocservice.store.review.rule_hits import Analysed, Hit
from vocservice.store.rows import insert_if_new
from vocservice.store.schema import analyses
from vocservice.store.schema import jobs as job_table
from vocservice.store.schema import records as record_table
from vocservice.store.vault import Vault

# A failure of ours, not a record that cannot be analysed: its text is kept for a retry.
OUR_FAULTS = frozenset({"analysis_failed", "bundle_invalid"})
_OF_RECORDS = (records.ANALYSE, records.FETCH)


# Built once: per record, building a statement costs more than running it.
_LOAD = select(*(record_table.c[name] for name in ("status", "revision", "original_sealed", "clean", "details"))).where(
    record_table.c.id == bindparam("record")
)
_HOLD = select(record_table.c.revision, record_table.c.status).where(record_table.c.id == bindparam("record")).with_for_update()
_SET = update(record_table).where(record_table.c.id == bindparam("record"))
_SUPERSEDE = update(analyses).where(analyses.c.record_id == bindparam("record"), analyses.c.is_current).values(is_current=False)


@dataclass(frozen=True, slots=True)
class Task:
    """A leased record with the text to analyse."""

    job: Job
    revision: int
    verbatim: RawVerbatim


@dataclass(frozen=True, slots=True)
class Cleaned:
    """What is stored after analysis: the redacted verbatim, its redacted metadata, its vector (empty: none)."""

    verbatim: Mapping[str, Any]
    details: Mapping[str, Any] | None
    vector: bytes = b""


@dataclass(frozen=True, slots=True)
class Kept:
    """A stored result, with the matching rules of the workspace."""

    hits: tuple[Hit, ...] = ()


def load_task(connection: Connection, vault: Vault, job: Job) -> Task | None:
    """Load the work of a job; None if nothing is left to do (erased, or without a text).

    Raises:
        StoreError: its text cannot be decrypted (`key_missing`).
    """
    row = connection.execute(_LOAD, {"record": job.target}).one_or_none()
    if row is None or row.status in ("erased", "waiting"):
        return None
    if row.original_sealed is not None:
        return Task(job, row.revision, from_bytes(vault.sealer.open(row.original_sealed)))
    return Task(job, row.revision, from_kept(row.clean, row.details)) if row.clean else None


def save(
    connection: Connection,
    lease: Lease,
    task: Task,
    result: Result,
    cleaned: Cleaned | None,
    *,
    bundle: str,
    served: str | None = None,
) -> Kept | None:
    """Store a result and finish its job, in the caller's transaction.

    Args:
        bundle: the id of the model, as in analyses.
        served: the name of the serving bundle when the work began; None stores the result whichever bundle serves now.

    Returns:
        None if nothing was stored: the lease was lost, the record changed meanwhile, or another bundle was promoted (a newer job
        is queued then). Otherwise a result of an earlier bundle would replace one of the serving bundle.
    """
    if not jobs.finish(connection, lease, task.job.id):
        return None
    row = connection.execute(_HOLD, {"record": task.job.target}).one_or_none()
    if row is None or row.status == "erased":
        return None
    if row.revision != task.revision or _is_overtaken(connection, served):
        jobs.enqueue(connection, task.job.workspace_id, records.ANALYSE, task.job.target)  # its own job may have been this one, just taken
        return None
    if isinstance(result, Rejected) and result.code in OUR_FAULTS:
        _set(connection, task, status="analysed" if row.status == "analysed" else "failed", error_code=result.code)
        return Kept()
    if isinstance(result, Rejected) and row.status == "analysed":
        return Kept()  # an analysis of this revision by another bundle stands
    hits: Sequence[Hit] = ()
    if isinstance(result, Rejected):
        _supersede(connection, task)
        vectors.drop(connection, task.job.target)
        reviews.leave(connection, task.job.target)
        _set(connection, task, status="rejected", error_code=result.code, clean=None, details=None, needs_review=None)
    else:
        whole = result.to_dict()
        _keep(connection, task, whole, bundle=bundle)
        vectors.keep(connection, Held(task.job.workspace_id, task.job.target, task.revision, bundle), cleaned.vector if cleaned else b"")
        kept = {} if cleaned is None else {"clean": dict(cleaned.verbatim), "details": cleaned.details}
        review = result.conversation.needs_review if result.conversation else None
        _set(connection, task, status="analysed", error_code=None, needs_review=review, **kept)
        hits = rule_hits.keep(connection, Analysed(task.job.workspace_id, task.job.target, task.revision, bundle, whole))
        if reviews.enter(connection, task.job.workspace_id, task.job.target, revision=task.revision, result=whole, hits=hits):
            alerts.gather(connection, task.job.workspace_id, task.job.target)
    records.forget_original(connection, task.job.target)
    return Kept(tuple(hits))


def give_up(connection: Connection, *, limit: int = 1000) -> int:
    """Mark records that no worker will retry (only dead jobs) as failed; return their number."""
    live = job_table.alias()
    works = exists().where(live.c.target == record_table.c.id, live.c.kind.in_(_OF_RECORDS), live.c.state != "dead")
    stuck = (record_table.c.status.in_(("pending", "waiting")), ~works)
    dead = (job_table.c.kind.in_(_OF_RECORDS), job_table.c.state == "dead", record_table.c.id == job_table.c.target)
    found = connection.execute(select(job_table.c.target, job_table.c.error_code).where(*dead, *stuck).limit(limit)).all()
    for row in found:
        values = {"status": "failed", "error_code": row.error_code}
        connection.execute(update(record_table).where(record_table.c.id == row.target, *stuck).values(**values))
    return len(found)


def _is_overtaken(connection: Connection, served: str | None) -> bool:
    """Whether another bundle was promoted; checked under the lock of the record, so that none is promoted between check and commit."""
    return served is not None and promotions.serving(connection) not in (None, served)


def _keep(connection: Connection, task: Task, whole: Json, *, bundle: str) -> None:
    """Store one row per (record, revision, bundle) and make it current."""
    _supersede(connection, task)
    named = {"record_id": task.job.target, "revision": task.revision, "bundle": bundle}
    values = {
        **named,
        "id": new_id("ana"),
        "workspace_id": task.job.workspace_id,
        "taxonomy": whole["taxonomy"],
        "is_current": True,
        "result": whole,
        "created_at": now(connection),
    }
    if not insert_if_new(connection, analyses, values):
        connection.execute(update(analyses).where(*(analyses.c[name] == value for name, value in named.items())).values(is_current=True))


def _supersede(connection: Connection, task: Task) -> None:
    connection.execute(_SUPERSEDE, {"record": task.job.target})


def _set(connection: Connection, task: Task, **values: Any) -> None:
    connection.execute(_SET, {"record": task.job.target, **values})

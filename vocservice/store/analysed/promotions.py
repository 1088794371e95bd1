"""The promotions in, the serving bundle out; also pages of the history that it has not analysed yet.

A rollback is a promotion too. Analyses of a bundle that served before are kept, and only made current again.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, and_, delete, func, insert, select, update

from vocservice.errors import InputError
from vocservice.records import Json, RawVerbatim
from vocservice.store import audit, jobs
from vocservice.store.audit import Act
from vocservice.store.database import now
from vocservice.store.received.records import ANALYSE
from vocservice.store.received.verbatims import from_kept
from vocservice.store.review import reviews, rule_hits
from vocservice.store.schema import analyses, promotions, records, workspaces
from vocservice.store.schema import jobs as job_table

REANALYSE = "reanalyse"
_HAVE_TEXT = ("pending", "analysed", "failed")
_SERVING = select(promotions.c.bundle).order_by(promotions.c.number.desc()).limit(1)  # run for every analysed record


@dataclass(frozen=True, slots=True)
class Promotion:
    """A bundle in service since a time."""

    bundle: str
    actor: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Page:
    """Progress through the history: the last record examined (None: all), how many are queued now, how many were ready."""

    last: str | None
    queued: int
    restored: int


@dataclass(frozen=True, slots=True)
class Labelled:
    """A stored record with its current labels."""

    verbatim: RawVerbatim
    result: Json


def serving(connection: Connection) -> str | None:
    """The name of the serving bundle; None if none was promoted and the settings decide."""
    return connection.scalar(_SERVING)


def listed(connection: Connection, *, limit: int = 100) -> list[Promotion]:
    """The promotions, the newest first."""
    columns = select(promotions.c.bundle, promotions.c.actor, promotions.c.at)
    return [Promotion(*row) for row in connection.execute(columns.order_by(promotions.c.number.desc()).limit(limit))]


def promote(
    connection: Connection, bundle: str, *, model: str, actor: str, action: str = "bundle.promote", instead_of: str | None = None
) -> int:
    """Put a bundle into service, and queue the history of every workspace; return the number of workspaces.

    Args:
        bundle: the name workers load it by.
        model: its id, as in analyses.
        instead_of: the bundle from the settings; stored before the first promotion, so that it can be rolled back to.
    """
    before = serving(connection)
    if before is None and instead_of not in (None, bundle):
        connection.execute(insert(promotions).values(bundle=instead_of, actor="settings", at=now(connection)))
        before = instead_of
    connection.execute(insert(promotions).values(bundle=bundle, actor=actor, at=now(connection)))
    audit.write(connection, None, Act(actor, action, bundle, {"before": before}))
    connection.execute(delete(job_table).where(job_table.c.kind == REANALYSE, job_table.c.state == "queued"))
    all_workspaces = list(connection.scalars(select(workspaces.c.id)))
    for workspace_id in all_workspaces:
        payload = {"bundle": bundle, "model": model, "after": ""}
        jobs.enqueue(connection, workspace_id, REANALYSE, f"{workspace_id}:{model}", payload=payload)
    return len(all_workspaces)


def previous(connection: Connection) -> str:
    """The previously serving bundle.

    Raises:
        InputError: there is none (`no_earlier_bundle`).
    """
    current = serving(connection)
    other = select(promotions.c.bundle).where(promotions.c.bundle != current).order_by(promotions.c.number.desc()).limit(1)
    found = None if current is None else connection.scalar(other)
    if found is None:
        raise InputError("no bundle was promoted before; promote one by its version", code="no_earlier_bundle")
    return str(found)


def next_page(connection: Connection, workspace_id: str, model: str, *, after: str, limit: int) -> Page:
    """Process the next records of a workspace: existing analyses of this bundle become current, other records are queued."""
    done = and_(analyses.c.record_id == records.c.id, analyses.c.revision == records.c.revision, analyses.c.bundle == model)
    columns = select(records.c.id, analyses.c.id.label("analysis"), analyses.c.is_current).outerjoin(analyses, done)
    chosen = (records.c.workspace_id == workspace_id, records.c.id > after, records.c.status.in_(_HAVE_TEXT))
    rows = connection.execute(columns.where(*chosen).order_by(records.c.id).limit(limit)).all()
    ready = [row for row in rows if row.analysis is not None and not row.is_current]
    for row in ready:
        _restore(connection, row.id, row.analysis)
    queued = sum(jobs.enqueue(connection, workspace_id, ANALYSE, row.id) for row in rows if row.analysis is None)
    return Page(rows[-1].id if len(rows) == limit else None, queued, len(ready))


def sample(connection: Connection, size: int) -> list[Labelled]:
    """A random sample of analysed records from every workspace."""
    current = and_(analyses.c.record_id == records.c.id, analyses.c.is_current)
    drawn = select(records.c.clean, records.c.details, analyses.c.result).join(analyses, current).where(records.c.clean.is_not(None))
    rows = connection.execute(drawn.order_by(func.random()).limit(size)).all()
    return [Labelled(from_kept(row.clean, row.details), row.result) for row in rows]


def _restore(connection: Connection, record_id: str, analysis_id: str) -> None:
    """Make an earlier analysis current again, and update the review queue."""
    connection.execute(update(analyses).where(analyses.c.record_id == record_id, analyses.c.is_current).values(is_current=False))
    columns = (analyses.c.workspace_id, analyses.c.revision, analyses.c.bundle, analyses.c.result)
    made = connection.execute(update(analyses).where(analyses.c.id == analysis_id).values(is_current=True).returning(*columns)).one()
    hits = rule_hits.of(connection, record_id, revision=made.revision, bundle=made.bundle, result=made.result)
    review = any(hit.calls for hit in hits) or (made.result.get("needs_review") or {}).get("value")
    reviews.enter(connection, made.workspace_id, record_id, revision=made.revision, result=made.result, hits=hits)
    connection.execute(update(records).where(records.c.id == record_id).values(needs_review=review, status="analysed", error_code=None))

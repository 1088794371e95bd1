"""Files to be labelled in, the progress of each out: drafts, then queued, running, and done, failed or cancelled.

Rows hold only what is shown; the files are in their folders (`batch_files`). Batches of other workspaces do not exist for callers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, and_, delete, func, insert, or_, select, update

from vocservice.errors import InputError
from vocservice.store import audit, jobs
from vocservice.store.audit import Act
from vocservice.store.database import now
from vocservice.store.ids import new_id
from vocservice.store.schema import batches, workspaces
from vocservice.store.schema import jobs as job_table
from vocservice.store.types import from_micros, place_of, plain, to_micros

BATCH = "batch"
DRAFT, QUEUED, RUNNING = "draft", "queued", "running"
DONE, FAILED, CANCELLED = "done", "failed", "cancelled"
OPEN, ENDED = (QUEUED, RUNNING), (DONE, FAILED, CANCELLED)
MOST_DRAFTS = 20
DRAFT_LIFETIME = timedelta(days=1)
ERASED = "customer_erased"
_ERASED = "a customer was erased whom it names or may name, and its files with them; send it again without that customer"
_LONGEST_MESSAGE = 500


class BatchError(InputError):
    """A batch cannot be created or changed: `too_many_batches` (429), `batch_unknown` (404), else the wrong state (409)."""

    def __init__(self, message: str, *, code: str, status: int = 409):
        super().__init__(message, code=code)
        self.status = status


@dataclass(frozen=True, slots=True)
class Options:
    """Options that affect the output, beside the columns: format, sheet, number of records, CSV for Excel, one row per label."""

    format: str
    sheet: str | None = None
    limit: int | None = None
    excel: bool = False
    explode: str | None = None


@dataclass(frozen=True, slots=True)
class Upload:
    """An accepted file: the client's name of it, for display only; format; size in bytes; sender.

    `result_format` is the default format of the result; by default the file's own.
    """

    name: str
    input_format: str
    input_bytes: int
    created_by: str
    result_format: str = ""


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch; `rate` is rows per second, `seen_at` the time of reading, by the database's clock."""

    id: str
    workspace_id: str
    name: str
    status: str
    input_format: str
    input_bytes: int
    mapping: Mapping[str, str]
    options: Options
    rows_total: int | None
    rows_done: int
    rows_rejected: int
    rate: float | None
    error_code: str | None
    error_message: str | None
    created_by: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    expires_at: datetime | None
    seen_at: datetime = field(compare=False)

    @property
    def is_open(self) -> bool:
        return self.status in OPEN

    @property
    def share(self) -> float | None:
        """Share of finished rows, from 0 to 1; None while their number is unknown."""
        if self.status == DONE:
            return 1.0
        return min(self.rows_done / self.rows_total, 1.0) if self.rows_total else None

    @property
    def seconds_left(self) -> float | None:
        """Seconds left at the present rate; None if unknown."""
        if self.status != RUNNING or self.rows_total is None or not self.rate:
            return None
        return max(self.rows_total - self.rows_done, 0) / self.rate


@dataclass(frozen=True, slots=True)
class Page:
    """Batches, newest first, and the cursor of the next page; None at the end."""

    items: tuple[Batch, ...]
    next: str | None


def check_room(connection: Connection, workspace_id: str, *, max_open: int) -> None:
    """Check that another batch may be created.

    Raises:
        BatchError: too many are open or drafts (`too_many_batches`).
    """
    if _count(connection, workspace_id, OPEN) >= max_open:
        raise BatchError(f"{max_open} batches are queued or running: wait for one of them", code="too_many_batches", status=429)
    if _count(connection, workspace_id, (DRAFT,)) >= MOST_DRAFTS:
        raise BatchError(f"{MOST_DRAFTS} uploads wait to be started: start or delete one", code="too_many_batches", status=429)


def add(connection: Connection, workspace_id: str, batch_id: str, upload: Upload, *, max_open: int) -> Batch:
    """Create a draft whose file is in its folder.

    Raises:
        BatchError: there are too many (`too_many_batches`).
    """
    check_room(connection, workspace_id, max_open=max_open)
    at = now(connection)
    values = {
        "id": batch_id,
        "workspace_id": workspace_id,
        "name": plain(upload.name),
        "status": DRAFT,
        "input_format": upload.input_format,
        "input_bytes": upload.input_bytes,
        "mapping": {},
        "options": {"format": upload.result_format or upload.input_format},
        "created_by": upload.created_by,
        "created_at": at,
        "expires_at": at + DRAFT_LIFETIME,
    }
    connection.execute(insert(batches).values(**values))
    details = {"format": upload.input_format, "bytes": upload.input_bytes}
    audit.write(connection, workspace_id, Act(upload.created_by, "batch.create", batch_id, details))
    return get(connection, workspace_id, batch_id)


def start(connection: Connection, batch: Batch, *, mapping: Mapping[str, str], options: Options, max_open: int, actor: str) -> Batch:
    """Queue a draft.

    Raises:
        BatchError: it is no longer a draft (`batch_started`), or too many are open (`too_many_batches`).
    """
    if _count(connection, batch.workspace_id, OPEN) >= max_open:
        raise BatchError(f"{max_open} batches are queued or running: wait for one of them", code="too_many_batches", status=429)
    wanted = {"format": options.format, "sheet": options.sheet, "limit": options.limit, "excel": options.excel, "explode": options.explode}
    values = {"status": QUEUED, "mapping": dict(mapping), "options": wanted, "expires_at": None}
    if not _change(connection, batch.id, (DRAFT,), **values):
        raise BatchError("this batch was started already", code="batch_started")
    jobs.enqueue(connection, batch.workspace_id, BATCH, batch.id)
    audit.write(connection, batch.workspace_id, Act(actor, "batch.start", batch.id, {"format": options.format}))
    return get(connection, batch.workspace_id, batch.id)


def cancel(connection: Connection, batch: Batch, *, actor: str, keep: timedelta) -> Batch:
    """Cancel a batch; its worker notices within a second. Idempotent.

    Raises:
        BatchError: it is done or has failed (`batch_ended`).
    """
    at = now(connection)
    if _change(connection, batch.id, (DRAFT, *OPEN), status=CANCELLED, finished_at=at, expires_at=at + keep):
        waiting = and_(job_table.c.kind == BATCH, job_table.c.target == batch.id, job_table.c.state == "queued")
        connection.execute(delete(job_table).where(waiting))
        audit.write(connection, batch.workspace_id, Act(actor, "batch.cancel", batch.id, {}))
    found = get(connection, batch.workspace_id, batch.id)
    if found.status != CANCELLED:
        raise BatchError("this batch has ended already", code="batch_ended")
    return found


def remove(connection: Connection, batch: Batch, *, actor: str) -> None:
    """Delete a batch that is not open; the caller removes its folder.

    Raises:
        BatchError: it is queued or running (`batch_open`).
    """
    chosen = and_(batches.c.id == batch.id, batches.c.status.not_in(OPEN))
    if not connection.execute(delete(batches).where(chosen)).rowcount:
        raise BatchError("this batch is queued or running: cancel it first", code="batch_open")
    audit.write(connection, batch.workspace_id, Act(actor, "batch.delete", batch.id, {}))


def get(connection: Connection, workspace_id: str, batch_id: str) -> Batch:
    """A batch of a workspace.

    Raises:
        BatchError: there is none (`batch_unknown`).
    """
    chosen = select(batches).where(batches.c.workspace_id == workspace_id, batches.c.id == batch_id)
    row = connection.execute(chosen).mappings().one_or_none()
    if row is None:
        raise BatchError("there is no such batch", code="batch_unknown", status=404)
    return _batch(row, now(connection))


def page(connection: Connection, workspace_id: str, *, limit: int, cursor: str | None = None) -> Page:
    """Batches of a workspace, newest first, from the cursor on, even if its batch was deleted.

    Raises:
        InputError: the cursor is invalid (`cursor_invalid`).
    """
    chosen = select(batches).where(batches.c.workspace_id == workspace_id)
    if cursor:
        chosen = chosen.where(_is_after(cursor))
    rows = connection.execute(chosen.order_by(batches.c.created_at.desc(), batches.c.id.desc()).limit(limit + 1)).mappings().all()
    seen_at = now(connection)
    items = tuple(_batch(row, seen_at) for row in rows[:limit])
    return Page(items, f"{to_micros(items[-1].created_at)}.{items[-1].id}" if len(rows) > limit else None)


def begin(connection: Connection, workspace_id: str, batch_id: str) -> Batch | None:
    """The batch for a worker to start or resume; None if it has ended or is gone."""
    row = connection.execute(select(batches.c.started_at).where(batches.c.id == batch_id)).one_or_none()
    if row is None or not _change(connection, batch_id, OPEN, status=RUNNING, started_at=row.started_at or now(connection), rate=None):
        return None
    return get(connection, workspace_id, batch_id)


def note(connection: Connection, batch_id: str, **values: Any) -> bool:
    """Store the progress of a running batch; False if it was cancelled or is gone."""
    return _change(connection, batch_id, (RUNNING,), **values)


def end(connection: Connection, batch_id: str, *, status: str, keep: timedelta, **values: Any) -> bool:
    """Finish an open batch, done or failed; False if it was cancelled or is gone."""
    at = now(connection)
    if message := values.get("error_message"):
        values["error_message"] = plain(message)[:_LONGEST_MESSAGE]
    return _change(connection, batch_id, OPEN, status=status, finished_at=at, expires_at=at + keep, **values)


def give_up(connection: Connection, *, keep: timedelta) -> int:
    """Mark batches that no worker will retry (dead job) as failed; return their number."""
    dead = (job_table.c.kind == BATCH, job_table.c.state == "dead", job_table.c.target == batches.c.id, batches.c.status.in_(OPEN))
    found = connection.execute(select(batches.c.id, job_table.c.error_code).where(*dead)).all()
    message = "the batch was tried several times and did not come to its end"
    return sum(end(connection, row.id, status=FAILED, keep=keep, error_code=row.error_code, error_message=message) for row in found)


def kept(connection: Connection, workspace_id: str) -> list[Batch]:
    """Batches of a workspace that may have files."""
    chosen = select(batches).where(batches.c.workspace_id == workspace_id, _has_files())
    seen_at = now(connection)
    return [_batch(row, seen_at) for row in connection.execute(chosen.order_by(batches.c.created_at, batches.c.id)).mappings()]


def count_kept(connection: Connection, workspace_id: str) -> int:
    """Their number."""
    chosen = select(func.count()).select_from(batches).where(batches.c.workspace_id == workspace_id, _has_files())
    return connection.execute(chosen).scalar_one()


def end_erased(connection: Connection, batch_ids: Sequence[str], *, keep: timedelta) -> list[str]:
    """End batches in any state whose files name an erased customer; return them, so that the caller removes their folders."""
    at = now(connection)
    values = {"status": FAILED, "error_code": ERASED, "error_message": _ERASED, "finished_at": at, "expires_at": at + keep}
    chosen = and_(batches.c.id.in_(batch_ids), _has_files())
    waiting = and_(job_table.c.kind == BATCH, job_table.c.target.in_(batch_ids), job_table.c.state == "queued")
    connection.execute(delete(job_table).where(waiting))
    return list(connection.scalars(update(batches).where(chosen).values(**values).returning(batches.c.id)))


def expire(connection: Connection, workspace_id: str, *, before: datetime) -> int:
    """Mark closed batches received before a time for removal at a worker's next look; return their number."""
    at = now(connection)
    return connection.execute(update(batches).where(*_older(workspace_id, before, at)).values(expires_at=at)).rowcount


def count_older(connection: Connection, workspace_id: str, *, before: datetime) -> int:
    """How many `expire` would mark."""
    older = _older(workspace_id, before, now(connection))
    return connection.execute(select(func.count()).select_from(batches).where(*older)).scalar_one()


def forget_expired(connection: Connection) -> list[tuple[str, str]]:
    """Delete expired batches, including drafts; return (workspace, batch) of each, whose folders the caller removes."""
    old = and_(batches.c.expires_at <= now(connection), batches.c.status.not_in(OPEN))
    return [
        (row.workspace_id, row.id) for row in connection.execute(delete(batches).where(old).returning(batches.c.workspace_id, batches.c.id))
    ]


def statuses(connection: Connection) -> dict[str, str]:
    """The status of every batch by id; `ERASED` if it names an erased customer."""
    rows = connection.execute(select(batches.c.id, batches.c.status, batches.c.error_code))
    return {row.id: ERASED if row.error_code == ERASED else row.status for row in rows}


def workspace_ids(connection: Connection) -> list[str]:
    """Every workspace: files are removed in their folders only."""
    return list(connection.scalars(select(workspaces.c.id)))


def new_batch_id() -> str:
    """Make the id of a new batch."""
    return new_id("bat")


def _count(connection: Connection, workspace_id: str, wanted: tuple[str, ...]) -> int:
    chosen = select(func.count()).select_from(batches).where(batches.c.workspace_id == workspace_id, batches.c.status.in_(wanted))
    return connection.execute(chosen).scalar_one()


def _has_files() -> ColumnElement[bool]:
    return batches.c.error_code.is_distinct_from(ERASED)


def _older(workspace_id: str, before: datetime, at: datetime) -> tuple[ColumnElement[bool], ...]:
    is_ended = batches.c.status.not_in(OPEN), batches.c.expires_at > at
    return batches.c.workspace_id == workspace_id, batches.c.created_at < before, *is_ended


def _change(connection: Connection, batch_id: str, before: tuple[str, ...], **values: Any) -> bool:
    chosen = and_(batches.c.id == batch_id, batches.c.status.in_(before))
    return connection.execute(update(batches).where(chosen).values(**values)).rowcount == 1


def _is_after(cursor: str) -> Any:
    """Rows after a position, newest first."""
    place = place_of(cursor)
    if place is None:
        raise InputError("the cursor is none that was given out here; start without one", code="cursor_invalid")
    at, batch_id = from_micros(place[0]), place[1]
    return or_(batches.c.created_at < at, and_(batches.c.created_at == at, batches.c.id < batch_id))


def _batch(row: RowMapping, seen_at: datetime) -> Batch:
    return Batch(**{**row, "options": Options(**row["options"])}, seen_at=seen_at)

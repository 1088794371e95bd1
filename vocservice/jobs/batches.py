"""A queued batch in, its labelled file out, in shards that survive a killed worker; progress is stored once a second.

A batch runs in its own thread beside the analysis of records. It notices within a second if it was cancelled,
its worker is stopping (then it is returned), or its lease was lost. Its input is deleted when it ends.
"""

import logging
import time
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any

from vocservice.api import Analyser
from vocservice.batch import manifest, named
from vocservice.batch.engines import LOCAL, open_engine
from vocservice.batch.inputs import Inputs, Selection
from vocservice.batch.plan import Plan, make_plan
from vocservice.batch.run import Run, write
from vocservice.batch.shards import Shards
from vocservice.errors import BundleError, InputError, ResumeError, StoreError
from vocservice.jobs.heartbeat import Heartbeat
from vocservice.jobs.places import as_sent, places_of
from vocservice.records import Rejected, Result
from vocservice.settings import Settings
from vocservice.store import jobs
from vocservice.store.jobs import Job, Lease
from vocservice.store.opened import Store
from vocservice.store.received import batches
from vocservice.store.received.batch_files import BatchFiles, all_in
from vocservice.store.received.batches import DONE, FAILED, Batch
from vocservice.tables.labels import EXPLODABLE

log = logging.getLogger("vocservice.jobs")

MAX_ATTEMPTS = 5
SECONDS_BETWEEN_NOTES = 1.0
_ORPHAN_SECONDS = 24 * 3600.0


class _EndedError(Exception):
    """The batch was cancelled, or its lease was lost: stop working on it."""


class _StoppedError(Exception):
    """The worker is stopping: another one will resume."""


class Batches:
    """Runs batches, one after the other.

    Args:
        model: the serving analyser; None without one.
        stop: set when the worker must stop.
    """

    def __init__(self, store: Store, settings: Settings, model: Callable[[], Analyser | None], beat: Heartbeat, stop: Event):
        self._store, self._settings, self._model, self._beat, self._stop = store, settings, model, beat, stop
        self._keep = timedelta(days=settings.batches.keep_days)

    def run(self, job: Job, lease: Lease) -> None:
        """Run a batch to its end, resuming from another worker.

        Raises:
            BundleError: there is no model.
            OutputError: the disk is full; a retry may succeed.
            StoreError: the database does not answer.
        """
        with self._store.database.write() as connection:
            batch = batches.begin(connection, job.workspace_id, job.target)
        files = BatchFiles.of(self._settings.batches.folder, job.workspace_id, job.target)
        try:
            outcome = self._outcome(batch, files, job, lease) if batch else {}
        except _StoppedError:
            self._give_back(job, lease)
            return
        except _EndedError:
            outcome = {}
        except InputError as error:
            outcome = {
                "status": FAILED,
                "error_code": error.code,
                "error_message": as_sent(error.message, places_of(batch, files)) if batch else error.message,
            }
        self._finish(job, lease, outcome)

    def tidy(self) -> None:
        """Delete expired batches, and files left by killed processes.

        Raises:
            StoreError: the database does not answer.
        """
        with self._store.database.write() as connection:
            batches.give_up(connection, keep=self._keep)
            expired = batches.forget_expired(connection)
            known = batches.statuses(connection)
            workspaces = batches.workspace_ids(connection)
        for workspace_id, batch_id in expired:
            BatchFiles.of(self._settings.batches.folder, workspace_id, batch_id).remove()
        for batch_id, files in all_in(self._settings.batches.folder, workspaces):
            if batch_id in known or _age(files.folder) > _ORPHAN_SECONDS:
                _settle(files, known.get(batch_id))

    def _outcome(self, batch: Batch, files: BatchFiles, job: Job, lease: Lease) -> dict[str, Any]:
        """The final values of the row; the output is complete."""
        analyser = self._model()
        if analyser is None:
            raise BundleError("there is no model to label a batch with")
        if files.is_empty():
            raise InputError("the files of this batch are gone; send it again", code="batch_files_gone")
        options = batch.options
        _check_explode(options.explode, analyser)
        output = files.result(options.format)
        selection = Selection(mapping=batch.mapping, sheet=options.sheet, limit=options.limit)
        with Inputs.open(places_of(batch, files), selection, is_table=options.format != "jsonl") as inputs:
            plan = make_plan(inputs.places, analyser, self._settings, options=_deciding(batch), mapping=inputs.mapping)
            meter = _Meter(self._store, self._beat, self._stop, job, lease)
            meter.begin(self._counted(inputs, meter, files.named(options.format)))
            wanted = str(output), options.excel, options.explode
            run = Run(inputs, open_engine(LOCAL, analyser), analyser.label_sets, plan, *wanted, lacks=analyser.lacks)
            with _opened(output, plan) as shards:
                meter.resumed = shards.resumed
                write(run, shards, meter.seen)
        manifest.write(output, plan, meter.counts(), meter.timing())
        return {"status": DONE, **meter.values()}

    def _counted(self, inputs: Inputs, meter: "_Meter", path: Path) -> int:
        """Count the rows and note the customers they name; a truncated file is detected before labelling."""
        rows, hash_of = 0, partial(self._store.vault.subject_hash, meter.workspace_id)
        with inputs.again() as counted, named.noted(path, hash_of) as note:
            for record in counted:
                note.add(record)
                rows += 1
                meter.look()
            for turn in counted.turns():  # a conversation has the cells of its first row only
                note.add(turn)
                meter.look()
        return rows

    def _finish(self, job: Job, lease: Lease, outcome: dict[str, Any]) -> None:
        with self._store.database.write() as connection:
            if not jobs.finish(connection, lease, job.id):
                return  # the lease was lost, and another worker continues
            if outcome:
                batches.end(connection, job.target, keep=self._keep, **outcome)
            status = batches.statuses(connection).get(job.target)
        log.info("batch", extra={"fields": {"batch": job.target, "status": status or "gone"}})
        _settle(BatchFiles.of(self._settings.batches.folder, job.workspace_id, job.target), status)

    def _give_back(self, job: Job, lease: Lease) -> None:
        with self._store.database.write() as connection:
            jobs.release(connection, lease, [job.id])


class _Meter:
    """Counts results, and periodically stores the progress and checks whether to continue."""

    def __init__(self, store: Store, beat: Heartbeat, stop: Event, job: Job, lease: Lease):
        self._store, self._beat, self._stop, self._job, self._lease = store, beat, stop, job, lease
        self._rows, self._codes = 0, Counter[str]()
        self._started = self._noted = time.monotonic()
        self._total: int | None = None
        self.workspace_id = job.workspace_id
        self.resumed = 0

    def begin(self, total: int) -> None:
        """Labelling begins."""
        self._total, self._started = total, time.monotonic()
        self._note()

    def look(self) -> None:
        """Store the progress if a second has passed."""
        if time.monotonic() - self._noted >= SECONDS_BETWEEN_NOTES:
            self._note()

    def seen(self, result: Result) -> None:
        """Count a written result."""
        self._rows += 1
        if isinstance(result, Rejected):
            self._codes[result.code] += 1
        self.look()

    def values(self) -> dict[str, Any]:
        """Row counts for the batch's row."""
        fresh, seconds = self._rows - self.resumed, time.monotonic() - self._started
        rate = fresh / seconds if fresh > 0 and seconds > 0 else None
        return {"rows_total": self._total, "rows_done": self._rows, "rows_rejected": self._codes.total(), "rate": rate}

    def counts(self) -> dict[str, Any]:
        """Row counts for the manifest."""
        rejected = self._codes.total()
        by_code = dict(self._codes.most_common())
        return {"records": self._rows, "ok": self._rows - rejected, "rejected": rejected, "rejected_by_code": by_code}

    def timing(self) -> manifest.Timing:
        """Duration in this process."""
        seconds = time.monotonic() - self._started
        return manifest.timed(seconds=seconds, records=self._rows, resumed_records=self.resumed, engine=LOCAL)

    def _note(self) -> None:
        """Store the progress and extend the lease, in one transaction; a short outage of the database delays nothing."""
        if self._stop.is_set():
            raise _StoppedError
        self._noted = time.monotonic()
        try:
            with self._store.database.write() as connection:
                is_held = bool(jobs.renew(connection, self._lease, [self._job.id]))
                is_open = batches.note(connection, self._job.target, **self.values())
        except StoreError as error:
            log.warning("the store does not answer: %s", error.code)
            return
        if not (is_held and is_open):
            raise _EndedError
        self._beat.hold([self._job.id])


def _opened(output: Path, plan: Plan) -> Shards:
    """The shards to resume; those of another model, release or configuration are restarted."""
    try:
        return Shards.open(output, plan, resume=True)
    except ResumeError:
        return Shards.open(output, plan, resume=False)


def _deciding(batch: Batch) -> dict[str, Any]:
    """The options by their names in `voc classify`."""
    options = batch.options
    return {"format": options.format, "sheet": options.sheet, "limit": options.limit, "excel": options.excel, "explode": options.explode}


def _check_explode(wanted: str | None, analyser: Analyser) -> None:
    known = (*(name for name in EXPLODABLE if name not in analyser.lacks), *analyser.label_sets)
    if wanted is not None and wanted not in known:
        raise InputError(f"explode takes one of {', '.join(known)}", code="option_invalid")


def _settle(files: BatchFiles, status: str | None) -> None:
    """Delete files that a batch of this status does not keep: only its result, or finished shards, or nothing remains."""
    if status == DONE:
        files.forget_work()
    elif status in batches.ENDED:
        files.forget_all_but_shards()
    elif status not in (batches.DRAFT, *batches.OPEN):
        files.remove()


def _age(folder: Path) -> float:
    try:
        return time.time() - folder.stat().st_mtime
    except OSError:
        return 0.0

"""A queued batch in, its file with labels out, in shards that survive a killed worker; how far it is is written once a second.

A batch is done by a thread of its own beside the analysis of records, and notices within a second that it was cancelled,
that its worker is to stop (then it is given back), or that its lease was lost. Its input goes away when it ends.
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
    """The batch was cancelled, or its lease was lost: nothing more is to be done here."""


class _StoppedError(Exception):
    """The worker is to stop: another one goes on."""


class Batches:
    """Does batches, one after the other.

    Args:
        model: the analyser that serves now; None while there is none.
        stop: set when the worker is to stop.
    """

    def __init__(self, store: Store, settings: Settings, model: Callable[[], Analyser | None], beat: Heartbeat, stop: Event):
        self._store, self._settings, self._model, self._beat, self._stop = store, settings, model, beat, stop
        self._keep = timedelta(days=settings.batches.keep_days)

    def run(self, job: Job, lease: Lease) -> None:
        """Do a batch to its end, from where another worker was stopped.

        Raises:
            BundleError: there is no model now.
            OutputError: the disk is full; later it may not be.
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
        """Remove what is kept no longer, and files that a process left behind that was killed.

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
        """What the row says in the end; the output is whole then."""
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
        """How many rows there are, with whom they may name noted; a file that is cut off is found before any is labelled."""
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
                return  # the lease was lost, and another worker goes on
            if outcome:
                batches.end(connection, job.target, keep=self._keep, **outcome)
            status = batches.statuses(connection).get(job.target)
        log.info("batch", extra={"fields": {"batch": job.target, "status": status or "gone"}})
        _settle(BatchFiles.of(self._settings.batches.folder, job.workspace_id, job.target), status)

    def _give_back(self, job: Job, lease: Lease) -> None:
        with self._store.database.write() as connection:
            jobs.release(connection, lease, [job.id])


class _Meter:
    """Counts results, and now and then writes how far the batch is and looks whether it may go on."""

    def __init__(self, store: Store, beat: Heartbeat, stop: Event, job: Job, lease: Lease):
        self._store, self._beat, self._stop, self._job, self._lease = store, beat, stop, job, lease
        self._rows, self._codes = 0, Counter[str]()
        self._started = self._noted = time.monotonic()
        self._total: int | None = None
        self.workspace_id = job.workspace_id
        self.resumed = 0

    def begin(self, total: int) -> None:
        """From here on rows are labelled."""
        self._total, self._started = total, time.monotonic()
        self._note()

    def look(self) -> None:
        """Write how far it is once a second has passed."""
        if time.monotonic() - self._noted >= SECONDS_BETWEEN_NOTES:
            self._note()

    def seen(self, result: Result) -> None:
        """Count a result that is written."""
        self._rows += 1
        if isinstance(result, Rejected):
            self._codes[result.code] += 1
        self.look()

    def values(self) -> dict[str, Any]:
        """What the row of the batch says of its rows."""
        fresh, seconds = self._rows - self.resumed, time.monotonic() - self._started
        rate = fresh / seconds if fresh > 0 and seconds > 0 else None
        return {"rows_total": self._total, "rows_done": self._rows, "rows_rejected": self._codes.total(), "rate": rate}

    def counts(self) -> dict[str, Any]:
        """What the manifest says of them."""
        rejected = self._codes.total()
        by_code = dict(self._codes.most_common())
        return {"records": self._rows, "ok": self._rows - rejected, "rejected": rejected, "rejected_by_code": by_code}

    def timing(self) -> manifest.Timing:
        """How long this process took."""
        seconds = time.monotonic() - self._started
        return manifest.timed(seconds=seconds, records=self._rows, resumed_records=self.resumed, engine=LOCAL)

    def _note(self) -> None:
        """Write how far it is and lengthen the lease, in one transaction; a database that is away for a moment holds nothing up."""
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
    """The shards to go on with; those of another model, release or configuration are begun anew."""
    try:
        return Shards.open(output, plan, resume=True)
    except ResumeError:
        return Shards.open(output, plan, resume=False)


def _deciding(batch: Batch) -> dict[str, Any]:
    """The options by the names that `voc classify` gives them."""
    options = batch.options
    return {"format": options.format, "sheet": options.sheet, "limit": options.limit, "excel": options.excel, "explode": options.explode}


def _check_explode(wanted: str | None, analyser: Analyser) -> None:
    known = (*(name for name in EXPLODABLE if name not in analyser.lacks), *analyser.label_sets)
    if wanted is not None and wanted not in known:
        raise InputError(f"explode takes one of {', '.join(known)}", code="option_invalid")


def _settle(files: BatchFiles, status: str | None) -> None:
    """Leave only what a batch of this status may have: its result, or its finished shards, or nothing where it is gone."""
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

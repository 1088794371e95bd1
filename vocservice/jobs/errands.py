"""Small jobs in (fetch, deliver, page through history), each run alone by one of a few threads.

They wait for the network, so they run beside the analysis without delaying it.
"""

import logging
import traceback
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import BoundedSemaphore

from vocservice.errors import StoreError, UnusableBodyError, VocError
from vocservice.jobs.backoff import full_jitter
from vocservice.jobs.heartbeat import Heartbeat
from vocservice.store import jobs
from vocservice.store.database import Database
from vocservice.store.jobs import Job, Lease

log = logging.getLogger("vocservice.jobs")

SLOTS = 8
HOPELESS = (UnusableBodyError,)
_LONGEST_WAIT = 3600.0
Rest = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Errand:
    """One kind of small job: its maximum of attempts, and the function that does and finishes it."""

    max_attempts: int
    run: Callable[[Job, Lease], None]


def _stay() -> None:
    """Nothing."""


class Errands:
    """Runs small jobs while a thread is free."""

    def __init__(self, database: Database, kinds: Mapping[str, Errand], beat: Heartbeat, *, slots: int = SLOTS, rest: Rest = _stay):
        """`rest`: called whenever no job is due."""
        self._database, self._kinds, self._beat, self._rest = database, kinds, beat, rest
        self._free = BoundedSemaphore(slots)
        self._slots = slots
        self._pool = ThreadPoolExecutor(slots, thread_name_prefix="errand")

    def turn(self) -> bool:
        """Start one job of each kind for which a thread is free; False if nothing was started.

        Raises:
            StoreError: the database does not answer.
        """
        with self._database.read() as connection:
            due = jobs.due(connection, list(self._kinds))
        if not due:
            self._rest()
        started = [self._start(kind, self._kinds[kind]) for kind in due]
        return any(started)

    def finish(self) -> None:
        """Wait until the started jobs have ended; new ones may be started afterwards."""
        for _ in range(self._slots):
            self._free.acquire()
        for _ in range(self._slots):
            self._free.release()

    def close(self) -> None:
        """Wait for the started jobs, and start no more."""
        self._pool.shutdown(wait=True)

    def _start(self, kind: str, errand: Errand) -> bool:
        if not self._free.acquire(timeout=0.05):
            return False
        lease = Lease(self._beat.lease.owner, self._beat.lease.seconds, errand.max_attempts)
        try:
            taken = self._claim(lease, [kind])
        except BaseException:
            self._free.release()
            raise
        if not taken:
            self._free.release()
            return False
        self._pool.submit(self._do, errand, taken[0], lease)
        return True

    def _claim(self, lease: Lease, kinds: Sequence[str]) -> list[Job]:
        with self._database.write() as connection:
            taken = jobs.claim(connection, lease, limit=1, kinds=kinds)
        self._beat.hold(job.id for job in taken)
        return taken

    def _do(self, errand: Errand, job: Job, lease: Lease) -> None:
        try:
            errand.run(job, lease)
        except Exception as error:
            self._failed(error, job, lease)
        finally:
            self._beat.drop([job.id])
            self._free.release()

    def _failed(self, error: Exception, job: Job, lease: Lease) -> None:
        """Retry or give up a failed job. If even that cannot be stored, its lease expires."""
        why = {"code": error.code, "message": error.message} if isinstance(error, VocError) else {"code": "internal_error"}
        log_failure(error, job)
        try:
            with self._database.write() as connection:
                if isinstance(error, HOPELESS):
                    jobs.bury(connection, lease, job.id, **why)
                else:
                    jobs.fail(connection, lease, job, **why, delay=wait_after(job))
        except StoreError as second:
            log_failure(second, job)


def wait_after(job: Job) -> float:
    """Seconds until the next attempt of a small job."""
    return full_jitter(job.attempts, first=5.0, factor=4.0, most=_LONGEST_WAIT)


def log_failure(error: Exception, job: Job) -> None:
    """Log fields: kind of work and error."""
    log_error("job failed", error, kind=job.kind, attempt=job.attempts)


def log_error(said: str, error: Exception, **fields: object) -> None:
    """Type and location of an error; the message only if it is ours."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    told = fields | {"error": type(error).__name__, "at": f"{Path(place.filename).name}:{place.lineno}"}
    log.warning(said, extra={"fields": told | ({"reason": error.message} if isinstance(error, VocError) else {})})

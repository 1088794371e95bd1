"""A key and a function in, a report out: made once, in one thread of this process, and cached.

A key contains everything that a report depends on, so that none is out of date; the oldest are evicted.
"""

import os
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Lock, Semaphore
from typing import TYPE_CHECKING, Generic, TypeVar

from vocservice.errors import StoreError
from vocservice.interpreter import under_load

if TYPE_CHECKING:
    from vocservice.reporting.report import Report

KEPT = 16
MOST_WAITING = 2  # requests that wait for a report without limit: each holds a thread
PATIENCE_SECONDS = 60.0
Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class Making(Generic[Made]):
    """A report, or an intermediate result, that is or will be made."""

    report: Future[Made]
    seats: Semaphore = field(default_factory=lambda: Semaphore(MOST_WAITING))

    def result(self, *, timeout: float | None = None) -> Made:
        """Return the report, waiting until it is made.

        Args:
            timeout: seconds to wait; None waits as long as allowed, unless too many others wait.

        Raises:
            TimeoutError: it is not ready in time.
            StoreError: too many wait already, it takes too long, or it was evicted before its turn (`queue_full`).
        """
        try:
            return self.report.result(timeout) if timeout is not None or self.report.done() else self._awaited()
        except CancelledError:
            raise _too_many() from None

    def _awaited(self) -> Made:
        if not self.seats.acquire(blocking=False):
            raise _too_many()
        try:
            return self.report.result(PATIENCE_SECONDS)
        except TimeoutError:
            raise StoreError("the report is not ready yet; try again later", code="queue_full") from None
        finally:
            self.seats.release()


def _too_many() -> StoreError:
    return StoreError("too many reports are requested; try again later", code="queue_full")


@dataclass(slots=True)
class Library:
    """The reports of one process; a forked process starts empty."""

    kept: int = KEPT
    _seats: Semaphore = field(default_factory=lambda: Semaphore(MOST_WAITING))
    _lock: Lock = field(default_factory=Lock)
    _makings: "OrderedDict[Hashable, Making[Report]]" = field(default_factory=OrderedDict)
    _worker: ThreadPoolExecutor | None = None
    _process: int = 0

    def get(self, key: Hashable, make: "Callable[[], Report]") -> "Making[Report]":
        """Get the report of a key, starting it if needed; a failed one is retried."""
        with self._lock:
            worker = self._own()
            found = self._makings.pop(key, None)
            if found is None or (found.report.done() and found.report.exception()):
                found = Making(worker.submit(self._beside, make), self._seats)
            self._makings[key] = found
            while len(self._makings) > self.kept:
                _, oldest = self._makings.popitem(last=False)
                oldest.report.cancel()
            return found

    def made(self, key: Hashable) -> "Report | None":
        """The report of a key, if already made."""
        with self._lock:
            found = self._makings.get(key) if self._process == os.getpid() else None
            is_made = found is not None and found.report.done() and not found.report.cancelled() and not found.report.exception()
            return found.report.result() if found and is_made else None

    def is_busy(self) -> bool:
        """Whether a report is being made or queued."""
        with self._lock:
            return self._process == os.getpid() and not all(making.report.done() for making in self._makings.values())

    def _own(self) -> ThreadPoolExecutor:
        if self._worker is None or self._process != os.getpid():
            self._worker, self._process = ThreadPoolExecutor(1, "report"), os.getpid()
            self._makings.clear()
        return self._worker

    def _beside(self, make: "Callable[[], Report]") -> "Report":
        """Make a report so that pages still get their turn: each of hundreds of column look-ups would wait for 5 ms."""
        with under_load():
            return make()

"""The number of workers in, as many running processes out: one that dies is restarted with backoff.

It loads no model itself. It stops its workers when stopped, or when its parent process is gone.
"""

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from threading import Event
from time import monotonic
from types import FrameType

from vocservice.jobs.backoff import grown

log = logging.getLogger("vocservice.jobs")

WORKER = (sys.executable, "-m", "vocservice", "worker")
LOOK_SECONDS = 0.2
NICENESS = 10  # a model that uses every core must not delay the acknowledgement of deliveries
_STEADY_SECONDS = 60.0
_KILL_AFTER = 15.0


@dataclass
class Place:
    """One worker, and when it may be restarted."""

    process: "subprocess.Popen[bytes] | None" = None
    started_at: float = 0.0
    deaths: int = 0
    start_at: float = 0.0


class Supervisor:
    """Keeps workers running."""

    def __init__(self, processes: int, *, command: Sequence[str] = WORKER, parent: int | None = None, grace: float = 20.0):
        """Args:
        parent: stop when this process is no longer the parent.
        grace: seconds a worker has to finish.
        """
        self._places = [Place() for _ in range(processes)]
        self._command, self._parent, self._grace = command, parent, grace
        self._stop = Event()

    def stop(self, *_: object) -> None:
        """Stop the workers and return from `run`; may be called from a signal handler."""
        self._stop.set()

    def run(self) -> None:
        """Start and restart workers until stopped."""
        while not self._stop.is_set() and not self._is_orphan():
            for place in self._places:
                self._look_after(place)
            self._stop.wait(LOOK_SECONDS)
        self._end()

    def _is_orphan(self) -> bool:
        return self._parent is not None and os.getppid() != self._parent

    def _look_after(self, place: Place) -> None:
        if place.process is not None and (code := place.process.poll()) is not None:
            place.deaths = 1 if monotonic() - place.started_at > _STEADY_SECONDS else place.deaths + 1
            place.start_at = monotonic() + grown(place.deaths, first=0.5, factor=2.0, most=30.0)
            place.process = None
            log.error("a worker ended", extra={"fields": {"exit": code, "deaths": place.deaths}})
        if place.process is None and monotonic() >= place.start_at:
            place.process, place.started_at = subprocess.Popen(self._command), monotonic()  # noqa: S603
            _stand_back(place.process.pid)

    def _end(self) -> None:
        running = [place.process for place in self._places if place.process is not None]
        for process in running:
            process.terminate()
        for process in running:
            try:
                process.wait(self._grace + _KILL_AFTER)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _stand_back(pid: int) -> None:
    """Lower the priority of the process; called before it has threads, which inherit it."""
    with suppress(OSError):  # it has already exited
        os.setpriority(os.PRIO_PROCESS, pid, NICENESS)


def run_supervisor(supervisor: Supervisor) -> None:
    """Supervise until SIGTERM or SIGINT."""

    def told(_: int, __: FrameType | None) -> None:
        supervisor.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, told)
    supervisor.run()

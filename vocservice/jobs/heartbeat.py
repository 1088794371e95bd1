"""Ids of jobs in, their leases renewed by a separate thread while the work goes on.

A job held longer than `MOST_LEASES` leases is released: its worker hangs, and another may retry.
"""

import logging
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Event, Lock, Thread
from time import monotonic

from vocservice.errors import StoreError
from vocservice.store import jobs
from vocservice.store.database import Database
from vocservice.store.jobs import Lease

log = logging.getLogger("vocservice.jobs")

BEATS = 3  # renewals in the time of one lease
MOST_LEASES = 30


@dataclass
class Heartbeat:
    """Renews leases; used as a context manager for a worker's lifetime."""

    database: Database
    lease: Lease
    _held: dict[str, float] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)
    _stop: Event = field(default_factory=Event)

    def __post_init__(self) -> None:
        self._thread = Thread(target=self._beat, name="heartbeat", daemon=True)

    def __enter__(self) -> "Heartbeat":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(self.lease.seconds)

    def hold(self, job_ids: Iterable[str]) -> None:
        """Start renewing these."""
        with self._lock:
            self._held |= dict.fromkeys(job_ids, monotonic())

    def drop(self, job_ids: Iterable[str]) -> None:
        """Stop renewing these."""
        with self._lock:
            for job_id in job_ids:
                self._held.pop(job_id, None)

    def held(self) -> list[str]:
        """The ids held now, unless held for too long."""
        oldest = monotonic() - MOST_LEASES * self.lease.seconds
        with self._lock:
            return [job_id for job_id, since in self._held.items() if since >= oldest]

    def _beat(self) -> None:
        while not self._stop.wait(self.lease.seconds / BEATS):
            with suppress(StoreError):
                self.renew()

    def renew(self) -> None:
        """Extend the leases once; lost ones are no longer held.

        Raises:
            StoreError: the database does not answer; the leases continue to expire.
        """
        wanted = self.held()
        if not wanted:
            return
        with self.database.write() as connection:
            kept = jobs.renew(connection, self.lease, wanted)
        if lost := [job_id for job_id in wanted if job_id not in kept]:
            self.drop(lost)
            log.debug("leases lost or done", extra={"fields": {"jobs": len(lost)}})

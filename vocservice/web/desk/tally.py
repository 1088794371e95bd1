"""A workspace in, the counts of its waiting records out: exact while they are few, else counted in the background.

Counting many takes seconds. Readers of the queue do not wait for that: they see the last counts, with their time.
"""

import logging
from dataclasses import dataclass
from datetime import datetime
from threading import Lock, Thread
from time import monotonic

from vocservice.errors import StoreError
from vocservice.store.database import Database, now
from vocservice.store.review import reviews
from vocservice.store.review.reviews import Counts

log = logging.getLogger("vocservice.web")

FEW = 2000
SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Counted:
    """Counts and their time. `counts` is None while more than `FEW` records are counted for the first time."""

    counts: Counts | None = None
    at: datetime | None = None


class Tally:
    """The counts of the workspaces that were asked for; at most one thread counts each."""

    def __init__(self, *, few: int = FEW, seconds: float = SECONDS):
        self._few, self._seconds = few, seconds
        self._held: dict[str, tuple[float, Counted]] = {}
        self._lock = Lock()
        self._busy: set[str] = set()

    def of(self, database: Database, workspace_id: str) -> Counted:
        """The counts of a workspace; exact ones have no time."""
        with database.read() as connection:
            if not reviews.more_wait(connection, workspace_id, self._few):
                return Counted(reviews.counts(connection, workspace_id))
        made, counted = self._held.get(workspace_id, (float("-inf"), Counted()))
        if monotonic() - made > self._seconds:
            self._begin(database, workspace_id)
        return counted

    def _begin(self, database: Database, workspace_id: str) -> None:
        with self._lock:
            if workspace_id in self._busy:
                return
            self._busy.add(workspace_id)
        Thread(target=self._count, args=(database, workspace_id), daemon=True).start()

    def _count(self, database: Database, workspace_id: str) -> None:
        try:
            with database.read() as connection:
                counted = Counted(reviews.counts(connection, workspace_id), now(connection))
            self._held[workspace_id] = (monotonic(), counted)
        except StoreError as error:
            log.warning("the desk was not counted: %s", error.message)
        finally:
            with self._lock:
                self._busy.discard(workspace_id)

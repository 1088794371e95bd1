"""A workspace in, the current columns of its analysed records out: cached by this process and updated at every look.

Changes since the last look are read from the store; if there are many, in a thread, while the caller waits or gets an error.
"""

import os
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from threading import Lock, Semaphore

from vocservice.store.analysed.table import Held, Table
from vocservice.store.database import Database
from vocservice.taxonomy import Taxonomy
from vocservice.web.workbench.library import MOST_WAITING, Making

HELD_ROWS = 5_000_000


class Tables:
    """The tables of one process; least recently used ones are evicted. A forked process starts empty."""

    def __init__(self, *, rows: int = HELD_ROWS):
        self._rows, self._process, self._lock = rows, 0, Lock()
        self._tables: OrderedDict[tuple[str, str], Table] = OrderedDict()
        self._loading: dict[Table, Making[None]] = {}
        self._seats = Semaphore(MOST_WAITING)
        self._threads = ThreadPoolExecutor(1)

    def get(self, database: Database, workspace_id: str, taxonomy: Taxonomy) -> Table:
        """The table of a workspace."""
        with self._lock:
            if self._process != os.getpid():
                self._process, self._threads = os.getpid(), ThreadPoolExecutor(2, "columns")
                self._tables.clear()
                self._loading.clear()
            key = (workspace_id, taxonomy.id)
            table = self._tables.get(key) or Table(database, workspace_id, taxonomy)
            self._tables[key] = table
            self._tables.move_to_end(key)
            self._give_way()
            return table

    def current(self, table: Table, *, timeout: float | None) -> Held:
        """The current columns.

        Raises:
            TimeoutError: reading takes longer; it continues, and `progress` reports how far it is.
            StoreError: without a `timeout`: too many wait already, or it takes too long (`queue_full`).
        """
        if not table.is_behind():
            return table.load()
        with self._lock:
            loading = self._loading.get(table)
            if loading is None or loading.report.done():
                table.begin()
                loading = self._loading[table] = Making(self._threads.submit(_load, table), self._seats)
        loading.result(timeout=timeout)
        return table.load()

    def _give_way(self) -> None:
        """Evict the oldest tables while all together hold too many rows; the newest stays."""
        while len(self._tables) > 1 and sum(len(table.held.columns) for table in self._tables.values() if table.held) > self._rows:
            _, oldest = self._tables.popitem(last=False)
            self._loading.pop(oldest, None)


def _load(table: Table) -> None:
    """Returns nothing: a result would keep old columns alive beside newer ones."""
    table.load()

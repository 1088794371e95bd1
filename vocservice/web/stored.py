"""Settings in, the shared store out: opened on first use, per process, and retried while unavailable."""

import os
from collections.abc import Sequence
from threading import Lock

from vocservice.errors import ConfigError, StoreError
from vocservice.settings import StoreSettings
from vocservice.store import jobs, room
from vocservice.store.analysed import promotions
from vocservice.store.database import Database
from vocservice.store.opened import Store, is_initialised, open_store
from vocservice.store.received import intake
from vocservice.store.received.intake import Parcel, Receipt
from vocservice.store.received.records import ANALYSE, FETCH
from vocservice.store.sealing import Sealer
from vocservice.store.vault import open_vault
from vocservice.web.gather import Gatherer
from vocservice.web.kept import Kept

BACKLOG_SECONDS = 1.0
MOST_PARCELS, MOST_RECORDS = 64, 256  # per transaction: more would block other writers
_REMEDY = "the store does not exist yet: create it with `voc init`"


class Stored:
    """The store of an application, for all threads; a forked process opens its own."""

    def __init__(self, settings: StoreSettings, database: Database | None = None):
        self._settings, self._database = settings, database
        self._lock = Lock()
        self._store: Store | None = None
        self._process = 0
        self._waiting = Kept(self._count_waiting, seconds=BACKLOG_SECONDS)
        self._intake = Gatherer(
            self._accepted,
            size=_size,
            most_items=MOST_PARCELS,
            most_size=MOST_RECORDS,
            patience=settings.busy_seconds,
            ours=(StoreError,),
        )

    def open(self) -> Store:
        """The store.

        Raises:
            StoreError: it does not exist (`store_unavailable`, with the remedy), does not fit this program, or does not answer.
        """
        with self._lock:
            if self._store is None or self._process != os.getpid():
                self._store, self._process = self._opened(), os.getpid()
            return self._store

    def check(self) -> str:
        """`ok`, or `absent` if no store was created.

        Raises:
            StoreError: it exists and does not answer, does not fit, or has no space left.
        """
        if self._is_absent():
            return "absent"
        with self.open().database.read() as connection:
            connection.exec_driver_sql("SELECT 1")
            room.check(connection)
        return "ok"

    def promoted(self) -> str | None:
        """The bundle promoted last; None if there was none, or there is no store.

        Raises:
            StoreError: it exists and does not answer or does not fit.
        """
        if self._is_absent():
            return None
        with self.open().database.read() as connection:
            return promotions.serving(connection)

    def accept(self, parcel: Parcel) -> Receipt:
        """Store a delivery, in a transaction that others may share; it is committed when this returns.

        Raises:
            StoreError: the store does not answer, or is busy; nothing was stored.
        """
        return self._accepted([parcel])[0] if parcel.is_alone else self._intake.result(parcel)

    def waiting(self) -> int:
        """Number of records waiting for text or analysis, at most a second old.

        Raises:
            StoreError: the store does not answer.
        """
        return self._waiting.value()

    def _accepted(self, parcels: Sequence[Parcel]) -> list[Receipt]:
        store = self.open()
        with store.database.write() as connection:
            return intake.accept_all(connection, store.vault, parcels)

    def _count_waiting(self) -> int:
        with self.open().database.read() as connection:
            return jobs.waiting_anywhere(connection, ANALYSE, FETCH)

    def _is_absent(self) -> bool:
        return self._store is None and self._database is None and not self._is_made()

    def _is_made(self) -> bool:
        try:
            return is_initialised(self._settings)
        except ConfigError as error:
            raise StoreError(error.message) from None

    def _opened(self) -> Store:
        try:
            if self._database is not None:
                return Store(self._database, open_vault(self._database, Sealer(self._settings.sealing_keys())))
            if not is_initialised(self._settings):
                raise StoreError(_REMEDY)
            return open_store(self._settings)
        except ConfigError as error:
            raise StoreError(f"the store cannot be opened: {error.message}") from None


def _size(parcel: Parcel) -> int:
    return len(parcel.said)

"""A database URL in, transactions out: writers are serialised on SQLite, pooled on PostgreSQL; failures become one error type.

SQLite uses a write-ahead log, synchronous commits, foreign keys, a busy time-out, and overwrites erased pages.
"""

import re
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from vocservice.errors import ConfigError, StoreError
from vocservice.store.types import from_micros, to_json

_THREADS = 20
_LOOK_SECONDS = 0.0005  # between two checks whether another process still writes
_GAP_SECONDS = 4 * _LOOK_SECONDS
SQLITE, POSTGRESQL = "sqlite", "postgresql"
_NOW = {
    SQLITE: text("SELECT CAST(strftime('%s', 'now') AS INTEGER) * 1000000 + CAST(substr(strftime('%f', 'now'), 4) AS INTEGER) * 1000"),
    POSTGRESQL: text("SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)"),
}
_PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "secure_delete=ON")
# SQLite codes by name, PostgreSQL codes as SQLSTATE.
_AWAY = ("57P0", "25006", "SQLITE_READONLY", "SQLITE_IOERR")  # shutting down, starting up, or read-only
_DAMAGED = ("SQLITE_CORRUPT", "SQLITE_NOTADB", "XX001", "XX002")
_UNKNOWN = ("42P01", "42703")  # no such table, no such column
_NO_SUCH = re.compile(r"no such (table|column)|table \w+ has no column")


class Database:
    """An open database; thread-safe, one per process (recreated after a fork)."""

    def __init__(self, url: str, *, busy_seconds: float = 5.0, pool: int = 5):
        """Args:
            url: `sqlite:///path` or `postgresql://user:password@host/name`.
            busy_seconds: maximum wait for another writer, a connection or the server.
            pool: maximum of pooled connections to PostgreSQL.

        Raises:
            ConfigError: the URL is not supported, or names a file that cannot be written.
        """
        self.url = parse_url(url)
        self.kind = self.url.get_backend_name()
        self._writing, self._busy_seconds = threading.Lock(), busy_seconds
        self.engine = _sqlite(self.url, busy_seconds) if self.kind == SQLITE else _postgresql(self.url, busy_seconds, pool)

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A write transaction, atomic.

        Raises:
            StoreError: the database is busy, full, read-only or unavailable, has other tables, or its file is damaged;
                nothing of the transaction was stored.
        """
        with self._turn(), _translated(), self.engine.connect() as connection, connection.begin():
            if self.kind == SQLITE:
                _begin_writing(connection, self._busy_seconds)
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A read-only transaction.

        Raises:
            StoreError: the database is gone.
        """
        with _translated(), self.engine.connect() as connection, connection.begin():
            if self.kind == SQLITE:
                connection.exec_driver_sql("BEGIN")
            yield connection

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """On SQLite the writers of one process queue here: SQLite itself polls, so that one of many can starve."""
        if self.kind != SQLITE:
            yield
            return
        if not self._writing.acquire(timeout=self._busy_seconds):
            raise StoreError("the database is busy; try again", code="store_unavailable")
        try:
            yield
        finally:
            self._writing.release()

    def give_way(self) -> None:
        """Pause between many transactions: SQLite does not signal a free lock, so others need time to see it."""
        if self.kind == SQLITE:
            sleep(_GAP_SECONDS)

    def overwrite_log(self) -> None:
        """After an erasure, checkpoint and truncate SQLite's log, which still contains the old pages.

        Raises:
            StoreError: the database is gone.
        """
        if self.kind == SQLITE:
            with _translated(), self.engine.connect() as connection:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()


def now(connection: Connection) -> datetime:
    """The database's clock, the only one used for leases."""
    return from_micros(int(connection.scalar(_NOW[connection.dialect.name])))


def parse_url(url: str) -> URL:
    """The URL with the installed driver.

    Raises:
        ConfigError: it is not a URL, or for another kind of database.
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise ConfigError("store.url is not a database URL, such as sqlite:///var/voc.db") from None
    match parsed.get_backend_name():
        case "sqlite":
            return parsed.set(drivername="sqlite+pysqlite")
        case "postgresql":
            return parsed.set(drivername="postgresql+psycopg")
    raise ConfigError("store.url must begin with sqlite:/// or postgresql://")


def trouble(error: DBAPIError) -> StoreError | None:
    """Translate a driver error; None for a fault of our own."""
    code = getattr(error.orig, "sqlstate", None) or getattr(error.orig, "sqlite_errorname", None) or ""
    if code.startswith(_DAMAGED):
        return StoreError("the database file is damaged or is none: restore a backup (`voc restore`)", code="store_damaged")
    if code in _UNKNOWN or _NO_SUCH.match(str(error.orig)):
        return StoreError("the tables are not those of this version of voc: see `voc db status`", code="schema_mismatch")
    is_gone = error.connection_invalidated or isinstance(error, InterfaceError) or code.startswith(_AWAY)
    if is_gone or (isinstance(error, OperationalError) and code != "SQLITE_ERROR"):
        return StoreError(f"the database does not answer ({code or type(error.orig).__name__}); try again", code="store_unavailable")
    return None


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        told = trouble(error)
        if told is None:
            raise
        raise told from error
    except PoolTimeoutError as error:
        raise StoreError("all connections to the database are in use; try again", code="store_unavailable") from error


def _sqlite(url: URL, busy_seconds: float) -> Engine:
    if url.database and url.database != ":memory:":
        _make_private(Path(url.database))
    engine = create_engine(
        url,
        pool_size=_THREADS,
        max_overflow=_THREADS,
        pool_timeout=busy_seconds,
        json_serializer=to_json,
        hide_parameters=True,  # an error must not quote what customers wrote
        connect_args={"timeout": busy_seconds, "check_same_thread": False},
    )

    @event.listens_for(engine, "connect")
    def _settle(connection: Any, _: object) -> None:
        connection.isolation_level = None  # the driver begins no transaction by itself: `write` and `read` do
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")

    return engine


def _begin_writing(connection: Connection, busy_seconds: float) -> None:
    """Begin as soon as another process has finished writing: SQLite itself would sleep up to 100 ms between checks."""
    raw: Any = connection.connection.dbapi_connection
    end = monotonic() + busy_seconds
    raw.execute("PRAGMA busy_timeout = 0")
    try:
        while monotonic() < end:
            try:
                raw.execute("BEGIN IMMEDIATE")
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                    break
            sleep(_LOOK_SECONDS)
        connection.exec_driver_sql("BEGIN IMMEDIATE")  # raises as SQLAlchemy does
    finally:
        raw.execute(f"PRAGMA busy_timeout = {round(1000 * busy_seconds)}")


def _make_private(path: Path) -> None:
    """A new file is accessible to its owner only; its log inherits that."""
    if path.exists():
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"store.url: {path.name} cannot be opened for writing ({error.strerror})") from None


def _postgresql(url: URL, busy_seconds: float, pool: int) -> Engine:
    return create_engine(
        url,
        pool_size=pool,
        pool_timeout=busy_seconds,
        pool_pre_ping=True,
        json_serializer=to_json,
        hide_parameters=True,  # an error must not quote what customers wrote
        connect_args={"connect_timeout": max(2, round(busy_seconds)), "options": f"-c lock_timeout={round(busy_seconds * 1000)}"},
    )

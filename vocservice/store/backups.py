"""An open database in, a consistent snapshot file out; and back. Encryption keys are not included.

SQLite: its online backup. PostgreSQL: pg_dump and pg_restore from the client tools, each in one transaction.
"""

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from vocservice.errors import InputError, OutputError, StoreError
from vocservice.store import migrate
from vocservice.store.database import SQLITE, Database

_MAGIC = b"SQLite format 3\0"


def backup(database: Database, path: Path) -> int:
    """Write a backup, readable by its owner only, without blocking others; return its size in bytes.

    Raises:
        OutputError: the file exists, or cannot be written.
        StoreError: the database does not answer, or pg_dump is missing or failed.
    """
    if path.exists():
        raise OutputError(f"{path.name} is there already: a backup is never overwritten")
    partial = path.with_name(path.name + ".partial")
    try:
        os.close(os.open(partial, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600))
        (_sqlite_to if database.kind == SQLITE else _postgresql_to)(database, partial)
        with partial.open("rb") as stream:
            os.fsync(stream.fileno())
        partial.rename(path)
    except OSError as error:
        raise OutputError(f"cannot write {path.name}: {error.strerror}") from None
    finally:
        partial.unlink(missing_ok=True)
    return path.stat().st_size


def restore(database: Database, path: Path, *, replaces: bool = False) -> None:
    """Replace the contents of a database with a backup, completely or not at all. Nothing else may use the database meanwhile.

    Raises:
        InputError: the file is missing or not a backup of this kind, or the database is not empty and `replaces` is not set.
        StoreError: the database does not answer, or pg_restore is missing or failed.
    """
    if not path.is_file():
        raise InputError(f"{path.name} is no file")
    if migrate.has_tables(database) and not replaces:
        raise InputError("the database is not empty: --replace drops what is in it", code="database_not_empty")
    (_sqlite_from if database.kind == SQLITE else _postgresql_from)(database, path)


def _sqlite_to(database: Database, path: Path) -> None:
    _locked_out(lambda: _copy(_file_of(database), path))


def _sqlite_from(database: Database, path: Path) -> None:
    _check_file(path)
    database.close()
    _locked_out(lambda: _copy(path, _file_of(database)))


def _copy(source: Path, target: Path) -> None:
    with closing(sqlite3.connect(source)) as read, closing(sqlite3.connect(target)) as write:
        write.execute("PRAGMA secure_delete=ON")
        read.backup(write, pages=-1)


def _locked_out(act: Callable[[], None]) -> None:
    try:
        act()
    except sqlite3.Error as error:
        raise StoreError(f"the database does not answer ({error.sqlite_errorname}); try again") from None


def _check_file(path: Path) -> None:
    """Whether a file is a complete database of ours."""
    with path.open("rb") as stream:
        is_one = stream.read(len(_MAGIC)) == _MAGIC
    try:
        with closing(sqlite3.connect(f"file:{path.resolve().as_posix()}?mode=ro", uri=True)) as held:
            is_whole = is_one and held.execute("PRAGMA quick_check").fetchone() == ("ok",)
            step = held.execute("SELECT version_num FROM alembic_version").fetchone() if is_whole else None
    except sqlite3.Error:
        step = None
    if step is None:
        raise InputError(f"{path.name} is no whole backup of an SQLite store")


def _file_of(database: Database) -> Path:
    return Path(database.url.database or "")


def _postgresql_to(database: Database, path: Path) -> None:
    _call(database, "pg_dump", "--format=custom", "--no-owner", "--no-privileges", f"--file={path}")


def _postgresql_from(database: Database, path: Path) -> None:
    """pg_restore itself drops existing tables, in its transaction: a damaged backup destroys nothing."""
    with path.open("rb") as stream:
        if stream.read(5) != b"PGDMP":
            raise InputError(f"{path.name} is no backup of a PostgreSQL store")
    options = ("--clean", "--if-exists", "--no-owner", "--no-privileges", "--single-transaction", "--exit-on-error")
    _call(database, "pg_restore", *options, str(path))


def _call(database: Database, program: str, *arguments: str) -> None:
    """Run a client tool; the password is passed in the environment, never in the process list."""
    found = shutil.which(program)
    if found is None:
        raise StoreError(f"{program} is not installed: install the client tools of PostgreSQL", code="tool_missing")
    url = database.url.set(drivername="postgresql", password=None)
    environment = os.environ | ({"PGPASSWORD": str(database.url.password)} if database.url.password else {})
    command = [found, "--no-password", f"--dbname={url.render_as_string()}", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, check=False)  # noqa: S603 - no shell, a fixed program
    if done.returncode:
        raise StoreError(
            f"{program} failed (exit code {done.returncode}) and changed nothing: damaged file, or tools older than the server"
        )

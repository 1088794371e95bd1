"""A database in, its schema at a given step out: Alembic run from code, each run in one transaction."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.script.revision import ResolutionError, RevisionError
from alembic.util import CommandError
from sqlalchemy import Connection, inspect, text

from vocservice.errors import InputError, StoreError
from vocservice.store.database import POSTGRESQL, Database
from vocservice.store.schema import metadata

STEPS = Path(__file__).parent / "migrations"
NOTHING = "base"
_VERSIONS = "alembic_version"
_LOCK = text("SELECT pg_advisory_xact_lock(7653421)")  # one migration at a time, across processes


def head() -> str:
    """The schema step of this program."""
    found = _scripts().get_current_head()
    assert found is not None  # noqa: S101 - there is always a first step
    return found


def current(database: Database) -> str | None:
    """The step of a database; None without tables.

    Raises:
        StoreError: the database does not answer.
    """
    with database.read() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def check(database: Database) -> None:
    """Check that this program and the tables of a database match.

    Raises:
        StoreError: they do not (`schema_mismatch`, with the remedy), or the database does not answer.
    """
    found, wanted = current(database), head()
    if found == wanted:
        return
    if found is None:
        raise StoreError("the database has no tables yet: run `voc init`", code="schema_mismatch")
    if not is_known(found):
        message = f"the database is at step {found}, which this version of voc does not know: install the newer version again"
        raise StoreError(message, code="schema_mismatch")
    raise StoreError(f"the database is at step {found}, voc needs {wanted}: run `voc db upgrade`", code="schema_mismatch")


def is_known(step: str) -> bool:
    """Whether this program knows a step."""
    try:
        return _scripts().get_revision(step) is not None
    except (CommandError, ResolutionError, RevisionError):
        return False


def upgrade(database: Database, to: str = "head") -> str:
    """Migrate to a step, the newest by default; return it. Data are kept.

    Raises:
        InputError: there is no such step.
        StoreError: the database is newer than this program, or does not answer; nothing was changed.
    """
    return _run(database, to, lambda scripts, at: scripts._upgrade_revs(to, at))


def downgrade(database: Database, to: str) -> str:
    """Migrate back to a step; `base` drops all tables with their contents.

    Raises:
        InputError: there is no such step before the present one.
        StoreError: as in `upgrade`.
    """
    return _run(database, to, lambda scripts, at: scripts._downgrade_revs(to, at))


def has_tables(database: Database) -> bool:
    """Whether any of our tables exists."""
    with database.read() as connection:
        return bool(set(inspect(connection).get_table_names()) - {_VERSIONS})


def _run(database: Database, to: str, steps: Callable[[ScriptDirectory, Any], Any]) -> str:
    scripts = _scripts()
    with database.write() as connection:
        _alone(connection)
        context = MigrationContext.configure(
            connection,
            opts={"fn": lambda at, _: _chosen(scripts, steps, at, to), "transactional_ddl": True, "target_metadata": metadata},
        )
        with Operations.context(context):
            context.run_migrations()
        return context.get_current_revision() or NOTHING


def _chosen(scripts: ScriptDirectory, steps: Callable[[ScriptDirectory, Any], Any], at: Any, to: str) -> Any:
    for step in at:
        if not is_known(step):
            raise StoreError(f"the database is at step {step}, which this version of voc does not know", code="schema_mismatch")
    try:
        return steps(scripts, at)
    except (CommandError, ResolutionError, RevisionError):
        raise InputError(f"there is no way to step {to}: `voc db status` shows where the database is") from None


def _alone(connection: Connection) -> None:
    if connection.dialect.name == POSTGRESQL:
        connection.execute(_LOCK)


@cache  # reloading would execute every step's module again
def _scripts() -> ScriptDirectory:
    return ScriptDirectory(str(STEPS), version_locations=[str(STEPS)])

"""The store under test, once on SQLite and once on PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from databases import KINDS
from sqlalchemy import text

from store import templates
from store.bench import Bench, furnished
from vocservice.store import appending, migrate
from vocservice.store.database import Database
from vocservice.store.schema import metadata


def emptied(url: str) -> str:
    """The URL of a PostgreSQL database after everything in it was dropped."""
    database = Database(url)
    with database.write() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    database.close()
    return url


def blank(url: str) -> str:
    """The URL of a PostgreSQL database whose tables are there and empty."""
    database = Database(url)
    if not migrate.has_tables(database):
        migrate.upgrade(database)
    with database.write() as connection:
        for statement in appending.unmade(database.kind):
            connection.exec_driver_sql(statement)
        connection.execute(text(f"TRUNCATE {', '.join(metadata.tables)} RESTART IDENTITY CASCADE"))
        for statement in appending.made(database.kind):  # the test before may have dropped them
            connection.exec_driver_sql(statement)
        connection.execute(text("UPDATE alembic_version SET version_num = :step"), {"step": migrate.head()})  # and moved that
    database.close()
    return url


@pytest.fixture(params=KINDS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An empty database without tables, of each kind in turn."""
    is_file = request.param == "sqlite"
    made = Database(f"sqlite:///{tmp_path / 'voc.db'}" if is_file else emptied(request.getfixturevalue("postgres").url("template1")))
    yield made
    made.close()


@pytest.fixture(params=KINDS)
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    """A database with what deliveries need, of each kind in turn."""
    url = templates.place(tmp_path) if request.param == "sqlite" else blank(request.getfixturevalue("postgres").url())
    made = Database(url, busy_seconds=10)
    yield furnished(made)
    made.close()


@pytest.fixture
def sqlite_bench(tmp_path: Path) -> Iterator[Bench]:
    made = Database(templates.place(tmp_path), busy_seconds=0.2)
    yield furnished(made)
    made.close()

"""The store under test, once on SQLite and once on PostgreSQL."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from store.bench import Bench, furnished
from store.servers import Postgres, binaries
from vocservice.store.database import Database

KINDS = ("sqlite", "postgresql")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A running server of our own."""
    folder = binaries()
    if folder is None:
        pytest.skip("PostgreSQL is not installed here: no initdb under /usr/lib/postgresql or on the path")
    server = Postgres(folder)
    server.start()
    yield server
    server.remove()


def fresh_url(kind: str, folder: Path, request: pytest.FixtureRequest) -> str:
    """An empty database of a kind."""
    if kind == "sqlite":
        return f"sqlite:///{folder / 'voc.db'}"
    server: Postgres = request.getfixturevalue("postgres")
    name = f"voc_{uuid.uuid4().hex[:12]}"
    admin = Database(server.url())
    with admin.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    admin.close()
    return server.url(name)


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database, of each kind in turn."""
    return fresh_url(request.param, tmp_path, request)


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    made = Database(url, busy_seconds=10)
    yield made
    made.close()


@pytest.fixture
def bench(database: Database) -> Bench:
    return furnished(database)


@pytest.fixture
def sqlite_bench(tmp_path: Path) -> Iterator[Bench]:
    made = Database(f"sqlite:///{tmp_path / 'voc.db'}", busy_seconds=0.2)
    yield furnished(made)
    made.close()

"""The store under test, on each kind of database."""

from collections.abc import Iterator
from pathlib import Path

import databases
import pytest

from store import templates
from store.bench import Bench, furnished
from vocservice.store.database import Database


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """An empty database without tables."""
    made = Database(databases.blank(tmp_path))
    yield made
    made.close()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A database with what deliveries need."""
    made = Database(databases.place(tmp_path), busy_seconds=10)
    yield furnished(made)
    made.close()


@pytest.fixture
def sqlite_bench(tmp_path: Path) -> Iterator[Bench]:
    made = Database(templates.place(tmp_path), busy_seconds=0.2)
    yield furnished(made)
    made.close()

"""A folder of a test in, the URL of its database out: an SQLite file there, or a PostgreSQL database of its own.

Which of the two is chosen for each test (`conftest.database_kind`), so that the same test runs on both.
"""

import os
from functools import cache
from hashlib import sha256
from pathlib import Path

import psycopg
from sqlalchemy import make_url
from store import templates

from vocservice.store import migrate
from vocservice.store.database import Database

KINDS = ("sqlite", "postgresql")
_TEMPLATE = f"voc_test_template_{os.environ.get('PYTEST_XDIST_WORKER', '')}"

_server: str | None = None
_made: set[str] = set()


def choose(server: str | None) -> None:
    """Let what follows lie on a PostgreSQL server, given as the URL of a database of it, or in files; what a test made there goes."""
    global _server
    if _server is not None:
        _ask(*(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)" for name in sorted(_made)))
    _made.clear()
    _server = server


def url_in(folder: Path) -> str:
    """Of the database of a folder, whether it is there or not."""
    return f"sqlite:///{folder / 'voc.db'}" if _server is None else _url(_name(folder))


def blank(folder: Path) -> str:
    """The same with nothing in it: no file, or a database without tables."""
    if _server is not None:
        _create(_name(folder))
    return url_in(folder)


def place(folder: Path) -> str:
    """The same with tables and nothing in them."""
    if _server is None:
        return templates.place(folder)
    _create(_name(folder), template=_template(_server))
    return url_in(folder)


def _name(folder: Path) -> str:
    return f"voc_test_{sha256(str(folder.resolve()).encode()).hexdigest()[:16]}"


def _url(name: str) -> str:
    assert _server is not None
    return make_url(_server).set(database=name).render_as_string(hide_password=False)


def _ask(*statements: str) -> None:
    assert _server is not None
    if statements:
        with psycopg.connect(_server, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)  # type: ignore[call-overload]


def _create(name: str, *, template: str = "template0") -> None:
    _made.add(name)
    _ask(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)", f"CREATE DATABASE {name} TEMPLATE {template}")


@cache
def _template(_: str | None) -> str:
    """The name of a database that is migrated once for all tests on a server, then copied."""
    _ask(f"DROP DATABASE IF EXISTS {_TEMPLATE} WITH (FORCE)", f"CREATE DATABASE {_TEMPLATE}")
    database = Database(_url(_TEMPLATE))
    migrate.upgrade(database)
    database.close()
    return _TEMPLATE

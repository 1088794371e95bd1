"""A folder of a test in, the URL of its database out: an SQLite file there, or a PostgreSQL database of its own.

Which of the two is chosen for each test (`conftest.database_kind`), so that the same test runs on both. A PostgreSQL database takes
long to make and a moment to empty, so that those of earlier tests are emptied and renamed; no two tests share a name.
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
from vocservice.store.schema import metadata

KINDS = ("sqlite", "postgresql")
_TEMPLATE = f"voc_test_template_{os.environ.get('PYTEST_XDIST_WORKER', '')}"
# The last is for deleted rows, which stay in the pages of a database that is used again.
_SHAPE = """
SELECT (SELECT string_agg(version_num, ',') FROM alembic_version),
       (SELECT md5(string_agg(relname || relkind::text, ',' ORDER BY relname)) FROM pg_class WHERE relnamespace = 'public'::regnamespace),
       (SELECT md5(string_agg(tgname || tgenabled::text, ',' ORDER BY tgname)) FROM pg_trigger WHERE NOT tgisinternal),
       pg_database_size(current_database()) < 20000000
"""

_server: str | None = None
_is_chosen = True  # outside of a test it need not be
_made: set[str] = set()  # by this test, from nothing
_placed: set[str] = set()  # by this test, with tables
_free: list[str] = []  # of earlier tests, with tables


def choose(kind: str | None, server: str | None = None) -> None:
    """Let what follows lie in files, or on a PostgreSQL server, given as the URL of a database of it; None ends a test."""
    global _server, _is_chosen
    if _server is not None:
        _ask(*map(_dropped, sorted(_made)), *map(_left, sorted(_placed)))
        _free.extend(sorted(_placed))
    _made.clear()
    _placed.clear()
    _server, _is_chosen = server, kind is not None


def leave(server: str) -> None:
    """Nothing of ours stays on a server."""
    choose("postgresql", server)
    _ask(*map(_dropped, (*_free, _TEMPLATE)))
    _free.clear()
    _template.cache_clear()
    choose(None)


def url_in(folder: Path) -> str:
    """Of the database of a folder, whether it is there or not."""
    assert _is_chosen, "a store is made by a test that runs on one kind of database only: see `makes_stores` in conftest.py"
    return f"sqlite:///{folder / 'voc.db'}" if _server is None else _url(_name(folder))


def blank(folder: Path) -> str:
    """The same with nothing in it: no file, or a database without tables."""
    if _server is not None:
        name = _name(folder)
        _made.add(name)
        _placed.discard(name)
        _ask(_dropped(name), f"CREATE DATABASE {name} TEMPLATE template0")
    return url_in(folder)


def place(folder: Path) -> str:
    """The same with tables and nothing in them."""
    url = url_in(folder)
    if _server is None:
        return templates.place(folder)
    name = _name(folder)
    _ask(_dropped(name))
    _made.discard(name)
    _placed.add(name)
    while _free:
        _ask(_left(_free[-1]), f"ALTER DATABASE {_free.pop()} RENAME TO {name}")
        if _is_emptied(url):
            return url
        _ask(_dropped(name))
    _ask(f"CREATE DATABASE {name} TEMPLATE {_template(_server)[0]}")
    return url


def _name(folder: Path) -> str:
    return f"voc_test_{sha256(str(folder.resolve()).encode()).hexdigest()[:16]}"


def _url(name: str) -> str:
    assert _server is not None
    return make_url(_server).set(database=name).render_as_string(hide_password=False)


def _dropped(name: str) -> str:
    return f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"


def _left(name: str) -> str:
    """Nobody uses it any more."""
    return f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"  # noqa: S608


def _ask(*statements: str) -> None:
    assert _server is not None
    if statements:
        with psycopg.connect(_server, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)  # type: ignore[call-overload]


def _is_emptied(url: str) -> bool:
    """Whether nothing is in it any more; not where a test altered its tables or filled them."""
    with psycopg.connect(url) as connection:
        if connection.execute(_SHAPE).fetchone() != _template(_server)[1]:  # type: ignore[call-overload]
            return False
        connection.execute(_emptying())  # type: ignore[call-overload]
    return True


@cache
def _emptying() -> str:
    tables = metadata.sorted_tables
    counters = (f"pg_get_serial_sequence('{one.name}', '{column.name}')" for one in tables for column in one.primary_key)
    return ";".join(
        (
            "ALTER TABLE audit DISABLE TRIGGER USER",
            *(f"DELETE FROM {one.name}" for one in reversed(tables)),  # noqa: S608
            "ALTER TABLE audit ENABLE TRIGGER USER",
            f"SELECT setval(name::regclass, 1, false) FROM (VALUES {', '.join(f'({one})' for one in counters)}) AS counters (name) WHERE name IS NOT NULL",  # noqa: S608, E501
        )
    )


@cache
def _template(_: str | None) -> tuple[str, object]:
    """The name of a database that is migrated once for all tests on a server, then copied, and its shape."""
    _ask(_dropped(_TEMPLATE), f"CREATE DATABASE {_TEMPLATE}")
    database = Database(_url(_TEMPLATE))
    migrate.upgrade(database)
    database.close()
    with psycopg.connect(_url(_TEMPLATE)) as connection:
        return _TEMPLATE, connection.execute(_SHAPE).fetchone()  # type: ignore[call-overload]

"""Fixtures of all tests: a clean environment, fake analysers, the command line in process, and the real bundle where there is one."""

import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import databases
import pytest
from builders import fake_analyser, has_current_bundle, steps_analyser
from cheap import make_cheap, set_aside
from commands import Ran, Voc
from store.servers import Postgres, binaries

import vocservice
from vocservice import api
from vocservice.api import Analyser
from vocservice.cli import run

MAKERS = {"databases", "jobs.stores", "web.storing", "web.visiting"}
ONCE = {"e2e", "test_client.py"}  # on files only: they take longest, and what they ask for is answered on both kinds in tests/web
STORES = {"bench", "database", "door", "placed"}
GIVEN_SERVER = os.environ.get("VOC_TEST_DATABASE", "")  # before the tests clear their environment


def pytest_addoption(parser: pytest.Parser) -> None:
    told = "the only kind of database to test on; by default every test that makes a store runs on both"
    parser.addoption("--database", choices=databases.KINDS, default="postgresql" if GIVEN_SERVER else None, help=told)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if makes_stores(metafunc):
        kind = metafunc.config.getoption("database")
        path = metafunc.definition.path
        is_once = metafunc.definition.get_closest_marker("sqlite_only") or ONCE & {path.name, path.parent.name}
        kinds = [kind] if kind else databases.KINDS[:1] if is_once else databases.KINDS
        metafunc.parametrize("database_kind", kinds, indirect=True)


def makes_stores(metafunc: pytest.Metafunc) -> bool:
    """Whether a test may make a store: its module imports what makes one, or it asks for one. `databases` refuses one to all others."""
    imported = {getattr(value, "__module__", None) or getattr(value, "__name__", None) for value in vars(metafunc.module).values()}
    return bool(imported & MAKERS or STORES & set(metafunc.fixturenames))


def pytest_collection_finish() -> None:
    set_aside()


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


@pytest.fixture(scope="session")
def database_server(request: pytest.FixtureRequest) -> Iterator[str]:
    """A database of the server that VOC_TEST_DATABASE names, whose user may make others there; by default of one of our own."""
    server = GIVEN_SERVER or str(request.getfixturevalue("postgres").url())
    yield server
    databases.leave(server)


@pytest.fixture(autouse=True)
def database_kind(request: pytest.FixtureRequest) -> Iterator[str | None]:
    """Where this test's stores lie; None if it makes none."""
    kind = getattr(request, "param", None)
    if kind == "postgresql" and request.node.get_closest_marker("sqlite_only"):
        pytest.skip("of SQLite only")
    databases.choose(kind, request.getfixturevalue("database_server") if kind == "postgresql" else None)
    yield kind
    databases.choose(None)


@pytest.fixture
def placed(tmp_path: Path) -> str:
    """The URL of a store with nothing in it."""
    return databases.place(tmp_path)


@pytest.fixture(scope="session", autouse=True)
def _cheap() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        make_cheap(patch)
        yield


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No VOC_* setting of the machine decides a test."""
    for name in [name for name in os.environ if name.startswith("VOC_") and name != "VOC_HOME"]:
        monkeypatch.delenv(name)


@pytest.fixture
def fake() -> Analyser:
    """Fake labels, no steps."""
    return fake_analyser()


@pytest.fixture
def steps() -> Analyser:
    """Fake labels behind the real steps."""
    return steps_analyser()


@pytest.fixture(scope="session")
def real() -> Analyser:
    """The analyser of the current bundle."""
    if not has_current_bundle():
        pytest.skip("models/current does not exist yet: no bundle has been trained")
    return vocservice.load()


@pytest.fixture
def analyser(monkeypatch: pytest.MonkeyPatch) -> Analyser:
    """The fake that every command loads."""
    made = fake_analyser()
    monkeypatch.setattr(api, "load", lambda *_, **__: made)
    return made


@pytest.fixture
def with_steps(monkeypatch: pytest.MonkeyPatch) -> Analyser:
    """The real steps over a fake model, for texts that must pass through them."""
    made = steps_analyser()
    monkeypatch.setattr(api, "load", lambda *_, **__: made)
    return made


@pytest.fixture
def voc(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Voc:
    """Call `voc` with arguments and, where given, bytes on standard input."""

    def call(*arguments: Any, given: bytes | None = None) -> Ran:
        if given is not None:
            monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given)))
        code = run([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        return Ran(code, out, err)

    return call

"""A client of the application over fake labels, and one over the real steps."""

import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask, Response, request_finished
from flask.testing import FlaskClient

from vocservice.api import Analyser
from vocservice.browser import NAMES
from vocservice.settings import HttpLimits, Settings
from vocservice.web.app import create_app
from web.said import unsaid
from web.storing import Door

MakeClient = Callable[..., FlaskClient]


@pytest.fixture(autouse=True)
def every_code_is_said() -> Iterator[None]:
    """Whatever problem a route of the API answers here: the OpenAPI document names its code."""
    found: set[str] = set()

    def look(app: Flask, response: Response, **_: object) -> None:
        found.add(unsaid(app, response))

    with request_finished.connected_to(look):
        yield
    assert found <= {""}


@pytest.fixture
def client(fake: Analyser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
    """Of an application without a store, whatever lies in the folder from which the tests are run."""
    monkeypatch.chdir(tmp_path)
    return create_app(fake, Settings()).test_client()


@pytest.fixture
def steps_client(steps: Analyser) -> FlaskClient:
    return create_app(steps, Settings()).test_client()


@pytest.fixture
def limited(fake: Analyser) -> MakeClient:
    """A client of an application with other limits."""

    def make(**limits: int) -> FlaskClient:
        return create_app(fake, Settings(http=HttpLimits(**limits))).test_client()

    return make


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    """An application over a fresh store."""
    made = Door(tmp_path)
    yield made
    made.close()


@pytest.fixture
def drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A browser that hands out the page itself; where it lies."""
    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / NAMES[0]
    script = 'for word in "$@"; do case "$word" in --print-to-pdf=*|--screenshot=*) to="${word#*=}";; '
    script += 'file://*) page="${word#file://}";; esac; done'
    program.write_text(f'#!/bin/sh\n{script}\ncat "$page" > "$to"\n', encoding="utf-8")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return program

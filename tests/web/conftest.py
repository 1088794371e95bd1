"""A client of the application over fake labels, and one over the real steps."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask, Response, request_finished
from flask.testing import FlaskClient

from vocservice.api import Analyser
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

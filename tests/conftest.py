"""Fixtures of all tests: a clean environment, fake analysers, the command line in process, and the real bundle where there is one."""

import io
import os
import sys
from typing import Any

import pytest
from builders import fake_analyser, has_current_bundle, steps_analyser
from commands import Ran, Voc

import vocservice
from vocservice import api
from vocservice.api import Analyser
from vocservice.cli import run


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

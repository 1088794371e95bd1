"""Fixtures of the command line: it runs in process with a fake model, its streams captured."""

import io
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from builders import fake_analyser, steps_analyser

from vocservice import api
from vocservice.api import Analyser
from vocservice.cli import run


@dataclass(frozen=True, slots=True)
class Ran:
    """What one call of the command line left."""

    code: int
    out: str
    err: str


Voc = Callable[..., Ran]


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

"""Fixtures of all tests: a clean environment, fake analysers, and the real bundle where there is one."""

import os

import pytest
from builders import fake_analyser, has_current_bundle, steps_analyser

import vocservice
from vocservice.api import Analyser


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

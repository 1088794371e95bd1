"""Tests of `voc train` and `voc evaluate`: everything is forwarded, and a missing library is named with its remedy."""

import sys
from types import ModuleType
from typing import Any

import pytest

from vocservice.cli import training

from .conftest import Voc


@pytest.fixture
def received(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What a stand-in for the training package was called with."""
    calls: list[list[str]] = []
    module = ModuleType("training.__main__")
    module.main = lambda arguments: calls.append(arguments) or (5 if "fail" in arguments else None)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "training.__main__", module)
    return calls


@pytest.mark.parametrize("command", ["train", "evaluate"])
def test_all_arguments_are_forwarded(command: str, received: list[list[str]], voc: Voc) -> None:
    assert voc(command, "--data", "x", "--help", "-v", "name", "--", "--odd").code == 0
    assert received == [[command, "--data", "x", "--help", "-v", "name", "--", "--odd"]] or received == [
        [command, "--data", "x", "--help", "-v", "name", "--odd"]
    ]


def test_its_exit_code_is_ours(received: list[list[str]], voc: Voc) -> None:
    assert voc("train", "fail").code == 5


@pytest.mark.parametrize(
    ("missing", "told"), [("torch", "make setup-train"), ("transformers.models", "make setup-train"), ("training", "checkout")]
)
def test_what_is_missing_is_named(missing: str, told: str, voc: Voc, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: str) -> Any:
        raise ModuleNotFoundError(f"No module named {missing!r}", name=missing)

    monkeypatch.setattr(training, "import_module", fail)
    ran = voc("train")
    assert ran.code == 2 and ran.err.startswith("error [config_invalid]: ") and told in ran.err

"""Timings count what was analysed and what was rejected."""

from pathlib import Path

import pytest
from builders import fake_analyser

from training import timings as timed
from training.examples import Example
from vocservice.records import RawTurn


def test_each_corpus_is_timed_with_its_rejections(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    talk = Example("t-1", "toy", "", {}, turns=(RawTurn("customer", "Hello?"),))
    rows = {"a": [Example("a-1", "toy", "fine", {}), Example("a-2", "toy", "poison", {}), Example("a-3", "toy", "more", {})], "b": [talk]}
    monkeypatch.setattr(timed, "INPUTS", {"texts": ("a", 2), "chats": ("b", 5)})
    monkeypatch.setattr(timed, "read_corpus", lambda name, data: iter(rows[name]))
    monkeypatch.setattr(timed, "load", lambda bundle: fake_analyser())
    found = timed.timings(tmp_path, tmp_path)
    assert [(run["input"], run["records"], run["rejected"]) for run in found["runs"]] == [("texts", 2, 1), ("chats", 1, 0)]
    assert all(run["seconds"] >= 0 for run in found["runs"]) and "cores" in found["machine"]

"""Tests of `voc workspace`."""

from pathlib import Path

import pytest
from databases import blank

from .conftest import Voc


@pytest.fixture(autouse=True)
def _store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, voc: Voc) -> None:
    monkeypatch.setenv("VOC_STORE__URL", blank(tmp_path))
    monkeypatch.setenv("VOC_STORE__KEY_FILE", str(tmp_path / "voc.key"))
    assert voc("init").code == 0


def test_a_workspace_is_made_once_and_listed(voc: Voc) -> None:
    assert voc("workspace", "add", "Abroad").code == 0
    assert "error [name_taken]" in voc("workspace", "add", "Abroad").err
    listed = voc("workspace", "list").out
    assert [line.split("  ")[1].partition(":")[0] for line in listed.splitlines()] == ["Abroad", "main"]
    assert "kept for ever" in listed


def test_originals_are_kept_only_where_somebody_says_so(voc: Voc) -> None:
    assert "originals are dropped" in voc("workspace", "list").out
    assert voc("workspace", "originals").code == 2
    assert "kept, encrypted" in voc("workspace", "originals", "--keep").out
    assert "originals are kept" in voc("workspace", "list").out
    assert voc("workspace", "originals", "--drop").code == 0
    assert "originals are dropped" in voc("workspace", "list").out
    assert voc("audit", "verify").code == 0

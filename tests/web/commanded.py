"""A folder in, an office whose store `voc` finds in its environment out: for the tests of commands that work on it."""

import json
from pathlib import Path

import pytest
from databases import url_in

from web.visiting import Office


def commanded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    """The tables are those of this program, whatever their step says: they are not looked at."""
    made = Office(folder, monkeypatch)
    monkeypatch.setenv("VOC_STORE__URL", url_in(folder))
    monkeypatch.setenv("VOC_STORE__KEYS", json.dumps([made.door.sealing_key]))
    monkeypatch.setattr("vocservice.store.opened.check", lambda database: None)
    return made

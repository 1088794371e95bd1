"""A store with one workspace, and its settings."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from vocservice.jobs import analysing, errands
from vocservice.jobs.backoff import grown
from vocservice.settings import Settings
from vocservice.store.opened import Store

from .mailing import Server
from .stores import made_store, settings_in


@pytest.fixture(autouse=True)
def _no_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    """A job that failed waits the longest that it may: by chance it could be due again within the same test."""
    for module in (analysing, errands):
        monkeypatch.setattr(module, "full_jitter", grown)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_in(tmp_path)


@pytest.fixture
def store(settings: Settings, tmp_path: Path) -> Iterator[Store]:
    made = made_store(tmp_path, settings)
    yield made
    made.database.close()


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    made.controller.start()
    yield made
    made.controller.stop()

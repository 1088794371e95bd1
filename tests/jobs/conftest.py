"""A store with one workspace, and its settings."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from vocservice.settings import Settings
from vocservice.store.opened import Store

from .stores import made_store, settings_in


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_in(tmp_path)


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    made = made_store(settings)
    yield made
    made.database.close()

"""Fixtures of the tests of large jobs: shards of four records."""

import pytest

from .builders import SHARD


@pytest.fixture
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vocservice.batch.plan.SHARD_RECORDS", SHARD)
    monkeypatch.setenv("VOC_CHUNK", "2")

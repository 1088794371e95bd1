"""Tests of `voc serve`: where it listens, and what it refuses before it starts."""

from pathlib import Path

import pytest

from vocservice.settings import Settings
from vocservice.store import opened
from vocservice.web.serving import server
from vocservice.web.serving.server import Plan

from .conftest import Voc


@pytest.fixture
def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[Plan, Settings]]:
    """What a stand-in for the server was called with, where there is no store."""
    monkeypatch.chdir(tmp_path)
    calls: list[tuple[Plan, Settings]] = []
    monkeypatch.setattr(server, "serve", lambda plan, settings: calls.append((plan, settings)))
    return calls


@pytest.mark.parametrize(
    ("arguments", "plan"),
    [
        ((), Plan("127.0.0.1", 8000, workers=1, threads=32)),
        (("--bind", "0.0.0.0:9000", "--workers", "2", "--threads", "8"), Plan("0.0.0.0", 9000, workers=2, threads=8)),  # noqa: S104
        (("--bind", "[::1]:80"), Plan("::1", 80)),
        (("--bind", "localhost:0"), Plan("localhost", 0)),
    ],
)
def test_it_listens_where_it_is_told(arguments: tuple[str, ...], plan: Plan, started: list[tuple[Plan, Settings]], voc: Voc) -> None:
    assert voc("serve", *arguments).code == 0
    assert started[0][0] == plan


def test_the_environment_gives_the_address_and_the_settings(
    started: list[tuple[Plan, Settings]], voc: Voc, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VOC_BIND", "127.0.0.1:9001")
    monkeypatch.setenv("VOC_HTTP__MAX_ITEMS", "7")
    assert voc("serve").code == 0
    plan, settings = started[0]
    assert (plan.port, settings.http.max_items) == (9001, 7)


@pytest.mark.parametrize("bind", ["8000", ":8000", "localhost:", "localhost:http", "localhost:65536", "localhost:-1", "localhost:\u0661"])
def test_an_address_that_is_none_is_refused(bind: str, started: list[tuple[Plan, Settings]], voc: Voc) -> None:
    ran = voc("serve", "--bind", bind)
    assert ran.code == 2 and "HOST:PORT" in ran.err
    assert not started


@pytest.mark.parametrize("arguments", [("--workers", "0"), ("--threads", "0"), ("--workers", "65"), ("--threads", "257")])
def test_numbers_out_of_range_are_refused(arguments: tuple[str, ...], started: list[tuple[Plan, Settings]], voc: Voc) -> None:
    assert voc("serve", *arguments).code == 2
    assert not started


def test_wrong_settings_stop_it(started: list[tuple[Plan, Settings]], voc: Voc, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOC_CHUNK", "many")
    ran = voc("serve")
    assert ran.code == 2 and "VOC_CHUNK" in ran.err
    assert not started


@pytest.mark.parametrize(
    ("arguments", "is_made", "workers"),
    [((), True, 1), ((), False, 0), (("--no-worker",), True, 0), (("--job-workers", "3"), False, 3), (("--job-workers", "0"), True, 0)],
)
def test_a_store_brings_a_worker_unless_told_otherwise(
    arguments: tuple[str, ...], is_made: bool, workers: int, started: list[tuple[Plan, Settings]], voc: Voc, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opened, "is_initialised", lambda _: is_made)
    assert voc("serve", *arguments).code == 0
    assert started[0][0].job_workers == workers


def test_a_broken_taxonomy_stops_it_before_it_listens(
    started: list[object], voc: Voc, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "broken.toml").write_text('name = "voc"\nversion = "1.0.0"\n')
    monkeypatch.setenv("VOC_TAXONOMY", str(tmp_path / "broken.toml"))
    ran = voc("serve")
    assert ran.code != 0 and "missing label set stages" in ran.err and not started

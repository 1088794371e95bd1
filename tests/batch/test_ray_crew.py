"""Tests of the workers' side of `--engine ray` without Ray: a stand-in answers in the wrong order and loses workers."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from builders import TEXT, fake_analyser, json_lines
from commands import Voc

from vocservice.api import Analyser
from vocservice.batch import ray_engine
from vocservice.batch.engines import Work
from vocservice.batch.stored import decode_record, encode_record
from vocservice.records import RawTurn, RawVerbatim, Rejected
from vocservice.settings import Settings

from .builders import SHARD, killed_at, table
from .pretend_ray import PretendRay

ROWS = 300
SHARDS = ROWS // SHARD
RAY = ("--engine", "ray", "--workers", 2, "--no-progress")


@pytest.fixture
def given(small_shards: None, analyser: Analyser, tmp_path: Path) -> Path:
    return table(tmp_path, records=ROWS)


@pytest.fixture
def pretend(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Puts a stand-in for Ray in place; its workers make the labels of a fake of this name."""

    def put(name: str = "fake", lost: Any = ()) -> PretendRay:
        made = PretendRay(lost)
        monkeypatch.setattr("vocservice.batch.engines.find_spec", lambda _: object())
        monkeypatch.setattr("vocservice.batch.ray_engine._library", lambda **_: made)
        monkeypatch.setattr("vocservice.batch.ray_engine.FACTORY", f"batch.ray_fakes:{name}")
        return made

    return put


@pytest.mark.parametrize(("threads", "given", "workers"), [(0, None, 6), (1, None, 6), (2, None, 3), (4, None, 1), (8, None, 1), (2, 5, 5)])
def test_without_a_number_the_workers_fill_the_cores_that_may_be_used(
    threads: int, given: int | None, workers: int, pretend: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend()
    monkeypatch.setattr("vocservice.overlap.cores", lambda: 6)
    plan: Any = SimpleNamespace(shard_records=SHARD, maker=None)
    engine = ray_engine.open_engine(fake_analyser(), Work(plan, Settings(threads=threads), "current", workers=given))
    assert engine._window == ray_engine.SHARDS_A_WORKER * workers


def outcome(out: Path) -> tuple[bytes, bytes]:
    return out.read_bytes(), out.with_name(f"{out.name}.rejects.jsonl").read_bytes()


def locally(voc: Voc, given: Path, out: Path) -> tuple[bytes, bytes]:
    """What this process alone makes of it."""
    assert voc("classify", given, "-o", out).code == 3
    return outcome(out)


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet", "xlsx"])
@pytest.mark.parametrize("lost", [(), (0,), (5, 6, 30), (7, 8)], ids=str)
def test_whichever_workers_are_lost_the_bytes_are_those_of_one_process(
    suffix: str, lost: tuple[int, ...], given: Path, tmp_path: Path, voc: Voc, pretend: Any
) -> None:
    ray, out = pretend(lost=lost), tmp_path / f"out.{suffix}"
    assert voc("classify", given, "-o", out, *RAY).code == 3
    assert outcome(out) == locally(voc, given, tmp_path / f"local.{suffix}")
    assert ray.hired == 2 + len(lost) == ray.killed and ray.most == 2


def test_a_shard_that_three_workers_died_of_ends_the_run_which_can_be_gone_on_with(
    given: Path, tmp_path: Path, voc: Voc, pretend: Any
) -> None:
    pretend(lost=range(20, 40))
    ran = voc("classify", given, "-o", tmp_path / "out.csv", *RAY)
    assert ran.code == 2 and "error [workers_lost]" in ran.err and not (tmp_path / "out.csv").exists()
    ran = voc("classify", given, "-o", tmp_path / "out.csv", "--resume")
    assert ran.code == 3 and f"resuming: {20 * SHARD} records are done" in ran.err
    assert outcome(tmp_path / "out.csv") == locally(voc, given, tmp_path / "local.csv")


def test_what_one_process_began_workers_go_on_with(given: Path, tmp_path: Path, voc: Voc, pretend: Any) -> None:
    ray = pretend()
    killed_at("after_shard_20", "classify", given, "-o", tmp_path / "out.csv")
    ran = voc("classify", given, "-o", tmp_path / "out.csv", "--resume", *RAY)
    assert ran.code == 3 and f"resuming: {20 * SHARD} records are done" in ran.err
    assert ray._shards == SHARDS - 20
    assert outcome(tmp_path / "out.csv") == locally(voc, given, tmp_path / "local.csv")


def test_a_stream_is_answered_in_order(given: Path, voc: Voc, pretend: Any) -> None:
    pretend(lost=(3,))
    ran = voc("classify", given, *RAY)
    assert ran.code == 3 and [one["id"] for one in json_lines(ran.out)] == [str(number) for number in range(ROWS)]


@pytest.mark.parametrize(
    ("name", "code", "told"),
    [("another_model", "worker_mismatch", "another model"), ("no_model", "bundle_invalid", "no bundle of that name")],
)
def test_a_worker_that_is_not_like_this_process_is_refused(
    name: str, code: str, told: str, given: Path, tmp_path: Path, voc: Voc, pretend: Any
) -> None:
    pretend(name)
    ran = voc("classify", given, "-o", tmp_path / "out.csv", *RAY)
    assert ran.code == 2 and f"error [{code}]" in ran.err and told in ran.err and not (tmp_path / "out.csv").exists()


RECORDS = [
    RawVerbatim("1", TEXT, channel="chat", question="Why?", created_at="2025-01-01", score={"kind": "nps", "value": 3}),
    RawVerbatim("2", turns=(RawTurn("customer", "It broke.", "2025-01-01", "Ann"), RawTurn("agent", "Sorry."))),
    RawVerbatim("3", "odd \u2028 \r \0 \U0001f621"),
    Rejected(None, "invalid_json", "line 3"),
]


@pytest.mark.parametrize("record", RECORDS, ids=["text", "transcript", "odd characters", "rejected"])
def test_a_record_reaches_a_worker_as_it_was_but_for_the_callers_own(record: Any) -> None:
    line = encode_record(replace(record, row={"secret": "kept here"}))
    assert decode_record(line) == record and b"kept here" not in line and len(line.splitlines()) == 1

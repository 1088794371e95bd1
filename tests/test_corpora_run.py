"""Tests of the run over whole corpora: it kills where it says, tells an output that differs, and does not pass over a failure."""

import sys
from pathlib import Path

import pytest

from benchmarks import corpora
from benchmarks.corpora import Task

STUB = """
import json, sys, time
from pathlib import Path
out, words, code = Path(sys.argv[1]), sys.argv[3:], int(sys.argv[2])
shards = out.with_name(out.name + ".shards")
if code:
    sys.exit(code)
if "--killed" in words and "--resume" not in words:
    shards.mkdir()
    with (shards / "done.jsonl").open("w") as journal:
        for shard in range(3):
            print(json.dumps({"shard": shard, "records": 10}), file=journal, flush=True)
        time.sleep(60)
taken = 30 if shards.exists() else 0
out.write_text("labels\\n" * 40)
out.with_name(out.name + ".manifest.json").write_text(json.dumps({"timing": {"resumed_records": taken}}))
print(json.dumps({"records": 40, "rejected": 1, "seconds": 2.0}))
"""


class Stub(Task):
    """A task whose command is a script that leaves what `voc classify` leaves."""

    code = 0

    def command(self, out: Path, *more: str) -> list[str]:
        return [sys.executable, "-c", STUB, str(out), str(self.code), *self.options, *more]


def test_a_run_is_killed_once_enough_is_done_and_gone_on_with(tmp_path: Path) -> None:
    task = Stub("*.jsonl", tmp_path, ("--killed",))
    found = corpora.killed_and_resumed(task, "killed", records=50)
    assert (found.records, found.rejected, found.taken, found.rate) == (40, 1, 30, 5.0)
    assert found.sha256 == corpora.classified(Stub("*.jsonl", tmp_path), "whole").sha256


def test_a_run_that_ends_before_it_can_be_killed_is_told(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="before it could be killed"):
        corpora.killed_and_resumed(Stub("*.jsonl", tmp_path), "killed", records=50)


def test_a_run_that_fails_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Stub, "code", 2)
    with pytest.raises(RuntimeError, match="exit code 2"):
        corpora.classified(Stub("*.jsonl", tmp_path), "whole")


def test_only_whole_lines_of_the_journal_count(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    assert corpora.done_of(out) == 0
    folder = out.with_name("out.jsonl.shards")
    folder.mkdir()
    (folder / "done.jsonl").write_text('{"records": 10}\n{"records": 7}\n{"rec', encoding="utf-8")
    assert corpora.done_of(out) == 17


def test_the_command_reads_every_file_and_keeps_its_progress(tmp_path: Path) -> None:
    command = Task("/texts/*.jsonl.gz", tmp_path, ("--limit", "3000")).command(tmp_path / "out.jsonl", "--resume")
    assert command[2:4] == ["vocservice", "classify"] and "/texts/*.jsonl.gz" in command
    assert command[-3:] == ["--limit", "3000", "--resume"] and "--no-progress" not in command


def test_bytes_that_differ_are_shown() -> None:
    run = {"name": "a", "records": 1, "rejected": 0, "taken": 0, "seconds": 1.0, "rate": 1.0, "sha256": "x"}
    assert [row[-1] for row in corpora.rows({"runs": [run, run, {**run, "sha256": "y"}]})] == ["yes", "yes", "**no**"]

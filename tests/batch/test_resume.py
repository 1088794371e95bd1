"""Tests of `--resume`: killed anywhere and gone on with, a run gives the bytes of one that was never stopped."""

import errno
import os
import signal
import subprocess
import sys
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from builders import CANARY, TEXT, FakePipeline, fake_analyser, saved
from commands import Voc

from vocservice.api import Analyser
from vocservice.batch import manifest
from vocservice.batch.plan import Model, Plan
from vocservice.batch.shards import Shards
from vocservice.errors import OutputError
from vocservice.records import RawVerbatim, Result
from vocservice.tables.write_csv import CsvSink

from .builders import RECORDS, SHARD, in_process, killed_at, table, with_files_up_to

TESTS = str(Path(__file__).parent.parent)
PROGRAM = """
import sys
sys.path.insert(0, sys.argv.pop(1))
from builders import fake_analyser
from vocservice import api
from vocservice.cli import main
api.load = lambda *_, **__: fake_analyser()
sys.argv.insert(1, "classify")
main()
"""
PLACES = ("after_shard_1", "after_shard_3", "before_output")


@pytest.fixture
def given(small_shards: None, analyser: Analyser, tmp_path: Path) -> Path:
    return table(tmp_path)


def outcome(out: Path) -> dict[str, bytes]:
    """The bytes of an output and of its rejects."""
    return {name: out.with_name(out.name + name).read_bytes() for name in ("", ".rejects.jsonl")}


def whole(voc: Voc, given: Path, out: Path) -> dict[str, bytes]:
    """What a run leaves that nobody stops."""
    assert voc("classify", given, "-o", out).code == 3
    return outcome(out)


def left(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if path.name.endswith((".partial", ".shards"))}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("suffix", ["csv", "tsv", "jsonl", "parquet", "xlsx"])
def test_killed_and_gone_on_with_it_is_the_same_byte_for_byte(suffix: str, place: str, given: Path, tmp_path: Path, voc: Voc) -> None:
    out = tmp_path / f"out.{suffix}"
    killed_at(place, "classify", given, "-o", out)
    assert not out.exists() and not out.with_name(f"{out.name}.rejects.jsonl").exists()
    assert voc("classify", given, "-o", out, "--resume").code == 3 and left(tmp_path) == set()
    assert outcome(out) == whole(voc, given, tmp_path / f"never-stopped.{suffix}")


def test_it_may_be_killed_again_and_again(given: Path, tmp_path: Path, voc: Voc) -> None:
    out = tmp_path / "out.csv"
    for place in PLACES:
        killed_at(place, "classify", given, "-o", out, "--resume")
    assert voc("classify", given, "-o", out, "--resume").code == 3
    assert outcome(out) == whole(voc, given, tmp_path / "never-stopped.csv")


def test_conversations_that_go_over_the_end_of_a_shard_are_gone_on_with(given: Path, tmp_path: Path, voc: Voc) -> None:
    rows = [f"c{number // 3},{'agent' if number % 3 else 'client'},Word {number}.,q{number}" for number in range(45)]
    rows[21:21] = ["c1,agent,Apart.,q", "c1"]
    given.write_text("\n".join(["chat_id,role,text,queue", *rows, ""]))
    out = tmp_path / "out.csv"
    killed_at("after_shard_2", "classify", given, "-o", out)
    assert voc("classify", given, "-o", out, "--resume").code == 3
    assert outcome(out) == whole(voc, given, tmp_path / "never-stopped.csv")
    lines = out.read_text().splitlines()
    assert len([line for line in lines if line.startswith("c") and ",ok," in line]) == 15 and "c0,Word 0.,q0,ok" in lines[1]


def test_killed_inside_a_shard_that_shard_is_done_again(given: Path, tmp_path: Path, voc: Voc, monkeypatch: pytest.MonkeyPatch) -> None:
    out, result = tmp_path / "out.csv", FakePipeline._result

    def deadly(self: FakePipeline, record: RawVerbatim) -> Result:
        if record.id == "5":
            os.kill(os.getpid(), signal.SIGKILL)
        return result(self, record)

    status = in_process("classify", given, "-o", out, before=lambda: monkeypatch.setattr(FakePipeline, "_result", deadly))
    assert os.WTERMSIG(status) == signal.SIGKILL
    assert f"resuming: {SHARD} records are done" in voc("classify", given, "-o", out, "--resume").err
    assert outcome(out) == whole(voc, given, tmp_path / "never-stopped.csv")


def test_what_is_done_is_not_done_again(given: Path, tmp_path: Path, voc: Voc, analyser: Analyser) -> None:
    killed_at("after_shard_2", "classify", given, "-o", tmp_path / "out.csv")
    voc("classify", given, "-o", tmp_path / "out.csv", "--resume")
    assert isinstance(analyser.pipeline, FakePipeline)
    assert [record.id for record in analyser.pipeline.seen] == [str(number) for number in range(2 * SHARD, RECORDS)]


def test_a_real_process_of_its_own_is_gone_on_with(tmp_path: Path, voc: Voc, analyser: Analyser) -> None:
    given = table(tmp_path, records=2100)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, TESTS, given, "-o", tmp_path / "out.csv"],
        env={**os.environ, "VOC_FAILPOINT": "after_shard_2"},
        capture_output=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    ran = voc("classify", given, "-o", tmp_path / "out.csv", "--resume")
    assert ran.code == 3 and "resuming: 2048 records are done" in ran.err
    assert outcome(tmp_path / "out.csv") == whole(voc, given, tmp_path / "never-stopped.csv")


# --- what must be the same ------------------------------------------------------------------------------------------


def changed_input(given: Path, _: pytest.MonkeyPatch) -> None:
    given.write_bytes(given.read_bytes().replace(b"note 1\n", b"note 2\n"))


def longer_input(given: Path, _: pytest.MonkeyPatch) -> None:
    given.write_bytes(given.read_bytes() + b"99,more,\n")


def another_model(_: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vocservice.api.load", lambda *_, **__: replace(fake_analyser(), files={"encoder.onnx": "0" * 64}))


def other_settings(_: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOC_MAX_CHARACTERS", "100001")


def nothing(_: Path, __: pytest.MonkeyPatch) -> None:
    return None


CHANGES = [
    ("input", changed_input, (), "another input"),
    ("longer input", longer_input, (), "another input"),
    ("model", another_model, (), "another model"),
    ("settings", other_settings, (), "other settings"),
    ("limit", nothing, ("--limit", 5), "other options"),
    ("excel", nothing, ("--excel",), "other options"),
    ("text column", nothing, ("--text-column", "note"), "another mapping"),
]


@pytest.mark.parametrize(("change", "options", "told"), [case[1:] for case in CHANGES], ids=[case[0] for case in CHANGES])
def test_another_run_is_refused_and_nothing_is_lost(
    change: Any, options: tuple[object, ...], told: str, given: Path, tmp_path: Path, voc: Voc, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, content = tmp_path / "out.csv", given.read_bytes()
    killed_at("after_shard_2", "classify", given, "-o", out)
    with monkeypatch.context() as patched:
        change(given, patched)
        ran = voc("classify", given, "-o", out, "--resume", *options)
    assert ran.code == 2 and "error [resume_refused]: out.csv.shards" in ran.err and told in ran.err and "without --resume" in ran.err
    assert not out.exists()
    given.write_bytes(content)
    assert f"resuming: {2 * SHARD} records are done" in voc("classify", given, "-o", out, "--resume").err


def test_the_name_of_an_input_may_change(given: Path, tmp_path: Path, voc: Voc) -> None:
    killed_at("after_shard_2", "classify", given, "-o", tmp_path / "out.csv")
    ran = voc("classify", given.rename(tmp_path / "moved.csv"), "-o", tmp_path / "out.csv", "--resume")
    assert ran.code == 3 and f"resuming: {2 * SHARD} records" in ran.err


@pytest.mark.parametrize(("paths", "out"), [(("-",), "out.csv"), (("in.csv",), "-")])
def test_a_stream_cannot_be_gone_on_with(paths: tuple[str, ...], out: str, tmp_path: Path, voc: Voc, analyser: Analyser) -> None:
    ran = voc("classify", *paths, "-o", out, "--resume", given=b"")
    assert ran.code == 2 and "--resume needs files" in ran.err


def test_without_an_earlier_run_it_begins(given: Path, tmp_path: Path, voc: Voc) -> None:
    ran = voc("classify", given, "-o", tmp_path / "out.csv", "--resume")
    assert ran.code == 3 and "resuming: 0 records are done" in ran.err
    assert outcome(tmp_path / "out.csv") == whole(voc, given, tmp_path / "other.csv")


def test_without_the_option_it_starts_over_and_says_so(given: Path, tmp_path: Path, voc: Voc, analyser: Analyser) -> None:
    killed_at("after_shard_2", "classify", given, "-o", tmp_path / "out.csv")
    ran = voc("classify", given, "-o", tmp_path / "out.csv")
    assert ran.code == 3 and f"starting over: out.csv.shards holds {2 * SHARD} records of an unfinished run" in ran.err
    assert isinstance(analyser.pipeline, FakePipeline) and len(analyser.pipeline.seen) == RECORDS and left(tmp_path) == set()


# --- what a crash or a user can leave -------------------------------------------------------------------------------


def cut_journal(shards: Path) -> None:
    journal = shards / "done.jsonl"
    journal.write_bytes(journal.read_bytes()[:-9])


def damaged_shard(shards: Path) -> None:
    path = shards / "000000.jsonl"
    path.write_bytes(path.read_bytes().replace(b"technology", b"courtesy!!"))


def missing_shard(shards: Path) -> None:
    (shards / "000001.jsonl").unlink()


@pytest.mark.parametrize(("harm", "kept"), [(cut_journal, 1), (damaged_shard, 1), (missing_shard, 1)])
def test_a_shard_that_is_not_whole_is_done_again(harm: Any, kept: int, given: Path, tmp_path: Path, voc: Voc) -> None:
    killed_at("after_shard_2", "classify", given, "-o", tmp_path / "out.csv")
    harm(tmp_path / "out.csv.shards")
    ran = voc("classify", given, "-o", tmp_path / "out.csv", "--resume")
    assert f"resuming: {kept * SHARD} records are done" in ran.err
    assert outcome(tmp_path / "out.csv") == whole(voc, given, tmp_path / "never-stopped.csv")


def test_only_the_shard_that_is_not_whole_is_analysed_again(given: Path, tmp_path: Path, voc: Voc, analyser: Analyser) -> None:
    killed_at("after_shard_3", "classify", given, "-o", tmp_path / "out.csv")
    damaged_shard(tmp_path / "out.csv.shards")
    assert voc("classify", given, "-o", tmp_path / "out.csv", "--resume").code == 3
    assert isinstance(analyser.pipeline, FakePipeline) and [record.id for record in analyser.pipeline.seen] == [*map(str, range(SHARD))]


def test_a_line_that_a_crash_cut_off_spoils_none_after_it(given: Path, tmp_path: Path, voc: Voc) -> None:
    out = tmp_path / "out.csv"
    killed_at("after_shard_2", "classify", given, "-o", out)
    cut_journal(tmp_path / "out.csv.shards")
    killed_at("after_shard_3", "classify", given, "-o", out, "--resume")
    assert f"resuming: {RECORDS} records are done" in voc("classify", given, "-o", out, "--resume").err


def test_a_run_that_starts_over_forgets_the_shards_before_it(given: Path, tmp_path: Path, voc: Voc) -> None:
    out = tmp_path / "out.csv"
    killed_at("after_shard_3", "classify", given, "-o", out)
    killed_at("after_shard_1", "classify", given, "-o", out)
    assert f"out.csv.shards holds {SHARD} records of an unfinished run" in voc("classify", given, "-o", out).err


def test_no_manifest_of_an_earlier_output_stands_beside_a_new_one(
    given: Path, tmp_path: Path, voc: Voc, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out.csv"
    voc("classify", given, "-o", out, "--limit", 1)
    monkeypatch.setattr(manifest, "write", lambda *_: (_ for _ in ()).throw(OutputError("the disk is full")))
    assert voc("classify", given, "-o", out).code == 2
    assert len(out.read_bytes().splitlines()) == RECORDS + 1 and not out.with_name("out.csv.manifest.json").exists()


def test_a_plan_that_cannot_be_read_is_refused(given: Path, tmp_path: Path, voc: Voc) -> None:
    killed_at("after_shard_2", "classify", given, "-o", tmp_path / "out.csv")
    saved(tmp_path / "out.csv.shards", "manifest.json", "{")
    ran = voc("classify", given, "-o", tmp_path / "out.csv", "--resume")
    assert ran.code == 2 and "error [resume_refused]" in ran.err


@pytest.mark.parametrize(("more", "written"), [(b"99,more,\n", SHARD), (b"", RECORDS)], ids=["longer", "of the same size"])
def test_an_input_that_changes_on_the_way_gives_no_output(
    more: bytes, written: int, given: Path, tmp_path: Path, voc: Voc, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that grows is found with the next shard, not after all the work."""
    result, raw = FakePipeline._result, given.read_bytes()

    def writing(self: FakePipeline, record: RawVerbatim) -> Result:
        if record.id == "1":
            given.write_bytes((raw if more else raw.swapcase()) + more)
        return result(self, record)

    monkeypatch.setattr(FakePipeline, "_result", writing)
    ran = voc("classify", given, "-o", tmp_path / "out.csv")
    assert ran.code == 2 and "in.csv: changed while it was read" in ran.err and not (tmp_path / "out.csv").exists()
    assert f"stopped: {written} records were written" in ran.err


def test_an_input_that_is_replaced_while_the_model_loads_gives_no_output(
    given: Path, tmp_path: Path, voc: Voc, monkeypatch: pytest.MonkeyPatch
) -> None:
    def replacing(*_: Any, **__: Any) -> Analyser:
        table(tmp_path, name="other.csv", records=RECORDS + 1).replace(given)
        return fake_analyser()

    monkeypatch.setattr("vocservice.api.load", replacing)
    ran = voc("classify", given, "-o", tmp_path / "out.csv")
    assert ran.code == 2 and "in.csv: changed while it was read" in ran.err and not (tmp_path / "out.csv").exists()


def test_a_run_interrupted_by_ctrl_c_can_be_resumed(given: Path, tmp_path: Path, voc: Voc, monkeypatch: pytest.MonkeyPatch) -> None:
    result = FakePipeline._result

    def interrupted(self: FakePipeline, record: RawVerbatim) -> Result:
        if record.id == "9":
            raise KeyboardInterrupt
        return result(self, record)

    with monkeypatch.context() as patched:
        patched.setattr(FakePipeline, "_result", interrupted)
        ran = voc("classify", given, "-o", tmp_path / "out.csv")
    assert ran.code == 130 and "9 records were written to out.csv.partial" in ran.err and "--resume continues it" in ran.err
    assert f"resuming: {2 * SHARD} records are done" in voc("classify", given, "-o", tmp_path / "out.csv", "--resume").err
    assert outcome(tmp_path / "out.csv") == whole(voc, given, tmp_path / "never-stopped.csv")


def test_two_runs_do_not_write_one_output(given: Path, tmp_path: Path, voc: Voc, monkeypatch: pytest.MonkeyPatch) -> None:
    result, codes = FakePipeline._result, []

    def meanwhile(self: FakePipeline, record: RawVerbatim) -> Result:
        if record.id == "9":
            codes.append(in_process("classify", given, "-o", tmp_path / "out.csv", "--resume"))
        return result(self, record)

    monkeypatch.setattr(FakePipeline, "_result", meanwhile)
    assert voc("classify", given, "-o", tmp_path / "out.csv").code == 3
    assert [os.waitstatus_to_exitcode(code) for code in codes] == [2]


def test_no_other_run_comes_between_an_output_and_its_manifest(
    given: Path, tmp_path: Path, voc: Voc, monkeypatch: pytest.MonkeyPatch
) -> None:
    telling, codes = manifest.write, []

    def meanwhile(*told: Any) -> None:
        if not codes:
            codes.append(in_process("classify", given, "-o", tmp_path / "out.csv", before=lambda: codes.append(0)))
        telling(*told)

    monkeypatch.setattr(manifest, "write", meanwhile)
    assert voc("classify", given, "-o", tmp_path / "out.csv").code == 3
    assert [os.waitstatus_to_exitcode(code) for code in codes] == [2] and left(tmp_path) == set()


def test_a_run_that_is_done_leaves_the_folder_of_the_next_one_alone(tmp_path: Path) -> None:
    model = Model(id="m", taxonomy="t", files={})
    plan = Plan(program="1", inputs=(), model=model, settings={}, options={}, mapping={}, shard_records=SHARD)
    with Shards.open(tmp_path / "out.csv", plan, resume=False) as done:
        done.save(0, b"", 0)
        done.remove()
        assert left(tmp_path) == set()
        following = Shards.open(tmp_path / "out.csv", plan, resume=False)
    assert left(tmp_path) == {"out.csv.shards"}
    following.save(0, b"", 0)
    following.close()


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet", "xlsx"])
def test_a_full_disk_leaves_no_half_output_and_can_be_gone_on_with(
    suffix: str, small_shards: None, tmp_path: Path, voc: Voc, analyser: Analyser
) -> None:
    given, out = table(tmp_path, records=400), tmp_path / f"out.{suffix}"
    status = in_process("classify", given, "-o", out, before=with_files_up_to(9_000))
    assert os.waitstatus_to_exitcode(status) == 2 and not out.exists() and not out.with_name(f"{out.name}.rejects.jsonl").exists()
    assert voc("classify", given, "-o", out, "--resume").code == 3
    assert outcome(out) == whole(voc, given, tmp_path / f"never-stopped.{suffix}")


def test_on_a_full_disk_it_is_said_how_to_go_on(given: Path, tmp_path: Path, voc: Voc, monkeypatch: pytest.MonkeyPatch) -> None:
    write = CsvSink.write

    def full(self: CsvSink, result: Result, *origin: Any) -> None:
        if result.id == "9":
            raise OSError(errno.ENOSPC, "No space left on device")
        write(self, result, *origin)

    with monkeypatch.context() as patched:
        patched.setattr(CsvSink, "write", full)
        ran = voc("classify", given, "-o", tmp_path / "out.csv")
    assert ran.code == 2 and "stopped after 9 records; --resume continues it\nerror [output_unwritable]: out.csv:" in ran.err
    assert "(No space left on device); what was written so far is kept in its .partial file" in ran.err
    assert f"resuming: {2 * SHARD} records are done" in voc("classify", given, "-o", tmp_path / "out.csv", "--resume").err


@pytest.mark.parametrize(("records", "told"), [(1, "stopped after 1 record\n"), (SHARD - 1, f"stopped after {SHARD - 1} records\n")])
def test_on_a_full_disk_it_is_said_how_far_it_came(
    records: int, told: str, given: Path, tmp_path: Path, voc: Voc, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, written = CsvSink.write, count()

    def full(self: CsvSink, result: Result, *origin: Any) -> None:
        if next(written) == records:
            raise OSError(errno.ENOSPC, "No space left on device")
        write(self, result, *origin)

    monkeypatch.setattr(CsvSink, "write", full)
    assert told in voc("classify", given, "-o", tmp_path / "out.csv").err


@pytest.mark.parametrize("is_refused", [False, True])
def test_a_folder_of_the_caller_with_the_name_of_ours_keeps_its_files(
    is_refused: bool, given: Path, tmp_path: Path, voc: Voc, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = tmp_path / "out.csv.shards"
    theirs.mkdir()
    for name in ("notes.txt", "labels.jsonl"):
        (theirs / name).write_text("mine")
    if is_refused:
        monkeypatch.setattr(CsvSink, "write", lambda *_: 1 / 0)
    voc("classify", given, "-o", tmp_path / "out.csv")
    assert {path.name: path.read_text() for path in theirs.iterdir()} == {"notes.txt": "mine", "labels.jsonl": "mine"}


def test_a_short_run_leaves_no_trace(tmp_path: Path, voc: Voc, analyser: Analyser) -> None:
    voc("classify", saved(tmp_path, "in.csv", f"text\n{TEXT}\n"), "-o", tmp_path / "out.csv")
    assert left(tmp_path) == set()


def test_shards_hold_no_column_of_the_caller(small_shards: None, tmp_path: Path, analyser: Analyser) -> None:
    given = saved(tmp_path, "in.csv", "id,text,secret\n" + f"1,{TEXT},{CANARY}\n" * SHARD)
    killed_at("after_shard_1", "classify", given, "-o", tmp_path / "out.csv")
    assert all(CANARY.encode() not in path.read_bytes() for path in (tmp_path / "out.csv.shards").iterdir())

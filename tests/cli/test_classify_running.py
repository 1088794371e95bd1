"""Tests of `voc classify` while it runs: interruptions, damage on the way, what a terminal is shown, memory."""

import json
import os
import pty
import re
import shlex
import signal
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any, cast

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from builders import TEXT, csv_rows, saved

from vocservice.api import Analyser
from vocservice.cli import run
from vocservice.cli.progress import Meter
from vocservice.errors import InputError

from .conftest import Voc


def test_damage_found_on_the_way_keeps_what_was_written(
    table: Path, tmp_path: Path, voc: Voc, analyser: Analyser, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_after_one(analyser, InputError("in.csv: the rest cannot be read"), monkeypatch)
    ran = voc("classify", table, "-o", tmp_path / "out.csv")
    assert ran.code == 2 and ran.err.splitlines() == [
        "stopped: 1 record was written to out.csv.partial",
        "error [input_unusable]: in.csv: the rest cannot be read",
    ]
    assert len(csv_rows(tmp_path / "out.csv.partial")) == 1 and not (tmp_path / "out.csv").exists()


def test_an_interruption_leaves_the_partial_file(
    table: Path, tmp_path: Path, voc: Voc, analyser: Analyser, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_after_one(analyser, KeyboardInterrupt(), monkeypatch)
    ran = voc("classify", table, "-o", tmp_path / "out.csv")
    assert ran.code == 130 and "1 record was written to out.csv.partial" in ran.err
    assert len(csv_rows(tmp_path / "out.csv.partial")) == 1 and not (tmp_path / "out.csv").exists()


def fail_after_one(analyser: Analyser, error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = type(analyser.pipeline).analyse

    def failing(self: Any, records: Any, **_: Any) -> Iterator[Any]:
        yield next(whole(self, records))
        raise error

    monkeypatch.setattr(type(analyser.pipeline), "analyse", failing)


_SLOW = """
import sys, time
sys.path.insert(0, {tests!r})
from builders import fake_analyser
from vocservice import api
from vocservice.cli import main
made = fake_analyser()
whole = type(made.pipeline).analyse
def slow(self, records, **_):
    for result in whole(self, records):
        time.sleep({pause})
        yield result
type(made.pipeline).analyse = slow
api.load = lambda *a, **k: made
sys.argv = ["voc", *{arguments!r}]
main()
"""


def program(pause: float, *arguments: object) -> list[str]:
    tests = str(Path(__file__).parent.parent)
    return [sys.executable, "-c", _SLOW.format(tests=tests, pause=pause, arguments=[str(argument) for argument in arguments])]


def test_standard_input_is_not_written_over(tmp_path: Path) -> None:
    path = saved(tmp_path, "in.jsonl", '{"text":"hi"}\n')
    with path.open("rb") as stream:
        done = subprocess.run(program(0, "classify", "-", "-o", path), stdin=stream, capture_output=True, check=False)
    assert done.returncode == 2 and b"is the input" in done.stderr and path.read_text() == '{"text":"hi"}\n'


def test_ctrl_c_from_outside(tmp_path: Path) -> None:
    path = saved(tmp_path, "in.csv", "id,text\n" + f"1,{TEXT}\n" * 1000)
    running = subprocess.Popen(program(0.05, "classify", path), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert running.stdout is not None and running.stdout.readline().startswith(b"{")
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=120)
    assert running.returncode == 130 and b"interrupted" in err and b"Traceback" not in err


def test_a_closed_pipe_is_no_fault(tmp_path: Path) -> None:
    path = saved(tmp_path, "in.csv", "id,text\n" + f"1,{TEXT}\n" * 1000)
    running = subprocess.Popen(program(0.001, "classify", path), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert running.stdout is not None and running.stdout.readline().startswith(b"{")
    running.stdout.close()
    running.stdout = None
    _, err = running.communicate(timeout=120)
    assert running.returncode == 0 and err == b""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_behind_standard_output_is_told_and_no_file_promised(tmp_path: Path) -> None:
    command = program(0, "classify", saved(tmp_path, "in.csv", f"text\n{TEXT}\n"))
    with open("/dev/full", "wb") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, check=False)
    told = b"error [output_unwritable]: standard output: cannot be written (No space left on device)\n"
    assert (done.returncode, done.stderr) == (2, told)


CLOSED = [
    ("0<&-", ("-", "-o", "out.jsonl"), 2, "error [input_unusable]: -: standard input is closed; name a file to read\n"),
    ("1>&-", ("in.csv",), 2, "error [output_unwritable]: standard output is closed; name a file with -o OUT\n"),
    ("2>&-", ("in.csv", "-o", "out.jsonl"), 0, ""),
]


@pytest.mark.parametrize(("closing", "arguments", "code", "told"), CLOSED)
def test_a_standard_stream_that_is_closed(closing: str, arguments: tuple[str, ...], code: int, told: str, tmp_path: Path) -> None:
    saved(tmp_path, "in.csv", f"text\n{TEXT}\n")
    command = ["sh", "-c", f"{shlex.join(program(0, 'classify', *arguments))} {closing}"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False, text=True)
    assert (done.returncode, done.stderr) == (code, told)
    assert (tmp_path / "out.jsonl").exists() is (code == 0)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_behind_what_a_command_prints_is_no_unexpected_error() -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run([sys.executable, "-m", "vocservice", "taxonomy"], stdout=full, stderr=subprocess.PIPE, check=False)
    told = b"error [output_unwritable]: standard output: cannot be written (No space left on device)\n"
    assert (done.returncode, done.stderr) == (2, told)


@pytest.mark.parametrize(
    ("variables", "is_coloured"), [({"TERM": "xterm-256color"}, True), ({"TERM": "xterm-256color", "NO_COLOR": "1"}, False)]
)
def test_a_terminal_gets_a_bar(variables: dict[str, str], is_coloured: bool, tmp_path: Path) -> None:
    path = saved(tmp_path, "in.csv", "id,text\n" + f"1,{TEXT}\n" * 30)
    shown = on_terminal(program(0.03, "classify", path, "-o", tmp_path / "out.csv"), variables)
    assert "records, " in shown and "/s" in shown and "%" in shown and "30 records in" in shown
    assert bool(re.search(r"\x1b\[[\d;]*3[\d;]*m", shown)) == is_coloured


def test_a_bar_without_a_known_end_shows_no_share(tmp_path: Path) -> None:
    path = saved(tmp_path, "in.jsonl", json.dumps({"text": TEXT}) + "\n")
    with path.open("rb") as stream:
        shown = on_terminal(program(0.3, "classify", "-", "-o", tmp_path / "out.jsonl"), {"TERM": "xterm"}, given=stream)
    assert "records" in shown and "%" not in shown


def test_a_damaged_input_is_told_below_the_bar_too(tmp_path: Path) -> None:
    path = tmp_path / "in.parquet"
    pq.write_table(pa.table({"text": [f"{TEXT} {number * 7919}" for number in range(600)]}), path, row_group_size=300, use_dictionary=False)
    data = bytearray(path.read_bytes())
    page = pq.read_metadata(path).row_group(1).column(0).data_page_offset
    data[page + 20 : page + 400] = b"\xaa" * 380
    path.write_bytes(data)
    shown = on_terminal(program(0, "classify", path, "-o", tmp_path / "out.csv"), {"TERM": "xterm"}, expected=2)
    assert "damaged or cut off" in shown and "to out.csv.partial" in shown


def test_a_terminal_gets_none_when_none_is_wanted(tmp_path: Path) -> None:
    path = saved(tmp_path, "in.csv", "id,text\n" + f"1,{TEXT}\n" * 5)
    assert "%" not in on_terminal(program(0.03, "classify", path, "-o", tmp_path / "out.csv", "--no-progress"), {"TERM": "xterm"})


def on_terminal(command: list[str], variables: dict[str, str], *, given: IO[bytes] | None = None, expected: int = 0) -> str:
    """What a command shows on a terminal as its standard error."""
    ours, theirs = pty.openpty()
    environment = {name: value for name, value in os.environ.items() if name != "NO_COLOR"} | variables
    running = subprocess.Popen(command, stdin=given, stdout=subprocess.DEVNULL, stderr=theirs, env=environment)
    os.close(theirs)
    shown = b""
    while True:
        try:
            data = os.read(ours, 65536)
        except OSError:
            break
        if not data:
            break
        shown += data
    os.close(ours)
    assert running.wait(timeout=120) == expected
    return shown.decode()


def test_elsewhere_a_line_now_and_then(table: Path, voc: Voc, analyser: Analyser, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "left" not in voc("classify", table).err
    monkeypatch.setattr("vocservice.cli.progress.SECONDS_BETWEEN_LINES", 0.0)
    assert re.search(r"^1 records, [\d.]+/s$", voc("classify", table).err, re.M)
    assert re.search(r"^1 records, [\d.]+/s$", voc("classify", "-", given=b'{"text":"a"}').err, re.M)
    assert "records, " not in voc("classify", table, "--no-progress").err


@pytest.mark.parametrize(("read", "shown"), [(0, ""), (50, ", 50%, 0 s left"), (100, "")])
def test_what_is_left_is_told_while_the_input_is_not_read_to_its_end(read: int, shown: str) -> None:
    line = Meter(cast(Any, SimpleNamespace(total_bytes=100, bytes_read=read))).line(7)
    assert re.fullmatch(r"7 records, [\d.]+/s" + shown, line)


def test_memory_does_not_grow_with_the_input(tmp_path: Path, analyser: Analyser) -> None:
    path = saved(tmp_path, "in.csv", "id,text\n" + f"1,{TEXT}\n" * 5_000)
    assert run(["classify", str(path), "-o", str(tmp_path / "warm.csv"), "--limit", "10"]) == 0
    tracemalloc.start()
    assert run(["classify", str(path), "-o", str(tmp_path / "out.csv")]) == 0
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5 * 1024 * 1024

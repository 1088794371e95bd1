"""Tests of the benchmarks: each measures what it says, and its ratios are those of its figures."""

import gzip
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from builders import analysis

from benchmarks import http, memory, sketches, throughput, workbench


def test_texts_are_all_different() -> None:
    texts = throughput.sample(300)
    assert len(set(texts)) == 300 and all(text.strip() for text in texts)


def test_ways_run_in_turns_and_the_best_round_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    clock = iter([0.0, 4.0, 4.0, 5.0, 5.0, 7.0, 7.0, 13.0])
    monkeypatch.setattr(throughput.time, "perf_counter", lambda: next(clock))
    ways = {name: (lambda texts, name=name: order.append(name)) for name in ("service", "other")}
    found = throughput.measure(ways, ["a", "b"], rounds=2)
    assert order == ["service", "other", "service", "other"]
    assert [(one.name, one.rate, one.ratio) for one in found] == [("service", 1.0, 1.0), ("other", 2.0, 0.5)]


def test_the_ways_to_write_write_the_same() -> None:
    by_hand, copied = (way(["x"])[0] for _, way in throughput.ways_to_write([analysis()]))
    assert {key: by_hand[key] for key in ("stages", "factors", "scope", "flags")} == {
        key: copied[key] for key in ("stages", "factors", "scope", "flags")
    }


def test_a_transcript_is_read_whole_beside_its_turns_one_by_one() -> None:
    asked: list[object] = []
    analyser: Any = SimpleNamespace(analyse=asked.append)
    for _, way in throughput.ways_with_turns(analyser):
        way([f"said {number}" for number in range(30)])
    whole, with_context, alone = asked[0], asked[1:16], asked[16:]
    assert isinstance(whole, list) and len(whole) == 30 and whole[1] == {"speaker": "agent", "text": "said 1"}
    assert [len(one) for one in with_context] == [1, 3, 5, 7, 9, *[11] * 10]  # type: ignore[arg-type]
    assert alone == [f"said {number}" for number in range(0, 30, 2)]


def test_the_report_is_a_table_of_every_way() -> None:
    shown = throughput.report("Title", [throughput.Measured("a", 1234.5, 1.0), throughput.Measured("b", 10.0, 123.4)])
    assert shown.splitlines()[0] == "### Title" and "| a | 1,234 | 1.00 |" in shown and "| b | 10 | 123.40 |" in shown


def test_rows_for_memory_are_all_different() -> None:
    rows = list(memory.recombined(1000))
    assert len({text for _, text in rows}) == len({key for key, _ in rows}) == 1000


def test_memory_is_told_over_that_of_the_fewest_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "peak_of", lambda way, folder, rows: rows / 10)
    assert [(one.rows, one.peak, one.ratio) for one in memory.measure([30, 10])] == [(10, 1.0, 1.0), (30, 3.0, 3.0)] * 2
    assert "| voc classify | 30 | 3 | 3.00 |" in memory.report(memory.measure([30, 10]))


class Answering(BaseHTTPRequestHandler):
    """Answers what the path says, and takes two milliseconds."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        time.sleep(0.002)
        self.send_response(int(self.path.strip("/")))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def answering() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_requests_are_timed_one_by_one_and_at_the_rate_that_is_asked_for(answering: str) -> None:
    sent = http.send(answering, "/200", http.bodies(20), clients=4, rate=100.0)
    assert len(sent.latencies) == 20 and 2 <= sent.percentile(0.0) <= sent.percentile(0.99)
    assert sent.rate < 115
    with pytest.raises(RuntimeError, match="503"):
        http.send(answering, "/503", http.bodies(1), clients=1)


def test_the_table_of_the_service_holds_the_ratios_of_its_figures() -> None:
    found = http.Compared(
        webhooks=http.Sent([1.0], 500.0),
        alone=http.Sent([12.5], 80.0, (0.0, 8.0)),
        together=http.Sent([9.0], 100.0, (3.0, 1.0)),
        apart=http.Sent([9.0], 40.0, (9.0,)),
        model=http.Sent([10.0], 100.0),
        batches=http.Sent((), 240.0, (2.25,)),
        empty=http.Sent([0.5], 900.0, (0.5, 0.25)),
    )
    shown = http.report(http.Sent([1.0, 2.0, 40.0], 99.6), found, clients=32)
    for cell in (
        "at 100 a second",
        "| 2.0 ms |",
        "| 40.0 ms | 50 ms |",
        "| 500 a second |",
        "| 6.2 times | 5 times |",
        "| 5.0 times |",
        "clients against one client | 1.25 times |",
        "pass of its own | 2.50 times |",
        "without requests, against one client | 3.00 times |",
        "| 10.0 ms |",
        "second | 1.25 times | 2 times at most |",
        "32 clients | 4.00 ms |",
        "one client | 8.00 ms |",
        "in batches, without requests | 2.25 ms |",
        "before the model | 0.75 ms |",
        "keep busy | 0.40 |",
        "busiest web process | 75% |",
    ):
        assert cell in shown
    assert "50,000 webhooks over that after 5,000 | 1.10 times (200 and 220 MiB) |" in http.memory_row((5000, 50000), (200.0, 220.0))


@contextmanager
def parent_of(program: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process that started one with this program, which has printed 1 and reads to the end of its input."""
    outer = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {program!r}])"
    with subprocess.Popen([sys.executable, "-c", outer], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as started:
        assert started.stdout is not None and started.stdout.readline() == b"1\n"
        yield started
        started.communicate(b"")


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells the memory of a process there")
def test_memory_is_that_of_a_process_and_of_those_that_it_started() -> None:
    inner = "import sys; held = bytearray(80 << 20); print(1, flush=True); sys.stdin.read()"
    with parent_of(inner) as started:
        assert 80 < http.resident(started.pid) < 160


def test_runs_are_joined_by_the_time_they_took() -> None:
    runs = [http.Sent([1.0, 4.0], 100.0, (1.0, 2.0)), http.Sent([2.0, 3.0], 25.0, (3.0, 0.0))]
    assert http.joined(runs) == http.Sent([1.0, 2.0, 3.0, 4.0], 40.0, (2.0, 1.0))


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="only Linux tells the processor time of a process there")
def test_processor_time_is_that_of_each_process_that_was_started() -> None:
    inner = "import sys, time\nwhile time.process_time() < 0.5: pass\nprint(1, flush=True); sys.stdin.read()"
    with parent_of(inner) as started:
        assert [round(seconds, 1) for seconds in http.spent(started.pid).values()] == [0.5]


def test_bodies_are_records_of_their_own() -> None:
    made = [json.loads(body) for body in http.bodies(500, 100)]
    assert len({one["id"] for one in made}) == len({one["text"] for one in made}) == 500


def test_the_workbench_is_looked_at_in_every_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reviewed = {"reason for review": 15, "needs review": 30, "corrected by a person": 2}
    monkeypatch.setattr(workbench, "FILTERS", {name: workbench.FILTERS[name] for name in (*workbench.NAIVE, "two days", *reviewed)})
    url = f"sqlite:///{tmp_path / 'voc.db'}"
    database, _ = workbench.made(url, 200)
    database.close()
    database, made = workbench.made(url, 300)  # the next time the others are added
    assert [(one.name, one.records) for one in made] == [("writing the records", 100), ("first look ever: records are packed", 300)]
    found = [*made, *workbench.measure(database, url, 1)]
    assert {one.name for one in found if one.naive} == {*workbench.NAIVE, *workbench.NAIVE_WORDS}
    assert {one.name: one.records for one in found if one.name in reviewed} == reviewed
    assert next(one.records for one in found if one.name == "everything") == 300
    assert "| one cell |" in workbench.report(found)
    database.close()


def test_of_as_many_as_are_listed_all_are_among_those_read_and_of_fewer_not() -> None:
    rows = np.random.default_rng(3).normal(0, 40, (200, 64)).clip(-127, 127).astype(np.int8)
    few, half, every = sketches.recall(rows, (10, 100, 200))
    assert 0 < few <= 10 / sketches.LISTED < half < every == 1.0


def test_texts_of_a_folder_are_those_of_every_file_that_have_one(tmp_path: Path) -> None:
    for name, rows in (("b", [{"text": "two"}, {"text": ""}]), ("a", [{"text": "one"}, {"turns": []}])):
        with gzip.open(tmp_path / f"{name}.jsonl.gz", "wt", encoding="utf-8") as stream:
            stream.writelines(f"{json.dumps(row)}\n" for row in rows)
    assert list(sketches.texts_of(tmp_path)) == ["one", "two"]

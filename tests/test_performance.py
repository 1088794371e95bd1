"""Tests of the performance page: what is measured is what it says, goals are judged rightly, the page holds every part."""

import json
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builders import fake_analyser

from benchmarks import performance, performance_page, runtimes, scale, writer
from benchmarks.runtimes import ARRIVAL, ONE, Row
from vocservice.inference.bundle import default_bundle

TEXTS = [f"{n} the lift was late again and nobody came to help {n}" for n in range(40)]
OWN, FULL = runtimes.best(2, "int8"), runtimes.best(2)
PLACE = {"processor": "P", "cores": 2, "system": "Linux", "python": "3.11"}
MACHINE = {**PLACE, "libraries": {"numpy": "2"}, "load": 0.1, "date": "2026-11-28"}
OF = {"machine": MACHINE, "bundle": "voc-1"}


RUN = {"records": 48_756, "rejected": 12, "seconds": 400.0, "taken": 0, "rate": 121.9, "sha256": "a"}
RUNS = [
    {"name": "one command", **RUN},
    {"name": "killed at 60% and gone on with", **RUN, "taken": 29_696},
    {"name": "Ray, 2 workers", **RUN, "sha256": "b"},
]


def figures(**changes: Any) -> dict[str, Any]:
    rates = {"whole analysis, voc-1": 160.0, "whole analysis, fast-1": 500.0, ONE: 30.0, ARRIVAL: 25.0, OWN: 200.0, f"{OWN}, fast-1": 600.0}
    found: dict[str, Any] = {
        "runtimes": {
            **OF,
            "texts": 600,
            "tokens": 18_000,
            "rounds": 3,
            "own": {"voc-1": OWN, "fast-1": OWN},
            "operations": {"voc-1": 20_000_000, "fast-1": 7_000_000},
            "bundles": ["voc-1", "fast-1"],
            "peak": 3e11,
            "rates": rates | {FULL: 160.0},
        },
        "lengths": {**OF, "kinds": {"long": {"records": 60, "seconds": 6.0, "encoder": 5.4, "tokens": 30_000}}},
        "repeats": {**OF, "rates": {"all different": 100.0, "each four times": 350.0}},
        "start": {**OF, "rows": 100, "imports": 2.0, "classify": 3.6, "analysis": 0.5},
        "many": {
            **OF,
            "one_thread": {"rows": 10_000, "peak": 480.0},
            "rows": {"200000": {"peak": 600.0, "rate": 150.0, "seconds": 1300.0}, "10000": {"peak": 550.0, "rate": 170.0, "seconds": 60.0}},
        },
        "ray": {**OF, "rows": [1024, 5120], "rates": {"in process": 100.0, "Ray, 1 worker": 95.0, "Ray, 2 workers": 180.0}},
        "corpora": {**OF, "runs": RUNS},
        "writer": {**OF, "rows": 20_480, "rates": {"csv": 4400.0, "jsonl": 8500.0}},
        "hour": 0.10,
    }
    return found | changes


def verdicts(found: dict[str, Any]) -> list[tuple[str, str]]:
    lines = performance_page.page(found, plot="plot.svg").split("## Short")[0].splitlines()
    cells = [line.strip("| ").split(" | ") for line in lines if line.startswith("|")]
    return [(cell[2], cell[3]) for cell in cells[2:]]


def test_goals_are_judged_by_their_ratios() -> None:
    assert verdicts(figures()) == [
        ("5.33", "yes"),
        ("6.40", "**no**"),
        ("0.80", "yes"),
        ("1.25", "yes"),
        ("16.67", "yes"),
        ("1.44", "yes"),
        ("1.09", "yes"),
        ("0.88", "**no**"),
        ("0.95", "yes"),
    ]


def test_the_page_holds_every_part_and_only_those_that_were_measured() -> None:
    whole = performance_page.page(figures(), plot="plot.svg")
    headings = [line for line in whole.splitlines() if line.startswith("## ")]
    assert "| killed at 60% and gone on with | 48,756 | 12 | 29,696 | 400 | 122 | yes |" in whole
    assert "| Ray, 2 workers | 48,756 | 12 | 0 | 400 | 122 | **no** |" in whole
    assert "Whole analyses over the encoder alone: voc-1 0.80, fast-1 0.83." in whole
    assert len(headings) == 11 and "![Texts per second of every method](plot.svg)" in whole
    assert f"| {OWN} | 200 | 6,000 | 40% | 6.67 | 8.00 |" in whole
    assert "| long | 60 | 10.0 | 5,000 | 33% | 90% |" in whole and "3.50 times" in whole
    assert "| 1,000 | 95,000 | 2.9 hours | 12 | 0.15 |" in whole and "10,000 rows peak at 480 MiB" in whole and "| csv | 4,400 |" in whole
    assert whole.count("*Measured with voc-1, 2026-11-28.*") == 8 and whole.count("*Measured with voc-1, fast-1, 2026-11-28.*") == 1
    few = performance_page.page({"start": figures()["start"], "hour": 0.1}, plot="plot.svg")
    assert [line for line in few.splitlines() if line.startswith("## ")] == ["## Goals", "## Cold start", "## Machine and commands"]


def test_figures_of_two_bundles_are_not_set_beside_each_other() -> None:
    found = figures()
    found["lengths"] |= {"bundle": "voc-2"}
    whole = performance_page.page(found, plot="plot.svg")
    assert "| long | 60 | 10.0 | 5,000 |  | 90% |" in whole and "*Measured with voc-2, 2026-11-28.*" in whole


def test_what_an_earlier_release_measured_is_shown_without_a_bundle() -> None:
    found = {name: {key: value for key, value in part.items() if key != "bundle"} for name, part in figures(hour={}).items()}
    whole = performance_page.page(found | {"hour": 0.1}, plot="plot.svg")
    assert "a bundle that was not noted" in whole


def test_the_rows_that_are_asked_for_reach_ray(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, ...]] = []
    monkeypatch.setitem(performance.PARTS, "ray", lambda plan: asked.append(plan.rows) or {})  # type: ignore[arg-type, func-returns-value]
    data = scale.write_csv(tmp_path / "in.csv", TEXTS)
    for rows in ([], ["--rows", "10000", "--rows", "200000"]):
        performance.main(["--data", str(data), "--part", "ray", *rows, "-o", str(tmp_path / "page.md")], standalone_mode=False)
    assert asked == [(1024, 5120), (10_000, 200_000)]


def test_the_one_process_that_writes_is_measured_with_workers_that_need_no_time(tmp_path: Path) -> None:
    found = writer.paces(fake_analyser(), tmp_path, TEXTS, rows=2500, rounds=1)
    assert found.keys() == {"csv", "jsonl"} and all(rate > 0 for rate in found.values())
    rows = (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(row)["id"] for row in rows] == [str(number) for number in range(2500)]


def test_the_plot_is_a_picture_of_every_way_and_the_longest_bar_is_the_fastest() -> None:
    tree = ET.fromstring(performance_page.plot(figures()["runtimes"]))  # noqa: S314
    bars = [element for element in tree if element.tag.endswith("rect")]
    assert len(bars) == 7 and float(bars[0].attrib["width"]) == max(float(bar.attrib["width"]) for bar in bars)
    assert bars[1].attrib["class"] == "own"


def test_recombined_rows_hardly_repeat_and_keep_their_length() -> None:
    rows = list(scale.recombined(TEXTS, 800))
    assert len(set(rows)) > 780
    words = [len(row.split()) for row in rows]
    assert abs(np.mean(words) - np.mean([len(text.split()) for text in TEXTS])) < 1


def test_a_process_is_timed_and_its_memory_is_its_own(tmp_path: Path) -> None:
    small = scale.ended([sys.executable, "-c", "pass"])
    large = scale.ended([sys.executable, "-c", "x = bytearray(200 << 20); raise SystemExit(3)"])
    assert large.peak > small.peak + 150 and small.seconds > 0
    with pytest.raises(RuntimeError, match="exit code 2: no"):
        scale.ended([sys.executable, "-c", "import sys; sys.stderr.write('no'); sys.exit(2)"])


def test_the_pace_leaves_the_start_out() -> None:
    assert scale.marginal([(1100, 15.0), (100, 5.0)]) == 100


def test_batches_fit_their_budget_and_hold_every_row_once() -> None:
    rows = [Row(place, [1] * (1 + place * 7 % 40)) for place in range(50)]
    batches = list(runtimes.batches_of(rows, 64))
    assert sorted(row.place for batch in batches for row in batch) == list(range(50))
    assert all(len(batch) == 1 or len(batch) * max(len(row.ids) for row in batch) <= 64 for batch in batches)


def test_padding_does_not_reach_the_mean() -> None:
    def run(ids: Any, mask: Any) -> Any:
        return np.repeat(ids[:, :, None], 2, axis=2).astype(np.float32) + (mask[:, :, None] == 0) * 1000

    found = runtimes.pooled(run, [Row(0, [2, 4]), Row(1, [5, 5, 5, 5])])
    assert found.tolist() == [[3.0, 3.0], [5.0, 5.0]]


def test_texts_are_read_once_each(tmp_path: Path) -> None:
    path = scale.write_csv(tmp_path / "in.csv", ["a", "b", " ", "a"])
    assert performance.read_texts(path) == ("a", "b")


def test_longer_records_have_their_length() -> None:
    assert all(len(text) == performance.LONG for text in performance._joined(tuple(TEXTS), 5))
    talks = list(performance._talks(tuple(TEXTS), 3))
    assert [len(talk["turns"]) for talk in talks] == [performance.TURNS] * 3 and talks[0] != talks[1]


def test_figures_of_other_parts_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(performance.PARTS, "repeats", lambda plan: {"rates": {"all different": 1.0, "each four times": 2.0}})  # type: ignore[arg-type]
    page = tmp_path / "page.md"
    page.with_suffix(".json").write_text(json.dumps({"start": figures()["start"]}), encoding="utf-8")
    data = scale.write_csv(tmp_path / "in.csv", TEXTS)
    performance.main(["--data", str(data), "--part", "repeats", "-o", str(page)], standalone_mode=False)
    kept = json.loads(page.with_suffix(".json").read_text(encoding="utf-8"))
    assert kept.keys() == {"start", "repeats", "hour"} and kept["repeats"]["machine"]["cores"] >= 1
    assert "## Cold start" in page.read_text(encoding="utf-8") and "2.00 times" in page.read_text(encoding="utf-8")


def test_longer_texts_are_read_by_the_encoder_whose_threads_are_busy_at_most_all_the_time() -> None:
    plan = performance.Plan(tuple(TEXTS), (default_bundle(),), None, records=20, rounds=1, rows=(), writer_rows=0)
    found = performance.lengths(plan)["kinds"]
    assert len(found) == 3
    for one in found.values():
        assert one["records"] > 0 and one["tokens"] >= 5 * one["records"] and 0 < one["encoder"] <= one["seconds"]

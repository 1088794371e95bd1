"""Tests of several inputs in one run: rejects and JSON Lines tell which input a record is of."""

from pathlib import Path

import pytest
from builders import TEXT, json_lines, saved
from commands import Voc

from vocservice.api import Analyser

ROWS = f"text\n{TEXT}\npoison\n"


def files(folder: Path, *names: str) -> list[Path]:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
    return [saved(folder, name, ROWS) for name in names]


def rejects(out: Path) -> list[tuple[object, ...]]:
    lines = json_lines(out.with_name(f"{out.name}.rejects.jsonl").read_bytes())
    return [(line["row"], line["id"], line.get("input"), line.get("input_row")) for line in lines]


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "xlsx", "parquet"])
def test_a_reject_names_its_input_and_its_row_there(suffix: str, tmp_path: Path, voc: Voc, analyser: Analyser) -> None:
    given = [*files(tmp_path, "a.csv"), saved(tmp_path, "empty.csv", "text\n"), *files(tmp_path, "b.csv")]
    out = tmp_path / f"out.{suffix}"
    assert voc("classify", *given, "-o", out).code == 3
    assert rejects(out) == [(2, "row-2", "a.csv", 2), (4, "row-2", "b.csv", 2)]


def test_json_lines_of_several_inputs_tell_equal_ids_apart(tmp_path: Path, voc: Voc, analyser: Analyser) -> None:
    given = files(tmp_path, "jan/x.csv", "feb/x.csv")
    lines = json_lines(voc("classify", *given).out)
    assert [(line["id"], line["input"], line["input_row"]) for line in lines] == [
        ("row-1", "jan/x.csv", 1),
        ("row-2", "jan/x.csv", 2),
        ("row-1", "feb/x.csv", 1),
        ("row-2", "feb/x.csv", 2),
    ]


def test_a_single_input_gives_no_origin(tmp_path: Path, voc: Voc, analyser: Analyser) -> None:
    out = tmp_path / "out.jsonl"
    assert voc("classify", tmp_path / "*.csv", "-o", out).code == 2
    files(tmp_path, "a.csv")
    assert voc("classify", tmp_path / "*.csv", "-o", out).code == 3
    assert rejects(out) == [(2, "row-2", None, None)] and not any("input" in line for line in json_lines(out.read_bytes()))


@pytest.mark.usefixtures("small_shards")
def test_origins_are_the_same_where_a_run_is_gone_on_with(tmp_path: Path, voc: Voc, analyser: Analyser) -> None:
    from .builders import killed_at

    given, whole, cut = files(tmp_path, *(f"{name}.csv" for name in "abcde")), tmp_path / "whole.jsonl", tmp_path / "cut.jsonl"
    assert voc("classify", *given, "-o", whole).code == 3
    killed_at("after_shard_2", "classify", *given, "-o", cut)
    assert voc("classify", *given, "-o", cut, "--resume").code == 3
    assert cut.read_bytes() == whole.read_bytes() and rejects(cut) == rejects(whole)

"""Tests of `voc classify`: formats, columns, rejections, exit codes, and what must never be printed."""

import csv
import gzip
import json
import re
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from builders import (
    CANARY,
    MODEL,
    TEXT,
    FakePipeline,
    analysis,
    csv_rows,
    fake_analyser,
    has_current_bundle,
    json_lines,
    piece,
    saved,
)
from python_calamine import CalamineWorkbook

from vocservice.api import Analyser
from vocservice.records import Factor, RawVerbatim, Result
from vocservice.taxonomy import LabelDefinition, LabelSet, load_taxonomy

from .conftest import ROWS, Voc


def test_a_table_keeps_its_columns_and_gains_labels(table: Path, tmp_path: Path, voc: Voc, analyser: Analyser) -> None:
    ran = voc("classify", table, "-o", tmp_path / "out.csv")
    rows = csv_rows(tmp_path / "out.csv")
    assert ran.code == 3 and ran.out == ""
    assert [(row["id"], row["n"], row["status"], row["voc_factors"]) for row in rows] == [
        ("a", "=1", "ok", "technology-|courtesy+"),
        ("b", "2", "rejected", ""),
        ("c", "3", "ok", "technology-|courtesy+"),
    ]
    assert json_lines((tmp_path / "out.csv.rejects.jsonl").read_bytes())[0]["id"] == "b"


def test_the_summary_tells_counts_time_and_model(table: Path, tmp_path: Path, voc: Voc, analyser: Analyser) -> None:
    err = voc("classify", table, "-o", tmp_path / "out.csv").err
    assert re.search(rf"3 records in [\d.]+ s \([\d.]+ records/s\), model {MODEL}", err)
    assert "1 rejected: analysis_failed 1 (listed in out.csv.rejects.jsonl)" in err


def test_json_summary_goes_where_records_do_not(table: Path, tmp_path: Path, voc: Voc, analyser: Analyser) -> None:
    ran = voc("classify", table, "-o", tmp_path / "out.csv", "--json")
    found = json.loads(ran.out)
    assert (found["records"], found["ok"], found["rejected"], found["rejected_by_code"], found["model"]) == (
        3,
        2,
        1,
        {"analysis_failed": 1},
        MODEL,
    )
    ran = voc("classify", table, "--json")
    assert len(json_lines(ran.out)) == 3 and json.loads(ran.err)["records"] == 3


@pytest.mark.parametrize("suffix", ["csv", "tsv", "jsonl", "parquet", "xlsx"])
def test_every_format_is_written(suffix: str, table: Path, tmp_path: Path, voc: Voc, analyser: Analyser) -> None:
    out = tmp_path / f"out.{suffix}"
    assert voc("classify", table, "-o", out).code == 3
    counts = {
        "csv": lambda: len(csv_rows(out)),
        "tsv": lambda: len(csv_rows(out, "\t")),
        "jsonl": lambda: len(json_lines(out.read_bytes())),
        "parquet": lambda: pq.read_table(out).num_rows,
        "xlsx": lambda: len(CalamineWorkbook.from_path(out).get_sheet_by_index(0).to_python()) - 1,
    }
    assert counts[suffix]() == 3 and not list(tmp_path.glob("*.partial"))


def test_standard_streams_carry_json_lines(voc: Voc, analyser: Analyser) -> None:
    given = b'{"id":"a","text":"The app crashed"}\nnot json\n{"id":"t","turns":[{"speaker":"customer","text":"hi"}]}\n'
    ran = voc("classify", "-", "-o", "-", given=given)
    found = json_lines(ran.out)
    assert ran.code == 3 and [(one["id"], one["status"]) for one in found] == [("a", "ok"), ("line-2", "rejected"), ("t", "ok")]
    assert found[1]["error"]["code"] == "invalid_json" and found[2]["outcome"]["key"] == "resolved"


def test_nothing_on_standard_input_gives_nothing(voc: Voc, analyser: Analyser) -> None:
    ran = voc("classify", "-", given=b"")
    assert ran.code == 0 and ran.out == ""


def test_columns_can_be_named(tmp_path: Path, voc: Voc, analyser: Analyser) -> None:
    path = saved(tmp_path, "in.csv", f"key,text,said\n7,poison,{TEXT}\n")
    ran = voc("classify", path, "--id-column", "key", "--text-column", "said")
    assert ran.code == 0 and json_lines(ran.out)[0]["id"] == "7"


def test_limit_counts_over_all_inputs(table: Path, voc: Voc, analyser: Analyser) -> None:
    assert len(json_lines(voc("classify", table, table, "--limit", 4).out)) == 4
    assert voc("classify", table, "--limit", 0).out == ""


def test_several_inputs_of_the_same_columns_make_one_table(table: Path, tmp_path: Path, voc: Voc, analyser: Analyser) -> None:
    assert voc("classify", table, table, "-o", tmp_path / "out.csv").code == 3
    assert [row["id"] for row in csv_rows(tmp_path / "out.csv")] == ["a", "b", "c"] * 2


def test_several_inputs_of_other_columns_make_json_lines_only(table: Path, tmp_path: Path, voc: Voc, analyser: Analyser) -> None:
    other = saved(tmp_path, "other.csv", f"text\n{TEXT}\n")
    refused = voc("classify", table, other, "-o", tmp_path / "out.csv")
    assert refused.code == 2 and "have different columns (only in in.csv: " in refused.err
    assert len(json_lines(voc("classify", table, other).out)) == 4


@pytest.mark.parametrize(
    ("header", "told"),
    [
        ("id,text,score,nps", "(only in b.csv: 'nps')"),
        ("id,text,stars", "(only in a.csv: 'score'; only in b.csv: 'stars')"),
        ("text,id,score", "(the same in another order)"),
    ],
)
def test_columns_that_differ_are_named(header: str, told: str, tmp_path: Path, voc: Voc, analyser: Analyser) -> None:
    paths = [saved(tmp_path, name, f"{columns}\n") for name, columns in (("a.csv", "id,text,score"), ("b.csv", header))]
    assert told in voc("classify", *paths, "-o", tmp_path / "out.csv").err


def test_several_parquet_inputs_of_other_types_are_written_as_text(tmp_path: Path, voc: Voc, analyser: Analyser) -> None:
    for name, ids in (("a", [1]), ("b", ["x"])):
        pq.write_table(pa.table({"id": ids, "text": [TEXT]}), tmp_path / f"{name}.parquet")
    found = {}
    for second in ("a", "b"):
        assert voc("classify", tmp_path / "a.parquet", tmp_path / f"{second}.parquet", "-o", tmp_path / "out.parquet").code == 0
        found[second] = pq.read_table(tmp_path / "out.parquet").column("id").to_pylist()
    assert found == {"a": [1, 1], "b": ["1", "x"]}


def test_label_sets_of_another_taxonomy_get_columns(table: Path, tmp_path: Path, voc: Voc, monkeypatch: pytest.MonkeyPatch) -> None:
    app = LabelDefinition(key="app", label="App", definition="The app.")
    aspects = LabelSet("aspects", "multi", (app,), ("+", "-"))
    own = replace(fake_analyser(), taxonomy=replace(load_taxonomy(), sets=(aspects,)))
    given = analysis(labels={"aspects": (Factor("app", "-", 0.5, (piece(TEXT, "app"),)),)}, lacks=own.lacks)
    monkeypatch.setattr(FakePipeline, "_result", lambda self, record: replace(given, id=record.id, row=record.row))
    monkeypatch.setattr("vocservice.api.load", lambda *_, **__: own)
    assert voc("classify", table, "-o", tmp_path / "out.csv").code == 0
    row = csv_rows(tmp_path / "out.csv")[0]
    assert row["voc_aspects"] == "app-" and json.loads(row["voc_probabilities"])["aspects"] == {"app-": 0.5}
    assert json.loads(row["voc_evidence"])["aspects"]["app-"][0]["text"] == "app"
    assert set(json.loads(row["voc_probabilities"])) == set(json.loads(row["voc_evidence"])) == {"aspects"}
    lacking = ("stage", "factor", "sentiment", "scope", "flag")
    assert not [name for name in row if name.startswith(tuple(f"voc_{of}" for of in lacking))]  # never asked is not absent
    assert voc("classify", table, "-o", tmp_path / "stages.csv", "--explode", "stages").code == 2


def test_duplicate_ids_stay(tmp_path: Path, voc: Voc, analyser: Analyser) -> None:
    path = saved(tmp_path, "in.csv", f"id,text\na,{TEXT}\na,{TEXT}\n")
    assert [one["id"] for one in json_lines(voc("classify", path).out)] == ["a", "a"]


def test_excel_gets_a_mark_and_no_formulas(table: Path, tmp_path: Path, voc: Voc, analyser: Analyser) -> None:
    voc("classify", table, "-o", tmp_path / "out.csv", "--excel")
    raw = (tmp_path / "out.csv").read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf") and b"\r\n" in raw and b",=1," not in raw


EUROPEAN = f"id;comment;note\r\na;{TEXT};Zürich, 1,5\r\n".encode("cp1252")


@pytest.mark.parametrize(
    ("given", "out", "options", "delimiter"),
    [
        ("in.csv", "out.csv", (), ";"),
        ("in.csv", "out.csv", ("--excel",), ";"),
        ("in.csv", "out.csv", ("--delimiter", ","), ","),
        ("in.csv", "out.csv", ("--excel", "--delimiter", "tab"), "\t"),
        ("in.csv", "out.tsv", (), "\t"),
        ("in.tsv", "out.tsv", (), ";"),
        ("in.tsv", "out.csv", (), ","),
    ],
)
def test_csv_keeps_the_delimiter_of_its_input(
    given: str, out: str, options: tuple[str, ...], delimiter: str, tmp_path: Path, voc: Voc, analyser: Analyser
) -> None:
    assert voc("classify", saved(tmp_path, given, EUROPEAN), "-o", tmp_path / out, *options).code == 0
    (row,) = csv.DictReader((tmp_path / out).read_text("utf-8-sig").splitlines(), delimiter=delimiter)
    assert (row["id"], row["note"], row["status"]) == ("a", "Zürich, 1,5", "ok")


def test_the_manifest_names_a_delimiter_that_was_asked_for(table: Path, tmp_path: Path, voc: Voc, analyser: Analyser) -> None:
    voc("classify", table, "-o", tmp_path / "out.csv", "--delimiter", "|")
    assert json.loads((tmp_path / "out.csv.manifest.json").read_bytes())["plan"]["options"]["delimiter"] == "|"


def test_sheet_names_a_sheet_that_is_there(table: Path, tmp_path: Path, voc: Voc, analyser: Analyser) -> None:
    voc("classify", table, "-o", tmp_path / "book.xlsx")
    assert voc("classify", tmp_path / "book.xlsx", "--sheet", "Sheet1").code == 3
    assert voc("classify", tmp_path / "book.xlsx", "--sheet", "nope").code == 2


# --- dry run --------------------------------------------------------------------------------------------------------


def test_a_dry_run_tells_and_writes_nothing(table: Path, tmp_path: Path, voc: Voc, analyser: Analyser) -> None:
    ran = voc("classify", table, "-o", tmp_path / "out.csv", "--dry-run")
    assert ran.code == 0 and sorted(path.name for path in tmp_path.iterdir()) == ["in.csv"]
    for told in (
        "in.csv: csv, utf-8, delimiter ','",
        "text from 'comment', id from 'id'",
        "en 2",
        "analysis_failed 1",
        "about 3 records",
        MODEL,
    ):
        assert told in ran.out
    assert CANARY not in ran.out + ran.err


def test_a_dry_run_as_json(tmp_path: Path, voc: Voc, analyser: Analyser) -> None:
    path = saved(tmp_path, "in.csv", "id,text,review\n" + f"1,{TEXT},x\n" * 500)
    found = json.loads(voc("classify", path, "--dry-run", "--json").out)
    assert found["records"] == 500 and found["sample"] == 20 and found["languages"] == {"en": 20}
    assert found["inputs"][0]["fields"]["text"] == "text" and found["inputs"][0]["other_text_columns"] == ["review"]


def test_a_dry_run_tells_of_missing_ids_and_rows_that_are_header(tmp_path: Path, voc: Voc, analyser: Analyser) -> None:
    header = 'Q1,Q2\nWhy?,What else?\n"{""ImportId"":""QID1""}","{""ImportId"":""QID2""}"\n'
    given = saved(tmp_path, "survey.csv", header + f"{TEXT},{TEXT}\n")
    out = voc("classify", given, "--text-column", "Q1", "--dry-run").out
    assert "no id column found" in out and "--id-column" in out and "the first 3 rows are the header (qualtrics), no records" in out
    plain = voc("classify", saved(tmp_path, "in.csv", ROWS), "--dry-run").out
    assert "no id column" not in plain and "header" not in plain


def test_a_dry_run_estimates_without_the_wait_for_the_first_text(
    tmp_path: Path, voc: Voc, analyser: Analyser, monkeypatch: pytest.MonkeyPatch
) -> None:
    result, first = FakePipeline._result, iter([1.0])

    def slow_at_first(self: FakePipeline, record: RawVerbatim) -> Result:
        time.sleep(next(first, 0.0))
        return result(self, record)

    monkeypatch.setattr(FakePipeline, "_result", slow_at_first)
    found = json.loads(voc("classify", saved(tmp_path, "in.csv", ROWS), "--dry-run", "--json").out)
    assert found["records"] == 3 and found["seconds"] < 0.9


def test_a_dry_run_of_a_pipe_has_no_total(voc: Voc, analyser: Analyser) -> None:
    ran = voc("classify", "-", "--dry-run", given=b'{"text":"hi"}\n')
    assert ran.code == 0 and "about" not in ran.out


def test_a_dry_run_estimates_what_it_cannot_count(tmp_path: Path, voc: Voc, analyser: Analyser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vocservice.cli.preview.COUNTING_SECONDS", 0.0)
    path = saved(tmp_path, "in.csv", "id,text\n" + f"1,{TEXT}\n" * 20_000)
    assert 10 <= json.loads(voc("classify", path, "--dry-run", "--json").out)["records"] <= 20_000


# --- what cannot be used --------------------------------------------------------------------------------------------

UNUSABLE = [
    ("missing.csv", None, "cannot be opened"),
    ("missing", None, "cannot be opened (No such file or directory)"),
    ("empty.csv", b"", "is empty"),
    ("in.docx", b"x", "unknown file suffix"),
    ("in.xls", b"x", "unknown file suffix; save it as .xlsx; known are .csv"),
    ("in.csv.zip", b"x", "unknown file suffix; unpack it; known are .csv"),
    ("in", b"x", "unknown file suffix"),
    (
        "notext.csv",
        b"a,b\n1,2\n",
        "no column is known to hold the text; choose one with --text-column or --mapping; its columns are 'a', 'b'",
    ),
    ("zip.csv", b"PK\x03\x04rest", "not a text file"),
    ("broken.parquet", b"PAR1 not really PAR1", ""),
    ("broken.xlsx", b"not a workbook", ""),
    ("document.jsonl", b'[{"text": "a"},\n{"text": "b"}]', "write JSON Lines"),
]


@pytest.mark.parametrize(("name", "content", "told"), UNUSABLE)
def test_an_unusable_input_is_one_line_and_two(
    name: str, content: bytes | None, told: str, tmp_path: Path, voc: Voc, analyser: Analyser
) -> None:
    path = saved(tmp_path, name, content) if content is not None else tmp_path / name
    ran = voc("classify", path, "-o", tmp_path / "out.jsonl")
    assert ran.code == 2 and re.fullmatch(r"error \[input_unusable\]: [^\n]+\n", ran.err) and told in ran.err
    assert not (tmp_path / "out.jsonl").exists()


@pytest.mark.parametrize(
    ("output", "told"),
    [("no/such/out.csv", "folder"), ("out.docx", "unknown file suffix"), ("in.csv", "is the input"), ("folder.csv", "folder")],
)
def test_an_unusable_output_is_refused_before_work(
    output: str, told: str, table: Path, tmp_path: Path, voc: Voc, analyser: Analyser
) -> None:
    (tmp_path / "folder.csv").mkdir()
    ran = voc("classify", table, "-o", tmp_path / output)
    assert ran.code == 2 and "error [output_unwritable]: " in ran.err and told in ran.err
    assert table.read_text() == ROWS


@pytest.mark.parametrize("name", ["out.csv", "out.csv.partial", "out.csv.rejects.jsonl", "out.csv.rejects.jsonl.partial"])
def test_no_input_is_ever_written_over(name: str, table: Path, tmp_path: Path, voc: Voc, analyser: Analyser) -> None:
    content = '{"text": "x"}\n' if name.endswith("jsonl") else ROWS
    given = saved(tmp_path, "given.jsonl" if name.endswith("jsonl") else "given.csv", content)
    (tmp_path / name).hardlink_to(given)
    ran = voc("classify", table, given, "-o", tmp_path / "out.csv")
    assert ran.code == 2 and (tmp_path / name).read_text() == content and given.read_text() == content


def test_a_model_that_does_not_load_leaves_no_file_and_keeps_those_of_earlier_runs(table: Path, tmp_path: Path, voc: Voc) -> None:
    earlier = {"out.csv": "whole", "out.csv.partial": "interrupted"}
    for name, content in earlier.items():
        saved(tmp_path, name, content)
    assert voc("classify", table, "-o", tmp_path / "out.csv", "--bundle", "nowhere-9").code == 2
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == earlier | {"in.csv": ROWS}


def test_the_output_is_proven_before_the_model_loads(table: Path, tmp_path: Path, voc: Voc, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(*_: Any, **__: Any) -> Analyser:
        raise AssertionError("the model was loaded")

    monkeypatch.setattr("vocservice.api.load", load)
    assert voc("classify", table, "-o", tmp_path / "no" / "out.csv").code == 2


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--excel", "-o", "out.parquet"), "--excel is for CSV"),
        (("--excel",), "--excel"),
        (("--delimiter", "tab"), "--delimiter"),
        (("--delimiter", "x"), "--delimiter"),
        (("--sheet", "a"), "--sheet"),
    ],
)
def test_an_option_that_would_do_nothing_is_refused(
    arguments: tuple[str, ...], told: str, table: Path, voc: Voc, analyser: Analyser
) -> None:
    ran = voc("classify", table, *arguments)
    assert ran.code == 2 and told in ran.err


@pytest.mark.parametrize(
    "arguments",
    [(), ("--limit", "-1"), ("--limit", "many"), ("--nonsense",), ("--text-column", "nope"), ("--id-column", "nope")],
)
def test_a_wrong_option_is_two(arguments: tuple[str, ...], table: Path, voc: Voc, analyser: Analyser) -> None:
    assert voc("classify", *([table] if arguments else []), *arguments).code == 2


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("clasify", "in.csv"), "No such command 'clasify'. Did you mean 'classify'?"),
        (("source", "ad"), "No such command 'ad'. Did you mean 'add'?"),
        (("nothing-like-it",), "No such command 'nothing-like-it'."),
        (("classify", "in.csv", "--limit", "many"), "Invalid value for '--limit'"),
        (("classify",), "Missing argument 'IN...'"),
        (("classify", "in.csv", "--excel"), "--excel is for CSV and TSV"),
        (("classify", "in.csv", "--customer", " "), "--customer needs a name"),
    ],
)
def test_what_is_called_wrongly_is_told_in_the_last_line(arguments: tuple[str, ...], told: str, voc: Voc) -> None:
    ran = voc(*arguments)
    *usage, last = ran.err.splitlines()
    assert ran.code == 2 and last.startswith(f"error [usage_invalid]: {told}")
    assert not usage or (usage[0].startswith("Usage: voc ") and "--help" in usage[1])


JSON_TALK = b'{"id": "1", "turns": [{"speaker": "Mia", "text": "It broke."}, {"speaker": "Agent 2", "text": "Sorry."}]}'


def test_a_customer_can_be_named_and_the_manifest_does_not_tell_the_name(tmp_path: Path, voc: Voc, analyser: Analyser) -> None:
    talk, out = tmp_path / "talk.txt", tmp_path / "out.jsonl"
    talk.write_text("Mia: It broke.\nAgent: Sorry.\n")
    assert voc("classify", talk, "-o", out).code == 3
    assert voc("classify", talk, "-o", out, "--customer", "Mia", "--customer", "Jo").code == 0
    manifest = (tmp_path / "out.jsonl.manifest.json").read_text()
    assert "customers" in manifest and "Mia" not in manifest
    assert [voc("classify", "-", *named, given=JSON_TALK).code for named in ((), ("--customer", "Mia"))] == [3, 0]


def test_standard_input_can_be_given_once(voc: Voc, analyser: Analyser) -> None:
    assert voc("classify", "-", "-", given=b"").code == 2


def test_wrong_settings_are_two(table: Path, voc: Voc, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOC_THREADS", "lots")
    ran = voc("classify", table)
    assert ran.code == 2 and ran.err.startswith("error [config_invalid]: ")


def test_a_bundle_that_is_not_there_is_two(table: Path, tmp_path: Path, voc: Voc) -> None:
    ran = voc("classify", table, "-o", tmp_path / "out.csv", "--bundle", "nowhere-9")
    assert ran.code == 2 and ran.err.startswith("error [bundle_invalid]: ") and "--bundle or VOC_BUNDLE" in ran.err
    assert not list(tmp_path.glob("out*"))


def test_something_unexpected_is_one_line_without_its_message(
    table: Path, voc: Voc, analyser: Analyser, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError(CANARY)

    monkeypatch.setattr(type(analyser.pipeline), "analyse", broken)
    ran = voc("classify", table)
    assert ran.code == 1 and ran.err.startswith("error [internal_error]: RuntimeError in ") and CANARY not in ran.err


# --- odd texts through the real steps -------------------------------------------------------------------------------

ODD = [
    ("surrogate", b'{"text":"\\ud800"}', "invalid_encoding"),
    ("bytes", b'{"text":"\xff\xfe"}', "invalid_encoding"),
    ("nul", b'{"text":"The app\\u0000broke"}', "ok"),
    ("emoji", '{"text":"😡😡"}'.encode(), "ok"),
    ("empty", b'{"text":""}', "empty_text"),
    ("missing", b'{"id":"x"}', "missing_text"),
    ("number", b'{"text":5}', "invalid_type"),
    ("list", b"[1]", "invalid_type"),
    ("null", b"null", "invalid_type"),
    ("turns", b'{"turns":[{"speaker":"nobody","text":"x"}]}', "empty_text"),
    ("speaker", b'{"turns":[{"speaker":0,"text":"x"}]}', "invalid_turns"),
    ("long", b'{"text":"' + b"great app " * 104_858 + b'"}', "text_too_long"),
    ("word", b'{"text":"' + b"a" * 100_000 + b'"}', "ok"),
    ("broken", b'{"text":', "invalid_json"),
    ("foreign", '{"text":"Ich möchte mein Geld sofort zurück haben, bitte"}'.encode(), "unsupported_language"),
]


def test_odd_records_come_out_in_their_places(tmp_path: Path, voc: Voc, with_steps: Analyser) -> None:
    good = b'{"text":"The app crashed"}'
    path = saved(tmp_path, "in.jsonl", b"\n".join([good, *(line for _, line, _ in ODD), good]))
    ran = voc("classify", path)
    found = [one["error"]["code"] if one["status"] == "rejected" else "ok" for one in json_lines(ran.out)]
    assert ran.code == 3 and found == ["ok", *(expected for _, _, expected in ODD), "ok"]


def test_no_text_reaches_standard_error_or_the_rejects(tmp_path: Path, voc: Voc, with_steps: Analyser) -> None:
    lines = [
        {"id": "1", "text": CANARY + "a" * 100_001},
        {"id": "2", "text": [CANARY]},
        {"id": "3", "turns": [{"speaker": CANARY, "text": CANARY}]},
        {"id": "4", "text": CANARY, "channel": 5},
    ]
    path = saved(tmp_path, "in.jsonl", "\n".join(map(json.dumps, lines)) + f"\n{CANARY}\n")
    ran = voc("classify", path, "-o", tmp_path / "out.jsonl")
    assert ran.code == 3
    assert CANARY not in ran.err + ran.out + (tmp_path / "out.jsonl.rejects.jsonl").read_text() + (tmp_path / "out.jsonl").read_text()


def test_a_damaged_end_is_found(tmp_path: Path, voc: Voc, analyser: Analyser) -> None:
    path = saved(tmp_path, "in.jsonl.gz", gzip.compress(b'{"text":"hi"}\n' * 50_000, mtime=0)[:-20])
    ran = voc("classify", path, "-o", tmp_path / "out.jsonl")
    assert ran.code == 2 and "damaged or cut off" in ran.err and not (tmp_path / "out.jsonl").exists()


# --- the real bundle ------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not has_current_bundle(), reason="models/current does not exist yet: no bundle has been trained")
def test_the_real_bundle_labels_a_file(table: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "vocservice", "classify", str(table), "-o", str(tmp_path / "out.csv")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 3) and "3 records in" in done.stderr
    rows = csv_rows(tmp_path / "out.csv")
    assert [row["id"] for row in rows] == ["a", "b", "c"] and rows[0]["status"] == "ok" and rows[0]["voc_sentiment"]

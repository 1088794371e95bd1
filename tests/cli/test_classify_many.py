"""Tests of `voc classify` on many files: patterns, folders, mappings, the manifest, one row a label."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from builders import TEXT, csv_rows, json_lines, saved
from commands import Voc

from vocservice.api import Analyser


def one_row(folder: Path, name: str, key: str) -> Path:
    return saved(folder, name, f"id,text\n{key},{TEXT}\n")


def ids(out: str) -> list[str]:
    return [one["id"] for one in json_lines(out)]


# --- patterns and folders -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "found"),
    [("*.csv", ["1", "2", "3"]), ("b[12].csv", ["2", "3"]), ("?.csv", ["1"]), ("**/*.csv", ["1", "2", "3", "4"]), ("b1.csv", ["2"])],
)
def test_a_pattern_is_expanded_and_sorted(pattern: str, found: list[str], tmp_path: Path, voc: Voc, analyser: Analyser) -> None:
    (tmp_path / "deep").mkdir()
    for name, key in (("b2.csv", "3"), ("a.csv", "1"), ("b1.csv", "2"), ("deep/c.csv", "4")):
        one_row(tmp_path, name, key)
    assert ids(voc("classify", tmp_path / pattern).out) == found


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(tmp_path: Path, voc: Voc, analyser: Analyser) -> None:
    one_row(tmp_path, "a[1].csv", "odd")
    one_row(tmp_path, "a1.csv", "plain")
    assert ids(voc("classify", tmp_path / "a[1].csv").out) == ["odd"]


@pytest.mark.parametrize("pattern", ["**", "t/**", "t/year=*/**", "t/**/*", "t/**/*.parquet", "**/year=*"])
def test_a_file_that_a_pattern_leads_to_in_several_ways_is_read_once(pattern: str, tmp_path: Path, voc: Voc, analyser: Analyser) -> None:
    for number in (1, 2):
        folder = tmp_path / "t" / f"year={number}"
        folder.mkdir(parents=True)
        pq.write_table(pa.table({"id": [number], "text": [TEXT]}), folder / "a.parquet")
    assert ids(voc("classify", tmp_path / pattern).out) == ["1", "2"]


@pytest.mark.parametrize(
    ("name", "told"), [("*.csv", "*.csv: no file matches"), ("*", "no file matches"), ("empty", "folder without Parquet files")]
)
def test_what_holds_nothing_to_read_is_refused(name: str, told: str, tmp_path: Path, voc: Voc, analyser: Analyser) -> None:
    (tmp_path / "empty").mkdir()
    ran = voc("classify", tmp_path / name)
    assert ran.code == 2 and "error [input_unusable]" in ran.err and told in ran.err


def partitioned(folder: Path) -> Path:
    for place, number in (
        ("year=2024/channel=chat", 3),
        ("year=2023/channel=e%20mail", 1),
        ("year=2024/channel=__HIVE_DEFAULT_PARTITION__", 2),
    ):
        (folder / "table" / place).mkdir(parents=True)
        pq.write_table(pa.table({"id": [number], "text": [TEXT]}), folder / "table" / place / "part-0.parquet")
    saved(folder / "table", "_SUCCESS", b"")
    saved(folder / "table", "_metadata.parquet", b"no data")
    return folder / "table"


def test_a_partitioned_folder_is_one_table_with_its_partitions_as_columns(tmp_path: Path, voc: Voc, analyser: Analyser) -> None:
    assert voc("classify", partitioned(tmp_path), "-o", tmp_path / "out.parquet").code == 0
    found = pq.read_table(tmp_path / "out.parquet")
    assert found.schema.names[:5] == ["id", "text", "year", "channel", "status"] and found.schema.field("id").type == pa.int64()
    rows = zip(*(found.column(name).to_pylist() for name in ("id", "year", "channel")), strict=True)
    assert list(rows) == [(1, "2023", "e mail"), (2, "2024", None), (3, "2024", "chat")]
    assert [record.channel for record in analyser.pipeline.seen] == ["e mail", None, "chat"]  # type: ignore[attr-defined]


def test_a_pattern_of_folders_keeps_their_partitions(tmp_path: Path, voc: Voc, analyser: Analyser) -> None:
    assert voc("classify", partitioned(tmp_path) / "year=2024*", "-o", tmp_path / "out.csv").code == 0
    assert [(row["id"], row["year"], row["channel"]) for row in csv_rows(tmp_path / "out.csv")] == [
        ("2", "2024", ""),
        ("3", "2024", "chat"),
    ]


def test_a_column_of_the_file_wins_over_its_folder(tmp_path: Path, voc: Voc, analyser: Analyser) -> None:
    (tmp_path / "t" / "year=1").mkdir(parents=True)
    pq.write_table(pa.table({"text": [TEXT], "year": [2]}), tmp_path / "t" / "year=1" / "a.parquet")
    voc("classify", tmp_path / "t", "-o", tmp_path / "out.csv")
    assert [row["year"] for row in csv_rows(tmp_path / "out.csv")] == ["2"]


def test_more_files_than_may_be_open_are_read(tmp_path: Path, voc: Voc, analyser: Analyser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vocservice.batch.inputs.MAX_OPEN", 2)
    for number in range(9):
        one_row(tmp_path, f"in{number}.csv", str(number))
    assert voc("classify", tmp_path / "in*.csv", "-o", tmp_path / "out.csv").code == 0
    assert [row["id"] for row in csv_rows(tmp_path / "out.csv")] == [str(number) for number in range(9)]


# --- mapping --------------------------------------------------------------------------------------------------------

TABLE = f"key,text,said,where,asked,when,who,tongue,mark\n7,poison,{TEXT},chat,Why?,2024-01-01,c-1,en,9\n"
MAPPING = {
    "id": "key", "text": "said", "channel": "where", "question": "asked", "created_at": "when", "subject": "who", "language": "tongue",
    "score": "mark",
}  # fmt: skip


@pytest.mark.parametrize("suffix", ["toml", "json"])
def test_a_mapping_names_every_column(suffix: str, tmp_path: Path, voc: Voc, analyser: Analyser) -> None:
    content = json.dumps(MAPPING) if suffix == "json" else "".join(f"{field} = '{column}'\n" for field, column in MAPPING.items())
    mapping = saved(tmp_path, f"m.{suffix}", content)
    assert voc("classify", saved(tmp_path, "in.csv", TABLE), "--mapping", mapping).code == 0
    (seen,) = analyser.pipeline.seen  # type: ignore[attr-defined]
    fields = (seen.id, seen.text, seen.channel, seen.question, seen.created_at, seen.subject, seen.language, seen.score)
    assert fields == ("7", TEXT, "chat", "Why?", "2024-01-01", "c-1", "en", {"value": 9})


def test_a_mapping_renames_the_keys_of_json_lines(tmp_path: Path, voc: Voc, analyser: Analyser) -> None:
    given = saved(tmp_path, "in.jsonl", json.dumps({"key": "7", "said": TEXT, "where": "chat"}))
    mapping = saved(tmp_path, "m.toml", 'id = "key"\ntext = "said"\nchannel = "where"\n')
    assert ids(voc("classify", given, "--mapping", mapping).out) == ["7"]
    assert analyser.pipeline.seen[0].channel == "chat"  # type: ignore[attr-defined]


@pytest.mark.parametrize("suffix", ["toml", "json"])
def test_a_saved_mapping_gives_the_same_again(suffix: str, tmp_path: Path, voc: Voc, analyser: Analyser) -> None:
    odd = 'what "you"\\said \x7f\U0001f621'
    given = saved(tmp_path, "in.csv", 'n,text,"' + odd.replace('"', '""') + f'"\n1,poison,{TEXT}\n')
    mapping = tmp_path / f"m.{suffix}"
    assert voc("classify", given, "--text-column", odd, "--save-mapping", mapping).code == 0
    assert voc("classify", given, "--mapping", mapping).code == 0


def test_an_option_wins_over_the_mapping(tmp_path: Path, voc: Voc, analyser: Analyser) -> None:
    given = saved(tmp_path, "in.csv", f"a,b\npoison,{TEXT}\n")
    assert voc("classify", given, "--mapping", saved(tmp_path, "m.toml", "text = 'a'"), "--text-column", "b").code == 0


WRONG = [
    ("m.toml", "text = ", "not valid TOML or JSON"),
    ("m.json", "[1]", "at least one field"),
    ("m.toml", "", "at least one field"),
    ("m.toml", "body = 'x'", "unknown fields 'body'; known are id, text,"),
    ("m.toml", f"{'b' * 99} = 'x'", "unknown fields (field 1, a long name); known"),
    ("m.toml", "text = 5", "must be the name of a column"),
    ("m.toml", "channel = 'nope'", "the column chosen with --mapping is not there; choose another"),
    ("m.yaml", "text: x", ".toml or .json"),
    ("m.toml", None, "cannot be read"),
]


@pytest.mark.parametrize(("name", "content", "told"), WRONG)
def test_a_wrong_mapping_is_two(name: str, content: str | None, told: str, tmp_path: Path, voc: Voc, analyser: Analyser) -> None:
    mapping = saved(tmp_path, name, content) if content is not None else tmp_path / name
    ran = voc("classify", one_row(tmp_path, "in.csv", "1"), "--mapping", mapping)
    assert ran.code == 2 and "error [input_unusable]" in ran.err and told in ran.err


@pytest.mark.parametrize(
    ("target", "more", "told"),
    [
        ("m.yaml", (), ".toml or .json"),
        ("no/m.toml", (), "folder"),
        ("in.json", (), "is an input"),
        ("m.toml", ("--dry-run",), "--dry-run"),
    ],
)
def test_a_mapping_that_cannot_be_saved_is_two(
    target: str, more: tuple[str, ...], told: str, tmp_path: Path, voc: Voc, analyser: Analyser
) -> None:
    given = saved(tmp_path, "in.json", json.dumps({"text": TEXT}))
    ran = voc("classify", given, "--save-mapping", tmp_path / target, *more)
    assert ran.code == 2 and told in ran.err and [path.name for path in tmp_path.iterdir()] == ["in.json"]


@pytest.mark.parametrize("option", ["--mapping", "--save-mapping"])
@pytest.mark.parametrize("name", ["m.json", "m.json.manifest.json"])
def test_no_output_takes_the_place_of_the_mapping(option: str, name: str, tmp_path: Path, voc: Voc, analyser: Analyser) -> None:
    mapping = saved(tmp_path, name, '{"text": "text"}')
    ran = voc("classify", one_row(tmp_path, "in.csv", "1"), "-o", tmp_path / "m.json", option, mapping)
    assert ran.code == 2 and "error [output_unwritable]" in ran.err and mapping.read_text() == '{"text": "text"}'
    assert {path.name for path in tmp_path.iterdir()} == {"in.csv", name}


# --- the manifest ---------------------------------------------------------------------------------------------------


def manifest(out: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(out.with_name(f"{out.name}.manifest.json").read_bytes())
    return found


def test_the_manifest_tells_how_the_output_was_made(tmp_path: Path, voc: Voc, analyser: Analyser) -> None:
    given, out = saved(tmp_path, "in.csv", f"id,text\n1,{TEXT}\n2,poison\n"), tmp_path / "out.csv"
    assert voc("classify", given, "-o", out, "--limit", 2).code == 3
    found = manifest(out)
    digest = hashlib.sha256(given.read_bytes()).hexdigest()
    assert found["plan"]["inputs"] == [{"name": "in.csv", "bytes": given.stat().st_size, "sha256": digest, "partitions": {}}]
    assert found["plan"]["model"]["id"] == "fake-1" and found["plan"]["mapping"] == {"id": "id", "text": "text"}
    assert found["plan"]["options"]["limit"] == 2 and "redaction.toml" in found["plan"]["settings"]
    assert found["counts"] == {"records": 2, "ok": 1, "rejected": 1, "rejected_by_code": {"analysis_failed": 1}}
    assert found["output"]["sha256"] == hashlib.sha256(out.read_bytes()).hexdigest()
    assert found["timing"]["resumed_records"] == 0 and TEXT not in json.dumps(found)


def test_all_but_the_timing_is_the_same_again(tmp_path: Path, voc: Voc, analyser: Analyser) -> None:
    given, found = one_row(tmp_path, "in.csv", "1"), []
    for _ in range(2):
        voc("classify", given, "-o", tmp_path / "out.xlsx")
        found.append(manifest(tmp_path / "out.xlsx"))
    timings = [one.pop("timing") for one in found]
    assert found[0] == found[1] and timings[0]["finished"] != timings[1]["finished"]


def test_a_stream_has_no_hash_and_standard_output_no_manifest(tmp_path: Path, voc: Voc, analyser: Analyser) -> None:
    line = json.dumps({"text": TEXT}).encode()
    voc("classify", "-", "-o", tmp_path / "out.csv", given=line)
    assert manifest(tmp_path / "out.csv")["plan"]["inputs"][0]["sha256"] is None
    voc("classify", "-", given=line)
    assert not list(tmp_path.glob("-*"))


def test_the_manifest_is_never_an_input_written_over(tmp_path: Path, voc: Voc, analyser: Analyser) -> None:
    given = saved(tmp_path, "out.csv.manifest.json", json.dumps({"text": TEXT}))
    ran = voc("classify", given, "-o", tmp_path / "out.csv")
    assert ran.code == 2 and json.loads(given.read_bytes()) == {"text": TEXT}


# --- one row a label ------------------------------------------------------------------------------------------------

LABELS = {
    "stages": [("use", None), ("cultivation", None)],
    "factors": [("technology", "-"), ("courtesy", "+")],
    "flags": [("churn_risk", None)],
}


@pytest.mark.parametrize("wanted", LABELS)
def test_each_label_has_a_row(wanted: str, tmp_path: Path, voc: Voc, analyser: Analyser) -> None:
    given = saved(tmp_path, "in.csv", f"id,text,n\na,{TEXT},=1\nb,poison,2\n")
    assert voc("classify", given, "-o", tmp_path / "out.csv", "--explode", wanted).code == 3
    rows = csv_rows(tmp_path / "out.csv")
    assert [(row["id"], row["n"], row["status"]) for row in rows] == [("a", "=1", "ok")] * len(LABELS[wanted]) + [("b", "2", "rejected")]
    assert [(row["voc_label"], row.get("voc_polarity")) for row in rows[:-1]] == LABELS[wanted] and rows[-1]["voc_label"] == ""
    assert json_lines((tmp_path / "out.csv.rejects.jsonl").read_bytes())[0]["row"] == 2
    assert "voc_stages" not in rows[0] and rows[0]["voc_sentiment"] == "-1"


@pytest.mark.parametrize("suffix", ["parquet", "xlsx"])
def test_other_tables_explode_too(suffix: str, tmp_path: Path, voc: Voc, analyser: Analyser) -> None:
    given, out = one_row(tmp_path, "in.csv", "1"), tmp_path / f"out.{suffix}"
    assert voc("classify", given, "-o", out, "--explode", "factors").code == 0
    assert ids(voc("classify", out).out) == ["1", "1"]


def test_evidence_and_probability_are_those_of_the_label(tmp_path: Path, voc: Voc, analyser: Analyser) -> None:
    voc("classify", one_row(tmp_path, "in.csv", "1"), "-o", tmp_path / "out.csv", "--explode", "factors")
    found = [
        (row["voc_probability"], row["voc_evidence_text"], len(json.loads(row["voc_evidence"]))) for row in csv_rows(tmp_path / "out.csv")
    ]
    assert found == [("0.8", "crashed", 1), ("0.7", "lovely", 1)]


@pytest.mark.parametrize(("out", "wanted", "told"), [("out.jsonl", "factors", "for tables"), ("out.csv", "colours", "takes one of stages")])
def test_what_cannot_be_exploded_is_refused(out: str, wanted: str, told: str, tmp_path: Path, voc: Voc, analyser: Analyser) -> None:
    ran = voc("classify", one_row(tmp_path, "in.csv", "1"), "-o", tmp_path / out, "--explode", wanted)
    assert ran.code == 2 and told in ran.err and not (tmp_path / out).exists()

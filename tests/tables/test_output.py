"""Tests of `output`, `layout`, `rejects` and the `write_*` modules: what each format holds in the end, and when it appears."""

import csv
import gc
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from python_calamine import CalamineWorkbook

from vocservice.errors import OutputError
from vocservice.records import RawTurn, RawVerbatim, Rejected
from vocservice.tables import Facts, check_output, open_writer, partial, read, write_parquet, write_xlsx

from .builders import CANARY, analysed, analysis, converted, json_lines, saved, table

NEW = [
    "status", "voc_error_code", "voc_error_message", "voc_stages", "voc_stage_main", "voc_factors", "voc_sentiment",
    "voc_sentiment_score", "voc_scope", "voc_scope_probability", "voc_flags", "voc_abstained", "voc_language", "voc_text",
    "voc_evidence", "voc_probabilities", "voc_model", "voc_taxonomy",
]  # fmt: skip
NEW_OF_TRANSCRIPTS = [
    *("voc_outcome", "voc_sentiment_start", "voc_sentiment_end", "voc_needs_review", "voc_reasons"),
    *("voc_sentiment_low", "voc_sentiment_recovery"),
]
NO_FACTS = Facts("-", "jsonl")
ROWS = "id,text,note\n007,late,=1+1\n2\n1e5,NA,-x\n"


def sheet(path: Path, number: int = 0) -> list[list[Any]]:
    return CalamineWorkbook.from_path(str(path)).get_sheet_by_index(number).to_python()


def test_a_table_keeps_its_columns_and_gains_the_new_ones(tmp_path: Path) -> None:
    out = converted(saved(tmp_path, "in.csv", ROWS), tmp_path / "out.csv")
    rows = table(out)
    assert list(rows[0]) == ["id", "text", "note", *NEW]
    assert [(row["id"], row["text"], row["note"]) for row in rows] == [("007", "late", "=1+1"), ("2", "", ""), ("1e5", "NA", "-x")]
    assert [row["status"] for row in rows] == ["ok", "rejected", "ok"]


def test_the_new_cells_hold_the_analysis(tmp_path: Path) -> None:
    (row,) = table(converted(saved(tmp_path, "in.csv", "id,text\n1,late\n"), tmp_path / "out.csv"))
    assert {name: row[name] for name in NEW if name not in ("voc_evidence", "voc_probabilities")} == {
        "status": "ok", "voc_error_code": "", "voc_error_message": "", "voc_stages": "delivery|support", "voc_stage_main": "delivery",
        "voc_factors": "courtesy+|effort-", "voc_sentiment": "-2", "voc_sentiment_score": "-0.75", "voc_scope": "both",
        "voc_scope_probability": "0.55", "voc_flags": "churn_risk", "voc_abstained": "stage:use", "voc_language": "en",
        "voc_text": "late", "voc_model": "model-1", "voc_taxonomy": "taxonomy-1",
    }  # fmt: skip
    evidence, probabilities = json.loads(row["voc_evidence"]), json.loads(row["voc_probabilities"])
    assert evidence["factors"]["courtesy+"] == [{"start": 0, "end": 4, "turn": None, "text": "late"}]
    assert probabilities["stages"] == {"delivery": 0.9, "support": 0.6}
    assert probabilities["sentiment"] == {"-2": 0.7, "-1": 0.3}


def test_an_analysis_without_labels_leaves_cells_blank(tmp_path: Path) -> None:
    bare = analysis(RawVerbatim("1", "x"), stages=(), factors=(), sentiment=None, scope=None, flags=(), abstained=())
    with open_writer(str(tmp_path / "out.csv"), facts=NO_FACTS) as writer:
        writer.write(bare)
    (row,) = table(tmp_path / "out.csv")
    assert [row[name] for name in NEW[3:12]] == [""] * 9


def test_a_declared_delimiter_that_only_excel_knows_is_not_written(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("sep=^\nid^text\n1^late\n")
    (row,) = table(converted(str(tmp_path / "in.csv"), tmp_path / "out.csv"))
    assert (row["id"], row["text"]) == ("1", "late")


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("id,text", "status"),
        ("id,text,status", "voc_status"),
        ("id,text,Status", "voc_status"),
        ("id,text,status,voc_status", "voc_status_2"),
    ],
)
def test_the_status_column_does_not_clash(tmp_path: Path, header: str, expected: str) -> None:
    cells = ",".join("x" for _ in header.split(","))
    (row,) = table(converted(saved(tmp_path, "in.csv", f"{header}\n{cells}\n"), tmp_path / "out.csv"))
    assert row[expected] == "ok"


def test_an_output_can_be_classified_again(tmp_path: Path) -> None:
    once = converted(saved(tmp_path, "in.csv", ROWS), tmp_path / "once.csv")
    twice = converted(str(once), tmp_path / "twice.csv")
    with twice.open(newline="") as stream:
        header = next(csv.reader(stream))
    assert len(set(header)) == len(header)
    assert header[: 3 + len(NEW)] == ["id", "text", "note", *NEW]
    assert header[-1] == "voc_taxonomy_2"


def test_rejects_stand_in_place_and_in_a_file_beside(tmp_path: Path) -> None:
    out = converted(saved(tmp_path, "in.csv", f"id,text\n1,a\n2,{CANARY},x\n3,c\n"), tmp_path / "out.csv")
    rejects = tmp_path / "out.csv.rejects.jsonl"
    assert [row["voc_error_code"] for row in table(out)] == ["", "ragged_row", ""]
    message = "row 2 (line 3) has 3 cells where the header has 2; quote cells that hold the delimiter"
    assert json_lines(rejects) == [{"row": 2, "id": "2", "code": "ragged_row", "message": message}]
    assert CANARY not in rejects.read_text()


def test_without_rejects_there_is_no_rejects_file_and_an_old_one_goes(tmp_path: Path) -> None:
    old = tmp_path / "out.jsonl.rejects.jsonl"
    old.write_text("{}")
    converted(saved(tmp_path, "in.csv", "id,text\n1,a\n"), tmp_path / "out.jsonl")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.csv", "out.jsonl"]


@pytest.mark.parametrize("name", ["in.csv", "in.jsonl"])
def test_json_lines_hold_the_contract_only(tmp_path: Path, name: str) -> None:
    body = ROWS if name == "in.csv" else '{"id":"007","text":"late"}\n{"id":\n{"id":"1e5","text":"NA"}\n'
    path = saved(tmp_path, name, body)
    lines = json_lines(converted(path, tmp_path / "out.jsonl"))
    with read(path) as source:
        assert lines == [json.loads(json.dumps(result.to_dict())) for result in analysed(source)]
    assert [line["status"] for line in lines] == ["ok", "rejected", "ok"]
    assert "row" not in lines[0]


def test_json_lines_to_a_table_begin_with_id_and_text(tmp_path: Path) -> None:
    path = saved(tmp_path, "in.jsonl", '{"id":"=9","text":"late"}\nbroken\n')
    rows = table(converted(path, tmp_path / "out.csv"))
    assert list(rows[0]) == ["id", "text", *NEW]
    assert [(row["id"], row["text"], row["status"]) for row in rows] == [("=9", "late", "ok"), ("line-2", "", "rejected")]


def test_transcripts_gain_their_own_columns(tmp_path: Path) -> None:
    body = '{"id":"1","text":"a"}\n{"id":"2","turns":[{"speaker":"customer","text":"b"}]}\n'
    first, second = table(converted(saved(tmp_path, "in.jsonl", body), tmp_path / "out.csv"))
    assert list(first) == ["id", "text", *NEW, *NEW_OF_TRANSCRIPTS]
    assert [first[name] for name in NEW_OF_TRANSCRIPTS] == [""] * 7
    assert [second[name] for name in NEW_OF_TRANSCRIPTS] == ["solved", "0", "1", "true", "long_wait", "-2", "0.75"]


def test_headers_go_out_as_written(tmp_path: Path) -> None:
    out = converted(saved(tmp_path, "in.csv", " Text ,,a,a\nx,y,1,2\n"), tmp_path / "out.csv")
    assert out.read_text().splitlines()[0].startswith(" Text ,,a,a,status,")
    assert out.read_text().splitlines()[1].startswith("x,y,1,2,ok,")


@pytest.mark.parametrize("cell", ["NA", "=1+1", "-", 'a "b" c', "two\nlines", "old\rmac", "dos\r\nend", " x ", "a,b;c\td", "\0", "é😀"])
@pytest.mark.parametrize("name", ["out.csv", "out.tsv"])
def test_cells_come_back_byte_for_byte(tmp_path: Path, cell: str, name: str) -> None:
    quoted = cell.replace('"', '""')
    out = converted(saved(tmp_path, "in.csv", f'id,text\n"{quoted}","{quoted}"\n'), tmp_path / name)
    (row,) = table(out, "\t" if name == "out.tsv" else ",")
    assert (row["id"], row["text"]) == (cell, cell)


@pytest.mark.parametrize("start", list("=+-@\t\r\0＝＋－＠"))
@pytest.mark.parametrize("excel", [False, True])
def test_formulas_are_made_harmless(tmp_path: Path, start: str, excel: bool) -> None:
    out = converted(saved(tmp_path, "in.csv", f'id,text,"{start}head"\n1,"{start}cmd",x\n'), tmp_path / "out.csv", excel=excel)
    with out.open(encoding="utf-8-sig", newline="") as stream:
        (row,) = csv.DictReader(stream)
    assert row[f"'{start}head" if excel else f"{start}head"] == "x"
    assert row["voc_text"] == f"'{start}cmd"
    assert row["text"] == (f"'{start}cmd" if excel else f"{start}cmd")
    assert row["voc_sentiment"] == "-2"


def test_csv_for_excel_has_a_mark_and_dos_line_ends(tmp_path: Path) -> None:
    source = saved(tmp_path, "in.csv", "id,text\n1,a\n")
    excel = converted(source, tmp_path / "excel.csv", excel=True).read_bytes()
    plain = converted(source, tmp_path / "plain.csv").read_bytes()
    assert (excel[:3], excel.count(b"\r\n")) == (b"\xef\xbb\xbf", 2)
    assert (plain[:2], plain.count(b"\r"), plain.count(b"\n")) == (b"id", 0, 2)


def test_the_delimiter_can_be_chosen(tmp_path: Path) -> None:
    out = converted(saved(tmp_path, "in.csv", "id,text\n1,a\n"), tmp_path / "out.csv", delimiter=";")
    assert out.read_text().startswith("id;text;status;")


def test_parquet_keeps_types(tmp_path: Path) -> None:
    columns = {
        "id": [7, 8], "text": ["a", None], "n": [1.5, None], "tags": [["x"], None], "raw": [b"\0", b""],
        "kind": pa.array(["p", "q"]).dictionary_encode(), "at": pa.array([1, 2], type=pa.timestamp("ns", "UTC")),
    }  # fmt: skip
    given = pa.table(columns)
    pq.write_table(given, tmp_path / "in.parquet")
    found = pq.read_table(converted(str(tmp_path / "in.parquet"), tmp_path / "out.parquet"))
    assert found.column_names == [*columns, *NEW]
    assert found.select(["id", "text", "n", "tags", "raw"]).to_pylist() == given.select(["id", "text", "n", "tags", "raw"]).to_pylist()
    assert found.column("id").type == pa.int64()
    assert found.column("voc_sentiment").to_pylist() == [-2, -2]
    assert found.column("voc_error_code").to_pylist() == [None, None]


def test_parquet_of_text_columns_is_text_and_row_groups_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write_parquet, "ROWS_HELD", 10)
    body = "id,text\n" + "".join(f"00{n},words\n" for n in range(25))
    file = pq.ParquetFile(converted(saved(tmp_path, "in.csv", body), tmp_path / "out.parquet"))
    assert [file.metadata.row_group(n).num_rows for n in range(file.metadata.num_row_groups)] == [10, 10, 5]
    assert file.read().column("id").to_pylist()[:2] == ["000", "001"]


def test_parquet_of_no_rows_has_its_columns(tmp_path: Path) -> None:
    out = converted(saved(tmp_path, "in.csv", "id,text\n"), tmp_path / "out.parquet")
    assert pq.read_table(out).column_names == ["id", "text", *NEW]


def test_excel_holds_texts_not_formulas_or_links(tmp_path: Path) -> None:
    body = "id,text,n\n007,=1+1,5\n20240000000000000001,http://example.org,6\n3,a\0b _x0041_,7\n"
    out = converted(saved(tmp_path, "in.csv", body), tmp_path / "out.xlsx")
    rows = sheet(out)
    assert rows[0] == ["id", "text", "n", *NEW]
    assert [row[:2] for row in rows[1:3]] == [["007", "=1+1"], ["20240000000000000001", "http://example.org"]]
    assert rows[1][9] == -2.0
    with zipfile.ZipFile(out) as archive:
        inside = b"".join(map(archive.read, archive.namelist()))
    assert b"=1+1" in inside and b"<f>" not in inside and b"<hyperlink" not in inside


def test_ids_are_text_in_excel_and_other_numbers_only_as_far_as_it_keeps_them(tmp_path: Path) -> None:
    long = 1234567890123456  # Excel would show ...450
    columns = {"id": [long, 7], "text": ["a", "b"], "customer_id": [long, 8], "n": [10**15 - 1, 10**15], "share": [0.5, 1e15]}
    pq.write_table(pa.table(columns), tmp_path / "in.parquet")
    out = tmp_path / "out.xlsx"
    source = read(str(tmp_path / "in.parquet"), mapping={"subject": "customer_id"})
    with source, open_writer(str(out), facts=source.facts) as writer:
        for result in analysed(source):
            writer.write(result)
    assert [row[:5] for row in sheet(out)[1:]] == [
        [str(long), "a", str(long), float(10**15 - 1), 0.5],
        ["7", "b", "8", str(10**15), "1000000000000000.0"],
    ]


def test_csv_for_excel_has_ids_as_they_came(tmp_path: Path) -> None:
    """A mark that keeps a spreadsheet from reading them as numbers would be part of them for everything else."""
    ids = ["007", "1e5", "20240000000000000001"]
    given = saved(tmp_path, "in.csv", "id,text\n" + "".join(f"{one},a\n" for one in ids))
    out = converted(given, tmp_path / "out.csv", excel=True)
    assert [line.partition(",")[0] for line in out.read_text(encoding="utf-8-sig").splitlines()[1:]] == ids


def test_an_excel_file_goes_round(tmp_path: Path) -> None:
    first = converted(saved(tmp_path, "in.csv", "id,text,created_at\n7,hello,2024-05-01\n"), tmp_path / "one.xlsx")
    second = converted(str(first), tmp_path / "two.xlsx")
    assert sheet(second)[1][:4] == ["7", "hello", "2024-05-01", "ok"]


@pytest.mark.parametrize("character", ["x", "😀"])
def test_a_cell_too_long_for_excel_is_cut_with_a_mark(tmp_path: Path, character: str) -> None:
    out = converted(saved(tmp_path, "in.csv", f"id,text\n1,{character * 40_000}\n2,short\n"), tmp_path / "out.xlsx")
    cell = sheet(out)[1][1]
    assert cell.endswith(" [cut]")
    assert 32_000 < len(cell.encode("utf-16-le")) // 2 <= 32_767
    assert sheet(out)[2][1] == "short"


def test_a_full_sheet_is_followed_by_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write_xlsx, "MAX_ROWS", 3)
    out = converted(saved(tmp_path, "in.csv", "id,text\n" + "".join(f"{n},a\n" for n in range(5))), tmp_path / "out.xlsx")
    assert [[row[0] for row in sheet(out, number)] for number in range(3)] == [["id", "0", "1"], ["id", "2", "3"], ["id", "4"]]


@pytest.mark.parametrize("name", ["out.csv", "out.jsonl", "out.parquet", "out.xlsx"])
def test_an_output_that_is_there_is_replaced_whole_at_the_end(tmp_path: Path, name: str) -> None:
    target, half = tmp_path / name, tmp_path / f"{name}.partial"
    target.write_text("before")
    with open_writer(str(target), facts=NO_FACTS) as writer:
        writer.write(analysis(RawVerbatim("1", "a")))
        assert target.read_text() == "before"
        assert half.exists()
    assert not half.exists()
    assert target.read_bytes() != b"before"


@pytest.mark.parametrize("name", ["out.csv", "out.jsonl", "out.parquet", "out.xlsx"])
@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_failed_run_keeps_the_partial_and_the_old_output(tmp_path: Path, name: str, error: type[BaseException]) -> None:
    target = tmp_path / name
    target.write_text("before")
    with pytest.raises(error), open_writer(str(target), facts=NO_FACTS) as writer:
        writer.write(analysis(RawVerbatim("1", "a")))
        writer.write(Rejected("2", "empty_text", "row 2 has no text"))
        raise error
    assert target.read_text() == "before"
    assert (tmp_path / f"{name}.partial").stat().st_size > 0
    assert not (tmp_path / f"{name}.rejects.jsonl").exists()


@pytest.mark.parametrize("name", ["none/out.csv", "out.txt", "folder.csv", "x" * 300 + ".csv", "a\0.csv"])
def test_an_impossible_output_is_refused_before_any_work(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(OutputError):
        open_writer(str(tmp_path / name), facts=NO_FACTS)


@pytest.mark.parametrize("beside", ["rejects.jsonl", "manifest.json"])
def test_a_folder_in_the_place_of_a_file_beside_the_output_is_found_before_any_work(beside: str, tmp_path: Path) -> None:
    (tmp_path / f"out.csv.{beside}").mkdir()
    with pytest.raises(OutputError, match=f"out.csv.{beside}: is a folder"):
        check_output(str(tmp_path / "out.csv"), inputs=())


def test_until_it_is_renamed_nothing_of_it_is_under_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(5, "no")

    saved(tmp_path, "out.csv", "before")
    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OutputError), open_writer(str(tmp_path / "out.csv"), facts=NO_FACTS) as writer:
        writer.write(analysis(RawVerbatim("1", "a")))
    assert (tmp_path / "out.csv").read_text() == "before" and (tmp_path / "out.csv.partial").stat().st_size > 0


def test_a_check_leaves_nothing(tmp_path: Path) -> None:
    check_output(str(tmp_path / "out.csv"), inputs=())
    assert not [*tmp_path.iterdir()]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk_under_a_workbook_is_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unraisable: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", unraisable.append)
    monkeypatch.setattr(partial.Partial, "partial", property(lambda _: Path("/dev/full")))
    with pytest.raises(OutputError, match="No space left"), open_writer(str(tmp_path / "out.xlsx"), facts=NO_FACTS) as writer:
        writer.write(analysis(RawVerbatim("1", "words")))
    gc.collect()
    assert not unraisable


def test_a_folder_that_refuses_writing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "no")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(OutputError, match=r"out\.csv: cannot be written \(Permission denied\)"):
        open_writer(str(tmp_path / "out.csv"), facts=NO_FACTS)


def test_the_input_is_never_the_output(tmp_path: Path) -> None:
    path = saved(tmp_path, "in.csv", "id,text\n1,a\n")
    with read(path) as source, pytest.raises(OutputError, match="the output is the input"):
        open_writer(path, facts=source.facts)
    assert Path(path).read_text() == "id,text\n1,a\n"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
@pytest.mark.parametrize("name", ["out.csv", "out.jsonl", "out.parquet"])
def test_a_full_disk_is_an_output_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(partial.Partial, "partial", property(lambda _: Path("/dev/full")))
    with pytest.raises(OutputError, match="No space left"), open_writer(str(tmp_path / name), facts=NO_FACTS) as writer:
        for _ in range(2000):
            writer.write(analysis(RawVerbatim("1", "words " * 100)))
    assert not (tmp_path / name).exists()


@pytest.mark.parametrize("name", ["out.csv", "out.jsonl", "out.parquet", "out.xlsx"])
def test_lone_surrogates_do_not_stop_a_writer(tmp_path: Path, name: str) -> None:
    with open_writer(str(tmp_path / name), facts=NO_FACTS) as writer:
        writer.write(analysis(RawVerbatim("1\ud800", "a\udfff")))
    assert (tmp_path / name).stat().st_size > 0


def test_standard_output_is_json_lines(tmp_path: Path) -> None:
    code = (
        "import sys; from vocservice.records import Rejected; from vocservice.tables import Facts, open_writer\n"
        "with open_writer('-', facts=Facts('-', 'jsonl')) as writer: writer.write(Rejected('1', 'empty_text', 'no text'))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, cwd=Path(__file__).parents[2])
    assert json.loads(done.stdout) == {"id": "1", "status": "rejected", "error": {"code": "empty_text", "message": "no text"}}


def test_a_writer_outside_a_with_says_so(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="with"):
        open_writer(str(tmp_path / "out.csv"), facts=NO_FACTS).write(analysis(RawVerbatim("1", turns=(RawTurn("customer", "x"),))))

"""Bad input from end to end: each kind through the command line, between good neighbours that must come out.

Every rejected record is named and told its remedy; whole files that cannot be used end in one line and exit code 2.
Nothing that a customer wrote is ever printed, and there is never a traceback.
"""

import gzip
import json
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xlsxwriter
from builders import CANARY, csv_rows, json_lines, saved
from commands import Ran, Voc

from vocservice.api import Analyser

GOOD = "The app crashed twice."
FIRST, LAST = {"id": "first", "text": GOOD}, {"id": "last", "text": GOOD}

# name, the value of "text", what becomes of it
TEXTS = [
    ("empty", "", "empty_text"),
    ("white space", " \t\u00a0\u2003 ", "empty_text"),
    ("line breaks", "\n\r\n\u2028", "empty_text"),
    ("invisible", "\u200b\u200d\ufeff", "empty_text"),
    ("markup only", "<p><br/></p>", "empty_text"),
    ("emoji only", "\U0001f621\U0001f44e\U0001f3fd", "ok"),
    ("one character", "x", "ok"),
    ("punctuation", "!!!???", "ok"),
    ("one megabyte", f"{CANARY} " + "great app " * 104_858, "text_too_long"),
    ("no space in 100,000 characters", "a" * 100_000, "ok"),
    ("one character too many", "a" * 100_001, "text_too_long"),
    ("nul", "The app\0broke", "ok"),
    ("control characters", "The app \x1b[31mbroke\x07\x7f", "ok"),
    ("mixed scripts", "The app \u0441\u043b\u043e\u043c\u0430\u043b\u0441\u044f and \u975e\u5e38 slow for me", "ok"),
    ("right to left", "\u202eThe app \u05d0\u05d1 crashed\u202c", "ok"),
    ("combining marks", "e" + "\u0301" * 10_000, "ok"),
    ("another language", f"Ich m\u00f6chte mein Geld sofort zur\u00fcck haben, bitte {CANARY}", "unsupported_language"),
    ("another script", "\u0423\u0436\u0430\u0441\u043d\u044b\u0439 \u0441\u0435\u0440\u0432\u0438\u0441", "unsupported_language"),
    ("a formula", "=1+1 crashed", "ok"),
    ("markup of an attack", "<script>alert(1)</script> the app crashed </textarea>", "ok"),
]  # fmt: skip

# name, one line of JSON Lines, what becomes of it
LINES = [
    ("lone surrogate", b'{"id":"bad","text":"%s \\ud800"}' % CANARY.encode(), "invalid_encoding"),
    ("bytes that are no UTF-8", b'{"id":"bad","text":"%s \xff\xfe"}' % CANARY.encode(), "invalid_encoding"),
    ("number", b'{"id":"bad","text":5}', "invalid_type"),
    ("true", b'{"id":"bad","text":true}', "invalid_type"),
    ("list", b'{"id":"bad","text":["%s"]}' % CANARY.encode(), "invalid_type"),
    ("object", b'{"id":"bad","text":{"%s":1}}' % CANARY.encode(), "invalid_type"),
    ("null", b'{"id":"bad","text":null}', "missing_text"),
    ("no text", b'{"id":"bad"}', "missing_text"),
    ("list as a record", b'["%s"]' % CANARY.encode(), "invalid_type"),
    ("string as a record", b'"%s"' % CANARY.encode(), "invalid_type"),
    ("null as a record", b"null", "invalid_type"),
    ("no JSON", CANARY.encode(), "invalid_json"),
    ("cut line", b'{"id":"bad","text":"%s' % CANARY.encode(), "invalid_json"),
    ("deep nesting", b"[" * 5000, "invalid_json"),
    ("number too large", b'{"text":"x","a":1e999}', "invalid_json"),
    ("id of a wrong type", b'{"id":["%s"],"text":"x"}' % CANARY.encode(), "invalid_type"),
    ("channel of a wrong type", b'{"id":"bad","text":"%s","channel":5}' % CANARY.encode(), "invalid_type"),
    ("unknown speaker", b'{"id":"bad","turns":[{"speaker":"%s","text":"x"}]}' % CANARY.encode(), "empty_text"),
    ("speaker of a wrong type", b'{"id":"bad","turns":[{"speaker":["%s"],"text":"x"}]}' % CANARY.encode(), "invalid_turns"),
    ("no turns", b'{"id":"bad","turns":[]}', "invalid_turns"),
    ("turns of a wrong type", b'{"id":"bad","turns":"%s"}' % CANARY.encode(), "invalid_turns"),
    ("turns without a customer", b'{"id":"bad","turns":[{"speaker":"agent","text":"%s"}]}' % CANARY.encode(), "empty_text"),
    ("text and turns", b'{"id":"bad","text":"x","turns":[{"speaker":"customer","text":"y"}]}', "invalid_type"),
]

REMEDIES = re.compile(r"must |; |: (?:split|save|write)|English is served")


def outcomes(results: list[dict[str, Any]]) -> list[str]:
    return [one["error"]["code"] if one["status"] == "rejected" else "ok" for one in results]


def check_quiet(ran: Ran) -> None:
    assert CANARY not in ran.err and GOOD not in ran.err and "Traceback" not in ran.err and "internal_error" not in ran.err


def check_between_neighbours(ran: Ran, out: Path, expected: str) -> None:
    """Three records in, three out in their places; what is rejected is named, told its remedy, and listed beside the output."""
    found, rejects = json_lines(out.read_bytes()), out.with_name(f"{out.name}.rejects.jsonl")
    check_quiet(ran)
    assert outcomes(found) == ["ok", expected, "ok"] and (found[0]["id"], found[2]["id"]) == ("first", "last")
    if expected == "ok":
        assert ran.code == 0 and not rejects.exists()
        return
    listed = json_lines(rejects.read_bytes())
    assert ran.code == 3 and [(one["row"], one["id"], one["code"]) for one in listed] == [(2, found[1]["id"], expected)]
    assert CANARY not in rejects.read_text() + out.read_text() and REMEDIES.search(found[1]["error"]["message"])


@pytest.mark.parametrize(("text", "expected"), [case[1:] for case in TEXTS], ids=[case[0] for case in TEXTS])
def test_a_text_in_json_lines(text: str, expected: str, tmp_path: Path, voc: Voc, with_steps: Analyser) -> None:
    lines = [json.dumps(one) for one in (FIRST, {"id": "bad", "text": text}, LAST)]
    out = tmp_path / "out.jsonl"
    check_between_neighbours(voc("classify", saved(tmp_path, "in.jsonl", "\n".join(lines)), "-o", out), out, expected)


@pytest.mark.parametrize(("line", "expected"), [case[1:] for case in LINES], ids=[case[0] for case in LINES])
def test_a_line_of_json_lines(line: bytes, expected: str, tmp_path: Path, voc: Voc, with_steps: Analyser) -> None:
    lines = [json.dumps(FIRST).encode(), line, json.dumps(LAST).encode()]
    out = tmp_path / "out.jsonl"
    check_between_neighbours(voc("classify", saved(tmp_path, "in.jsonl", b"\n".join(lines)), "-o", out), out, expected)


@pytest.mark.parametrize(("text", "expected"), [case[1:] for case in TEXTS], ids=[case[0] for case in TEXTS])
@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_text_in_a_table(suffix: str, text: str, expected: str, tmp_path: Path, voc: Voc, with_steps: Analyser) -> None:
    path = tmp_path / f"in.{suffix}"
    _TABLES[suffix](path, [("first", GOOD), ("bad", text), ("last", GOOD)])
    ran = voc("classify", path, "-o", tmp_path / "out.csv")
    rows = csv_rows(tmp_path / "out.csv")
    check_quiet(ran)
    assert [(row["id"], row["voc_error_code"] or row["status"]) for row in rows] == [("first", "ok"), ("bad", expected), ("last", "ok")]
    assert [row["text"] for row in rows] == [GOOD, text, GOOD] and ran.code == (0 if expected == "ok" else 3)


def write_csv(path: Path, rows: list[tuple[str, str]]) -> None:
    quoted = ('"' + text.replace('"', '""') + '"' for _, text in rows)
    path.write_bytes(("id,text\n" + "".join(f"{key},{cell}\n" for (key, _), cell in zip(rows, quoted, strict=True))).encode())


def write_parquet(path: Path, rows: list[tuple[str, str]]) -> None:
    pq.write_table(pa.table({"id": [key for key, _ in rows], "text": [text for _, text in rows]}), path)


def write_xlsx(path: Path, rows: list[tuple[str, str]]) -> None:
    with xlsxwriter.Workbook(str(path)) as book:
        sheet = book.add_worksheet()
        for number, row in enumerate([("id", "text"), *rows]):
            sheet.write_row(number, 0, row)


_TABLES: dict[str, Callable[[Path, list[tuple[str, str]]], None]] = {"csv": write_csv, "parquet": write_parquet, "xlsx": write_xlsx}

GONE = [("first", "ok"), ("", "ragged_row"), ("last", "ok")]  # of a row without bounds not even the id is known

# name, the rows of a CSV file below "id,text", ids and what becomes of each
ROWS = [
    ("a cell too many", f"first,{GOOD}\nbad,{CANARY},x\nlast,{GOOD}\n", [("first", "ok"), ("bad", "ragged_row"), ("last", "ok")]),
    ("a cell too few", f"first,{GOOD}\nbad\nlast,{GOOD}\n", [("first", "ok"), ("bad", "ragged_row"), ("last", "ok")]),
    ("a quote that never closes", f'first,{GOOD}\nbad,"{CANARY}\nlast,{GOOD}\n', GONE),
    ("a bare quote in a quoted cell", f'first,{GOOD}\nbad,"a "{CANARY}"\nlast,{GOOD}\n', GONE),
    ("missing ids", f",{GOOD}\n ,{GOOD}\nlast,{GOOD}\n", [("", "ok"), (" ", "ok"), ("last", "ok")]),
    ("duplicate ids", f"a,{GOOD}\na,{GOOD}\na,{GOOD}\n", [("a", "ok"), ("a", "ok"), ("a", "ok")]),
    ("ids like numbers", f"007,{GOOD}\n1e5,{GOOD}\n{10**19},NA\n", [("007", "ok"), ("1e5", "ok"), (str(10**19), "ok")]),
]  # fmt: skip


@pytest.mark.parametrize(("rows", "expected"), [case[1:] for case in ROWS], ids=[case[0] for case in ROWS])
def test_rows_of_a_table(rows: str, expected: list[tuple[str, str]], tmp_path: Path, voc: Voc, with_steps: Analyser) -> None:
    path = saved(tmp_path, "in.csv", f"id,text\n{rows}")
    ran = voc("classify", path, "-o", tmp_path / "out.csv")
    found = csv_rows(tmp_path / "out.csv")
    check_quiet(ran)
    assert [(row["id"], row["voc_error_code"] or row["status"]) for row in found] == expected
    assert all(REMEDIES.search(row["voc_error_message"]) or "quote" in row["voc_error_message"] for row in found if row["status"] != "ok")
    assert ran.code == (3 if any(code != "ok" for _, code in expected) else 0)


def test_missing_ids_are_numbered_by_their_place(tmp_path: Path, voc: Voc, with_steps: Analyser) -> None:
    table = saved(tmp_path, "in.csv", f"id,text\n,{GOOD}\nb,{GOOD}\n ,{GOOD}\n")
    assert [one["id"] for one in json_lines(voc("classify", table).out)] == ["row-1", "b", "row-3"]
    lines = saved(tmp_path, "in.jsonl", f'{{"text":"{GOOD}"}}\n\n{{"id":"","text":"{GOOD}"}}\n{{"id":null,"text":"{GOOD}"}}\n')
    assert [one["id"] for one in json_lines(voc("classify", lines).out)] == ["line-1", "line-3", "line-4"]


def test_a_row_of_other_bytes_costs_that_row_only(tmp_path: Path, voc: Voc, with_steps: Analyser) -> None:
    rows = b"".join(b"%d,caf\xc3\xa9 was cold\n" % number for number in range(20)) + b"bad,caf\xe9 was cold\nlast,ok\n"
    found = json_lines(voc("classify", saved(tmp_path, "in.csv", b"id,text\n" + rows)).out)
    assert outcomes(found) == ["ok"] * 20 + ["invalid_encoding", "ok"] and found[20]["id"] == "bad"


# --- whole files ----------------------------------------------------------------------------------------------------


def truncated_parquet(path: Path) -> None:
    write_parquet(path, [(str(number), f"{CANARY} {number * 7919}") for number in range(2000)])
    path.write_bytes(path.read_bytes()[:-200])


def parquet_without_text(path: Path) -> None:
    pq.write_table(pa.table({"id": ["1"], "text": [[CANARY]]}), path)


def zip_bomb(path: Path) -> None:
    write_xlsx(path, [("1", GOOD)])
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive, archive.open("xl/bomb.xml", "w", force_zip64=True) as entry:
        for _ in range(300):
            entry.write(b"0" * 1024**2)


def truncated_workbook(path: Path) -> None:
    write_xlsx(path, [("1", CANARY)])
    path.write_bytes(path.read_bytes()[:-300])


def gzip_bomb(path: Path) -> None:
    path.write_bytes(gzip.compress(b"id,text\n" + b"0" * 200 * 1024**2, 9, mtime=0))


def raw(content: bytes) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(content) and None


FILES = [
    ("truncated.parquet", truncated_parquet, "damaged or cut off"),
    ("none.parquet", raw(b"PAR1" + CANARY.encode()), "damaged or cut off"),
    ("list.parquet", parquet_without_text, "does not hold text"),
    ("bomb.xlsx", zip_bomb, "unpacks to far more than its size"),
    ("truncated.xlsx", truncated_workbook, "damaged"),
    ("none.xlsx", raw(CANARY.encode()), "no .xlsx at all"),
    ("bomb.csv.gz", gzip_bomb, "unpacks to far more than its size"),
    ("none.csv.gz", raw(CANARY.encode()), "damaged or cut off"),
    ("zip.csv", raw(b"PK\x03\x04" + CANARY.encode()), "name it .xlsx"),
    ("empty.csv", raw(b""), "is empty"),
    ("blank.csv", raw(b"\n\n\n"), ""),
    ("other.csv", raw(b"a,b\n" + CANARY.encode() + b",2\n"), "--text-column"),
    ("document.jsonl", raw(b'[{"text": "%s"},\n{"text": "b"}]' % CANARY.encode()), "one object a line"),
]


@pytest.mark.parametrize(("name", "make", "told"), FILES, ids=[case[0] for case in FILES])
def test_a_file_that_cannot_be_used(
    name: str, make: Callable[[Path], None], told: str, tmp_path: Path, voc: Voc, with_steps: Analyser
) -> None:
    make(tmp_path / name)
    kept = saved(tmp_path, "out.csv", "an earlier result")
    ran = voc("classify", tmp_path / name, "-o", kept)
    check_quiet(ran)
    assert ran.code == 2 and re.fullmatch(r"error \[input_unusable\]: [^\n]+\n", ran.err) and told in ran.err and name in ran.err
    assert kept.read_text() == "an earlier result" and sorted(path.name for path in tmp_path.iterdir()) == sorted([name, "out.csv"])


def test_damage_further_on_keeps_the_records_before_it(tmp_path: Path, voc: Voc, with_steps: Analyser) -> None:
    path = tmp_path / "in.parquet"
    texts = [f"The app crashed {number * 7919} times." for number in range(900)]
    pq.write_table(pa.table({"text": texts}), path, row_group_size=300, compression="zstd", use_dictionary=False)
    data = bytearray(path.read_bytes())
    page = pq.read_metadata(path).row_group(2).column(0).data_page_offset
    data[page + 40 : page + 400] = b"\xaa" * 360
    path.write_bytes(data)
    ran = voc("classify", path, "-o", tmp_path / "out.jsonl")
    kept = json_lines((tmp_path / "out.jsonl.partial").read_bytes())
    assert ran.code == 2 and "damaged or cut off (write it again) after row " in ran.err
    assert f"stopped: {len(kept)} records were written to out.jsonl.partial" in ran.err and not (tmp_path / "out.jsonl").exists()
    assert len(kept) >= 512 and [one["id"] for one in kept] == [f"row-{number}" for number in range(1, len(kept) + 1)]


@pytest.mark.parametrize("step", ["vocservice.pipeline.clean", "vocservice.pipeline.segments_of", "vocservice.pipeline.assemble"])
def test_a_fault_of_our_own_costs_one_record(
    step: str, tmp_path: Path, voc: Voc, with_steps: Analyser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(step, failing_on_poison(step))
    texts = [GOOD, f"poison {CANARY}", GOOD]
    path = saved(tmp_path, "in.jsonl", "\n".join(json.dumps({"id": str(at), "text": text}) for at, text in enumerate(texts)))
    ran = voc("classify", path)
    check_quiet(ran)
    assert ran.code == 3 and outcomes(json_lines(ran.out)) == ["ok", "analysis_failed", "ok"] and CANARY not in ran.out


def failing_on_poison(step: str) -> Callable[..., Any]:
    """The step as it is, but for texts with "poison"."""
    module, _, name = step.rpartition(".")
    whole = getattr(__import__(module, fromlist=[name]), name)

    def failing(record: Any, *arguments: Any, **options: Any) -> Any:
        if "poison" in (record if isinstance(record, str) else record.text):
            raise IndexError(CANARY)
        return whole(record, *arguments, **options)

    return failing

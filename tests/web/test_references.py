"""Tests of folders and patterns on the server that a batch names: read as `voc classify` reads them, and gone with their batch."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from builders import csv_rows, json_lines
from commands import Voc
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from vocservice.api import Analyser
from vocservice.batch.inputs import MAX_OPEN
from vocservice.errors import InputError
from vocservice.store import schema
from vocservice.store.received import erasure
from vocservice.store.received.batch_files import BatchFiles
from vocservice.tables.places import places_of
from vocservice.web.requests import references
from vocservice.web.requests.references import referred
from web.sending import check_problem
from web.storing import WORKSPACE, Door
from web.test_batches import Desk
from web.visiting import Office

CRASHED, LOVELY = "The app crashed.", "Lovely staff."
JO = "jo.smith@example.org"


def table(path: Path, *rows: tuple[str, str]) -> Path:
    """A CSV file of ids and texts."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{key},{text}\n" for key, text in [("id", "text"), *rows]))
    return path


def parquet(path: Path, *rows: tuple[str, str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({"id": [key for key, _ in rows], "text": [text for _, text in rows]}), path)
    return path


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """The folder of the workspace on the server."""
    folder = tmp_path / "sources" / WORKSPACE
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def desk(door: Door, tmp_path: Path, mine: Path) -> Desk:
    return Desk(door, tmp_path, sources=str(mine.parent), max_bytes=64 * 1024)


def refer(desk: Desk, reference: str, **options: Any) -> TestResponse:
    client: FlaskClient = desk.client
    return client.post("/v1/batches", query_string={"reference": reference, "options": json.dumps(options)}, headers=desk.key)


def taken(desk: Desk, reference: str, **options: Any) -> str:
    answer = refer(desk, reference, **options)
    assert answer.status_code == 202, answer.get_json()
    return str(answer.get_json()["id"])


def result(desk: Desk, batch: str) -> bytes:
    desk.work()
    found = desk.get(f"/v1/batches/{batch}").get_json()
    assert found["status"] == "done", found["error"]
    return desk.get(f"/v1/batches/{batch}/result").data


def many_tables(mine: Path) -> str:
    """More than may be open at a time."""
    for number in range(MAX_OPEN + 3):
        table(mine / "many" / f"{number:03d}.csv", ("a", CRASHED))
    return "many/*.csv"


def partitioned(mine: Path) -> str:
    parquet(mine / "reviews" / "year=2024" / "channel=e%20mail" / "part-0.parquet", ("3", CRASHED))
    parquet(mine / "reviews" / "year=2023" / "channel=chat" / "part-0.parquet", ("1", CRASHED), ("2", LOVELY))
    (mine / "reviews" / "_metadata.parquet").write_bytes(b"no data")
    return "reviews"


def rejecting(mine: Path) -> str:
    table(mine / "exports" / "b.csv", ("1", LOVELY), ("2", f"{LOVELY},too many"))
    table(mine / "exports" / "a.csv", ("1", CRASHED), ("2", f"{CRASHED},too many"))
    table(mine / "exports" / "notes.txt")
    return "exports/*.csv"


CASES: Mapping[str, tuple[Callable[[Path], str], str]] = {
    "a partitioned folder": (partitioned, "parquet"),
    "a partitioned folder with a slash behind": (lambda mine: f"{partitioned(mine)}/", "csv"),
    "one partition of it": (lambda mine: f"{partitioned(mine)}/year=2023", "csv"),
    "a pattern of partitions": (lambda mine: f"{partitioned(mine)}/year=*", "parquet"),
    "a pattern of tables": (rejecting, "csv"),
    "the same in JSON Lines": (rejecting, "jsonl"),
    "at any depth": (lambda mine: rejecting(mine).replace("exports/*.csv", "**/*.csv"), "xlsx"),
    "many": (many_tables, "csv"),
}


@pytest.mark.parametrize("case", CASES)
def test_the_result_is_that_of_voc_classify(case: str, desk: Desk, mine: Path, tmp_path: Path, voc: Voc, analyser: Analyser) -> None:
    make, suffix = CASES[case]
    reference = make(mine)
    expected = tmp_path / f"expected.{suffix}"
    assert voc("classify", mine / reference, "-o", expected).code in (0, 3)
    batch = taken(desk, reference, format=suffix)
    assert result(desk, batch) == expected.read_bytes()
    rejects = expected.with_name(f"{expected.name}.rejects.jsonl")
    assert desk.get(f"/v1/batches/{batch}/rejects").data == (rejects.read_bytes() if rejects.exists() else b"")
    assert {path.name for path in files_of(desk, batch).folder.iterdir()} <= {
        f"result.{suffix}{end}" for end in ("", ".rejects.jsonl", ".manifest.json", ".named")
    }


def files_of(desk: Desk, batch: str) -> BatchFiles:
    return BatchFiles.of(str(desk.folder), WORKSPACE, batch)


def test_rejects_and_lines_name_the_file_on_the_server(desk: Desk, mine: Path) -> None:
    batch = taken(desk, rejecting(mine), format="jsonl")
    lines = json_lines(result(desk, batch))
    assert [(line["input"], line["input_row"], line["status"]) for line in lines] == [
        ("a.csv", 1, "ok"),
        ("a.csv", 2, "rejected"),
        ("b.csv", 1, "ok"),
        ("b.csv", 2, "rejected"),
    ]
    assert [(one["row"], one["input"]) for one in json_lines(desk.get(f"/v1/batches/{batch}/rejects").data)] == [(2, "a.csv"), (4, "b.csv")]
    plan = json.loads((files_of(desk, batch).folder / "result.jsonl.manifest.json").read_text())["plan"]
    assert [one["name"] for one in plan["inputs"]] == ["a.csv", "b.csv"]


def test_the_batch_tells_what_was_taken(desk: Desk, mine: Path) -> None:
    found = refer(desk, rejecting(mine)).get_json()
    size = sum((mine / "exports" / name).stat().st_size for name in ("a.csv", "b.csv"))
    assert (found["name"], found["input_format"], found["input_bytes"], found["options"]["format"]) == ("*.csv", "csv", size, "csv")


PATTERNS = [
    "*", "*.csv", "**/*.csv", "**", "a/**", "**/b/*.csv", "a/*/c.csv", "a/[bd]/?.csv", "?/b", "year=*", "**/*.parquet", "a/**/**/c.csv",
    ".hid*/x.csv", "*/.dot.csv", "a-b/*", "**/_*", "[a]/b/c.csv",
]  # fmt: skip


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_pattern_finds_what_it_finds_on_the_command_line(pattern: str, desk: Desk, mine: Path) -> None:
    for name in ("x.csv", "a/b/c.csv", "a/b/d.csv", "a/d/c.csv", "a-b/c.csv", "a/deep/er/c.csv", ".hidden/x.csv", "a/.dot.csv"):
        table(mine / name)
    for name in ("year=1/p.parquet", "year=1/_old/p.parquet", "a/b/q.parquet", "year=2/_SUCCESS"):
        parquet(mine / name)
    try:
        expected = [Path(place.path).relative_to(mine) for place in places_of([str(mine / pattern)])]
    except InputError:
        expected = []
    start = Path(*references.fixed(pattern.split("/")))
    try:
        with referred(pattern, desk.settings.batches, workspace_id=WORKSPACE) as sent:
            found = [start.joinpath(*part.below) for part in sent.parts]
    except references.RequestError as error:
        found = [] if error.code == "reference_unknown" else [Path(error.code)]
    assert found == expected


def test_some_patterns_find_something(desk: Desk, mine: Path) -> None:
    """So that the test above is not of nothing."""
    table(mine / "a" / "b.csv")
    with referred("**/*.csv", desk.settings.batches, workspace_id=WORKSPACE) as sent:
        assert [part.below for part in sent.parts] == [("a", "b.csv")]


def test_a_name_that_looks_like_a_pattern_is_that_file(desk: Desk, mine: Path) -> None:
    table(mine / "a[1].csv", ("odd", CRASHED))
    table(mine / "a1.csv", ("plain", CRASHED))
    assert b"odd" in result(desk, taken(desk, "a[1].csv"))


def _linked_file(mine: Path, secret: Path) -> str:
    (mine / "exports").mkdir()
    (mine / "exports" / "a.csv").symlink_to(secret)
    return "exports/*.csv"


def _linked_folder(mine: Path, secret: Path) -> str:
    (mine / "exports").symlink_to(secret.parent, target_is_directory=True)
    return "exports/*.csv"


def _linked_below(mine: Path, secret: Path) -> str:
    (mine / "exports").mkdir()
    (mine / "exports" / "deep").symlink_to(secret.parent, target_is_directory=True)
    return "**/*.csv"


UNKNOWN: Mapping[str, Callable[[Path, Path], str]] = {
    "nothing fits": lambda mine, _: table(mine / "a.csv").with_name("*.tsv").name,
    "up": lambda _, secret: f"../{secret.parent.name}/*.csv",
    "absolute": lambda _, secret: str(secret.parent / "*.csv"),
    "the folder is no folder": lambda mine, _: f"{table(mine / 'a.csv').name}/*.csv",
    "a link to a file": _linked_file,
    "a link to a folder": _linked_folder,
    "a link below": _linked_below,
}


@pytest.mark.parametrize("case", UNKNOWN)
def test_a_pattern_leads_to_nothing_outside_and_through_no_link(case: str, desk: Desk, mine: Path) -> None:
    secret = table(mine.parent / "elsewhere" / "secret.csv", ("1", CRASHED))
    check_problem(refer(desk, UNKNOWN[case](mine, secret)), 404, "reference_unknown")
    assert desk.files() == []


def _no_parquet(mine: Path) -> str:
    return table(mine / "exports" / "a.csv").parent.name


def _other_columns(mine: Path) -> str:
    table(mine / "a.csv", ("1", CRASHED))
    (mine / "b.csv").write_text(f"id,text,more\n1,{CRASHED},x\n")
    return "*.csv"


def _unknown_kind(mine: Path) -> str:
    table(mine / "a.csv", ("1", CRASHED))
    (mine / "README.md").write_text("no data")
    return "*"


def _empty(mine: Path) -> str:
    table(mine / "a.csv", ("1", CRASHED))
    (mine / "b.csv").write_text("")
    return "*.csv"


def _large_together(mine: Path) -> str:
    for name in "ab":
        table(mine / f"{name}.csv", *(("1", CRASHED) for _ in range(2000)))
    return "*.csv"


REFUSED: Mapping[str, tuple[Callable[[Path], str], int, str, str]] = {
    "a folder without Parquet": (_no_parquet, 400, "input_unusable", "exports: is a folder without Parquet files"),
    "other columns": (_other_columns, 400, "input_unusable", "a.csv and b.csv have different columns"),
    "a file of no known kind": (_unknown_kind, 415, "format_unknown", "README.md: "),
    "an empty file": (_empty, 400, "file_empty", "b.csv: "),
    "too much together": (_large_together, 413, "body_too_large", ""),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_voc_classify_would_refuse_is_refused_and_leaves_nothing(case: str, desk: Desk, mine: Path) -> None:
    make, status, code, told = REFUSED[case]
    assert told in check_problem(refer(desk, make(mine)), status, code)["detail"]
    assert desk.files() == [] and desk.door.rows(schema.batches) == []


def test_only_so_many_files_are_taken(desk: Desk, mine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(references, "MOST_FILES", 2)
    rejecting(mine)
    assert refer(desk, "exports/*.csv").status_code == 202
    table(mine / "exports" / "c.csv")
    check_problem(refer(desk, "exports/*.csv"), 400, "too_many_files")


def test_whoever_is_named_in_one_of_them_is_erased_with_all(desk: Desk, mine: Path) -> None:
    for name, key in (("a.parquet", "al"), ("b.parquet", JO)):
        path = mine / "reviews" / name
        path.parent.mkdir(exist_ok=True)
        pq.write_table(pa.table({"text": [CRASHED], "subject": [key]}), path)
    done = taken(desk, "reviews")
    assert result(desk, done)
    waiting, other = taken(desk, "reviews"), taken(desk, "reviews/a.parquet")
    with desk.door.database.write() as connection:
        erasure.by_subject(connection, desk.door.vault, WORKSPACE, JO, actor="key:1")
    desk.work()
    states = [desk.get(f"/v1/batches/{batch}").get_json() for batch in (done, waiting, other)]
    assert [(state["status"], (state["error"] or {}).get("code")) for state in states] == [
        ("failed", "customer_erased"),
        ("failed", "customer_erased"),
        ("done", None),
    ]
    assert not files_of(desk, done).folder.exists() and not files_of(desk, waiting).folder.exists()
    assert (mine / "reviews" / "b.parquet").exists()


def test_the_page_says_how_many_files_and_shows_the_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mine: Path) -> None:
    office = Office(tmp_path, monkeypatch)
    desk = Desk(office.door, tmp_path, sources=str(mine.parent))
    office.app = desk.app
    rejecting(mine)
    ada = office.browser("analyst")
    made = ada.post(ada.page("/batches/new").form("/batches/new"), {"reference": "exports/*.csv"})
    page = ada.page(made.headers["Location"])
    assert "2 files" in page.words and CRASHED in page.words and LOVELY not in page.words
    started = ada.send(made.headers["Location"], f"{made.headers['Location']}/start", {"format": "csv", "column.text": "text"})
    assert started.status_code == 303
    desk.work()
    answer = ada.client.get(f"{made.headers['Location']}/result")
    (tmp_path / "out.csv").write_bytes(answer.data)
    assert [row["id"] for row in csv_rows(tmp_path / "out.csv")] == ["1", "2", "1", "2"]
    office.door.close()

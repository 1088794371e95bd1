"""Tests of `voc export`: the same records in every format, redacted, without a customer's key; every column is on its page."""

import csv
import errno
import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from builders import piece
from web.storing import ELSEWHERE
from web.test_desk import decided
from web.test_workbench import set_record
from web.visiting import Office

from vocservice.cli import export, run
from vocservice.records import Label
from vocservice.store import schema
from vocservice.store.analysed.sqlite_file import TABLES
from vocservice.store.received import records as erasing
from vocservice.store.types import from_micros
from vocservice.tables.write_records import SCHEMA

from .test_people import office  # noqa: F401 - a fixture

PAGE = (Path(__file__).parents[2] / "docs" / "exports.md").read_text(encoding="utf-8")
HASH, TEXT = "f" * 64, "=The app crashed."


@pytest.fixture
def records(office: Office) -> list[str]:  # noqa: F811 - the fixture
    """One that a person corrected, one with a score, and one of somebody else."""
    made = [office.record(subject=HASH), office.record(text=TEXT, flags=(Label("churn_risk", 0.83, (piece(TEXT, "crashed"),)),))]
    office.record(workspace=ELSEWHERE)
    decided(office.browser(), made[0], "correct", note="private", **{"scope": "both", "factors.courtesy": "-"})
    set_record(office, made[1], score_kind="nps", score_value=9.0, score_scale=10.0, created_at=from_micros(0))
    return made


def exported(path: Path, *options: str) -> None:
    assert run(["export", "-o", str(path), "--workspace", "ws_one", *options]) == 0


def read(path: Path) -> list[dict[str, Any]]:
    if path.suffix == ".parquet":
        return pq.read_table(path).to_pylist()  # type: ignore[no-any-return]
    if path.suffix == ".csv":
        return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("suffix", ["parquet", "csv", "jsonl"])
def test_a_table_has_a_row_a_record(records: list[str], tmp_path: Path, suffix: str) -> None:
    exported(tmp_path / f"out.{suffix}")
    first, second = read(tmp_path / f"out.{suffix}")
    assert [*first] == [name for name in SCHEMA.names if name != "subject"]
    assert [first["record"], second["record"]] == records
    assert (str(first["is_corrected"]).lower(), first["scope"], second["score_value"]) in (("true", "both", 9.0), ("true", "both", "9.0"))
    assert first["factors"] in (["courtesy-"], "courtesy-")
    assert second["text"] == ("'=The app crashed." if suffix == "csv" else "=The app crashed.")
    assert str(second["created_at"])[:10] == "1970-01-01"
    body = (tmp_path / f"out.{suffix}").read_bytes()
    assert HASH.encode() not in body and b"private" not in body


@pytest.mark.parametrize("suffix", ["jsonl", "parquet", "sqlite"])
def test_49_a_customer_erased_during_an_export_is_not_in_it(
    office: Office,  # noqa: F811 - the fixture
    records: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    suffix: str,
) -> None:
    real, written = export._writers()[f".{suffix}"], []

    def write(path: Path, taken: Any, segments: Any) -> None:
        real(path, taken, segments)
        written.append(path)
        if len(written) == 1:
            with office.database.write() as connection:
                erasing.erase_by_id(connection, office.door.vault, "ws_one", records[1], reason="request")

    monkeypatch.setattr(export, "_writers", lambda: {f".{suffix}": write})
    path = tmp_path / f"out.{suffix}"
    exported(path)
    assert len(written) == 2
    assert TEXT.encode() not in path.read_bytes() and records[1].encode() not in path.read_bytes()
    assert office.door.rows(schema.audit)[-1]["details"]["records"] == 1


def test_a_database_has_a_table_of_each_set(records: list[str], tmp_path: Path) -> None:
    path = tmp_path / "out.sqlite"
    exported(path)
    exported(path)  # anew
    with closing(sqlite3.connect(path)) as file:
        columns = {name: [row[1] for row in file.execute(f"PRAGMA table_info({name})")] for name in TABLES}
        assert columns == {name: [*found] for name, found in TABLES.items()}
        assert file.execute("SELECT record, scope, is_corrected FROM feedback ORDER BY is_corrected DESC").fetchall()[0] == (
            records[0], "both", 1,
        )  # fmt: skip
        given = file.execute("SELECT factor, polarity, probability, evidence FROM factors WHERE record = ?", records[:1]).fetchall()
        assert given == [("courtesy", "-", None, "[]")]
        ((flag, probability, evidence),) = file.execute("SELECT flag, probability, evidence FROM flags WHERE record = ?", records[1:])
        assert (flag, probability, json.loads(evidence)[0]["text"]) == ("churn_risk", 0.83, "crashed")
        assert file.execute("PRAGMA foreign_key_check").fetchall() == []
    assert HASH.encode() not in path.read_bytes() and not list(tmp_path.glob("*.partial"))


@pytest.mark.parametrize(
    ("options", "count"),
    [(("--until", "1970-01-01"), 1), (("--since", "1970-01-02"), 1), (("--since", "9999-12-31"), 0)],
)
def test_days_choose_by_the_senders_time(records: list[str], tmp_path: Path, options: tuple[str, ...], count: int) -> None:
    exported(tmp_path / "out.jsonl", *options)
    assert len(read(tmp_path / "out.jsonl")) == count


@pytest.mark.parametrize("suffix", ["parquet", "csv", "jsonl", "sqlite"])
def test_an_empty_workspace_gives_an_empty_file(office: Office, tmp_path: Path, suffix: str) -> None:  # noqa: F811 - the fixture
    exported(tmp_path / f"out.{suffix}")
    assert suffix == "sqlite" or read(tmp_path / f"out.{suffix}") == []


@pytest.mark.parametrize("name", ["out.xml", "out", "missing/out.sqlite", "missing/out.csv", "."])
def test_what_cannot_be_written_is_told(records: list[str], tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["export", "-o", str(tmp_path / name), "--workspace", "ws_one"]) == 2
    assert "error [" in capsys.readouterr().err
    assert not (tmp_path / "missing").exists()


def test_what_a_full_disk_left_is_where_the_message_says(
    records: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, rows: Any) -> None:
        path.write_text("half", encoding="utf-8")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("vocservice.tables.write_records.write_lines", full)
    assert run(["export", "-o", str(tmp_path / "out.jsonl"), "--workspace", "ws_one"]) == 2
    assert "kept in its .partial file" in capsys.readouterr().err
    assert [path.name for path in tmp_path.glob("out.*")] == ["out.jsonl.partial"]


@pytest.mark.sqlite_only
def test_the_store_itself_is_never_overwritten(records: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "voc.sqlite").symlink_to(tmp_path / "voc.db")
    assert run(["export", "-o", str(tmp_path / "voc.sqlite"), "--workspace", "ws_one"]) == 2
    assert "the store" in capsys.readouterr().err and (tmp_path / "voc.sqlite").is_symlink()


def test_an_export_is_in_the_audit_log(office: Office, records: list[str], tmp_path: Path) -> None:  # noqa: F811 - the fixture
    exported(tmp_path / "out.csv")
    acts = [row for row in office.door.rows(schema.audit) if row["action"] == "records.export"]
    assert [act["details"] for act in acts] == [{"format": ".csv", "records": 2}]


def test_the_page_names_every_column_and_no_other() -> None:
    table, database = (part.splitlines() for part in PAGE.split("\n## ")[1:])
    assert [name for line in table if line.startswith("| `") for name in re.findall(r"`(\w+)`", line.split("|")[1])] == SCHEMA.names
    rows = [line.split("|") for line in database if line.startswith("| `")]
    named = [(row[1].strip(" `"), name) for row in rows for name in re.findall(r"`(\w+)`", row[2])]
    assert sorted(named) == sorted((name, column) for name, columns in TABLES.items() for column in columns)

"""Tests over many made-up inputs: what is written comes back, and damage never ends in anything but this package's own errors."""

import csv
import io
import random
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xlsxwriter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vocservice.errors import VocError
from vocservice.records import RawVerbatim

from .builders import converted, records, saved, table, texts

cells = st.text(st.characters(codec="utf-8"), max_size=20)
in_one_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)


def delimited(rows: list[tuple[str, str]], delimiter: str) -> str:
    held = io.StringIO()
    writer = csv.writer(held, delimiter=delimiter, quoting=csv.QUOTE_ALL)
    writer.writerows([("id", "text"), *rows])
    return held.getvalue()


@in_one_folder
@given(st.lists(st.tuples(cells, cells), max_size=5), st.sampled_from([",", ";", "\t", "|"]))
def test_any_cell_is_read_as_it_was_written(tmp_path: Path, rows: list[tuple[str, str]], delimiter: str) -> None:
    assert texts(saved(tmp_path, "in.csv", delimited(rows, delimiter))) == [text for _, text in rows]


@in_one_folder
@given(st.lists(st.tuples(cells, cells), min_size=1, max_size=5), st.sampled_from(["out.csv", "out.tsv"]))
def test_any_cell_comes_back_untouched(tmp_path: Path, rows: list[tuple[str, str]], name: str) -> None:
    out = converted(saved(tmp_path, "in.csv", delimited(rows, ",")), tmp_path / name)
    found = [(row["id"], row["text"]) for row in table(out, "\t" if name == "out.tsv" else ",")]
    assert found == rows


def csv_bytes(_: Path) -> bytes:
    return delimited([(str(n), f'wörds, "quoted"\nand {n}') for n in range(100)], ",").encode()


def jsonl_bytes(_: Path) -> bytes:
    return "".join(f'{{"id": "{n}", "text": "wörds \\u00e9 {n}"}}\n' for n in range(100)).encode()


def parquet_bytes(folder: Path) -> bytes:
    pq.write_table(pa.table({"id": list(range(300)), "text": [f"words {n * 7919}" for n in range(300)]}), folder / "seed.parquet")
    return (folder / "seed.parquet").read_bytes()


def xlsx_bytes(folder: Path) -> bytes:
    with xlsxwriter.Workbook(str(folder / "seed.xlsx")) as book:
        sheet = book.add_worksheet()
        for number in range(30):
            sheet.write_row(number, 0, ["id", "text"] if number == 0 else [number, f"words {number}"])
    return (folder / "seed.xlsx").read_bytes()


def damaged(content: bytes, chance: random.Random) -> bytes:
    """The bytes with a few of them changed, cut out or put in."""
    data = bytearray(content)
    for _ in range(chance.choice([1, 2, 20])):
        place = chance.randrange(len(data) - 60)
        match chance.randrange(3):
            case 0:
                data[place] = chance.randrange(256)
            case 1:
                del data[place : place + chance.randrange(1, 50)]
            case _:
                data[place:place] = chance.choice([b'"', b"\0", b"\xff\xfe", b"\r", b'""', b"\\ud800", b"[", b"9" * 20])
    return bytes(data)


def message_of(path: str) -> str:
    """What goes wrong with the whole input; nothing but our own errors may."""
    try:
        records(path)
    except VocError as error:
        return error.message
    return ""


@pytest.mark.parametrize(
    ("name", "seed_bytes"), [("in.csv", csv_bytes), ("in.jsonl", jsonl_bytes), ("in.parquet", parquet_bytes), ("in.xlsx", xlsx_bytes)]
)
def test_damage_ends_in_records_or_an_error_of_our_own(tmp_path: Path, name: str, seed_bytes: Callable[[Path], bytes]) -> None:
    chance = random.Random(name)
    content = seed_bytes(tmp_path)
    messages = [message_of(saved(tmp_path, name, damaged(content, chance))) for _ in range(60)]
    assert not [message for message in messages if "words" in message]


@pytest.mark.parametrize("quoting", [csv.QUOTE_ALL, csv.QUOTE_MINIMAL])
@pytest.mark.parametrize("inserted", ['"', '"x', ',"', '",', '""'])
def test_a_quote_put_anywhere_in_a_row_costs_no_neighbour(tmp_path: Path, quoting: Literal[0, 1], inserted: str) -> None:
    held = io.StringIO()
    csv.writer(held, quoting=quoting).writerows([("id", "text"), *((str(n), f"words, and {n}") for n in range(8))])
    lines = held.getvalue().splitlines(keepends=True)
    for place in range(len(lines[4]) - 1):
        broken = [*lines[:4], lines[4][:place] + inserted + lines[4][place:], *lines[5:]]
        found = {record.id for record in records(saved(tmp_path, "in.csv", "".join(broken))) if isinstance(record, RawVerbatim)}
        assert found >= {"0", "1", "2", "4", "5", "6", "7"}, place


def test_a_cut_line_of_json_costs_no_neighbour(tmp_path: Path) -> None:
    lines = jsonl_bytes(tmp_path).splitlines()[:10]
    for place in range(len(lines[4])):
        found = records(saved(tmp_path, "in.jsonl", b"\n".join([*lines[:4], lines[4][:place] + b"!", *lines[5:]])))
        assert [record.id for record in found] == ["0", "1", "2", "3", "line-5", "5", "6", "7", "8", "9"]

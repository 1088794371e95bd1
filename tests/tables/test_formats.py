"""Tests of `formats`: suffixes and names."""

import pytest

from vocservice.errors import InputError, OutputError
from vocservice.tables.formats import input_format, output_format, shown_name


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("a.csv", "csv"),
        ("A.CSV", "csv"),
        ("a.b.tsv", "tsv"),
        ("a.jsonl", "jsonl"),
        ("a.ndjson", "jsonl"),
        ("a.json", "json"),
        ("a.vtt", "vtt"),
        ("a.txt.gz", "txt"),
        ("a.parquet", "parquet"),
        ("a.xlsx", "xlsx"),
        ("a.csv.gz", "csv"),
        ("a.jsonl.gz", "jsonl"),
        ("-", "jsonl"),
    ],
)
def test_the_suffix_names_the_format(path: str, name: str) -> None:
    assert input_format(path).name == name


@pytest.mark.parametrize("path", ["a.xls", "a", "a.gz", "a.parquet.gz", "a.xlsx.gz", "../../etc/passwd", "CON", "a.csv.zip"])
def test_an_unknown_suffix_names_the_known_ones(path: str) -> None:
    with pytest.raises(InputError, match=r"\.csv, \.tsv, \.jsonl, \.ndjson, \.json, \.parquet, \.xlsx"):
        input_format(path)


@pytest.mark.parametrize("path", ["a.csv.gz", "a.txt", "a.vtt"])
def test_an_output_has_a_known_suffix_and_is_not_compressed(path: str) -> None:
    with pytest.raises(OutputError, match=r"\.csv"):
        output_format(path)


@pytest.mark.parametrize(
    ("path", "shown"),
    [("/secret/place/a.csv", "a.csv"), ("a\u202evsc.exe", "a?vsc.exe"), ("a\n\x1b[31m.csv", "a??[31m.csv"), ("x" * 300, "x" * 80 + "...")],
)
def test_a_shown_name_is_short_and_harmless(path: str, shown: str) -> None:
    assert shown_name(path) == shown

"""Tests of `voc taxonomy`: the table, the JSON, and the check of a file."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from builders import saved

from vocservice.taxonomy import default_taxonomy_path, load_taxonomy

from .conftest import Voc


def test_the_table_names_every_label(voc: Voc) -> None:
    ran = voc("taxonomy")
    assert ran.code == 0 and all(label.key in ran.out for label_set in load_taxonomy().sets for label in label_set.labels)


def test_json_holds_every_set(voc: Voc) -> None:
    found = json.loads(voc("taxonomy", "--json").out)
    assert found["name"] == "voc" and [label["key"] for label in found["stages"]["labels"]] == list(load_taxonomy()["stages"].keys)


def test_a_good_file_is_told_so(voc: Voc) -> None:
    ran = voc("taxonomy", "--check", default_taxonomy_path())
    assert ran.code == 0 and ran.out.startswith("taxonomy.toml: ok, voc/1.0.0: stages (8), factors (16)")


@pytest.mark.parametrize(
    ("content", "told"),
    [("name = 1", "name and version"), ("x = ", "not valid TOML"), ('name = "a"\nversion = "1"\n', "no label set"), (b"\xff", "TOML")],
)
def test_a_wrong_file_is_two(content: str | bytes, told: str, tmp_path: Path, voc: Voc) -> None:
    ran = voc("taxonomy", "--check", saved(tmp_path, "own.toml", content))
    assert ran.code == 2 and ran.err.startswith("error [taxonomy_invalid]: ") and told in ran.err


def test_a_missing_file_is_two(tmp_path: Path, voc: Voc) -> None:
    ran = voc("taxonomy", "--check", tmp_path / "none.toml")
    assert ran.code == 2 and "No such file or directory; name a file that is there" in ran.err


def test_a_reader_that_goes_away_is_no_fault() -> None:
    for arguments in (["taxonomy"], ["taxonomy", "--json"]):
        reading, writing = os.pipe()
        os.close(reading)
        done = subprocess.run([sys.executable, "-m", "vocservice", *arguments], stdout=writing, stderr=subprocess.PIPE, check=False)
        os.close(writing)
        assert (done.returncode, done.stderr) == (0, b"")

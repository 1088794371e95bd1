"""What another choice would help in names the options of the command that offers it."""

import json
from pathlib import Path

import pytest

from cli.conftest import Voc
from vocservice.api import Analyser

NOBODY = '{"id": "1", "turns": [{"speaker": "Mia", "text": "It broke."}]}\n'
REJECTED = [
    ("in.txt", "Mia: It broke.\nAgent: Sorry.\n", (), "; or name the customers (voc classify --customer NAME)"),
    ("in.vtt", "WEBVTT\n\n00:01.000 --> 00:02.000\n<v Mia>It broke.\n", (), "; or name the customers (voc classify --customer NAME)"),
    ("in.csv", "conversation_id,speaker,text\n1,Mia,It broke.\n", (), "; or name the customers (voc classify --customer NAME)"),
    ("in.jsonl", NOBODY, (), "; or name the customers (voc classify --customer NAME)"),
    ("in.jsonl", '{"remark": "hi"}\n', (), "as the text column (voc classify --text-column or --mapping)"),
    ("in.jsonl", '{"remark": "hi"}\n', ("--text-column", "note"), "as the text column (voc classify --text-column or --mapping)"),
    ("in.jsonl", '{"text": "hi"\n', (), "one whole object a line, with null for NaN and Infinity"),
]


@pytest.mark.parametrize(("name", "content", "options", "ending"), REJECTED)
def test_a_rejection_ends_with_the_option_that_would_help(
    name: str, content: str, options: tuple[str, ...], ending: str, tmp_path: Path, voc: Voc, analyser: Analyser
) -> None:
    (tmp_path / name).write_text(content)
    out = tmp_path / "out.jsonl"
    for _ in range(2):  # a second run reads nothing of the first
        assert voc("classify", tmp_path / name, "-o", out, *options).code == 3
        (line, rejected) = (json.loads(path.read_text()) for path in (out, tmp_path / "out.jsonl.rejects.jsonl"))
        assert line.keys() == {"id", "status", "error"} and line["error"].keys() == {"code", "message"}
        assert line["error"]["message"] == rejected["message"] and rejected["message"].endswith(ending)


@pytest.mark.parametrize(
    ("command", "options", "told"),
    [
        ("classify", ("--id-column", "nope"), "the column chosen with --id-column or --mapping is not there"),
        ("report", ("--date-column", "nope"), "the column chosen with --date-column is not there"),
        ("report", ("--score-column", "nope"), "the column chosen with --score-column is not there"),
    ],
)
def test_an_error_about_a_column_names_the_option_of_the_command(
    command: str, options: tuple[str, ...], told: str, tmp_path: Path, voc: Voc, analyser: Analyser
) -> None:
    (tmp_path / "in.csv").write_text("id,text\n1,It broke.\n")
    ran = voc(command, tmp_path / "in.csv", "-o", tmp_path / ("out.html" if command == "report" else "out.csv"), *options)
    assert ran.code == 2 and told in ran.err and "its columns are 'id', 'text'" in ran.err

"""Tests of the committed example report: the command that its page names still makes one like it, of our own samples only."""

import json
import re
from pathlib import Path

from commands import Voc

from vocservice.api import Analyser

REPOSITORY = Path(__file__).parents[1]
EXAMPLE = (REPOSITORY / "docs" / "example-report" / "report.html").read_text(encoding="utf-8")
NAMES = ("feedback.csv", "feedback.jsonl", "transcripts.jsonl")


def sections(page: str) -> list[str]:
    return re.findall(r'<section id="([\w-]+)"', page)


def test_the_command_still_makes_it(tmp_path: Path, voc: Voc, analyser: Analyser) -> None:
    named = re.search(
        r"^    voc report (samples/.+) -o docs/example-report/report\.html", (REPOSITORY / "docs/report.md").read_text(), re.MULTILINE
    )
    assert named and named[1].split() == [f"samples/{name}" for name in NAMES]
    ran = voc("report", *(REPOSITORY / "samples" / name for name in NAMES), "-o", tmp_path / "r.html")
    assert ran.code in (0, 3), ran.err
    made = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert sections(made) == sections(EXAMPLE)
    assert set(re.findall(r'id="(def-\w+)"', made)) == set(re.findall(r'id="(def-\w+)"', EXAMPLE))


def test_every_quote_is_of_our_samples() -> None:
    own = "".join((REPOSITORY / "samples" / name).read_text(encoding="utf-8") for name in NAMES)
    plain = re.sub(r"\W+", " ", own + json.dumps(own)).casefold()
    quotes = re.findall(r"<blockquote><bdi>(.*?)</bdi>", EXAMPLE, flags=re.DOTALL)
    assert quotes
    for quote in quotes:
        said = re.sub(r"&#\d+;|&\w+;", " ", re.sub(r"<[^>]+>", "", quote))
        runs = [re.sub(r"\W+", " ", run).casefold().split() for run in re.split(r"\[[A-Z]+\]", said)]  # masks part them
        pieces = [" ".join(run[at : at + 4]) for run in runs for at in range(len(run) - 3)]
        assert sum(piece in plain for piece in pieces) >= 0.8 * len(pieces), quote  # line breaks are written otherwise in JSON


def test_it_is_small_and_needs_nothing_else() -> None:
    assert len(EXAMPLE) < 350_000 and "http://" not in EXAMPLE and "https://" not in EXAMPLE and "<script" not in EXAMPLE

"""Tests of `render`: evidence is marked where it stands, and nothing a customer wrote is markup or terminal control."""

import io
import re
from html.parser import HTMLParser
from typing import Any

import pytest
from builders import TEXT, analysis, conversation, piece
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from vocservice.records import Analysis, Evidence, Factor, Label, Scope
from vocservice.render import Row, analysis_html, analysis_text, labels_table, owner_of, pieces_of, rows_of, sentence, visible
from vocservice.taxonomy import load_taxonomy

HOSTILE = [
    "<script>alert(1)</script>",
    "</mark></bdi><img src=x onerror=alert(1)>",
    "' onmouseover='alert(1)",
    '" style="x',
    "<svg/onload=alert(1)>",
    "[link](javascript:alert(1))",
    "&lt;b&gt; &amp; é",
    "\u202ereversed",
]
TAGS = {"div", "p", "b", "bdi", "mark", "table", "thead", "tbody", "tr", "th", "td"}


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.marked: list[str] = []
        self.text = ""
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self._inside = tag == "mark"

    def handle_endtag(self, tag: str) -> None:
        self._inside = False

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._inside:
            self.marked.append(data)


def read(html: str) -> _Reader:
    reader = _Reader()
    reader.feed(html)
    return reader


def plain(renderable: Any, *, width: int = 200) -> str:
    out = io.StringIO()
    Console(file=out, width=width, color_system=None, force_terminal=False).print(renderable)
    return out.getvalue()


def test_evidence_is_marked_where_it_stands() -> None:
    reader = read(analysis_html(analysis()))
    assert reader.marked == ["crashed", "lovely"] and TEXT in reader.text


def test_the_table_names_label_polarity_and_probability() -> None:
    text = read(analysis_html(analysis())).text
    assert all(part in text for part in ("technology", "- negative", "80%", "-1 negative", "experience_issue", "stages.advocacy"))


@pytest.mark.parametrize("hostile", HOSTILE)
def test_nothing_hostile_becomes_markup(hostile: str) -> None:
    text = f"crashed {hostile} lovely"
    evidence = (piece(text, hostile),)
    made = analysis(text, id=hostile, model=hostile, labels={hostile: (Factor(hostile, hostile, 0.5, evidence),)})
    reader = read(analysis_html(made))
    assert reader.tags <= TAGS and reader.attributes <= {"class", "style", "title", "scope"}
    assert visible(hostile) in reader.text


@given(st.text(max_size=80), st.lists(st.tuples(st.integers(-5, 90), st.integers(-5, 90)), max_size=8))
def test_pieces_always_give_the_text_back(text: str, spans: list[tuple[int, int]]) -> None:
    rows = [Row("stages", "use", None, 0.5, (Evidence(start, end, None, ""),)) for start, end in spans]
    assert "".join(part.text for part in pieces_of(text, rows, turn=None)) == text


def test_overlapping_evidence_carries_both_labels() -> None:
    rows = [Row("stages", "use", None, 0.5, (Evidence(0, 5, None, ""),)), Row("flags", "question", None, 0.5, (Evidence(3, 8, None, ""),))]
    found = [(part.text, [row.key for row in part.rows]) for part in pieces_of("abcdefghij", rows, turn=None)]
    assert found == [("abc", ["use"]), ("de", ["use", "question"]), ("fgh", ["question"]), ("ij", [])]


def transcript() -> Analysis:
    held = conversation(("customer", "It crashed"), ("agent", "Sorry, it crashed"))
    return analysis(
        "It crashed\nSorry", conversation=held, stages=(Label("use", 0.9, (Evidence(3, 10, 0, "crashed"),)),), factors=(), scope=None
    )


def test_evidence_of_a_transcript_is_marked_in_its_turn_only() -> None:
    reader = read(analysis_html(transcript()))
    assert reader.marked == ["crashed"] and "agent" in reader.text and "resolved" in reader.text


def test_a_terminal_shows_the_keys_behind_the_evidence() -> None:
    shown = plain(analysis_text(analysis()))
    assert "crashed [use, technology-, experience_issue]" in shown and "lovely [cultivation, courtesy+]" in shown


def test_a_terminal_gets_no_control_characters() -> None:
    text = "crashed \x1b[31mred\x1b]0;title\x07 \u202e lovely"
    shown = plain(analysis_text(analysis(text))) + plain(labels_table(analysis(text), load_taxonomy()))
    assert not re.search("[\x1b\x07\u202e]", shown)


def test_brackets_are_no_rich_markup() -> None:
    text = "[bold]crashed[/bold] [/] lovely"
    assert "[bold]" in plain(analysis_text(analysis(text))) and plain(labels_table(analysis(text), load_taxonomy()))


def test_the_table_names_the_owner() -> None:
    shown = plain(labels_table(analysis(), load_taxonomy()))
    owner = owner_of(load_taxonomy(), Row("factors", "technology", "-", 0.8))
    assert owner and owner in shown
    assert owner_of(load_taxonomy(), Row("nowhere", "x", None, 0.1)) == "" == owner_of(load_taxonomy(), Row("stages", "x", None, 0.1))


@pytest.mark.parametrize("key", ["self_service", "emotional_connection"])
def test_no_label_is_broken_on_eighty_columns(key: str) -> None:
    text = "It crashed and crashed and crashed and crashed again."
    named = analysis(text, factors=(Factor(key, "-", 0.8, (Evidence(0, len(text), None, text),)),), stages=(), scope=None)
    assert key in plain(labels_table(named, load_taxonomy()), width=80)


@pytest.mark.parametrize(("key", "polarity"), [("process", "~"), ("emotional_connection", "-")])
def test_no_probability_is_cut_off_on_eighty_columns(key: str, polarity: str) -> None:
    text = "the refund took four calls"
    named = analysis(text, factors=(Factor(key, polarity, 0.873, (Evidence(0, len(text), None, text),)),))
    shown = plain(labels_table(named, load_taxonomy()), width=80)
    assert "probability" in shown and shown.count("%") == len(rows_of(named)) and "87%" in shown


def test_an_analysis_without_labels_is_shown() -> None:
    bare = analysis("", stages=(), factors=(), sentiment=None, scope=None, flags=(), abstained=())
    assert rows_of(bare) == [] and "<table>" in analysis_html(bare) and plain(analysis_text(bare)) is not None


def test_scope_is_among_the_rows() -> None:
    assert [row.set for row in rows_of(analysis(scope=Scope("both", 0.5, "head:scope")))].count("scope") == 1


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("there is no such batch", "There is no such batch."),
        ("Reload the page.", "Reload the page."),
        ("q1.exe: the format is not known", "q1.exe: the format is not known."),
        ("is it so?", "Is it so?"),
    ],
)
def test_what_an_error_says_becomes_a_sentence(said: str, shown: str) -> None:
    assert sentence(said) == shown

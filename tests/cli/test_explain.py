"""Tests of `voc explain`: evidence and table, JSON, rejections, and texts that try to talk to the terminal."""

import json
import re

import pytest
from builders import CANARY, MODEL, TEXT, FakePipeline, has_current_bundle

from vocservice.api import Analyser

from .conftest import Voc


def test_it_shows_evidence_and_a_table(voc: Voc, analyser: Analyser) -> None:
    ran = voc("explain", TEXT)
    assert ran.code == 0
    for shown in ("crashed [use, technology-", "probability", "polarity", "owner", "- negative", "80%", "digital", "head:scope", MODEL):
        assert shown in ran.out


def test_evidence_is_coloured_where_colours_are_wanted(voc: Voc, analyser: Analyser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert re.search(r"\x1b\[[\d;]*34mcrashed\x1b", voc("explain", TEXT).out)
    monkeypatch.setenv("NO_COLOR", "1")
    assert not re.search(r"\x1b\[[\d;]*3\dm", voc("explain", TEXT).out)


def test_question_and_channel_travel_with_the_text(voc: Voc, analyser: Analyser) -> None:
    voc("explain", TEXT, "--question", "Why?", "--channel", "survey")
    assert isinstance(analyser.pipeline, FakePipeline)
    seen = analyser.pipeline.seen[0]
    assert (seen.question, seen.channel) == ("Why?", "survey")  # type: ignore[union-attr]


def test_json_is_the_contract(voc: Voc, analyser: Analyser) -> None:
    found = json.loads(voc("explain", TEXT, "--json").out)
    assert found["status"] == "ok" and found["factors"][0]["evidence"][0]["text"] == "crashed"


def test_words_without_quotes_are_one_text(voc: Voc, analyser: Analyser) -> None:
    assert voc("explain", *TEXT.split(), "--question", "Why?").code == 0
    voc("explain", "-", "twice", given=b"not read")
    assert isinstance(analyser.pipeline, FakePipeline)
    assert [(one.text, one.question) for one in analyser.pipeline.seen] == [(TEXT, "Why?"), ("- twice", None)]  # type: ignore[union-attr]


def test_the_text_may_come_from_standard_input(voc: Voc, analyser: Analyser) -> None:
    assert "crashed" in voc("explain", "-", given=TEXT.encode()).out


@pytest.mark.parametrize("as_json", [False, True])
def test_a_rejected_text_is_three(as_json: bool, voc: Voc, analyser: Analyser) -> None:
    ran = voc("explain", f"poison {CANARY}", *(["--json"] if as_json else []))
    assert ran.code == 3 and ran.err.startswith("error [analysis_failed]: ") and CANARY not in ran.err + ran.out


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "empty_text"),
        ("\udcff", "invalid_encoding"),
        ("a" * 100_001, "text_too_long"),
        ("Ich hätte gern mein Geld zurück, aber bitte sofort", "unsupported_language"),
    ],
)
def test_texts_that_are_rejected(text: str, code: str, voc: Voc, with_steps: Analyser) -> None:
    ran = voc("explain", text)
    assert ran.code == 3 and f"error [{code}]" in ran.err


@pytest.mark.parametrize("text", ["\U0001f621", "[bold]x[/bold] [/nope]", "x" * 5000, "-- not an option"])
def test_texts_that_are_shown(text: str, voc: Voc, with_steps: Analyser) -> None:
    assert voc("explain", "--", text).code == 0


def test_bytes_that_do_not_decode_are_rejected(voc: Voc, with_steps: Analyser) -> None:
    assert "invalid_encoding" in voc("explain", "-", given=b"\xff\xfe broken").err


def test_no_escape_sequence_of_a_text_reaches_the_terminal(voc: Voc, analyser: Analyser) -> None:
    assert "\x1b" not in voc("explain", "crashed \x1b]0;title\x07 lovely").out


@pytest.mark.skipif(not has_current_bundle(), reason="models/current does not exist yet: no bundle has been trained")
def test_the_real_bundle_explains(voc: Voc) -> None:
    ran = voc("explain", TEXT)
    assert ran.code == 0 and "sentiment" in ran.out

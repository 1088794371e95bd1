"""Odd transcripts through every step: a clear result in its place, no turn lost, every piece of evidence inside its turn."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from builders import MODEL, FakeEngine
from test_assemble import judge, mood

import vocservice
from vocservice.inference.annotate import Given, MultiResult
from vocservice.inference.engine import Scored
from vocservice.paths import config_path
from vocservice.pipeline import Pipeline
from vocservice.records import Analysis, Evidence, RawTurn, RawVerbatim, Segment
from vocservice.taxonomy import load_taxonomy
from vocservice.text.redact import RedactionRules
from vocservice.turns import MAX_TURNS

SAMPLES = Path(__file__).parents[1] / "samples"
SAID = "The app crashed again and nobody helps me."
SORRY = RawTurn("agent", "We are so sorry to hear that, please bear with us.")
ASKED = RawTurn("customer", SAID)
GOOD = RawVerbatim("good", None, (ASKED, SORRY))


class TalkingEngine(FakeEngine):
    """Every customer's turn is negative; every talk needs review for each kind of reason."""

    model = judge(review=1.0, unresolved=2.0, agent_conduct=1.0, repeat_contact=3.0, abandoned=2.0)
    bundle = SimpleNamespace(id=MODEL, taxonomy=load_taxonomy(), conversation=model)

    def _scored(self, segments: tuple[Segment, ...]) -> Scored:
        plain = super()._scored(segments)
        flags = MultiResult((Given("question", 0.7, None, (len(segments) - 1,)),), (), {"question": 0.7, "repeat_contact": 0.1})
        flags = replace(flags, below=[[float(at), 1.0 - at] for at in range(len(segments))])
        return replace(plain, sets=plain.sets | {"flags": flags}, turns={part.turn: {"sentiment": mood("-1")} for part in segments})


PIPELINE = Pipeline(TalkingEngine(), redaction=RedactionRules.load(config_path("redaction.toml")))  # type: ignore[arg-type]
TIMES = (None, "2026-01-02T10:00:00Z", "2026-01-01T10:00:00Z", "yesterday", "9999-99-99")
ODD: dict[str, tuple[RawTurn, ...]] = {
    "5,000 turns": (RawTurn("customer", "It crashed again."), RawTurn("agent", "We are sorry.")) * (MAX_TURNS // 2),
    "one giant turn": (RawTurn("customer", f"{SAID} " * 2300),),
    "empty turns": (RawTurn("customer", ""), RawTurn("agent", " "), ASKED, RawTurn("agent", ""), RawTurn("customer", "\u200b")),
    "duplicates": (ASKED, ASKED, SORRY, SORRY, ASKED),
    "right to left": (RawTurn("customer", f"\u202e{SAID} \u05d0\u05d1\u202c"), RawTurn("agent", "\u202b\u05d0\u05d1\u05d2\u202c")),
    "times out of order or none": tuple(replace(ASKED, at=at) for at in TIMES),
    "markup": (RawTurn("customer", f"<script>alert(1)</script> {SAID}", author="<img src=x onerror=alert(1)>"), SORRY),
    "nobody but the customer": (ASKED, ASKED),
    "a note at the end": (ASKED, SORRY, RawTurn("system", "Closed.")),
    "a note alone at the start": (RawTurn("system", "Opened."), ASKED),
}
REFUSED: dict[str, tuple[tuple[RawTurn, ...], str]] = {
    "5,001 turns": ((RawTurn("customer", "It crashed."),) * (MAX_TURNS + 1), "text_too_long"),  # not too many characters
    "a turn too long": ((RawTurn("customer", f"{SAID} " * 2400),), "text_too_long"),
    "only empty turns of the customer": ((RawTurn("customer", " "), SORRY), "empty_text"),
}


def between_neighbours(turns: tuple[RawTurn, ...]) -> object:
    """What comes of it, after and before one that is well."""
    first, found, last = PIPELINE.analyse([GOOD, RawVerbatim("odd", None, turns), replace(GOOD, id="last")])
    assert (first.id, found.id, last.id) == ("good", "odd", "last") and isinstance(first, Analysis) and isinstance(last, Analysis)
    return found


def evidence_in(found: Analysis) -> Iterator[Evidence]:
    talk = found.conversation
    assert talk is not None and found.scope is not None
    for label in (*found.stages, *found.factors, *found.flags, found.scope, talk.outcome, *talk.reasons):
        yield from label.evidence


@pytest.mark.parametrize("turns", ODD.values(), ids=ODD)
def test_an_odd_transcript_is_analysed_and_loses_nothing(turns: tuple[RawTurn, ...]) -> None:
    found = between_neighbours(turns)
    assert isinstance(found, Analysis) and found.conversation is not None
    talk = found.conversation
    assert [turn.speaker for turn in talk.turns] == [turn.speaker for turn in turns]
    for given, kept in zip(turns, talk.turns, strict=True):
        assert bool(kept.text) == bool(given.text.strip(" \u200b")) and (SAID in given.text) <= (SAID in kept.text)
        assert (kept.sentiment is not None) == (kept.labels is not None) == (given.speaker == "customer" and bool(kept.text))
    assert {reason.key for reason in talk.reasons} == {"agent_conduct", "repeat_contact", "abandoned"} and talk.low is not None
    assert all(reason.evidence for reason in talk.reasons)
    for piece in evidence_in(found):
        assert piece.turn is not None and piece.text and talk.turns[piece.turn].text[piece.start : piece.end] == piece.text
        assert talk.turns[piece.turn].speaker != "system"
    assert json.loads(json.dumps(found.to_dict()))["id"] == "odd"


@pytest.mark.parametrize(("turns", "code"), REFUSED.values(), ids=REFUSED)
def test_a_transcript_that_cannot_be_read_is_refused_alone(turns: tuple[RawTurn, ...], code: str) -> None:
    found = between_neighbours(turns)
    assert not isinstance(found, Analysis) and found.code == code  # type: ignore[attr-defined]


def test_what_others_say_moves_no_label_of_the_customers_with_the_shipped_bundle() -> None:
    rows = [json.loads(line) for line in (SAMPLES / "transcripts.jsonl").read_text(encoding="utf-8").splitlines()]
    model = vocservice.load()
    told = []
    for words in (None, "You are a liar and your money is gone.", "Wonderful, thank you so much!"):
        answered = [row | {"turns": [_saying(turn, words) for turn in row["turns"]]} for row in rows]
        told.append([_own(result) for result in model.analyse(answered)])
    assert len(told[0]) == len(rows) > 5 and told[0] == told[1] == told[2]


def _saying(turn: dict[str, str], words: str | None) -> dict[str, str]:
    return turn if words is None or turn["speaker"] == "customer" else turn | {"text": words}


def _own(result: object) -> object:
    """What an analysis says of the customer."""
    assert isinstance(result, Analysis) and result.conversation
    withheld = [item for item in result.abstained if not item.label.startswith(("outcome", "reasons"))]
    whole = (result.stages, result.factors, result.sentiment, result.scope, result.flags, withheld)
    return [repr(part) for part in (*whole, *((turn.sentiment, turn.labels) for turn in result.conversation.turns))]

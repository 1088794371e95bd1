"""The turns that measure the labels of single turns: labelled by the taxonomy, unknown to training, measured one by one."""

from types import SimpleNamespace
from typing import Any

import pytest

from training import turns
from training.annotated import EXTENDED
from training.corpora import read_rows
from training.written import read_written, read_written_talks
from vocservice.inference.annotate import Given, MultiResult, OrdinalResult
from vocservice.inference.engine import Scored
from vocservice.records import SPEAKERS, Segment, Verbatim
from vocservice.taxonomy import load_taxonomy

ROWS = list(read_rows(turns.TURNS))


def test_each_turn_of_the_customers_is_labelled_by_the_taxonomy() -> None:
    taxonomy = load_taxonomy()
    for row in ROWS:
        assert {turn["speaker"] for turn in row["turns"]} <= set(SPEAKERS)
        for turn in row["turns"]:
            if turn["speaker"] != "customer":
                assert turn.keys() == {"speaker", "text"}
                continue
            assert all(set(turn[name]) <= set(taxonomy[name].keys) for name in ("stages", "factors", "flags"))
            assert set(turn["factors"].values()) <= {"+", "-", "~"} and turn["sentiment"] in range(-2, 3)
            assert len(turn["stages"]) <= (taxonomy["stages"].max_labels or 99)


def test_no_training_reads_them() -> None:
    known = {example.text.casefold() for example in read_written()}
    known |= {turn["text"].casefold() for row in read_written_talks() for turn in row["turns"]}
    turns_of_customers = [turn["text"] for row in ROWS for turn in row["turns"] if turn["speaker"] == "customer"]
    said = {text.casefold() for text in turns_of_customers if len(text.split()) > 3}
    assert said.isdisjoint(known)
    assert {row["id"] for row in ROWS}.isdisjoint({row["id"] for row in (*read_rows(EXTENDED), *read_written_talks())})


class TurnsOfOneKind:
    """Every turn of a customer is about its use, is negative, and asks."""

    bundle = SimpleNamespace(conversation=None)

    def score(self, verbatims: list[Verbatim], segments: list[list[Segment]]) -> list[Scored]:
        return [Scored({}, {part.turn: self._sets() for part in parts}, tuple(parts)) for parts in segments]

    def _sets(self) -> dict[str, Any]:
        taxonomy = load_taxonomy()
        multi = {
            name: MultiResult((Given(key, 0.9, polarity, (0,)),), (), dict.fromkeys(taxonomy[name].keys, 0.1))
            for name, key, polarity in (("stages", "use", None), ("factors", "technology", "-"), ("flags", "question", None))
        }
        return multi | {"sentiment": OrdinalResult("-1", -0.5, dict.fromkeys(taxonomy["sentiment"].keys, 0.2))}


def test_turns_are_measured_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    right = {"stages": ["use"], "factors": {"technology": "-"}, "sentiment": -1, "flags": ["question"]}
    other = {"stages": [], "factors": {"technology": "+"}, "sentiment": 1, "flags": []}
    said = [
        {"speaker": "customer", "text": "Why does it crash?", **right},
        {"speaker": "agent", "text": "No idea."},
        {"speaker": "customer", "text": "It works again.", **other},
        {"speaker": "customer", "text": " ", "stages": [], "factors": {}, "sentiment": 0, "flags": []},
    ]
    monkeypatch.setattr(turns, "read_rows", lambda _: [{"id": "a", "turns": said}])
    found = turns.turn_figures(TurnsOfOneKind(), load_taxonomy())  # type: ignore[arg-type]
    assert (found["n"], found["rejected"], found["conversations"]) == (3, 1, 1)
    values = {name: found[name]["micro_f1"]["value"] for name in ("stages", "factors", "flags")}
    assert values == pytest.approx({"stages": 2 / 3, "factors": 1.0, "flags": 2 / 3})
    assert found["factors"]["with_polarity_micro_f1"]["value"] == pytest.approx(0.5)
    assert found["sentiment"]["accuracy"]["value"] == pytest.approx(0.5)

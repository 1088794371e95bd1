"""The shipped annotation files parse, hold labels and places but no text, and fit the taxonomy and the corpora."""

import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from training import annotated
from training.annotated import DEV_EVIDENCE, EXTENDED, TRANSCRIPTS, read_conversations, read_dev_evidence, read_extended
from training.corpora import held_out_ids, read_corpus, read_rows
from training.examples import Labels
from vocservice.errors import ConfigError
from vocservice.taxonomy import load_taxonomy

Row = dict[str, Any]

FIELDS = {
    EXTENDED: {"id", "sample", "stages", "factors", "sentiment", "scope", "flags", "evidence", "text_sha256"},
    DEV_EVIDENCE: {"id", "evidence", "text_sha256"},
    TRANSCRIPTS: {
        *("id", "stages", "factors", "sentiment", "scope", "flags", "text_sha256"),
        *("outcome", "sentiment_start", "sentiment_end", "needs_review", "reasons"),
    },
}
FILES = pytest.mark.parametrize("path", list(FIELDS), ids=lambda path: path.name)
WITH_EVIDENCE = pytest.mark.parametrize("path", [EXTENDED, DEV_EVIDENCE], ids=lambda path: path.name)
LABELLED = pytest.mark.parametrize("path", [EXTENDED, TRANSCRIPTS], ids=lambda path: path.name)


@pytest.fixture(scope="module")
def extended() -> list[Row]:
    return list(read_rows(EXTENDED))


@FILES
def test_rows_hold_no_text_and_no_field_beside_the_agreed_ones(path: Path) -> None:
    rows = list(read_rows(path))
    assert rows
    assert {frozenset(row) for row in rows} == {frozenset(FIELDS[path])}


@FILES
def test_no_string_is_longer_than_a_key(path: Path) -> None:
    assert max(len(text) for row in read_rows(path) for text in strings(row)) <= 40


def strings(value: object) -> list[str]:
    match value:
        case str():
            return [value]
        case dict():
            return [text for item in value.items() for part in item for text in strings(part)]
        case list():
            return [text for part in value for text in strings(part)]
    return []


@FILES
def test_ids_are_unique_and_hashes_are_hashes(path: Path) -> None:
    rows = list(read_rows(path))
    assert max(Counter(row["id"] for row in rows).values()) == 1
    assert all(re.fullmatch(r"[0-9a-f]{12}", row["text_sha256"]) for row in rows)


@WITH_EVIDENCE
def test_evidence_spans_are_half_open_ordered_and_of_known_labels(path: Path) -> None:
    taxonomy = load_taxonomy()
    for row in read_rows(path):
        for name, by_label in row["evidence"].items():
            assert set(by_label) <= set(taxonomy[name].keys)
            for spans in by_label.values():
                assert spans
                assert all(0 <= start < end for start, end in spans)
                assert spans == sorted(spans)


@LABELLED
def test_labels_are_keys_of_the_taxonomy_within_its_limits(path: Path) -> None:
    taxonomy = load_taxonomy()
    for row in read_rows(path):
        assert set(row["stages"]) <= set(taxonomy["stages"].keys)
        assert len(row["stages"]) == len(set(row["stages"])) <= (taxonomy["stages"].max_labels or 99)
        assert set(row["factors"]) <= set(taxonomy["factors"].keys)
        assert set(row["factors"].values()) <= set(taxonomy["factors"].polarities)
        assert set(row["flags"]) <= set(taxonomy["flags"].keys)
        assert str(row["sentiment"]) in taxonomy["sentiment"].keys
        assert row["scope"] in taxonomy["scope"].keys


def test_samples_are_random_or_enriched(extended: list[Row]) -> None:
    assert {row["sample"] for row in extended} == {"random", "enriched"}


def test_conversations_are_labelled_as_the_codebook_asks() -> None:
    taxonomy = load_taxonomy()
    for row in read_rows(TRANSCRIPTS):
        assert row["outcome"] in taxonomy["outcome"].keys
        assert set(row["reasons"]) <= set(taxonomy["reasons"].keys) and row["needs_review"] == bool(row["reasons"])
        assert {str(row["sentiment_start"]), str(row["sentiment_end"])} <= set(taxonomy["sentiment"].keys)


def test_evidence_is_only_of_labels_that_are_given(extended: list[Row]) -> None:
    for row in extended:
        assert all(set(by_label) <= set(row[name]) for name, by_label in row["evidence"].items())


def test_extended_texts_are_as_annotated_and_spans_lie_within_them(corpora: Path) -> None:
    examples = read_extended(corpora)
    assert examples
    for example in examples:
        assert example.text and not example.turns
        for target in example.targets.values():
            if isinstance(target, Labels):
                assert all(end <= len(example.text) for spans in target.evidence.values() for _, end in spans)


def test_conversations_are_as_annotated_and_in_no_other_file(corpora: Path) -> None:
    rows = read_conversations(corpora)
    others = {example.id for name in ("transcripts_train", "transcripts_dev") for example in read_corpus(name, corpora)}
    assert rows and all(len(row["turns"]) > 1 for row in rows) and others.isdisjoint(row["id"] for row in rows)


@LABELLED
def test_annotated_texts_are_no_development_texts(corpora: Path, path: Path) -> None:
    assert held_out_ids(corpora).isdisjoint(row["id"] for row in read_rows(path))


def test_development_evidence_is_of_the_development_labels(corpora: Path) -> None:
    dev, evidence = {example.id: example for example in read_corpus("dev", corpora)}, read_dev_evidence()
    assert set(evidence) == set(dev)
    for example_id, by_set in evidence.items():
        for name, by_label in by_set.items():
            target = dev[example_id].targets[name]
            assert isinstance(target, Labels) and set(by_label) <= set(target.given)
            assert all(end <= len(dev[example_id].text) for spans in by_label.values() for _, end in spans)


@pytest.mark.parametrize(
    ("texts", "message"),
    [([], "is not in the corpora"), ([{"id": "fabsa-1", "text": "another text"}], "differs")],
    ids=["text gone", "text changed"],
)
def test_a_text_that_is_gone_or_changed_stops_the_run(monkeypatch: pytest.MonkeyPatch, texts: list[Row], message: str) -> None:
    row = {"id": "fabsa-1", "stages": [], "factors": {}, "flags": [], "sentiment": 0, "scope": "neither", "text_sha256": "0" * 12}
    monkeypatch.setattr(annotated, "read_rows", lambda path: [row] if path == EXTENDED else texts)
    with pytest.raises(ConfigError, match=message):
        read_extended(Path("anywhere"))

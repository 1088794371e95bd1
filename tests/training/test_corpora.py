"""Label maps on rows written here: what a corpus does not say stays unknown, development texts stay out, licences are kept."""

import gzip
from pathlib import Path
from typing import Any

import orjson
import pytest

from training.corpora import (
    CORPORA,
    codebook,
    held_out_ids,
    is_non_commercial,
    key_of,
    read_corpus,
    read_rows,
    to_example,
)
from training.examples import Example, Labels, OneOf, Target
from training.recipe import Run
from training.settings import load_training_settings
from training.targets import UNKNOWN, build_targets
from vocservice.errors import ConfigError
from vocservice.inference.layout import lay_out
from vocservice.taxonomy import Taxonomy, load_taxonomy

ANNOTATED = {
    "stages": ["use", "advocacy"],
    "factors": {"technology": "-"},
    "sentiment": -1,
    "scope": "experience_issue",
    "flags": ["suggestion"],
}


def one_of(*keys: str) -> OneOf:
    return OneOf(frozenset(keys))


def written(folder: Path, name: str, *rows: dict[str, Any]) -> None:
    path = folder / CORPORA[name].path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(b"\n".join(orjson.dumps(row) for row in rows)))


@pytest.mark.parametrize(
    ("corpus", "row", "expected"),
    [
        ("fabsa", {"labels": ["logistics-rides.speed.-1"]}, {"fabsa_aspects": Labels({"logistics_rides_speed": "-"})}),
        ("fabsa", {"labels": ["value.price.1", "value.price.-1"]}, {"fabsa_aspects": Labels({"value_price": "~"})}),
        ("fabsa", {"labels": ["value.price.1", "value.price.1"]}, {"fabsa_aspects": Labels({"value_price": "+"})}),
        ("fabsa", {"labels": ["app.ease.0"]}, {"fabsa_aspects": Labels({"app_ease": "~"})}),
        ("fabsa", {"labels": []}, {"fabsa_aspects": Labels({})}),
        ("nhs", {"labels": ["Staff: manner"], "sentiment": 1}, {"nhs_themes": Labels({"staff_manner": None}), "sentiment": one_of("2")}),
        ("nhs", {"labels": [], "sentiment": 5}, {"nhs_themes": Labels({}), "sentiment": one_of("-2")}),
        ("nhs", {"labels": [], "sentiment": None}, {"nhs_themes": Labels({})}),
        (
            "airline",
            {"sentiment": "negative", "reason": "Late Flight"},
            {"sentiment": one_of("-2", "-1"), "airline_reason": one_of("late_flight")},
        ),
        ("airline", {"sentiment": "neutral", "reason": None}, {"sentiment": one_of("0")}),
        ("airline", {"sentiment": "positive"}, {"sentiment": one_of("1", "2")}),
        ("lounge", {"overall": 1}, {"sentiment": one_of("-2", "-1")}),
        ("lounge", {"overall": 5}, {"sentiment": one_of("-1", "0", "1")}),
        ("seat", {"overall": 7}, {"sentiment": one_of("1", "2")}),
        ("seat", {"overall": None}, {}),
        ("amazon_train", {"label": 0}, {"sentiment": one_of("-2", "-1")}),
        ("sst5_train", {"label": 4}, {"sentiment": one_of("2")}),
        ("sst5_dev", {"label": 2}, {"sentiment": one_of("0")}),
        ("tweeteval_val", {"label": 2}, {"sentiment": one_of("1", "2")}),
        ("care_dev", {"turns": []}, {}),
    ],
)
def test_label_maps(corpus: str, row: dict[str, Any], expected: dict[str, Target]) -> None:
    assert CORPORA[corpus].label_map(row) == expected


def test_the_codebook_map_knows_everything_and_keeps_order_polarity_and_evidence() -> None:
    row = ANNOTATED | {"evidence": {"stages": {"use": [[0, 4], [6, 9]]}, "factors": {"technology": [[0, 4]]}, "flags": {}}}
    assert codebook(row) == {
        "stages": Labels({"use": None, "advocacy": None}, main="use", evidence={"use": ((0, 4), (6, 9))}),
        "factors": Labels({"technology": "-"}, evidence={"technology": ((0, 4),)}),
        "flags": Labels({"suggestion": None}),
        "sentiment": one_of("-1"),
        "scope": one_of("experience_issue"),
    }


def test_no_stage_is_known_to_be_no_stage() -> None:
    assert codebook(ANNOTATED | {"stages": []})["stages"] == Labels({})


@pytest.mark.parametrize("corpus", ["fabsa", "nhs", "airline", "lounge", "amazon_train", "sst5_train", "tweeteval_val", "care_dev"])
def test_what_a_public_corpus_does_not_say_is_masked_never_absent(corpus: str) -> None:
    rows = {
        "fabsa": {"labels": ["value.price.1"]},
        "nhs": {"labels": ["Food"], "sentiment": 2},
        "airline": {"sentiment": "negative", "reason": "Lost Luggage"},
        "lounge": {"overall": 9},
    }
    example = Example("x-1", corpus, "text", CORPORA[corpus].label_map(rows.get(corpus, {"label": 1})))
    targets = build_targets([example], [[{}]], lay_out(load_taxonomy().of("verbatim")))
    for name in ("stages", "factors", "flags", "scope"):
        assert (targets[name].labels == UNKNOWN).all()
        assert (targets[name].polarities == UNKNOWN).all()
        assert (targets[name].evidence == UNKNOWN).all()


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("Customer Service Issue", "customer_service_issue"),
        ("Can't Tell", "can_t_tell"),
        ("a-b.c  d", "a_b_c_d"),
        ("Flight Attendant Complaints!", "flight_attendant_complaints"),
    ],
)
def test_foreign_labels_become_keys(name: str, key: str) -> None:
    assert key_of(name) == key


def test_a_thread_of_one_message_is_a_plain_text() -> None:
    turn = {"speaker": "customer", "text": "hello", "at": None}
    alone = to_example({"id": "care_dev-1", "turns": [turn]}, corpus="care_dev", targets={})
    thread = to_example({"id": "care_dev-2", "turns": [turn, turn | {"speaker": "agent"}]}, corpus="care_dev", targets={})
    assert (alone.text, alone.turns) == ("hello", ())
    assert (thread.text, [part.speaker for part in thread.turns]) == ("", ["customer", "agent"])


def test_rows_are_read_compressed_or_not_and_blank_lines_skipped(tmp_path: Path) -> None:
    lines = b'{"id": "a"}\n\n{"id": "b"}\n'
    (tmp_path / "plain.jsonl").write_bytes(lines)
    (tmp_path / "packed.jsonl.gz").write_bytes(gzip.compress(lines, mtime=0))
    assert list(read_rows(tmp_path / "plain.jsonl")) == list(read_rows(tmp_path / "packed.jsonl.gz")) == [{"id": "a"}, {"id": "b"}]


def test_a_missing_corpus_stops_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"fabsa\.jsonl\.gz not found"):
        read_corpus("fabsa", tmp_path)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder in which one text of a corpus and one transcript are development texts."""
    written(tmp_path, "fabsa", *({"id": f"fabsa-{n}", "text": "invented", "labels": []} for n in range(3)))
    written(tmp_path, "airline", *({"id": f"airline-{n}", "text": "invented", "sentiment": "neutral"} for n in range(2)))
    turns = [{"speaker": "customer", "text": "invented"}, {"speaker": "agent", "text": "invented"}]
    written(tmp_path, "transcripts_unlabelled", *({"id": f"twcs-{n}", "turns": turns} for n in range(2)))
    written(tmp_path, "dev", ANNOTATED | {"id": "fabsa-1", "text": "invented"})
    written(tmp_path, "transcripts_dev", ANNOTATED | {"id": "twcs-0", "turns": turns})
    return tmp_path


def kept(data: Path, taxonomy: Taxonomy, *, commercial: bool) -> list[str]:
    run = Run(data, data / "runs", load_training_settings(), taxonomy, commercial)
    examples = (example for name in ("fabsa", "airline", "transcripts_unlabelled") for example in read_corpus(name, data))
    return [example.id for example in run.keep(examples)]


def test_development_texts_are_held_out_of_every_corpus(data: Path, taxonomy: Taxonomy) -> None:
    assert held_out_ids(data) == {"fabsa-1", "twcs-0"}
    assert kept(data, taxonomy, commercial=False) == ["fabsa-0", "fabsa-2", "airline-0", "airline-1", "twcs-1"]


def test_a_commercial_run_also_leaves_non_commercial_corpora_out(data: Path, taxonomy: Taxonomy) -> None:
    assert kept(data, taxonomy, commercial=True) == ["fabsa-0", "fabsa-2"]


@pytest.mark.parametrize(
    ("example_id", "forbidden"),
    [("airline-17", True), ("twcs-4", True), ("fabsa-1", False), ("care_dev-3", False), ("syn-2", False), ("airlines-1", False)],
)
def test_licence_follows_the_id_whatever_file_a_text_is_in(example_id: str, forbidden: bool) -> None:
    assert is_non_commercial(example_id) is forbidden


def test_every_non_commercial_corpus_is_recognised_by_its_ids(corpora: Path) -> None:
    for name in ("airline", "transcripts_unlabelled"):
        assert all(is_non_commercial(e.id) for e in read_corpus(name, corpora))
    for name, corpus in CORPORA.items():
        if not corpus.non_commercial and not corpus.path.startswith("annotations/"):
            assert not any(is_non_commercial(e.id) for e in read_corpus(name, corpora))


def test_the_corpora_hold_no_label_that_the_maps_do_not_know(corpora: Path) -> None:
    for name in CORPORA:
        assert read_corpus(name, corpora)


def test_annotations_use_the_keys_of_the_taxonomy_only(corpora: Path) -> None:
    known = {label_set.name: set(label_set.keys) for label_set in load_taxonomy().sets}
    for name in ("train", "dev", "transcripts_train", "transcripts_dev", "transcripts_written"):
        for example in read_corpus(name, corpora):
            for set_name, target in example.targets.items():
                keys = target.given if isinstance(target, Labels) else target.keys
                assert set(keys) <= known[set_name]

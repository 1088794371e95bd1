"""One pass gives every label: the same for a text whatever stands beside it, whole for long texts, per turn for transcripts."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from toymodel import RAW, WIDTH, segmented, talk, toy_taxonomy, verbatim, write_bundle

from vocservice.errors import BundleError
from vocservice.inference.annotate import MultiResult, OrdinalResult
from vocservice.inference.bundle import load_bundle
from vocservice.inference.encoder import Encoder
from vocservice.inference.engine import Engine, Scored
from vocservice.inference.windows import Windower
from vocservice.records import Verbatim

LONG = " ".join(["the food was very good but the crew was late and"] * 80)
TEXTS = [
    verbatim("the food was good"),
    verbatim(LONG),
    verbatim("bad"),
    talk(("customer", "late crew"), ("agent", "hello there"), ("customer", "and the food was very bad")),
    verbatim("the price was cheap but the crew was late", channel="good", question="the price"),
    verbatim("the price was cheap but the crew was late"),
]


def scores(engine: Engine, verbatims: Sequence[Verbatim]) -> list[Scored]:
    return engine.score(verbatims, segmented(verbatims))


def numbers(scored: Scored) -> list[float]:
    every = [scored.sets, *(scored.turns[turn] for turn in sorted(scored.turns))]
    return [value for sets in every for result in sets.values() for value in result.probabilities.values()]


def mood_of(scored: Scored, turn: int) -> OrdinalResult:
    mood = scored.mood(turn)
    assert mood is not None
    return mood


def test_a_text_gets_the_same_labels_in_any_batch(engine: Engine) -> None:
    together, backwards = scores(engine, TEXTS), scores(engine, TEXTS[::-1])[::-1]
    for text, first, second in zip(TEXTS, together, backwards, strict=True):
        (alone,) = scores(engine, [text])
        for other in (first, second):
            np.testing.assert_allclose(numbers(other), numbers(alone), atol=1e-5)
            assert _labels(other) == _labels(alone) and other.turns.keys() == alone.turns.keys()


def _labels(scored: Scored) -> list[tuple[str, str, tuple[int, ...]]]:
    return [(name, given.key, given.evidence) for name, r in scored.sets.items() if isinstance(r, MultiResult) for given in r.given]


def test_a_text_gets_the_same_vector_in_any_batch_and_others_get_others(engine: Engine) -> None:
    together = [np.frombuffer(one.vector, np.int8).astype(int) for one in scores(engine, TEXTS)]
    for text, vector in zip(TEXTS, together, strict=True):
        (alone,) = scores(engine, [text])
        assert (len(alone.vector), np.abs(vector).max()) == (WIDTH, 127)
        assert np.abs(vector - np.frombuffer(alone.vector, np.int8)).max() <= 1
    assert len({vector.tobytes() for vector in together}) == len(TEXTS)


def test_texts_differ(engine: Engine) -> None:
    made = scores(engine, TEXTS)
    assert np.ptp([numbers(one)[:11] for one in made], axis=0).max() > 0.2
    assert not np.allclose(numbers(made[4]), numbers(made[5]), atol=1e-3)  # channel and question are read


def test_the_end_of_a_long_text_counts(engine: Engine) -> None:
    first, second = scores(engine, [verbatim(LONG + " food"), verbatim(LONG + " price")])
    assert len(first.segments) > 50
    assert numbers(first) != numbers(second)


def test_evidence_rows_are_segments_of_the_text(engine: Engine) -> None:
    for text, scored in zip(TEXTS, scores(engine, TEXTS), strict=True):
        assert [list(scored.segments)] == segmented([text])
        for _, _, rows in _labels(scored):
            assert rows and set(rows) <= set(range(len(scored.segments))) and list(rows) == sorted(rows)


def test_customer_turns_of_a_transcript_have_a_sentiment_and_plain_texts_none(engine: Engine) -> None:
    made = scores(engine, TEXTS)
    assert [sorted(one.turns) for one in made] == [[], [], [], [0, 2], [], []]


def test_a_turn_is_scored_on_its_own_words(engine: Engine) -> None:
    """The same words in the same windows, once as one turn's segment: a one-turn dialogue has the sentiment of the whole."""
    (scored,) = scores(engine, [talk(("customer", "late crew"))])
    whole = scored.sets["sentiment"]
    assert isinstance(whole, OrdinalResult)
    np.testing.assert_allclose([*mood_of(scored, 0).probabilities.values()], [*whole.probabilities.values()], atol=1e-5)
    (two,) = scores(engine, [talk(("customer", "late crew"), ("customer", "very good food"))])
    assert mood_of(two, 0).score != pytest.approx(mood_of(two, 1).score, abs=1e-3)


def test_nothing_that_others_say_moves_what_the_customer_is_said_to_mean(engine: Engine) -> None:
    said = [("late crew", "hello there"), ("late crew", "very bad food " * 300), ("late crew", "")]
    talks = [talk(("agent", reply), ("customer", words), ("bot", reply), ("customer", "good")) for words, reply in said]
    first, *others = scores(engine, talks)
    for other in others:
        assert numbers(other) == pytest.approx(numbers(first), abs=1e-6) and other.turns.keys() == first.turns.keys() == {1, 3}


def test_a_turn_without_words_has_no_sentiment(engine: Engine) -> None:
    (scored,) = scores(engine, [talk(("customer", "late crew"), ("customer", ""), ("customer", "good"))])
    assert sorted(scored.turns) == [0, 2]


@pytest.mark.parametrize(("words", "warnings"), [(48, ()), (49, ("question_cut",))])
def test_a_question_that_is_cut_is_told(engine: Engine, words: int, warnings: tuple[str, ...]) -> None:
    (scored,) = scores(engine, [verbatim("late crew", question="price " * words)])
    assert scored.warnings == warnings


def test_nothing_to_score_is_nothing_scored(engine: Engine) -> None:
    assert engine.score([], []) == []


def test_scores_that_are_no_numbers_are_an_error_of_the_bundle(toy_bundle: Path) -> None:
    bundle = load_bundle(toy_bundle)
    weight = bundle.head.weight.copy()
    weight[0, 0] = np.nan
    broken = Engine(replace(bundle, head=replace(bundle.head, weight=weight)), threads=1)
    with pytest.raises(BundleError, match="not numbers"):
        scores(broken, TEXTS[:2])


def test_an_encoder_that_is_none_is_an_error_of_the_bundle(tmp_path: Path) -> None:
    (tmp_path / "encoder.onnx").write_bytes(b"no graph")
    with pytest.raises(BundleError, match=r"encoder encoder\.onnx cannot be loaded"):
        Encoder(tmp_path / "encoder.onnx", width=WIDTH)


@pytest.mark.parametrize("budget", [1, 70, 4096])
def test_vectors_do_not_depend_on_the_batches_of_the_encoder(toy_bundle: Path, budget: int) -> None:
    bundle = load_bundle(toy_bundle)
    windowed = Windower(bundle.tokenizer, max_window=64).windows(TEXTS, segmented(TEXTS))
    plain = Encoder(bundle.encoder, width=WIDTH, threads=1).encode(windowed)
    other = Encoder(bundle.encoder, width=WIDTH, threads=1, token_budget=budget).encode(windowed)
    np.testing.assert_allclose(other.sums, plain.sums, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(other.tokens, plain.tokens)
    np.testing.assert_allclose(other.first, plain.first, rtol=1e-4, atol=1e-5)


def test_token_vectors_are_summed_into_their_segments(toy_bundle: Path) -> None:
    bundle = load_bundle(toy_bundle)
    one = verbatim("good food, but the crew was late")
    (windowed,) = Windower(bundle.tokenizer, max_window=64).windows([one], segmented([one]))
    encoder = Encoder(bundle.encoder, width=WIDTH, threads=1)
    made = encoder.encode([windowed])
    (window,) = windowed.windows
    hidden = encoder._session.run(None, {"ids": np.array([window.ids]), "mask": np.ones((1, len(window.ids)), np.int64)})[0][0]
    owner = np.array(window.segments)
    assert len(windowed.segments) == 2
    for segment in range(2):
        np.testing.assert_allclose(made.sums[segment], hidden[owner == segment].sum(0), rtol=1e-4, atol=1e-5)
        assert made.tokens[segment] == (owner == segment).sum() > 0
    np.testing.assert_allclose(made.first[0], hidden[0], rtol=1e-5)


def _labels_of(*keys: str) -> list[dict[str, str]]:
    return [{"key": key, "label": key, "definition": key} for key in keys]


@pytest.mark.parametrize(
    "sentiment",
    [
        {"kind": "single", "labels": _labels_of("good", "bad", "other")},
        {"kind": "multi", "labels": _labels_of("joy", "anger")},
        {"kind": "ordinal", "labels": _labels_of("low", "mid", "high")},
    ],
    ids=lambda part: part["kind"],
)
def test_transcripts_are_served_whatever_a_taxonomy_calls_sentiment(tmp_path: Path, sentiment: dict[str, Any]) -> None:
    pytest.importorskip("onnx")
    folder = write_bundle(tmp_path / "other", taxonomy=toy_taxonomy(sentiment=sentiment))
    (scored,) = scores(Engine(load_bundle(folder), threads=1), [TEXTS[3]])
    assert set(scored.sets) == set(RAW) - {"name", "version"}
    assert [set(scored.turns[turn]) for turn in (0, 2)] == [set(scored.sets)] * 2 and len(scored.turns) == 2
    assert (scored.mood(0) is not None) == (sentiment["kind"] == "ordinal")

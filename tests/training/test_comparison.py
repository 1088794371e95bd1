"""The simple baselines learn what is simple, keep the masks, and are measured like the bundle."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from toys import sentences

from training import baselines, comparison
from training.baselines import BASELINES, Predicted, embed, fit_cuts, texts_of, tfidf, vader
from training.comparison import baseline_figures
from training.examples import Example, Labels, OneOf
from training.metrics import quadratic_kappa
from vocservice.records import RawTurn
from vocservice.taxonomy import Taxonomy


@pytest.fixture(autouse=True)
def _few_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.metrics.RESAMPLES", 20)


def factors_of(example: Example) -> Labels:
    target = example.targets["factors"]
    assert isinstance(target, Labels)
    return target


def test_tfidf_learns_labels_that_follow_from_words(taxonomy: Taxonomy) -> None:
    train, test = sentences(200), sentences(40, seed=8)
    predicted = tfidf(train, test, taxonomy)
    right = [p.given["factors"].keys() == factors_of(e).given.keys() for p, e in zip(predicted, test, strict=True)]
    assert np.mean(right) > 0.9
    alone = [(p, factors_of(e).given) for p, e in zip(predicted, test, strict=True) if len(factors_of(e).given) == 1]
    assert np.mean([p.given["factors"] == given for p, given in alone]) > 0.9  # the polarity as well
    assert all(set(p.given) == {"stages", "factors"} and set(p.chosen) == {"sentiment", "scope"} for p in predicted)


def test_tfidf_gives_at_most_so_many_labels_as_the_set_allows(taxonomy: Taxonomy) -> None:
    train = [Example(f"a-{n}", "toy", "the food", {"stages": Labels(dict.fromkeys(("buy", "eat", "tell")))}) for n in range(20)]
    predicted = tfidf(train, train[:2], taxonomy)
    assert [len(p.given["stages"]) for p in predicted] == [taxonomy["stages"].max_labels] * 2


def test_what_is_unknown_is_not_learnt_as_absent(taxonomy: Taxonomy) -> None:
    train = [Example(f"g-{n}", "toy", "good crew", {"factors": Labels({"crew": "+"})}) for n in range(10)]
    train += [Example(f"n-{n}", "toy", "cheap food", {"factors": Labels({})}) for n in range(10)]
    masked = [Example(f"u-{n}", "toy", "good crew", {"factors": Labels({}, unknown=frozenset({"crew"}))}) for n in range(200)]
    absent = [Example(f"b-{n}", "toy", "good crew", {"factors": Labels({})}) for n in range(200)]
    asked = [Example("q", "toy", "good crew", {})]
    assert "crew" in tfidf(train + masked, asked, taxonomy)[0].given["factors"]
    assert "crew" not in tfidf(train + absent, asked, taxonomy)[0].given["factors"]


def test_a_label_that_training_never_saw_is_never_given(taxonomy: Taxonomy) -> None:
    assert all("tell" not in p.given["stages"] for p in tfidf(sentences(60), sentences(20, seed=4), taxonomy))


def test_vader_knows_sentiment_and_nothing_else(taxonomy: Taxonomy) -> None:
    texts = {"2": "This is wonderful, great, I love it!", "0": "It is a table.", "-2": "This is terrible, awful, I hate it!"}
    train = [Example(f"{key}-{n}", "toy", text, {"sentiment": OneOf(frozenset({key}))}) for key, text in texts.items() for n in range(5)]
    predicted = vader(train, train, taxonomy)
    assert [p.chosen for p in predicted] == [{"sentiment": key} for key in texts for _ in range(5)]
    assert all(not p.given for p in predicted)


def test_cuts_separate_levels_by_agreement() -> None:
    gold = np.repeat(np.arange(5), 40)
    scores = gold * 0.5 - 1 + np.random.default_rng(0).normal(0, 0.05, 200)
    cuts = fit_cuts(scores, gold, 5)
    assert list(cuts) == sorted(cuts)
    assert quadratic_kappa(gold, np.searchsorted(cuts, scores, side="right"), 5) > 0.99


def test_without_texts_the_cuts_are_even() -> None:
    assert fit_cuts(np.array([]), np.array([], int), 5) == pytest.approx([-0.6, -0.2, 0.2, 0.6])


def test_a_baseline_reads_the_customers_cleaned_words_after_their_context() -> None:
    turns = (RawTurn("customer", "the <b>food</b>"), RawTurn("agent", "hello"), RawTurn("customer", "mail jo.bloggs@example.com"))
    talk = Example("a-1", "toy", "", {}, turns=turns, channel="chat", question="why?")
    assert texts_of([talk]) == ["chat why? the food mail [EMAIL]"]
    assert texts_of([talk], context=False) == ["the food mail [EMAIL]"]


@pytest.mark.usefixtures("base_folder")
def test_frozen_embeddings_are_unit_vectors_in_the_order_of_the_texts() -> None:
    long = "the food " * 400
    texts = ["my parcel never arrived", long, "the delivery was lost", "great soup", ""]
    vectors = embed(texts)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(5), abs=1e-6)
    assert vectors[0] @ vectors[2] > vectors[0] @ vectors[3] + 0.1
    assert embed([texts[3]])[0] == pytest.approx(vectors[3], abs=1e-5)


def dev(number: int, factors: dict[str, str | None], sentiment: str, scope: str) -> Example:
    one_of = {"sentiment": OneOf(frozenset({sentiment})), "scope": OneOf(frozenset({scope}))}
    return Example(f"d-{number}", "dev", "x", {"factors": Labels(factors), **one_of})


DEV = [dev(1, {"food": "+", "crew": "-"}, "2", "both"), dev(2, {}, "-2", "neither")]


def _half_right(train: Sequence[Example], test: Sequence[Example], taxonomy: Taxonomy) -> list[Predicted]:
    first = Predicted({"factors": {"food": "+", "crew": "+"}}, {"sentiment": "2", "scope": "both"})
    return [first, Predicted({"factors": {"crew": "-"}}, {"sentiment": "-2", "scope": "service"})]


def test_figures_of_a_baseline_by_hand(taxonomy: Taxonomy, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    trained: list[str] = []

    def watch(train: Sequence[Example], test: Sequence[Example], taxonomy: Taxonomy) -> list[Predicted]:
        trained.extend(e.id for e in train)
        return _half_right(train, test, taxonomy)

    monkeypatch.setattr(comparison, "BASELINES", {"half": watch, "mood only": lambda *_: [Predicted(chosen={"sentiment": "0"})] * 2})
    monkeypatch.setattr(comparison, "held_out_ids", lambda data: frozenset({"d-1"}))
    monkeypatch.setattr(comparison, "read_corpus", lambda name, data: DEV if name == "dev" else [Example("t-1", "train", "x", {}), DEV[0]])
    monkeypatch.setattr(comparison, "read_extended", lambda data: [])
    found = baseline_figures(tmp_path, taxonomy)
    assert trained == ["t-1"]  # the development text that stood among them is left out
    half = found["half"]
    assert half["factors"]["micro_f1"]["value"] == pytest.approx(2 * 2 / (2 + 3)) and half["factors"]["micro_f1"]["n"] == 2
    assert half["factors"]["macro_f1"]["value"] == pytest.approx((1 + 2 / 3) / 2)
    assert half["factors"]["with_polarity_micro_f1"]["value"] == pytest.approx(2 * 1 / (2 + 3))
    assert half["sentiment"]["kappa"]["value"] == 1.0
    assert half["scope"]["labels"]["both"]["value"] == 1.0 and half["scope"]["labels"]["neither"]["value"] == 0.0
    assert half["scope"]["macro_f1"]["value"] == pytest.approx(1 / 3)
    assert set(found["mood only"]) == {"sentiment"} and found["mood only"]["sentiment"]["kappa"]["value"] == pytest.approx(0)


def test_every_kind_of_alternative_is_registered() -> None:
    assert [BASELINES[name] for name in BASELINES] == [baselines.tfidf, baselines.embeddings, baselines.vader]

"""Figures equal those worked out by hand; a rejected text counts as one to which nothing was given."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from toys import sentences

from training import suite
from training.evaluate import Judged, evidence_figures, figures, judge, signs_of
from training.examples import Example, Labels, OneOf, Target
from training.signs import macro_recall, sign_of
from vocservice.inference.annotate import Given, MultiResult, OrdinalResult, SetResult, SingleResult
from vocservice.inference.engine import Engine, Scored
from vocservice.records import Turn, Verbatim
from vocservice.taxonomy import Taxonomy
from vocservice.text.clean import clean
from vocservice.text.redact import RedactionRules
from vocservice.text.segment import segments_of


@pytest.fixture(autouse=True)
def _few_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.metrics.RESAMPLES", 50)


def multi(*given: str, evidence: tuple[int, ...] = ()) -> MultiResult:
    """Labels as "food+", each with probability 0.9; all others have 0.1."""
    signs = {name.rstrip("+-~"): name.lstrip("abcdefghijklmnopqrstuvwxyz") or None for name in given}
    chances = {key: 0.9 if key in signs else 0.1 for key in ("food", "price", "crew")}
    return MultiResult(tuple(Given(key, chances[key], sign, evidence) for key, sign in signs.items()), (), chances)


def scope(key: str | None, leaning: str = "neither") -> SingleResult:
    chances = {k: 0.7 if k == (key or leaning) else 0.1 for k in ("service", "broader", "both", "neither")}
    return SingleResult(Given(key, 0.7, None, ()) if key else None, key or leaning, chances)


def level(key: str) -> OrdinalResult:
    return OrdinalResult(key, int(key) / 2, {k: 0.6 if k == key else 0.1 for k in ("-2", "-1", "0", "1", "2")})


def judged(targets: Mapping[str, Target], results: Mapping[str, SetResult] | None, *, text: str = "good food", number: int = 1) -> Judged:
    example = Example(f"a-{number}", "toy", text, targets)
    if results is None:
        return Judged(example, None, None)
    verbatim = Verbatim(example.id, (Turn("customer", clean(text, rules=RedactionRules()).text),), is_transcript=False, language="en")
    return Judged(example, verbatim, Scored(dict(results), {}, tuple(segments_of(verbatim))))


FACTORS = [
    judged({"factors": Labels({"food": "+", "price": "-"})}, {"factors": multi("food+", "price+")}),
    judged({"factors": Labels({"food": "-"})}, {"factors": multi("food-", "crew~")}),
    judged({"factors": Labels({"crew": "~"})}, {"factors": multi()}),
    judged({"factors": Labels({"crew": "+"})}, None),
    judged({}, {"factors": multi("crew+")}),  # nothing known: must not count
]


def test_multi_figures_by_hand(taxonomy: Taxonomy) -> None:
    found = figures(FACTORS, taxonomy)
    assert (found["n"], found["rejected"]) == (5, 1) and "stages" not in found
    factors = found["factors"]
    assert factors["micro_f1"]["value"] == pytest.approx(2 * 3 / (5 + 4)) and factors["micro_f1"]["n"] == 4
    assert factors["macro_f1"]["value"] == pytest.approx((1.0 + 1.0 + 0.0) / 3)
    assert factors["with_polarity_micro_f1"]["value"] == pytest.approx(2 * 2 / (5 + 4))
    food = dict(factors["labels"]["food"])
    signed = food.pop("with_polarity")
    assert food | {"low": 0, "high": 0} == {"value": 1.0, "low": 0, "high": 0, "n": 2, "precision": 1.0, "recall": 1.0}
    assert (signed["value"], signed["n"]) == (1.0, 2)
    assert factors["labels"]["price"]["with_polarity"]["value"] == 0.0
    crew = factors["labels"]["crew"]
    assert (crew["value"], crew["n"], crew["precision"], crew["recall"]) == (0.0, 2, 0.0, 0.0)
    assert 0 <= factors["micro_f1"]["low"] <= factors["micro_f1"]["value"] <= factors["micro_f1"]["high"] <= 1


def test_calibration_of_a_multi_set_by_hand(taxonomy: Taxonomy) -> None:
    factors = figures(FACTORS, taxonomy)["factors"]
    rows = {round(row["said"], 2): (row["seen"], row["n"]) for row in factors["reliability"]}
    # four given at 0.9, three of them right; five left at 0.1, one of them (crew) in gold; the rejected three at 0, crew in gold
    assert rows == {0.9: (0.75, 4), 0.1: (pytest.approx(1 / 5), 5), 0.0: (pytest.approx(1 / 3), 3)}
    expected = 4 / 12 * 0.15 + 5 / 12 * 0.1 + 3 / 12 / 3
    assert factors["calibration_error"] == pytest.approx(expected)


def test_a_label_that_occurs_nowhere_says_n_0(taxonomy: Taxonomy) -> None:
    found = figures([judged({"factors": Labels({"food": "+"})}, {"factors": multi("food+")})], taxonomy)["factors"]
    assert found["labels"]["price"]["n"] == 0
    assert found["macro_f1"]["value"] == 1.0


def test_single_figures_by_hand(taxonomy: Taxonomy) -> None:
    pairs = [("service", "service"), ("service", "broader"), ("neither", "neither"), ("broader", None)]
    data = [judged({"scope": OneOf(frozenset({gold}))}, {"scope": scope(given)}) for gold, given in pairs]
    data.append(judged({"scope": OneOf(frozenset({"service"}))}, None))
    found = figures(data, taxonomy)["scope"]
    assert found["accuracy"]["value"] == pytest.approx(2 / 5) and found["accuracy"]["n"] == 5
    assert found["abstained"] == 2  # withheld, and rejected
    assert found["labels"]["service"]["value"] == pytest.approx(2 * 1 / (3 + 1))
    assert found["macro_f1"]["value"] == pytest.approx((0.5 + 0.0 + 1.0) / 3)
    assert (found["labels"]["both"]["n"], found["labels"]["service"]["n"]) == (0, 3)


def test_ordinal_figures_by_hand(taxonomy: Taxonomy) -> None:
    pairs = [(("-2",), "-2"), (("2",), "1"), (("0",), "0"), (("-2", "-1"), "-1"), (("1", "2"), "0")]
    data = [judged({"sentiment": OneOf(frozenset(gold))}, {"sentiment": level(given)}) for gold, given in pairs]
    found = figures(data, taxonomy)["sentiment"]
    assert found["within"]["value"] == pytest.approx(3 / 5) and found["within"]["n"] == 5
    assert found["accuracy"]["value"] == pytest.approx(2 / 3) and found["accuracy"]["n"] == 3
    # gold 0 4 2 (levels), given 0 3 2: observed 1; expected weights 1/3 * sum of all pairs
    expected = sum((g - s) ** 2 for g in (0, 4, 2) for s in (0, 3, 2)) / 3
    assert found["kappa"]["value"] == pytest.approx(1 - 1 / expected)
    assert found["labels"]["2"]["n"] == 1 and found["labels"]["2"]["recall"] == 0.0


def test_the_first_label_is_compared_with_the_main_one(taxonomy: Taxonomy) -> None:
    known = [
        judged({"factors": Labels({"food": "+", "price": "-"}, main="price")}, {"factors": multi("food+", "price-")}),
        judged({"factors": Labels({"food": "+"}, main="food")}, {"factors": multi("food+")}),
        judged({"factors": Labels({"food": "+"}, main="food")}, {"factors": multi()}),
        judged({"factors": Labels({"food": "+"}, main="food")}, None),
        judged({"factors": Labels({})}, {"factors": multi("food+")}),  # has no main one
    ]
    main = figures(known, taxonomy)["factors"]["main_accuracy"]
    assert (main["value"], main["n"]) == (pytest.approx(1 / 4), 4)
    assert "main_accuracy" not in figures(FACTORS, taxonomy)["factors"]


def test_a_scale_with_a_middle_is_measured_three_ways_too(taxonomy: Taxonomy) -> None:
    pairs = [("-2", "-1"), ("-1", "-2"), ("0", "1"), ("2", "1"), ("1", "0")]
    known = [judged({"sentiment": OneOf(frozenset({gold}))}, {"sentiment": level(given)}) for gold, given in pairs]
    found = figures(known, taxonomy)["sentiment"]
    assert found["accuracy"]["value"] == 0.0
    assert found["three_way_accuracy"]["value"] == pytest.approx(3 / 5)
    assert found["three_way_macro_f1"]["value"] == pytest.approx((1.0 + 0.0 + 0.5) / 3)


def test_figures_are_plain_json(taxonomy: Taxonomy) -> None:
    data = [*FACTORS, judged({"scope": OneOf(frozenset({"both"}))}, {"scope": scope("both"), "factors": multi()})]
    assert json.loads(json.dumps(figures(data, taxonomy)))["factors"]["micro_f1"]["n"] == 4


TEXT = "the food was good, but the crew was very late"


def located(spans: Mapping[str, str], *given: str, rows: tuple[int, ...], text: str = TEXT) -> tuple[Judged, dict[str, Any]]:
    """A judged text and its annotated spans, given by their words."""
    one = judged({"factors": Labels(dict.fromkeys(spans))}, {"factors": multi(*given, evidence=rows)}, text=text)
    return one, {"factors": {key: [(text.index(words), text.index(words) + len(words))] for key, words in spans.items()}}


def test_evidence_figures_by_hand() -> None:
    one, spans = located({"food": "food was good", "crew": "crew"}, "food", rows=(0,))
    assert one.verbatim is not None and one.scored is not None
    first = one.scored.segments[0]
    piece = TEXT[first.start : first.end].strip(" ,")
    found = evidence_figures([one], {"a-1": spans})
    assert found["n"] == 1 and found["touched"]["value"] == 1.0
    assert found["character_precision"]["value"] == pytest.approx(len("food was good") / len(piece))
    assert found["character_recall"]["value"] == 1.0
    assert found["whole_text_precision"] == pytest.approx(len("food was good") / len(TEXT))


def test_evidence_elsewhere_does_not_touch() -> None:
    one, spans = located({"food": "food was good", "crew": "crew"}, "food", rows=(1,))
    found = evidence_figures([one], {"a-1": spans})
    assert (found["n"], found["touched"]["value"], found["character_recall"]["value"]) == (1, 0.0, 0.0)


@pytest.mark.parametrize(
    ("spans", "given"),
    [({"food": "food"}, ("food",)), ({"food": "food", "crew": "crew"}, ("price",))],
    ids=["a single label", "a label that was not in gold"],
)
def test_evidence_counts_right_labels_of_texts_with_several(spans: dict[str, str], given: tuple[str, ...]) -> None:
    one, located_spans = located(spans, *given, rows=(0,))
    assert evidence_figures([one], {"a-1": located_spans}) == {"n": 0}


def test_annotated_spans_are_followed_through_cleaning() -> None:
    raw = "<p>the   food was good,</p> but the crew was very late"
    one, spans = located({"food": "food was good", "crew": "crew"}, "food", rows=(0,), text=raw)
    found = evidence_figures([one], {"a-1": spans})
    assert found["touched"]["value"] == 1.0 and found["character_recall"]["value"] == 1.0


def test_sentiment_by_sign() -> None:
    data = [judged({}, {"sentiment": level(key)}) for key in ("-2", "1", "0")] + [judged({}, None)]
    gold, given = np.array([-1, -1, 0, 1]), signs_of(data)
    assert given.tolist() == [-1, 1, 0, 0]
    assert suite._accuracy(gold, given) == 0.5
    assert macro_recall(gold, given) == pytest.approx((0.5 + 1.0 + 0.0) / 3)


@pytest.mark.parametrize(("keys", "sign"), [({"-2", "-1"}, -1), ({"0"}, 0), ({"1", "2"}, 1), ({"-1", "0", "1"}, 0)])
def test_the_sign_of_a_set_of_levels(keys: set[str], sign: int) -> None:
    assert sign_of(Example("a-1", "toy", "", {"sentiment": OneOf(frozenset(keys))})) == sign


def test_judging_keeps_order_and_rejects_what_the_service_rejects(engine: Engine) -> None:
    texts = ["the food was good", " ", "Das Essen war leider schon wieder kalt und niemand hat sich darum gekümmert", "the crew was late"]
    made = judge(engine, [Example(f"a-{n}", "toy", text, {}) for n, text in enumerate(texts)])
    assert [j.example.id for j in made] == ["a-0", "a-1", "a-2", "a-3"]
    assert [j.scored is None for j in made] == [False, True, True, False]
    alone = judge(engine, [Example("a-3", "toy", texts[3], {})])[0]
    assert made[3].scored is not None and alone.scored is not None
    first, second = made[3].scored.sets["factors"], alone.scored.sets["factors"]
    assert isinstance(first, MultiResult) and isinstance(second, MultiResult)
    np.testing.assert_allclose([*first.probabilities.values()], [*second.probabilities.values()], atol=1e-4)


def test_a_fitted_toy_is_measured_as_good_through_the_serving_steps(engine: Engine, taxonomy: Taxonomy) -> None:
    found = figures(judge(engine, sentences(60, seed=33)), taxonomy)
    assert found["n"] == 60 and found["rejected"] == 0
    assert found["factors"]["micro_f1"]["value"] > 0.8
    assert found["sentiment"]["kappa"]["value"] > 0.6

"""Calibration finds the curves that made the data, and stays sane where there is little of it."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from tokenizers import Tokenizer
from toys import HOW, Toy, ready, sentences

from training.calibrate import SetScores, fit_calibration, fit_evidence, fit_thresholds, score_sets
from training.examples import Example, Labels
from training.metrics import calibration_error, f1, quadratic_kappa
from training.signs import SignSet
from training.targets import UNKNOWN
from vocservice.inference.calibration import Calibration, MultiCalibration, OrdinalCalibration, SingleCalibration, expected_index
from vocservice.inference.layout import Layout
from vocservice.text.redact import RedactionRules

Array = NDArray[np.float64]


def sigmoid(values: Array) -> Array:
    return 1 / (1 + np.exp(-values))


def scores_of(layout: Layout, name: str, scores: Array, gold: Array) -> SetScores:
    """Scores and gold of a set whose texts have one segment each and no polarities or evidence."""
    nothing = np.full_like(gold, UNKNOWN)
    return SetScores(layout[name], scores, gold, None, nothing, scores, nothing, np.arange(len(scores)))


def multi(layout: Layout, scores: Array, gold: Array) -> MultiCalibration:
    return fit_calibration([scores_of(layout, "stages", scores, gold)], HOW).multi["stages"]


def single(layout: Layout, scores: Array, gold: Array) -> SingleCalibration:
    return fit_calibration([scores_of(layout, "scope", scores, gold)], HOW).single["scope"]


def ordinal(layout: Layout, scores: Array, gold: Array) -> OrdinalCalibration:
    return fit_calibration([scores_of(layout, "sentiment", scores, gold)], HOW).ordinal["sentiment"]


def drawn(slope: float, bias: float, *, count: int = 4000, labels: int = 3, seed: int = 0) -> tuple[Array, Array]:
    """Scores, and gold drawn with the probability that the curve says."""
    random = np.random.default_rng(seed)
    scores = random.normal(0, 2, (count, labels))
    return scores, (random.random(scores.shape) < sigmoid(slope * scores + bias)).astype(int)


@pytest.mark.parametrize(("slope", "bias"), [(1.0, 0.0), (2.5, -1.0), (0.4, 0.7)])
def test_the_curve_that_made_the_data_is_found(layout: Layout, slope: float, bias: float) -> None:
    fitted = multi(layout, *drawn(slope, bias))
    assert fitted.slope == pytest.approx((slope,) * 3, rel=0.15)
    assert fitted.bias == pytest.approx((bias,) * 3, abs=0.2)


def test_said_probabilities_happen(layout: Layout) -> None:
    fitted = multi(layout, *drawn(2.5, -1.0))
    scores, gold = drawn(2.5, -1.0, seed=1)
    before = calibration_error(sigmoid(scores).ravel(), gold.ravel() > 0)
    after = calibration_error(fitted.probabilities(scores.astype(np.float32)).ravel(), gold.ravel() > 0)
    assert after < 0.02 < before


def test_labels_have_curves_of_their_own(layout: Layout) -> None:
    scores, gold = drawn(1.0, 0.0)
    gold[:, 1] = drawn(3.0, -2.0)[1][:, 1]
    fitted = multi(layout, scores, gold)
    assert fitted.slope[1] > 2 * fitted.slope[0]
    assert fitted.bias[1] < -1 < fitted.bias[0]


def test_unknown_texts_do_not_count(layout: Layout) -> None:
    scores, gold = drawn(1.0, 0.0, count=500)
    more, wrong = np.r_[scores, -10 * np.ones((300, 3))], np.r_[gold, np.full((300, 3), UNKNOWN)]
    assert multi(layout, more, wrong) == multi(layout, scores, gold)


@pytest.mark.parametrize("positives", [0, 1, 2])
def test_a_rare_label_stays_near_the_common_curve_and_threshold(layout: Layout, positives: int) -> None:
    scores, gold = drawn(1.5, -0.5, count=800)
    gold[:, 2] = 0
    gold[np.argsort(scores[:, 2])[:positives], 2] = 1  # what few there are stands where the score is lowest
    fitted = multi(layout, scores, gold)
    assert 0 < fitted.slope[2] < 3 and abs(fitted.bias[2]) < 10
    assert all(HOW.floor <= threshold <= 0.8 for threshold in fitted.thresholds)
    assert abs(fitted.thresholds[2] - np.mean(fitted.thresholds[:2])) < 0.15


def test_a_set_without_known_labels_changes_nothing(layout: Layout) -> None:
    fitted = multi(layout, np.zeros((5, 3)), np.full((5, 3), UNKNOWN))
    assert fitted.slope == pytest.approx((1.0,) * 3) and fitted.bias == pytest.approx((0.0,) * 3)
    assert all(HOW.floor <= threshold <= 0.8 for threshold in fitted.thresholds)


def test_a_threshold_lifts_f1_over_one_half() -> None:
    random = np.random.default_rng(3)
    chance = random.beta(1, 4, (3000, 2))  # a rare label: rightly said, seldom above one half
    gold = (random.random(chance.shape) < chance).astype(int)
    thresholds = fit_thresholds(chance, gold, HOW)
    assert all(HOW.floor <= threshold < 0.45 for threshold in thresholds)
    assert f1(gold > 0, chance >= np.array(thresholds)) > f1(gold > 0, chance >= 0.5) + 0.05


def test_no_label_is_ever_given_below_the_floor() -> None:
    chance = np.linspace(0, 0.1, 200)[:, None]
    (threshold,) = fit_thresholds(chance, np.ones((200, 1), int), HOW)
    assert threshold >= HOW.floor


def test_withholding_begins_below_the_threshold(layout: Layout) -> None:
    assert multi(layout, *drawn(1.0, 0.0, count=200)).withhold == HOW.withhold < 1


def evidence(layout: Layout, distances: list[list[float]], gold: list[list[int]]) -> float:
    """The cut fitted on texts whose segments lie so far below the best one."""
    owner = np.repeat(np.arange(len(distances)), [len(row) for row in distances])
    column = -np.concatenate(distances)[:, None]
    marks = np.concatenate(gold)[:, None]
    scored = scores_of(layout, "stages", np.zeros((len(distances), 1)), np.ones((len(distances), 1), int))
    return fit_evidence(replace(scored, segment_scores=column, segment_gold=marks, segment_text=owner), HOW)


def test_the_evidence_cut_separates_marked_segments_from_the_others(layout: Layout) -> None:
    random = np.random.default_rng(0)
    distances = [[0.0, random.uniform(0.1, 1.0), random.uniform(1.5, 3.0)] for _ in range(50)]
    assert 0.9 <= evidence(layout, distances, [[1, 1, 0]] * 50) <= 1.6
    assert evidence(layout, distances, [[1, 0, 0]] * 50) < 0.2
    assert evidence(layout, distances, [[1, 1, 1]] * 50) >= 0.9


def test_segments_that_are_never_shown_do_not_widen_the_cut(layout: Layout) -> None:
    """The third is marked in every text, and so far off that taking it in would take the unmarked second of others too."""
    assert evidence(layout, [[0.0, 0.1, 2.0], [0.0, 1.5, 3.0]] * 25, [[1, 1, 1], [1, 0, 0]] * 25) < 1.5


def test_evidence_prefers_too_little_over_too_much(layout: Layout) -> None:
    """The second segment is evidence in two texts of five: taking it would gain as much recall as it costs precision."""
    assert evidence(layout, [[0.0, 1.0]] * 50, [[1, 1]] * 20 + [[1, 0]] * 30) < 1.0


def test_without_annotated_evidence_the_cut_is_moderate(layout: Layout) -> None:
    assert 0 < evidence(layout, [[0.0, 1.0]], [[UNKNOWN, UNKNOWN]]) <= 1
    assert 0 < evidence(layout, [[0.0]], [[1]]) <= 1


def one_hot(classes: Array, count: int) -> Array:
    return np.eye(count, dtype=int)[classes]


def test_a_temperature_and_biases_are_found(layout: Layout) -> None:
    random = np.random.default_rng(0)
    scores = random.normal(0, 1, (6000, 4))
    shifted = 2.0 * scores + np.array([1.0, 0, 0, -1.0])
    gold = (shifted + random.gumbel(size=shifted.shape)).argmax(1)  # a draw from the softmax
    fitted = single(layout, scores, one_hot(gold, 4)).scaling
    assert fitted.slope == pytest.approx(2.0, rel=0.1)
    assert np.array(fitted.bias) - fitted.bias[1] == pytest.approx([1.0, 0, 0, -1.0], abs=0.2)


def test_no_class_of_a_single_set_is_favoured(layout: Layout) -> None:
    gold = np.arange(40) % 4
    fitted = single(layout, 8.0 * one_hot(gold, 4), one_hot(gold, 4))
    assert fitted.favour == pytest.approx((1.0,) * 4)
    assert fitted.floor == HOW.single_floor


def test_cuts_of_an_ordinal_set_agree_better_than_even_ones(layout: Layout) -> None:
    """A model that is always two thirds of a level too low."""
    random = np.random.default_rng(2)
    gold = random.integers(0, 5, 800)
    place = np.clip(gold - 0.65 + random.normal(0, 0.1, 800), 0, 4)
    scores = -4 * (np.arange(5)[None] - place[:, None]) ** 2
    fitted = ordinal(layout, scores, one_hot(gold, 5))
    chances = fitted.scaling.probabilities(scores.astype(np.float32))
    even = np.searchsorted(np.arange(4) + 0.5, expected_index(chances), side="right")
    assert quadratic_kappa(gold, fitted.choose(chances), 5) > quadratic_kappa(gold, even, 5)
    assert list(fitted.cuts) == sorted(fitted.cuts) and fitted.cuts[0] > -0.5 and fitted.cuts[-1] < 4.5


def test_the_neutral_band_follows_the_texts_of_which_only_the_sign_is_known(layout: Layout) -> None:
    """The annotated texts leave the band open between 1.2 and 2.8; the signed ones say it ends at 1.8 and at 2.3."""
    levels = np.arange(5)[None]
    gold = np.repeat(np.arange(5), 40)
    scored = scores_of(layout, "sentiment", -8.0 * (levels - gold[:, None]) ** 2, one_hot(gold, 5))
    places = np.r_[np.linspace(1.2, 1.75, 40), np.linspace(1.85, 2.25, 40), np.linspace(2.35, 2.8, 40)]
    signed = SignSet(-8.0 * (levels - places[:, None]) ** 2, np.repeat([-1, 0, 1], 40))
    before, after = (fit_calibration([scored], HOW, given).ordinal["sentiment"] for given in ((), (signed,)))
    wrong = [
        (np.sign(each.choose(each.scaling.probabilities(signed.scores.astype(np.float32))) - 2) != signed.signs).mean()
        for each in (before, after)
    ]
    assert wrong[1] < wrong[0] / 3
    assert (after.cuts[0], after.cuts[3]) == (before.cuts[0], before.cuts[3])


def test_texts_with_several_allowed_levels_shape_the_scaling_but_not_the_cuts(layout: Layout) -> None:
    random = np.random.default_rng(4)
    gold = random.integers(0, 5, 200)
    scores = random.normal(0, 0.5, (200, 5)) + 3 * one_hot(gold, 5)
    exact = ordinal(layout, scores, one_hot(gold, 5))
    loose = np.tile([1, 1, 0, 0, 0], (100, 1))  # negative of whatever strength, scored as positive
    wrong = np.tile([-3.0, -3, 0, 3, 3], (100, 1))
    both = ordinal(layout, np.r_[scores, wrong], np.r_[one_hot(gold, 5), loose])
    assert both.scaling.slope < exact.scaling.slope
    assert all(abs(first - second) < 0.9 for first, second in zip(both.cuts, exact.cuts, strict=True))


@pytest.fixture(scope="module")
def fitted(toy: Toy, tokenizer: Tokenizer, rules: RedactionRules, layout: Layout) -> tuple[list[SetScores], Calibration]:
    sets = score_sets(toy.network, ready(sentences(80, seed=11), tokenizer, rules, layout), layout.blocks, batch=7)
    return sets, fit_calibration(sets, HOW)


def test_scores_are_gathered_in_order_whatever_the_batch(
    toy: Toy, tokenizer: Tokenizer, rules: RedactionRules, layout: Layout, fitted: tuple[list[SetScores], Calibration]
) -> None:
    data = ready(sentences(80, seed=11), tokenizer, rules, layout)
    whole = score_sets(toy.network, data, layout.blocks, batch=80)
    for first, second in zip(fitted[0], whole, strict=True):
        assert first.block == second.block
        np.testing.assert_allclose(first.scores, second.scores, atol=1e-4)
        np.testing.assert_array_equal(first.gold, second.gold)
        np.testing.assert_array_equal(first.segment_text, second.segment_text)
        assert len(first.scores) == 80 and first.segment_text[-1] == 79


def test_every_set_gets_its_kind_of_calibration(fitted: tuple[list[SetScores], Calibration], layout: Layout) -> None:
    calibration = fitted[1]
    assert set(calibration.multi) == {"stages", "factors"}
    assert set(calibration.single) == {"scope"} and set(calibration.ordinal) == {"sentiment"}
    assert calibration.multi["stages"].polarity is None
    assert calibration.multi["factors"].polarity is not None and len(calibration.multi["factors"].polarity.bias) == 3
    assert len(calibration.multi["factors"].thresholds) == 3 and len(calibration.ordinal["sentiment"].cuts) == 4


def test_a_good_network_is_surer_after_calibration_where_it_is_right(fitted: tuple[list[SetScores], Calibration]) -> None:
    factors = next(scored for scored in fitted[0] if scored.block.label_set.name == "factors")
    chances = fitted[1].multi["factors"].probabilities(factors.scores.astype(np.float32))
    assert chances[factors.gold > 0].mean() > 0.7 > 0.3 > chances[factors.gold == 0].mean()


def test_calibration_survives_its_json(fitted: tuple[list[SetScores], Calibration]) -> None:
    assert Calibration.model_validate_json(fitted[1].model_dump_json()) == fitted[1]


def test_a_text_without_known_labels_is_scored_but_not_learnt_from(
    toy: Toy, tokenizer: Tokenizer, rules: RedactionRules, layout: Layout
) -> None:
    known = sentences(30)
    unknown = [
        Example(f"u-{n}", "toy", "the crew was very late", {"factors": Labels({}, unknown=frozenset(("food", "price", "crew")))})
        for n in range(20)
    ]
    alone, mixed = (
        fit_calibration(score_sets(toy.network, ready(part, tokenizer, rules, layout), [layout["factors"]]), HOW)
        for part in (known, known + unknown)
    )
    first, second = alone.multi["factors"], mixed.multi["factors"]
    assert second.slope == pytest.approx(first.slope, abs=1e-2) and second.thresholds == pytest.approx(first.thresholds, abs=1e-2)

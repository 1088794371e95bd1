"""Figures equal hand-computed values, and sklearn's where it has the metric."""

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score, f1_score, precision_score, recall_score

from training.metrics import (
    Bits,
    Overlap,
    calibration_error,
    f1,
    interval,
    macro_f1,
    overlap,
    precision_recall,
    quadratic_kappa,
    reliability,
)


def bits(*rows: str) -> Bits:
    return np.array([[char == "1" for char in row] for row in rows])


@pytest.mark.parametrize(
    ("gold", "given", "micro", "macro"),
    [
        (bits("10", "01"), bits("10", "01"), 1.0, 1.0),
        (bits("10", "11"), bits("10", "00"), 2 * 1 / 4, (2 / 3 + 0) / 2),
        (bits("110", "100"), bits("100", "110"), 2 * 2 / 6, (1.0 + 0.0) / 2),  # the third label occurs nowhere
        (bits("000"), bits("000"), 0.0, 0.0),
        (bits("00"), bits("10"), 0.0, 0.0),
    ],
    ids=["all right", "one missed", "column unused", "nothing anywhere", "only wrong"],
)
def test_f1_by_hand(gold: Bits, given: Bits, micro: float, macro: float) -> None:
    assert f1(gold, given) == pytest.approx(micro)
    assert macro_f1(gold, given) == pytest.approx(macro)


@pytest.mark.parametrize("seed", range(5))
def test_f1_precision_and_recall_equal_sklearn(seed: int) -> None:
    random = np.random.default_rng(seed)
    gold, given = random.random((60, 5)) < 0.4, random.random((60, 5)) < 0.3
    assert f1(gold, given) == pytest.approx(f1_score(gold, given, average="micro"))
    assert macro_f1(gold, given) == pytest.approx(f1_score(gold, given, average="macro"))
    expected = precision_score(gold, given, average="micro"), recall_score(gold, given, average="micro")
    assert precision_recall(gold, given) == pytest.approx(expected)


def test_precision_and_recall_are_zero_where_undefined() -> None:
    assert precision_recall(bits("000"), bits("000")) == (0.0, 0.0)


@pytest.mark.parametrize("seed", range(5))
def test_quadratic_kappa_equals_sklearn(seed: int) -> None:
    random = np.random.default_rng(seed)
    gold = random.integers(0, 5, 80)
    given = np.clip(gold + random.integers(-1, 2, 80), 0, 4)
    assert quadratic_kappa(gold, given, 5) == pytest.approx(cohen_kappa_score(gold, given, weights="quadratic"))


@pytest.mark.parametrize(
    ("gold", "given", "kappa"),
    [([0, 1, 2, 3], [0, 1, 2, 3], 1.0), ([0, 0, 2, 2], [2, 2, 0, 0], -1.0), ([0, 0, 2, 2], [0, 2, 0, 2], 0.0)],
    ids=["agreed", "reversed", "chance"],
)
def test_quadratic_kappa_by_hand(gold: list[int], given: list[int], kappa: float) -> None:
    assert quadratic_kappa(np.array(gold), np.array(given), 4) == pytest.approx(kappa)


def test_reliability_groups_by_probability_and_counts_certainty() -> None:
    rows = reliability(np.array([0.1, 0.12, 0.95, 1.0]), np.array([False, True, True, True]))
    assert [(row.n, row.share) for row in rows] == [(2, 0.5), (2, 0.5)]
    assert [row.said for row in rows] == pytest.approx([0.11, 0.975])
    assert [row.seen for row in rows] == [0.5, 1.0]


def test_calibration_error_by_hand() -> None:
    probabilities, happened = np.array([0.1, 0.12, 0.95, 1.0]), np.array([False, True, True, True])
    assert calibration_error(probabilities, happened) == pytest.approx(0.5 * abs(0.11 - 0.5) + 0.5 * abs(0.975 - 1.0))


def test_calibration_error_is_zero_when_what_is_said_happens() -> None:
    assert calibration_error(np.array([0.25] * 4 + [1.0] * 2), np.array([True, False, False, False, True, True])) == pytest.approx(0.0)


def test_interval_covers_the_figure_and_narrows_with_more_texts() -> None:
    widths = []
    for size in (50, 800):
        happened = np.random.default_rng(1).random(size) < 0.7
        figure = interval(lambda rows, happened=happened: float(happened[rows].mean()), size)
        assert figure.low < figure.value == happened.mean() < figure.high
        assert figure.n == size
        widths.append(figure.high - figure.low)
    assert widths[1] < widths[0] / 3  # a root of sixteen
    assert widths[0] == pytest.approx(2 * 1.96 * np.sqrt(0.7 * 0.3 / 50), rel=0.2)


def test_interval_is_the_same_each_time() -> None:
    values = np.random.default_rng(2).random(40)
    assert interval(lambda rows: float(values[rows].mean()), 40) == interval(lambda rows: float(values[rows].mean()), 40)


@pytest.mark.parametrize(
    ("given", "gold", "expected"),
    [
        ([(0, 5)], [(3, 10)], Overlap(True, 2, 5, 7)),
        ([(0, 5)], [(5, 10)], Overlap(False, 0, 5, 5)),
        ([(0, 4), (2, 6)], [(1, 2), (5, 9)], Overlap(True, 2, 6, 5)),
        ([], [(0, 3)], Overlap(False, 0, 0, 3)),
    ],
    ids=["partly", "touching ends", "overlapping spans count once", "none given"],
)
def test_overlap_counts_characters(given: list[tuple[int, int]], gold: list[tuple[int, int]], expected: Overlap) -> None:
    assert overlap(given, gold) == expected

"""Tests of the small statistics against published or hand-computed values, and of what must always hold."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vocservice.reporting.estimate import mean, share
from vocservice.reporting.stats import (
    benjamini_hochberg,
    beta_binomial,
    binomial_tail,
    chi_square,
    fisher,
    interval_from_both,
    negative_binomial,
    net_interval,
    student,
    t95,
    t_interval,
    total_variation,
    two_proportions,
    upper_gamma,
    wilson,
)
from vocservice.reporting.voices import Heard


@pytest.mark.parametrize(
    ("t", "freedom", "p"),
    [(12.706, 1, 0.05), (4.303, 2, 0.05), (3.182, 3, 0.05), (3.169, 10, 0.01), (4.318, 12, 0.001), (1.984, 100, 0.05)],
)
def test_students_t_has_the_tails_of_the_tables(t: float, freedom: int, p: float) -> None:
    assert student(t, freedom) == student(-t, freedom) == pytest.approx(p, rel=0.002)
    assert student(t, freedom) > student(t, 1000) == math.erfc(t / math.sqrt(2))
    assert student(0.0, freedom) == 1.0 and student(30.0, freedom) >= 0.0


def test_a_share_of_none_begins_at_zero_and_one_of_all_ends_at_one() -> None:
    for n in range(1, 200):
        assert wilson(0, n)[0] == 0.0 and wilson(n, n)[1] == 1.0
        assert not share(0, n).is_clear


@pytest.mark.parametrize(
    ("values", "low", "high"),
    [([5.0] * 5, 5 - 4 * 0.4345, 5.0), ([3.0] * 20, 3 - 2 * 0.1611, 3 + 2 * 0.1611), ([1.0] * 4 + [2.0], 1.0, 1.7552)],
    ids=["all at the end", "all in the middle", "beyond the end"],
)
def test_a_mean_stays_on_its_scale_and_equal_values_are_not_certainty(values: list[float], low: float, high: float) -> None:
    """By hand: Wilson's high of 0 of 5 and of 0 of 20; 1.2 ± 2.7764 x 0.2."""
    found = mean((np.array(values) - 1) / 4, bounds=(1.0, 5.0), least=2)
    assert [found.low, found.high] == [pytest.approx(end, abs=1e-3) for end in (low, high)]


def test_ten_scores_of_each_customer_make_a_mean_no_surer_than_one_of_each() -> None:
    once = mean(np.array([0.0, 0.25, 0.5, 0.75, 1.0, 1.0]), bounds=(1.0, 5.0))
    often = mean(np.repeat([0.0, 0.25, 0.5, 0.75, 1.0, 1.0], 10), bounds=(1.0, 5.0), heard=Heard(6, 6.0))
    assert (often.n, often.value) == (60, pytest.approx(once.value))
    assert often.low == pytest.approx(once.low, abs=0.15) and often.high == pytest.approx(once.high, abs=0.15)
    assert mean(np.zeros(60), bounds=(1.0, 5.0), heard=Heard(4, 4.0)).value is None


def close(*values: float) -> list[object]:
    return [pytest.approx(value, abs=1e-4) for value in values]


def test_wilson_is_the_published_interval() -> None:
    """Newcombe 1998, table I: 81 of 263, 15 of 148, 0 of 20, 1 of 29."""
    low, high = zip(*map(wilson, [81, 15, 0, 1], [263, 148, 20, 29]), strict=True)
    assert list(low) == close(0.2553, 0.0624, 0.0, 0.0061)
    assert list(high) == close(0.3662, 0.1605, 0.1611, 0.1718)


def test_the_difference_interval_is_the_published_one() -> None:
    """Newcombe 1998, table II, method 10: 56 of 70 against 48 of 80."""
    first, second = ((hits / n, *wilson(hits, n)) for hits, n in ((48, 80), (56, 70)))
    assert list(interval_from_both(first, second)) == close(0.0524, 0.3339)


def test_the_net_interval_is_the_adjusted_one() -> None:
    """By hand: (4 + 1) / 12, (1 + 1) / 12."""
    low, high = net_interval(4, 1, 10)
    half = 1.959964 * math.sqrt((7 / 12 - (3 / 12) ** 2) / 12)
    assert [float(low), float(high)] == close(0.25 - half, 0.25 + half)
    assert float(net_interval(5, 0, 5)[0]) < 0.6


def test_fisher_is_the_tea_taster() -> None:
    """Fisher 1935: three of four cups right, p = 0.4857 on two sides."""
    assert fisher(3, 4, 1, 4) == pytest.approx(34 / 70)


def test_proportions_by_z_where_there_are_many_and_exactly_where_few() -> None:
    assert two_proportions(30, 100, 50, 100) == pytest.approx(0.0038924, abs=1e-6)
    assert two_proportions(3, 4, 1, 4) == pytest.approx(fisher(3, 4, 1, 4))
    assert math.isnan(two_proportions(0, 0, 1, 2))


@pytest.mark.parametrize(("hits", "n", "rate", "p"), [(0, 5, 0.1, 1.0), (5, 5, 0.5, 1 / 32), (8, 10, 0.5, 56 / 1024), (1, 3, 0.0, 0.0)])
def test_the_binomial_tail(hits: int, n: int, rate: float, p: float) -> None:
    assert binomial_tail(hits, n, rate) == pytest.approx(p)


def test_a_beta_binomial_of_a_flat_rate_is_flat() -> None:
    assert list(beta_binomial(4, 1, 1)) == pytest.approx([0.2] * 5)


def test_a_negative_binomial_of_size_one_is_geometric() -> None:
    assert list(negative_binomial(1.0, 1.0, up_to=3)) == pytest.approx([1 / 2, 1 / 4, 1 / 8, 1 / 16])


def test_chi_square_of_a_two_by_two() -> None:
    """By hand: expected 15 and 15 each, statistic 4 x 25 / 15."""
    statistic, degrees, p = chi_square([[10, 20], [20, 10]])
    assert (statistic, degrees) == (pytest.approx(100 / 15), 1)
    assert p == pytest.approx(math.erfc(math.sqrt(100 / 30)), abs=1e-9)
    assert math.isnan(chi_square([[3, 0], [4, 0]])[2])


@pytest.mark.parametrize(("a", "x", "q"), [(1.0, 2.0, math.exp(-2)), (2.0, 3.0, 4 * math.exp(-3)), (0.5, 8.0, math.erfc(math.sqrt(8)))])
def test_the_incomplete_gamma(a: float, x: float, q: float) -> None:
    assert upper_gamma(a, x) == pytest.approx(q, rel=1e-9)


def test_total_variation_is_half_the_differences() -> None:
    assert total_variation([1, 1], [3, 1]) == pytest.approx(0.25)
    assert math.isnan(total_variation([0], [1]))


def test_benjamini_hochberg_by_hand() -> None:
    """p (i) x 4 / i from below: .01 x 4, .02 x 2, .03 x 4 / 3, .5."""
    assert benjamini_hochberg([0.5, 0.01, None, 0.03, math.nan, 0.02]) == pytest.approx(
        [0.5, 0.04, math.nan, 0.04, math.nan, 0.04], nan_ok=True
    )
    assert benjamini_hochberg([]) == []


@given(st.lists(st.floats(0, 1), max_size=30))
def test_corrected_values_keep_the_order_and_never_shrink(p: list[float]) -> None:
    q = benjamini_hochberg(p)
    assert all(value >= before - 1e-12 and value <= 1 for value, before in zip(q, p, strict=True))
    pairs = sorted(zip(p, q, strict=True))
    assert all(first[1] <= second[1] + 1e-12 for first, second in zip(pairs, pairs[1:], strict=False))


@given(st.integers(1, 400), st.integers(0, 400), st.integers(0, 400))
def test_intervals_hold_the_figure_within_its_range(n: int, positive: int, negative: int) -> None:
    positive = positive % (n + 1)
    negative = negative % (n - positive + 1)
    low, high = (float(end) for end in wilson(positive, n))
    assert 0 <= low <= positive / n + 1e-12 and positive / n <= high + 1e-12 <= 1 + 1e-9
    low, high = (float(end) for end in net_interval(positive, negative, n))
    assert -1 <= low <= high <= 1


@pytest.mark.parametrize(("freedom", "quantile"), [(4, 2.776445), (5, 2.570582), (9, 2.262157), (30, 2.042272), (1000, 1.962339)])
def test_few_values_have_a_wider_interval(freedom: int, quantile: float) -> None:
    """Quantiles of Student's t as tables have them."""
    assert t95(freedom) == pytest.approx(quantile, abs=1e-3)
    values = np.linspace(0, 1, freedom + 1)
    low, high = t_interval(float(values.mean()), float(values.var(ddof=1)), len(values), (-9.0, 9.0))
    assert (high - low) / 2 == pytest.approx(quantile * values.std(ddof=1) / math.sqrt(freedom + 1), abs=1e-3)

"""Counts in, intervals, tests and corrections out: the statistics of a report, each with its source.

Intervals are 95 %. Nothing warns or raises on empty counts: undefined values are NaN.
"""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Counts = npt.ArrayLike

Z95 = 1.959963984540054
_SMALL_EXPECTED = 5.0
_TINY = 1e-300
_NEGLIGIBLE = 40.0  # standard deviations beyond which terms are negligible


def wilson(hits: float, n: float) -> tuple[float, float]:
    """Interval of a share (Wilson 1927); uses plain floats, which are faster than arrays for a page's thousand intervals."""
    if not n:
        return math.nan, math.nan
    share, spread = hits / n, Z95**2 / n
    centre = (share + spread / 2) / (1 + spread)
    half = Z95 / (1 + spread) * math.sqrt(share * (1 - share) / n + spread / (4 * n))
    return max(centre - half, 0.0) if hits else 0.0, min(centre + half, 1.0) if hits < n else 1.0  # removes rounding errors


def net_interval(positive: float, negative: float, n: float) -> tuple[float, float]:
    """Interval of (positive - negative) / n: adjusted Wald, reliable for small n (Bonett and Price 2012)."""
    plus, minus = (positive + 1) / (n + 2), (negative + 1) / (n + 2)
    centre = plus - minus
    half = Z95 * math.sqrt(max(plus + minus - centre**2, 0.0) / (n + 2))
    return max(centre - half, -1.0), min(centre + half, 1.0)


def interval_from_both(a: tuple[float, float, float], b: tuple[float, float, float]) -> tuple[float, float]:
    """Interval of b - a, from the limits of each (Zou and Donner 2008; for shares, Newcombe 1998, method 10)."""
    change = b[0] - a[0]
    return change - math.hypot(b[0] - b[1], a[2] - a[0]), change + math.hypot(b[2] - b[0], a[0] - a[1])


def t_interval(middle: float, variance: float, n: float, bounds: tuple[float, float]) -> tuple[float, float]:
    """Interval of a mean by Student's t (Student 1908), wider than the normal one where values are few.

    Args:
        middle, variance: of the values.
        n: effective number of values.
        bounds: of the scale, which clip the interval. Equal values do not show how far others lie: as many as Wilson's
            interval for zero allows may lie at either end.
    """
    least, most = bounds
    if not variance:
        unseen = wilson(0, n)[1]
        return middle - unseen * (middle - least), middle + unseen * (most - middle)
    half = t95(max(n - 1, 1.0)) * math.sqrt(variance / n)
    return max(middle - half, least), min(middle + half, most)


def t95(freedom: float) -> float:
    """The two-sided 95 % quantile of t, by expansion in 1 / freedom (Abramowitz and Stegun 1964, 26.7.5): to 0.001 from 4 degrees on."""
    z, v = Z95, freedom
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + sum(term / v**power for power, term in enumerate(terms, 1))


def student(t: float, freedom: int) -> float:
    """Probability of a Student's t as far from zero or farther, with at least one degree of freedom (Abramowitz and Stegun 26.7.3 and 4).

    Above 200 degrees of freedom it is that of the normal distribution, below which it never is.
    """
    normal = math.erfc(abs(t) / math.sqrt(2))
    if freedom > 200:
        return normal
    angle = math.atan(abs(t) / math.sqrt(freedom))
    is_odd = freedom % 2 == 1
    term = math.cos(angle) if is_odd else 1.0
    total = term if freedom > 1 else 0.0
    for at in range(3 if is_odd else 2, freedom - 1, 2):
        term *= math.cos(angle) ** 2 * (at - 1) / at
        total += term
    within = 2 / math.pi * (angle + math.sin(angle) * total) if is_odd else math.sin(angle) * total
    return max(1 - within, normal)


def two_proportions(hits_a: int, n_a: int, hits_b: int, n_b: int) -> float:
    """Two-sided p of equal shares: pooled z, or Fisher's exact test if an expected count is below five (Cochran 1954)."""
    if not n_a or not n_b:
        return math.nan
    pooled = (hits_a + hits_b) / (n_a + n_b)
    if min(pooled, 1 - pooled) * min(n_a, n_b) < _SMALL_EXPECTED:
        return fisher(hits_a, n_a, hits_b, n_b)
    z = (hits_a / n_a - hits_b / n_b) / math.sqrt(pooled * (1 - pooled) * (1 / n_a + 1 / n_b))
    return math.erfc(abs(z) / math.sqrt(2))


def fisher(hits_a: int, n_a: int, hits_b: int, n_b: int) -> float:
    """Two-sided p of Fisher's exact test: sum over all tables as likely as this one, or less."""
    hits, n = hits_a + hits_b, n_a + n_b
    possible = np.arange(max(0, hits - n_b), min(hits, n_a) + 1)
    logs = np.array([_log_choose(n_a, int(k)) + _log_choose(n_b, hits - int(k)) for k in possible]) - _log_choose(n, hits)
    here = logs[hits_a - possible[0]]
    return float(min(np.exp(logs[logs <= here + 1e-9]).sum(), 1.0))


def binomial_tail(hits: int, n: int, rate: float) -> float:
    """P(X >= hits) of a binomial."""
    if hits <= 0:
        return 1.0
    if rate <= 0 or hits > n:
        return 0.0
    if rate >= 1:
        return 1.0
    first = _log_choose(n, hits) + hits * math.log(rate) + (n - hits) * math.log1p(-rate)
    beyond = max(hits, n * rate) + _NEGLIGIBLE * (math.sqrt(n * rate * (1 - rate)) + 1)
    k = np.arange(hits, min(n, math.ceil(beyond)), dtype=np.float64)
    steps = np.log((n - k) / (k + 1)) + (math.log(rate) - math.log1p(-rate))
    return float(min(np.exp(first + np.concatenate(([0.0], np.cumsum(steps)))).sum(), 1.0))


def beta_binomial(n: int, a: float, b: float) -> Floats:
    """Probabilities of 0 .. n hits among n if the rate is Beta(a, b), by ratios of neighbours."""
    k = np.arange(n, dtype=np.float64)
    steps = np.log((n - k) * (k + a) / ((k + 1) * (n - k - 1 + b)))
    first = math.lgamma(n + b) + math.lgamma(a + b) - math.lgamma(b) - math.lgamma(n + a + b)
    logs = first + np.concatenate(([0.0], np.cumsum(steps)))
    found = np.exp(logs - logs.max())
    return np.asarray(found / found.sum())


def predictive_tail(hits: int, n: int, seen: int, among: int) -> float:
    """P(X >= hits) of n records, with the rate estimated from `seen` of `among` others (beta-binomial, Jeffreys prior)."""
    return min(float(beta_binomial(n, seen + 0.5, among - seen + 0.5)[hits:].sum()), 1.0)


def negative_binomial(mean: float, size: float, *, up_to: int) -> Floats:
    """Negative binomial probabilities of 0 .. up_to events, by mean and size (small size: overdispersed)."""
    k = np.arange(up_to, dtype=np.float64)
    steps = np.log(k + size) - np.log(k + 1) + math.log(mean / (mean + size))
    logs = size * math.log(size / (mean + size)) + np.concatenate(([0.0], np.cumsum(steps)))
    return np.asarray(np.exp(logs))


def chi_square(table: npt.ArrayLike) -> tuple[float, int, float]:
    """Chi-square test of independence: statistic, degrees of freedom, p; empty rows and columns are ignored."""
    found = _floats(table)
    found = found[found.sum(axis=1) > 0][:, found.sum(axis=0) > 0]
    degrees = max(found.shape[0] - 1, 0) * max(found.shape[1] - 1, 0)
    if not degrees:
        return 0.0, 0, math.nan
    expected = np.outer(found.sum(axis=1), found.sum(axis=0)) / found.sum()
    statistic = float(((found - expected) ** 2 / expected).sum())
    return statistic, degrees, upper_gamma(degrees / 2, statistic / 2)


def total_variation(a: Counts, b: Counts) -> float:
    """Total variation distance of two distributions, 0 (same) to 1."""
    a, b = _floats(a), _floats(b)
    if not a.sum() or not b.sum():
        return math.nan
    return float(np.abs(a / a.sum() - b / b.sum()).sum() / 2)


def benjamini_hochberg(p: Sequence[float | None]) -> list[float]:
    """q of each p: the false discovery rate among all at or below it (Benjamini and Hochberg 1995); NaN for None or NaN."""
    found = np.asarray(p, dtype=np.float64)
    tested = np.flatnonzero(~np.isnan(found))
    order = tested[np.argsort(found[tested], kind="stable")]
    scaled = found[order] * len(order) / np.arange(1, len(order) + 1)
    out = np.full(len(found), np.nan)
    out[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return [float(value) for value in out]


def upper_gamma(a: float, x: float) -> float:
    """Regularised upper incomplete gamma Q(a, x): series below a + 1, continued fraction above (Lentz; Press et al. 2007, 6.2)."""
    if x <= 0:
        return 1.0
    front = math.exp(-x + a * math.log(x) - math.lgamma(a))
    return max(1.0 - front * _series(a, x), 0.0) if x < a + 1 else front * _fraction(a, x)


def _series(a: float, x: float) -> float:
    term = total = 1.0 / a
    for step in range(1, 10_000):
        term *= x / (a + step)
        total += term
        if term < total * 1e-15:
            break
    return total


def _fraction(a: float, x: float) -> float:
    b = x + 1 - a
    c, d = 1 / _TINY, 1 / b
    found = d
    for step in range(1, 10_000):
        an = -step * (step - a)
        b += 2
        d = 1 / (an * d + b or _TINY)
        c = b + an / c or _TINY
        found *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    return found


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def _floats(values: Counts) -> Floats:
    return np.asarray(values, dtype=np.float64)

"""A value, its interval and its n in, one record out that knows whether it is known."""

from dataclasses import dataclass

import numpy as np

from vocservice.reporting.stats import net_interval, t_interval, wilson
from vocservice.reporting.voices import Heard

MIN_N = 5
_EQUAL = 1e-12  # rounding error in the variance of equal values


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure over n records; value and interval are None if n is too small."""

    n: int
    value: float | None = None
    low: float | None = None
    high: float | None = None

    @property
    def is_known(self) -> bool:
        return self.value is not None

    @property
    def is_clear(self) -> bool:
        """Whether the interval leaves out zero."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


def share(hits: int, n: int, *, heard: Heard | None = None, least: int = MIN_N) -> Estimate:
    """A share with its Wilson interval.

    Args:
        heard: the customers behind n; by default one per record.
        least: number of customers it needs.
    """
    who = heard or Heard(n, n)
    if who.customers < max(least, 1):
        return Estimate(n)
    low, high = wilson(hits * (who.worth / n), who.worth)
    return Estimate(n, hits / n, low, high)


def net(positive: int, negative: int, n: int, *, heard: Heard | None = None, least: int = MIN_N) -> Estimate:
    """(positive - negative) / n with its interval; other arguments as for a share."""
    who = heard or Heard(n, n)
    if who.customers < max(least, 1):
        return Estimate(n)
    part = who.worth / n
    low, high = net_interval(positive * part, negative * part, who.worth)
    return Estimate(n, (positive - negative) / n, low, high)


def mean(
    places: np.ndarray[tuple[int], np.dtype[np.float64]], *, bounds: tuple[float, float], heard: Heard | None = None, least: int = MIN_N
) -> Estimate:
    """The mean of values scaled to 0 to 1, with its interval; other arguments as for a share."""
    return mean_of(float(places.sum()), float((places * places).sum()), len(places), bounds=bounds, heard=heard, least=least)


def mean_of(
    total: float, squares: float, n: int, *, bounds: tuple[float, float], heard: Heard | None = None, least: int = MIN_N
) -> Estimate:
    """The same, from the sum of n such values and of their squares."""
    who = heard or Heard(n, n)
    if who.customers < max(least, 2):
        return Estimate(n)
    middle, (low, high) = total / n, bounds
    variance = max(squares / n - middle * middle, 0.0) * n / (n - 1)
    ends = t_interval(middle, variance if variance > _EQUAL else 0.0, who.worth, (0.0, 1.0))
    return Estimate(n, *(low + place * (high - low) for place in (middle, *ends)))

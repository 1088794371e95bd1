"""A value, its interval and its n in, one record that knows when it is not known out."""

from dataclasses import dataclass

import numpy as np

from vocservice.reporting.stats import mean_interval, net_interval, wilson

MIN_N = 5


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure of n records; value and interval are null where n is too small to say."""

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


def share(hits: int, n: int, *, least: int = MIN_N) -> Estimate:
    """A share with its Wilson interval."""
    if n < max(least, 1):
        return Estimate(n)
    low, high = wilson(hits, n)
    return Estimate(n, hits / n, low, high)


def net(positive: int, negative: int, n: int, *, least: int = MIN_N) -> Estimate:
    """(positive - negative) / n with its interval."""
    if n < max(least, 1):
        return Estimate(n)
    low, high = net_interval(positive, negative, n)
    return Estimate(n, (positive - negative) / n, low, high)


def mean(values: np.ndarray[tuple[int], np.dtype[np.float64]], *, least: int = MIN_N) -> Estimate:
    """A mean with its interval; NaN is left out."""
    values = values[~np.isnan(values)]
    if len(values) < max(least, 2):
        return Estimate(len(values))
    low, high = mean_interval(values)
    return Estimate(len(values), float(values.mean()), low, high)

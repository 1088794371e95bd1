"""A past and a new figure in, the expected 95 % range and the p value of the new figure out.

The past is some weeks, or the same weekday of some weeks, adjusted by last year's movement. The range widens if the past is
short or varied, and if there are few customers now.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vocservice.reporting.frame import Floats
from vocservice.reporting.slots import Seen
from vocservice.reporting.stats import beta_binomial, negative_binomial

MIN_TRAILING = 4
MIN_TRAILING_N = 30
MIN_BUCKET_N = 10
MIN_SEASON = 30
MOST_SEASON = 4.0
MOST_ODDS = 16.0
_SURE = 1e-3


@dataclass(frozen=True, slots=True)
class Expected:
    """The range, and the two-sided p of the observation."""

    low: float
    high: float
    p: float


@dataclass(frozen=True, slots=True)
class Season:
    """Last year's ratio of a week to the eight before it (odds for shares), and the relative variance of that ratio."""

    ratio: float = 1.0
    variance: float = 0.0

    @classmethod
    def of_counts(cls, around: Floats, before: Floats) -> "Season":
        """From the three weeks around the same week last year, and the eight before; one and zero if there is too little."""
        if min(around.sum(initial=0), before.sum(initial=0)) < MIN_SEASON:
            return cls()
        ratio = around.mean() / before.mean()
        return cls(_within(ratio, MOST_SEASON), float(1 / around.sum() + 1 / before.sum()))

    @classmethod
    def of_shares(cls, around: tuple[Floats, Floats], before: tuple[Floats, Floats]) -> "Season":
        """The same from hits and n of each week."""
        (hit, missed), (hit_before, missed_before) = ((hits.sum(), (n - hits).sum()) for hits, n in (around, before))
        if min(hit, missed, hit_before, missed_before) < MIN_SEASON:
            return cls()
        ratio = hit / missed / (hit_before / missed_before)
        return cls(_within(ratio, MOST_ODDS), float(1 / hit + 1 / missed + 1 / hit_before + 1 / missed_before))


@dataclass(frozen=True, slots=True)
class History:
    """Deviations of each slot from its own past, cumulated over the slots before each; (slots + 1,).

    Attributes:
        squares: of the deviations, relative to the maximal variance of a share, or to the expected count.
        chance: their expectation under sampling error alone.
        ones: the addition for an overdispersion of one.
        told: number of slots with a past.
    """

    squares: Floats
    chance: Floats
    ones: Floats
    told: Floats

    @classmethod
    def of_shares(cls, hits: Floats, n: Floats, pasts: Sequence[Sequence[int]]) -> "History":
        """For shares, given the reference slots of each slot."""
        return cls._summed([_share_error(hits, n, at, [slot for slot in past if n[slot]]) for at, past in enumerate(pasts)])

    @classmethod
    def of_counts(cls, counts: Floats, pasts: Sequence[Sequence[int]]) -> "History":
        """Of counts."""
        return cls._summed([_count_error(counts, at, past) for at, past in enumerate(pasts)])

    @classmethod
    def _summed(cls, found: Sequence[tuple[float, float, float] | None]) -> "History":
        rows = np.array([(*one, 1.0) if one else (0.0,) * 4 for one in found]).reshape(-1, 4)
        return cls(*np.pad(np.cumsum(rows, axis=0), ((1, 0), (0, 0))).T)

    def spread(self, at: int, *, grain: float = 1.0) -> float:
        """Overdispersion from the slots before one, plus a standard error. One without any past."""
        squares, chance, ones, told = (float(sums[at]) for sums in (self.squares, self.chance, self.ones, self.told))
        if not told:
            return 1.0
        found = max((squares - grain * chance) / ones, 0.0)
        return found + math.sqrt(2 / told) * (found + grain * chance / told)


def _share_error(hits: Floats, n: Floats, at: int, past: Sequence[int]) -> tuple[float, float, float] | None:
    if not n[at] or not past:
        return None
    total = float(n[past].sum())
    rate = (float(hits[past].sum()) + 0.5) / (total + 1)
    return (hits[at] / n[at] - rate) ** 2 / (rate * (1 - rate)), 1 / n[at] + 1 / total, 1 + 1 / len(past)


def _count_error(counts: Floats, at: int, past: Sequence[int]) -> tuple[float, float, float] | None:
    mean = float(counts[past].mean()) if past else 0.0
    return ((counts[at] / mean - 1) ** 2, (1 + 1 / len(past)) / mean, 1 + 1 / len(past)) if mean else None


def expected_value(
    seen: Seen, history: History, at: int, past: Sequence[int], year_ago: tuple[Sequence[int], Sequence[int]], *, is_share: bool
) -> Expected | None:
    """The range of a slot with values from 0 to 1, by its customers; None if there are too few.

    A share uses a beta-binomial. A mean does too, as a share with as many more hits as its customers vary less than yes
    and no do.

    Args:
        seen: the figure in each slot.
        history: its past variation.
        at: the slot.
        past: earlier slots to compare with.
        year_ago: the slots around it, and those before them, a year ago; empty if missing.
        is_share: every value is 0 or 1.
    """
    past = [slot for slot in past if seen.customers[slot]]
    now, before = seen.customers[at], seen.customers[past]
    if now < MIN_BUCKET_N or len(past) < MIN_TRAILING or before.sum() < MIN_TRAILING_N:
        return None
    grain = 1.0 if is_share else _grain(seen, at)
    spread = history.spread(at, grain=grain) * (1 + 1 / len(past))
    season = Season.of_shares(*((seen.voices[slots] / grain, seen.customers[slots] / grain) for slots in map(list, year_ago)))
    chances = _chances(seen.voices[past] / grain, before / grain, max(round(now / grain), 1), spread, season)
    trials, (low, high) = len(chances) - 1, _range(chances)
    customers, records, middle = seen.voices[at] / now, seen.sums[at] / seen.n[at], float(chances @ np.arange(trials + 1)) / trials
    p = _two_sided(chances, round(customers * trials)) if (customers - middle) * (records - middle) > 0 else 1.0
    return Expected(low / trials, high / trials, p)


def expected_count(counts: Floats, history: History, at: int, past: Sequence[int], season: Season) -> Expected | None:
    """The range of a count: gamma-Poisson of the past mean; None if that is too small."""
    before, now = counts[past], int(counts[at])
    if len(before) < MIN_TRAILING or before.sum() < MIN_TRAILING_N:
        return None
    mean = float(before.mean()) * season.ratio
    spread = history.spread(at) * (1 + 1 / len(before)) + 1 / float(before.sum()) + season.variance
    up_to = int(max(now, mean + 12 * math.sqrt(mean + spread * mean**2))) + 10
    chances = negative_binomial(mean, 1 / spread, up_to=up_to)
    low, high = _range(chances)
    return Expected(float(low), float(high), _two_sided(chances, now))


def _chances(hits: Floats, n: Floats, trials: int, spread: float, season: Season) -> Floats:
    """Probabilities of 0 .. n hits: the rate is Beta, the narrower the longer and steadier the past."""
    total, found = float(n.sum()), float(hits.sum())
    odds = season.ratio * (found + 0.5) / (total - found + 0.5)
    rate = odds / (1 + odds)
    size = 1 / (1 / (total + 1) + spread / max(1 - spread, _SURE) + season.variance * rate * (1 - rate))
    return beta_binomial(trials, rate * size, (1 - rate) * size)


def _grain(seen: Seen, at: int) -> float:
    """Variance between customers within a slot relative to the maximum, as if one extreme customer were added."""
    told = seen.customers[:at]
    customers, voices = float(told.sum()), float(seen.voices[:at].sum())
    middle = (voices + 0.5) / (customers + 1)
    variance = (float(seen.spread[:at].sum()) + max(middle, 1 - middle) ** 2) / (customers - np.count_nonzero(told) + 1)
    return float(min(variance / (middle * (1 - middle)), 1.0))


def _within(ratio: float, most: float) -> float:
    return float(min(max(ratio, 1 / most), most))


def _range(chances: Floats) -> tuple[int, int]:
    """The central 95 %."""
    sums = np.cumsum(chances)
    return int(np.searchsorted(sums, 0.025)), int(np.searchsorted(sums, 0.975))


def _two_sided(chances: Floats, hits: int) -> float:
    return min(2 * min(float(chances[: hits + 1].sum()), float(chances[hits:].sum())), 1.0)

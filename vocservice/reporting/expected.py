"""What the past says and a new figure in, where 95 in 100 such figures would lie and how odd this one is out.

The past is some weeks, or the same weekday of some weeks, moved as the same weeks moved a year ago. The range grows where there is
little past, where it went up and down, and where few speak now.
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
    """The range, and the two-sided p of what was seen."""

    low: float
    high: float
    p: float


@dataclass(frozen=True, slots=True)
class Season:
    """How a week stood to the eight before it a year ago: ratio (of shares of their odds), and the relative variance of that ratio."""

    ratio: float = 1.0
    variance: float = 0.0

    @classmethod
    def of_counts(cls, around: Floats, before: Floats) -> "Season":
        """Of three weeks around the one of a year ago and the eight before; one and zero where there is too little."""
        if min(around.sum(initial=0), before.sum(initial=0)) < MIN_SEASON:
            return cls()
        ratio = around.mean() / before.mean()
        return cls(_within(ratio, MOST_SEASON), float(1 / around.sum() + 1 / before.sum()))

    @classmethod
    def of_shares(cls, around: tuple[Floats, Floats], before: tuple[Floats, Floats]) -> "Season":
        """The same of hits and n of each week."""
        (hit, missed), (hit_before, missed_before) = ((hits.sum(), (n - hits).sum()) for hits, n in (around, before))
        if min(hit, missed, hit_before, missed_before) < MIN_SEASON:
            return cls()
        ratio = hit / missed / (hit_before / missed_before)
        return cls(_within(ratio, MOST_ODDS), float(1 / hit + 1 / missed + 1 / hit_before + 1 / missed_before))


@dataclass(frozen=True, slots=True)
class History:
    """How far each slot lay from its own past, in sums over the slots before each; (slots + 1,).

    Attributes:
        squares: of these distances, as parts of the most that a share can vary, or of the expected count.
        chance: what chance lets expect of these.
        ones: what a spread of one would add to them.
        told: slots that had a past.
    """

    squares: Floats
    chance: Floats
    ones: Floats
    told: Floats

    @classmethod
    def of_shares(cls, hits: Floats, n: Floats, pasts: Sequence[Sequence[int]]) -> "History":
        """Of shares, given the slots that each slot is held against."""
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
        """How much a figure varies beyond chance, by the slots before one; a standard error more. One if none had a past."""
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
    """Of a slot whose values run from 0 to 1, by its customers; null where too few speak.

    A share is held against a beta-binomial. A mean is so too, as a share of so many more hits as its customers differ less than yes
    and no do.

    Args:
        seen: the figure in every slot.
        history: how it varied.
        at: the slot.
        past: the slots before that it is held against.
        year_ago: the slots around it, and those before them, a year ago; empty where there was none.
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
    """Of a number of records: a gamma-Poisson of the mean of the past; null where that is too little."""
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
    """Of 0 .. so many hits: the rate is Beta, as sure as the past is long and steady."""
    total, found = float(n.sum()), float(hits.sum())
    odds = season.ratio * (found + 0.5) / (total - found + 0.5)
    rate = odds / (1 + odds)
    size = 1 / (1 / (total + 1) + spread / max(1 - spread, _SURE) + season.variance * rate * (1 - rate))
    return beta_binomial(trials, rate * size, (1 - rate) * size)


def _grain(seen: Seen, at: int) -> float:
    """The variance of what customers say within a slot as a part of the most there can be, as if one more had said the utmost."""
    told = seen.customers[:at]
    customers, voices = float(told.sum()), float(seen.voices[:at].sum())
    middle = (voices + 0.5) / (customers + 1)
    variance = (float(seen.spread[:at].sum()) + max(middle, 1 - middle) ** 2) / (customers - np.count_nonzero(told) + 1)
    return float(min(variance / (middle * (1 - middle)), 1.0))


def _within(ratio: float, most: float) -> float:
    return float(min(max(ratio, 1 / most), most))


def _range(chances: Floats) -> tuple[int, int]:
    """The middle 95 in 100."""
    sums = np.cumsum(chances)
    return int(np.searchsorted(sums, 0.025)), int(np.searchsorted(sums, 0.975))


def _two_sided(chances: Floats, hits: int) -> float:
    return min(2 * min(float(chances[: hits + 1].sum()), float(chances[hits:].sum())), 1.0)

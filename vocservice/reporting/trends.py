"""A frame with days in, series by week and by day out: what stands out, what of a change is the channels', where model or labels changed.

Days are tested against the same weekday of the weeks before, weeks against the weeks before, moved as the same weeks moved a
year ago where there is such a year; the expected range grows where there are few records, and where the past itself went up and down.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from vocservice.reporting.estimate import MIN_N, Estimate, share
from vocservice.reporting.frame import NEGATIVE, Bools, Codes, Frame
from vocservice.reporting.stats import benjamini_hochberg, beta_binomial, intraclass, negative_binomial

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bucket = Literal["day", "week"]
Figure = Callable[[Frame], tuple[npt.NDArray[Any], Bools]]
"""Of each row its value, and whether it has one."""

TRAILING_WEEKS = 8
MIN_TRAILING = 4
MIN_TRAILING_N = 30
MIN_BUCKET_N = 10
CLEAR_Q = 0.05
YEAR_WEEKS = 52
MIN_SEASON = 30
MOST_SEASON = 4.0
MAX_BUCKETS: Mapping[Bucket, int] = {"week": 104, "day": 91}
DAYS: Mapping[Bucket, int] = {"week": 7, "day": 1}
BUCKETS: Sequence[Bucket] = ("week", "day")
NOT_TOLD = "not told"
BOTH = "both at once"


@dataclass(frozen=True, slots=True)
class Point:
    """One day or week of a figure.

    Attributes:
        start: the day, or the Monday.
        is_partial: the data begin or end within it, or it is not over.
        hits, n: the figure's records and all that it is a share of.
        share: with its interval.
        low, high: where 95 in 100 such shares would lie, by the weeks before; null when there are too few.
        q: of the test against them.
        verdict: high, low, usual, or unknown.
    """

    start: date
    is_partial: bool
    hits: int
    n: int
    share: Estimate
    low: float | None = None
    high: float | None = None
    p: float | None = None
    q: float | None = None
    verdict: str = "unknown"


@dataclass(frozen=True, slots=True)
class Series:
    """A figure over time; of `records` (the volume) the points count, of all others they are shares."""

    figure: str
    bucket: Bucket
    points: tuple[Point, ...]

    @property
    def anomalies(self) -> tuple[Point, ...]:
        return tuple(point for point in self.points if point.verdict in ("high", "low"))


@dataclass(frozen=True, slots=True)
class Part:
    """One channel's part of a change."""

    channel: str
    weight_before: float
    weight_after: float
    rate_before: float | None
    rate_after: float | None
    mix: float
    rate: float


@dataclass(frozen=True, slots=True)
class Split:
    """A change of a figure, split into what the mix of channels and what the rates within them did: mix + rate = change."""

    figure: str
    n_before: int
    n_after: int
    before: float
    after: float
    mix: float
    rate: float
    parts: tuple[Part, ...]

    @property
    def change(self) -> float:
        return self.after - self.before


@dataclass(frozen=True, slots=True)
class Handover:
    """The first day on which another model, or another taxonomy, made the labels."""

    day: date
    kind: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Dates:
    """Which days the records have: how many are dated, undated or dated after today, and the first and last day that count."""

    dated: int
    undated: int
    future: int
    first: date | None
    last: date | None


def dates_of(frame: Frame, *, today: date) -> Dates:
    """What is known about time; a day after today is a mistake and does not count."""
    past = frame.day[(frame.day > 0) & (frame.day <= today.toordinal())]
    bounds = (date.fromordinal(int(past.min())), date.fromordinal(int(past.max()))) if len(past) else (None, None)
    return Dates(len(past), int((frame.day == 0).sum()), int((frame.day > today.toordinal()).sum()), *bounds)


def figures_of(frame: Frame) -> Mapping[str, tuple[Bools, Bools]]:
    """The shares that are followed: name to hits and to the records that they are a share of."""
    everything = np.ones(len(frame), dtype=bool)
    told = ~np.isnan(frame.level)
    negative = frame.level < 0
    figures = {"negative sentiment": (negative, told), "service complaints": (frame.is_service, frame.has_scope)}
    figures |= {"experience issues": (frame.is_experience, frame.has_scope), BOTH: (frame.scope.is_name("both"), frame.has_scope)}
    figures |= {f"{key}-": (frame.factors[:, at] == NEGATIVE, everything) for at, key in enumerate(frame.factor_keys)}
    return figures | {f"flag {key}": (frame.flags[:, at], everything) for at, key in enumerate(frame.flag_keys)}


def series_of(
    frame: Frame, *, buckets: Sequence[Bucket] = BUCKETS, whole_until: date | None = None, is_live: bool = False
) -> tuple[Series, ...]:
    """Volume and every followed share by week and by day, tested; q is corrected over all points of all series.

    Args:
        frame: the records.
        buckets: by which lengths of time.
        whole_until: the last day that is over; by default that of the last record.
        is_live: records still come in, so the days up to that one count though they have none, eight weeks at most.
    """
    dated = frame.take(frame.day > 0)
    if not len(dated):
        return ()
    end = whole_until.toordinal() if whole_until else int(dated.day.max())
    last = int(dated.day.max())
    seen = max(last, end) if is_live and end - last <= 7 * TRAILING_WEEKS else last
    return tuple(_corrected([one for bucket in buckets for one in _series(dated, bucket, seen, end)]))


def _series(frame: Frame, bucket: Bucket, last: int, end: int) -> Iterator[Series]:
    """Not tested over all yet. Of days only the records of those shown are looked at."""
    if bucket == "day":
        frame = frame.take(frame.day > frame.day.max() - MAX_BUCKETS[bucket])
    slots = _Slots.of(frame.day, bucket, last, end)
    yield Series("records", bucket, tuple(_volume(slots, bucket)))
    for name, (hits, among) in figures_of(frame).items():
        yield Series(name, bucket, tuple(_points(slots, hits, among, bucket)))


def kitagawa(figure: str, before: tuple[Floats, Codes], after: tuple[Floats, Codes]) -> Split | None:
    """Split the change of a mean (or share) into mix and rate (Kitagawa 1955); null when one side has no record.

    Args:
        figure: its name.
        before: the values, and the channel of each.
        after: the same of the other set. A channel that only one side has is all mix: its rate is taken as unchanged.
    """
    if not len(before[0]) or not len(after[0]):
        return None
    sides = [_by_channel(*side) for side in (before, after)]
    channels = sorted({*sides[0], *sides[1]})
    parts = tuple(_part(channel, *(side.get(channel) for side in sides)) for channel in channels)
    means = float(before[0].mean()), float(after[0].mean())
    mix, rate = sum(part.mix for part in parts), sum(part.rate for part in parts)
    return Split(figure, len(before[0]), len(after[0]), means[0], means[1], mix, rate, parts)


def splits(before: Frame, after: Frame, figures: Mapping[str, Figure]) -> tuple[Split, ...]:
    """The split of each of these figures that both sets have."""
    found = (kitagawa(name, *(_side(frame, figure) for frame in (before, after))) for name, figure in figures.items())
    return tuple(split for split in found if split is not None)


def handovers_of(frame: Frame) -> tuple[Handover, ...]:
    """The days on which model or taxonomy changed; where two overlap in time, the first day of each counts."""
    return tuple(
        sorted((*_handovers(frame, "model", frame.model), *_handovers(frame, "taxonomy", frame.version)), key=lambda found: found.day)
    )


@dataclass(frozen=True, slots=True)
class _Slots:
    """The place of each record in time: slot number by record, how many slots, and their bounds."""

    of_record: Ints
    count: int
    first: int
    days: tuple[int, int]

    @classmethod
    def of(cls, day: Ints, bucket: Bucket, last: int, whole_until: int) -> "_Slots":
        """Slots up to a day, that of the last record or later."""
        number, end = (day - 1) // DAYS[bucket], (last - 1) // DAYS[bucket]
        first = max(int(number.min()), end - MAX_BUCKETS[bucket] + 1)
        return cls(number - first, end - first + 1, first, (int(day.min()), min(last, whole_until)))

    def counts(self, mask: Bools) -> Floats:
        kept = mask & (self.of_record >= 0)
        return np.bincount(self.of_record[kept], minlength=self.count).astype(np.float64)

    def start(self, at: int, bucket: Bucket) -> date:
        return date.fromordinal((self.first + at) * DAYS[bucket] + 1)

    def is_partial(self, at: int, bucket: Bucket) -> bool:
        start = self.start(at, bucket).toordinal()
        return start < self.days[0] or start + DAYS[bucket] - 1 > self.days[1]


def _past(at: int, bucket: Bucket) -> list[int]:
    """The slots that a slot is held against: the weeks before, or the same weekday of the weeks before."""
    step = 1 if bucket == "week" else 7
    return [slot for slot in range(at - step, at - step * TRAILING_WEEKS - 1, -step) if slot >= 0]


@dataclass(frozen=True, slots=True)
class _Season:
    """How a week stood to the eight before it a year ago: ratio, and the relative variance of that ratio."""

    ratio: float = 1.0
    variance: float = 0.0

    @classmethod
    def of(cls, at: int, past: Sequence[int], hits: Floats, n: Floats) -> "_Season":
        """Of the three weeks around the same week of last year; one and zero where last year is not there or has too little."""
        around, before = ([slot for slot in slots if slot >= 0] for slots in (_year_ago([at - 1, at, at + 1]), _year_ago(past)))
        if len(around) < 3 or len(before) < TRAILING_WEEKS or min(hits[around].sum(), hits[before].sum()) < MIN_SEASON:
            return cls()
        ratio = (hits[around].sum() / n[around].sum()) / (hits[before].sum() / n[before].sum())
        return cls(min(max(ratio, 1 / MOST_SEASON), MOST_SEASON), 1 / hits[around].sum() + 1 / hits[before].sum())


def _year_ago(slots: Sequence[int]) -> list[int]:
    return [slot - YEAR_WEEKS for slot in slots]


def _points(slots: _Slots, hits: Bools, among: Bools, bucket: Bucket) -> Iterator[Point]:
    found, n = slots.counts(hits & among), slots.counts(among)
    for at in range(slots.count):
        point = Point(slots.start(at, bucket), slots.is_partial(at, bucket), int(found[at]), int(n[at]), share(int(found[at]), int(n[at])))
        past = [slot for slot in _past(at, bucket) if n[slot]]
        season = _Season.of(at, past, found, n) if bucket == "week" else _Season()
        yield _tested(point, found[past], n[past], season)


def _tested(point: Point, hits: Floats, n: Floats, season: _Season) -> Point:
    """A point against the shares of the past; the rate is Beta, as sure as the past is long and as spread as the past was."""
    total = float(n.sum())
    if point.n < MIN_BUCKET_N or len(n) < MIN_TRAILING or total < MIN_TRAILING_N:
        return point
    spread = intraclass(hits, n)
    rate = min((float(hits.sum()) + 0.5) / (total + 1) * season.ratio, 1 - 0.5 / (total + 1))
    size = 1 / (1 / (total + 1) + spread / max(1 - spread, 1e-9) + season.variance * rate / (1 - rate))
    chances = beta_binomial(point.n, rate * size, (1 - rate) * size)
    low, high = _range(chances)
    return replace(point, low=low / point.n, high=high / point.n, p=_two_sided(chances, point.hits))


def _volume(slots: _Slots, bucket: Bucket) -> Iterator[Point]:
    """Counts; a week or day that is cut off is not tested, nor part of the past."""
    counts = slots.counts(np.ones(len(slots.of_record), dtype=bool))
    whole = np.array([not slots.is_partial(at, bucket) for at in range(slots.count)], dtype=np.float64)
    for at in range(slots.count):
        point = Point(slots.start(at, bucket), slots.is_partial(at, bucket), int(counts[at]), int(counts[at]), Estimate(int(counts[at])))
        past = [slot for slot in _past(at, bucket) if whole[slot]]
        season = _Season.of(at, past, counts * whole, whole) if bucket == "week" else _Season()
        yield point if point.is_partial else _tested_volume(point, counts[past], season)


def _tested_volume(point: Point, past: Floats, season: _Season) -> Point:
    """A count against the counts of the past, a gamma-Poisson of their mean and spread."""
    if len(past) < MIN_TRAILING or past.sum() < MIN_TRAILING_N:
        return point
    mean, variance = float(past.mean()), float(past.var(ddof=1))
    spread = max(variance / mean**2 - 1 / mean, 0.0) + 1 / (mean * len(past)) + season.variance
    mean *= season.ratio
    up_to = int(max(point.n, mean + 12 * math.sqrt(mean + spread * mean**2))) + 10
    chances = negative_binomial(mean, 1 / spread, up_to=up_to)
    low, high = _range(chances)
    return replace(point, low=float(low), high=float(high), p=_two_sided(chances, point.n))


def _range(chances: Floats) -> tuple[int, int]:
    """The middle 95 in 100."""
    sums = np.cumsum(chances)
    return int(np.searchsorted(sums, 0.025)), int(np.searchsorted(sums, 0.975))


def _two_sided(chances: Floats, hits: int) -> float:
    return min(2 * min(float(chances[: hits + 1].sum()), float(chances[hits:].sum())), 1.0)


def _corrected(found: Sequence[Series]) -> Iterator[Series]:
    qs = iter(benjamini_hochberg([point.p for series in found for point in series.points]))
    for series in found:
        yield replace(series, points=tuple(_judged(point, next(qs)) for point in series.points))


def _judged(point: Point, q: float) -> Point:
    if point.p is None or point.low is None or point.high is None:
        return point
    middle = (point.low + point.high) / 2
    seen = point.hits / point.n if point.share.is_known else point.hits
    verdict = "usual" if q > CLEAR_Q else "high" if seen > middle else "low"
    return replace(point, q=q, verdict=verdict)


def _by_channel(values: Floats, channels: Codes) -> Mapping[str, tuple[float, float]]:
    """Weight and mean of each channel."""
    counts, sums = (np.bincount(channels.codes + 1, weights, len(channels.names) + 1).tolist() for weights in (None, values))
    found = zip((NOT_TOLD, *channels.names), counts, sums, strict=True)
    return {name: (count / len(values), total / count) for name, count, total in found if count}


def _part(channel: str, before: tuple[float, float] | None, after: tuple[float, float] | None) -> Part:
    (weight_a, rate_a), (weight_b, rate_b) = before or (0.0, (after or (0.0, 0.0))[1]), after or (0.0, (before or (0.0, 0.0))[1])
    mix = (weight_b - weight_a) * (rate_a + rate_b) / 2
    rate = (weight_a + weight_b) / 2 * (rate_b - rate_a)
    return Part(channel, weight_a, weight_b, rate_a if before else None, rate_b if after else None, mix, rate)


def _side(frame: Frame, figure: Figure) -> tuple[Floats, Codes]:
    values, mask = figure(frame)
    return (values, frame.channel) if mask.all() else (values[mask], frame.channel.take(np.flatnonzero(mask)))


def _handovers(frame: Frame, kind: str, codes: Codes) -> Iterator[Handover]:
    starts = []
    for at, name in enumerate(codes.names if len(codes.names) > 1 else ()):
        days = frame.day[(codes.codes == at) & (frame.day > 0)]
        if len(days):
            starts.append((int(days.min()), name))
    starts.sort()
    for (_, before), (day, after) in zip(starts, starts[1:], strict=False):
        yield Handover(date.fromordinal(day), kind, before, after)


def periods(frame: Frame, *, least: int = MIN_N, days: int = 28) -> tuple[Bools, Bools] | None:
    """The last four weeks and the four before, as masks; null where one of them has too few records."""
    last = int(frame.day.max(initial=0))
    after = (frame.day > last - days) & (frame.day > 0)
    before = (frame.day > last - 2 * days) & (frame.day <= last - days) & (frame.day > 0)
    return (before, after) if min(before.sum(), after.sum()) >= least else None

"""A frame with days in, series by week and day out, with anomalies, channel mix effects, and changes of model or labels.

Days are compared with the same weekday of earlier weeks, weeks with earlier weeks, adjusted by last year's
movement if there is such a year. Points count records; intervals, ranges and tests count customers.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from vocservice.reporting.estimate import MIN_N, Estimate, mean_of, net, share
from vocservice.reporting.expected import Expected, History, Season, expected_count, expected_value
from vocservice.reporting.frame import Bools, Codes, Floats, Frame
from vocservice.reporting.measures import BOTH, NET, Figure, Kind, Measure, is_own, measures_of
from vocservice.reporting.slots import MAX_BUCKETS, Bucket, Crowd, Seen, Slots
from vocservice.reporting.stats import benjamini_hochberg

RECORDS = "records"
DRAWN = (RECORDS, "negative sentiment", NET, "service complaints", "experience issues", BOTH)
TRAILING_WEEKS = 8
CLEAR_Q = 0.05
YEAR_WEEKS = 52
BUCKETS: Sequence[Bucket] = ("week", "day")
NOT_TOLD = "not told"


@dataclass(frozen=True, slots=True)
class Point:
    """One day or week of a figure.

    Attributes:
        start: the day, or the Monday.
        is_partial: the data begin or end within it, or it is not over.
        hits, n: numerator and base of a share; for other figures both are the number of records.
        customers: of these records.
        estimate: the figure with its interval; for counts only n.
        low, high: the expected 95 % range from earlier weeks; None if there are too few.
        q: of the test against them.
        verdict: high, low, usual, or unknown.
    """

    start: date
    is_partial: bool
    hits: int
    n: int
    customers: int
    estimate: Estimate
    low: float | None = None
    high: float | None = None
    p: float | None = None
    q: float | None = None
    verdict: str = "unknown"

    @property
    def is_odd(self) -> bool:
        """Whether it is an anomaly."""
        return self.verdict in ("high", "low")


@dataclass(frozen=True, slots=True)
class Series:
    """A figure over time, within the bounds of its scale; a count has none."""

    figure: str
    bucket: Bucket
    kind: Kind
    bounds: tuple[float, float] | None
    points: tuple[Point, ...]

    @property
    def is_drawn(self) -> bool:
        """Whether the page has a chart of it, not only tables."""
        return self.figure in DRAWN or is_own(self.figure)

    @property
    def anomalies(self) -> tuple[Point, ...]:
        return tuple(point for point in self.points if point.is_odd)


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
    """A change of a figure, split into channel mix and rates within channels: mix + rate = change."""

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
    """The first day of another model or taxonomy."""

    day: date
    kind: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Dates:
    """Days of the records: numbers of dated, undated and future ones, and the first and last day that count."""

    dated: int
    undated: int
    future: int
    first: date | None
    last: date | None


def dates_of(frame: Frame, *, today: date) -> Dates:
    """Summarise the days; days after today are errors and do not count."""
    past = frame.day[(frame.day > 0) & (frame.day <= today.toordinal())]
    bounds = (date.fromordinal(int(past.min())), date.fromordinal(int(past.max()))) if len(past) else (None, None)
    return Dates(len(past), int((frame.day == 0).sum()), int((frame.day > today.toordinal()).sum()), *bounds)


def series_of(
    frame: Frame, *, buckets: Sequence[Bucket] = BUCKETS, whole_until: date | None = None, is_live: bool = False
) -> tuple[Series, ...]:
    """Volume and every followed figure by week and by day, tested; q is corrected over all points of all series.

    Args:
        frame: the records.
        buckets: lengths of time.
        whole_until: the last complete day; by default that of the last record.
        is_live: records keep arriving, so days up to that one count even without records, at most eight weeks.
    """
    dated = frame.take(frame.day > 0)
    if not len(dated):
        return ()
    end = whole_until.toordinal() if whole_until else int(dated.day.max())
    last = int(dated.day.max())
    seen = max(last, end) if is_live and end - last <= 7 * TRAILING_WEEKS else last
    return tuple(_corrected([one for bucket in buckets for one in _series(dated, bucket, seen, end)]))


def _series(frame: Frame, bucket: Bucket, last: int, end: int) -> Iterator[Series]:
    """Series before correction over all. Only records of the shown days are used."""
    if bucket == "day":
        frame = frame.take(frame.day > frame.day.max() - MAX_BUCKETS[bucket])
    slots, crowds = Slots.of(frame.day, bucket, last, end), dict[int, Crowd]()
    everyone = Crowd.of(slots, np.ones(len(frame), dtype=bool), frame.subject)
    yield Series(RECORDS, bucket, "count", None, tuple(_volume(slots, everyone.seen(np.ones(len(frame))))))
    held = list(measures_of(frame))  # keeps the id of each mask unique
    for name, measure in held:
        among = id(measure.among)
        crowds[among] = crowds.get(among) or Crowd.of(slots, measure.among, frame.subject)
        yield Series(name, bucket, measure.kind, measure.bounds, tuple(_points(slots, crowds[among], measure)))


def kitagawa(figure: str, before: tuple[Floats, Codes], after: tuple[Floats, Codes]) -> Split | None:
    """Split the change of a mean or share into mix and rate (Kitagawa 1955); None if one side has no record.

    Args:
        figure: its name.
        before: the values, and the channel of each.
        after: the same for the other set. A channel in one set only counts as mix: its rate is taken as unchanged.
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
    """The split of each of these figures known in both sets."""
    found = (kitagawa(name, *(_side(frame, figure) for frame in (before, after))) for name, figure in figures.items())
    return tuple(split for split in found if split is not None)


def handovers_of(frame: Frame) -> tuple[Handover, ...]:
    """The days on which model or taxonomy changed; if two overlap in time, by the first day of each."""
    return tuple(
        sorted((*_handovers(frame, "model", frame.model), *_handovers(frame, "taxonomy", frame.version)), key=lambda found: found.day)
    )


def _past(at: int, bucket: Bucket) -> list[int]:
    """The reference slots of a slot: earlier weeks, or the same weekday of earlier weeks."""
    step = 1 if bucket == "week" else 7
    return [slot for slot in range(at - step, at - step * TRAILING_WEEKS - 1, -step) if slot >= 0]


def _year_ago(at: int, bucket: Bucket) -> tuple[list[int], list[int]]:
    """The three weeks around the same week last year, and the eight before; empty if incomplete."""
    middle = at - YEAR_WEEKS
    if bucket == "day" or middle < TRAILING_WEEKS:
        return [], []
    return [middle - 1, middle, middle + 1], _past(middle, bucket)


def _points(slots: Slots, crowd: Crowd, measure: Measure) -> Iterator[Point]:
    is_share, (low, high) = measure.kind == "share", measure.bounds
    seen = crowd.seen(measure.values if is_share else (measure.values - low) / (high - low))
    pasts = [_past(at, slots.bucket) for at in range(slots.count)]
    history = History.of_shares(seen.voices, seen.customers, pasts)
    for at, past in enumerate(pasts):
        n = int(seen.n[at])
        hits = int(seen.sums[at]) if is_share else n
        estimate = _estimate(measure, seen, at)
        point = Point(slots.start(at), slots.is_partial(at), hits, n, int(seen.customers[at]), estimate)
        found = expected_value(seen, history, at, past, _year_ago(at, slots.bucket), is_share=is_share)
        yield _held(point, found, measure.bounds)


def _estimate(measure: Measure, seen: Seen, at: int) -> Estimate:
    """The figure of a slot, with its interval."""
    n, total, heard = int(seen.n[at]), float(seen.sums[at]), seen.heard(at)
    if measure.kind == "share":
        return share(int(total), n, heard=heard)
    squares = float(seen.squares[at])
    if measure.kind == "balance":  # of 0, a half and 1
        ones = round(2 * squares - total)
        return net(ones, n - ones - round(4 * (total - squares)), n, heard=heard)
    return mean_of(total, squares, n, heard=heard, bounds=measure.bounds)


def _held(point: Point, found: Expected | None, bounds: tuple[float, float]) -> Point:
    """A point with its range and p, in units of its figure."""
    if found is None:
        return point
    low, high = (bounds[0] + end * (bounds[1] - bounds[0]) for end in (found.low, found.high))
    return replace(point, low=low, high=high, p=found.p)


def _volume(slots: Slots, seen: Seen) -> Iterator[Point]:
    """Points of counts; partial weeks and days are neither tested nor part of the past."""
    whole = [not slots.is_partial(at) for at in range(slots.count)]
    pasts = [[slot for slot in _past(at, slots.bucket) if whole[slot]] for at in range(slots.count)]
    history = History.of_counts(seen.n, [past if whole[at] else [] for at, past in enumerate(pasts)])
    for at, past in enumerate(pasts):
        n = int(seen.n[at])
        point = Point(slots.start(at), not whole[at], n, n, int(seen.customers[at]), Estimate(n))
        around, before = (seen.n[slots] for slots in _year_ago(at, slots.bucket))
        season = Season.of_counts(around, before)
        yield point if point.is_partial else _held(point, expected_count(seen.n, history, at, past, season), (0.0, 1.0))


def _corrected(found: Sequence[Series]) -> Iterator[Series]:
    qs = iter(benjamini_hochberg([point.p for series in found for point in series.points]))
    for series in found:
        yield replace(series, points=tuple(_judged(point, next(qs)) for point in series.points))


def _judged(point: Point, q: float) -> Point:
    if point.p is None or point.low is None or point.high is None:
        return point
    middle, seen = (point.low + point.high) / 2, point.n if point.estimate.value is None else point.estimate.value
    verdict = "usual" if q > CLEAR_Q else "high" if seen > middle else "low"
    return replace(point, q=q, verdict=verdict)


def _by_channel(values: Floats, channels: Codes) -> Mapping[str, tuple[float, float]]:
    """Weight and mean per channel."""
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
    """Masks of the last four weeks and the four before; None if one has too few records."""
    last = int(frame.day.max(initial=0))
    after = (frame.day > last - days) & (frame.day > 0)
    before = (frame.day > last - 2 * days) & (frame.day <= last - days) & (frame.day > 0)
    return (before, after) if min(before.sum(), after.sum()) >= least else None

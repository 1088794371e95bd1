"""A frame in, the journey map out: counts, net sentiment and interval by stage and factor; also changes between two frames.

A cell counts records: a factor occurs once in a record, at the stages whose evidence it shares. Tests of clarity and
change count customers.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from vocservice.reporting.estimate import MIN_N, Estimate, mean, net, share
from vocservice.reporting.frame import MIXED, NEGATIVE, NONE, POSITIVE, Bools, Frame, Ints, count_of
from vocservice.reporting.measures import Measure, measures_of
from vocservice.reporting.stats import (
    Z95,
    benjamini_hochberg,
    chi_square,
    interval_from_both,
    total_variation,
    two_proportions,
)
from vocservice.reporting.voices import Counted, Heard, Runs, Voices

CLEAR_Q = 0.05
MIX_DISTANCE = 0.1


@dataclass(frozen=True, slots=True)
class Cell:
    """One factor (or group of factors) at one stage; `stage` None means no stage was given."""

    stage: str | None
    factor: str
    n: int
    positive: int
    negative: int
    mixed: int
    net: Estimate


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage: its records, their overall sentiment, its cells; `is_silent` if no record mentions it."""

    key: str
    n: int
    share: Estimate
    sentiment: Estimate
    cells: tuple[Cell, ...]
    groups: tuple[Cell, ...]

    @property
    def is_silent(self) -> bool:
        return not self.n


@dataclass(frozen=True, slots=True)
class FactorTotal:
    """One factor over all stages, in records."""

    key: str
    group: str
    owner: str
    total: Cell
    share: Estimate


@dataclass(frozen=True, slots=True)
class Journey:
    """The map; `elsewhere` are factors of records without a stage."""

    n: int
    stages: tuple[Stage, ...]
    elsewhere: tuple[Cell, ...]
    factors: tuple[FactorTotal, ...]
    group_names: tuple[str, ...]

    @property
    def silent(self) -> tuple[str, ...]:
        return tuple(stage.key for stage in self.stages if stage.is_silent)

    def cells(self) -> Iterator[Cell]:
        """Every cell that has a stage."""
        for stage in self.stages:
            yield from stage.cells


@dataclass(frozen=True, slots=True)
class Tested:
    """A figure in two sets of records; `verdict` is up, down, unclear (not significant), or unknown (too few records)."""

    before: Estimate
    after: Estimate
    difference: Estimate
    p: float | None
    q: float | None
    verdict: str


@dataclass(frozen=True, slots=True)
class Change(Tested):
    """The share of records that blame a factor at a stage."""

    stage: str | None
    factor: str


@dataclass(frozen=True, slots=True)
class ChannelMix:
    """Difference between the channels of two sets of records: distance 0 to 1, and the chi-square p."""

    distance: float | None
    p: float | None
    is_different: bool


@dataclass(frozen=True, slots=True)
class Shift(Tested):
    """The net sentiment of a stage (over its records) or of a factor (by polarity); over all records a balance or a mean, by name."""

    kind: str
    key: str


@dataclass(frozen=True, slots=True)
class Gap(Tested):
    """A followed share."""

    figure: str


One = TypeVar("One", bound=Tested)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Comparison of two sets of records; `maps` are their journey maps, `shifts` compare stages and factors.

    `groups` are the changes of group cells, by records that blame any of their factors at the stage, `levels` those of sentiment
    and of each kind of score over all records.
    """

    before: str
    after: str
    n_before: int
    n_after: int
    changes: tuple[Change, ...]
    shifts: tuple[Shift, ...]
    maps: tuple[Journey, Journey]
    channels: ChannelMix
    groups: tuple[Change, ...]
    levels: tuple[Shift, ...]

    @property
    def tested(self) -> int:
        """Number of cells tested, for which q is corrected."""
        return sum(change.p is not None for change in self.changes)

    @property
    def clear(self) -> tuple[Change, ...]:
        """The significant changes of cells, largest first."""
        found = (change for change in self.changes if change.verdict in ("up", "down"))
        return tuple(sorted(found, key=lambda change: -abs(change.difference.value or 0.0)))


@dataclass(frozen=True, slots=True)
class _Signs:
    """(n,) masks of positive, negative and known sentiment levels."""

    positive: Bools
    negative: Bools
    told: Bools

    @classmethod
    def of(cls, frame: Frame) -> "_Signs":
        return cls(frame.level > 0, frame.level < 0, ~np.isnan(frame.level))

    def net_within(self, mask: Bools, subjects: Ints, least: int) -> Estimate:
        """The net sentiment of the rows of a mask, given the customer of each row."""
        counts = count_of(self.positive & mask), count_of(self.negative & mask), count_of(self.told & mask)
        return net(*counts, heard=Heard.of(subjects[self.told & mask]), least=least)


def journey_map(frame: Frame, *, least: int = MIN_N) -> Journey:
    """The whole map.

    Args:
        frame: the records.
        least: number of customers a figure needs; below, it is not known.
    """
    groups = groups_of(frame)
    by_factor, by_group = _rows_of(frame, groups, least)
    signs = _Signs.of(frame)
    everyone = Heard.of(frame.subject)
    stages = tuple(_stage(frame, signs, everyone, at, by_factor[at], by_group[at], least) for at in range(len(frame.stage_keys)))
    elsewhere = by_factor[NONE]
    return Journey(len(frame), stages, elsewhere, tuple(_totals(frame, everyone, least)), tuple(groups))


def compare(before: Frame, after: Frame, *, names: tuple[str, str], least: int = MIN_N) -> Comparison:
    """Changes in how often cells are blamed from `before` to `after`, corrected for the number of cells tested."""
    maps = journey_map(before, least=least), journey_map(after, least=least)
    voices = Voices.of(before.subject), Voices.of(after.subject)
    cells = (_blamed(frame, journey, own) for frame, journey, own in zip((before, after), maps, voices, strict=True))
    found = [Change(*_shares(a, b, least), cell.stage, cell.factor) for cell, a, b in zip(maps[0].cells(), *cells, strict=True)]
    by_group = _blaming(before, voices[0]), _blaming(after, voices[1])
    groups = [Change(*_shares(a, b, least), *cell) for cell, a, b in zip(_group_cells(before), *by_group, strict=True)]
    shifts = tuple(corrected([_shift(*pair) for pair in zip(_moods(maps[0]), _moods(maps[1]), strict=True)]))
    levels = [_shift((measure.kind, name, a), (measure.kind, name, b)) for name, measure, a, b in _levels(before, after, least)]
    changes, mix = tuple(corrected(found)), channel_mix(before, after)
    return Comparison(*names, len(before), len(after), changes, shifts, maps, mix, tuple(corrected(groups)), tuple(corrected(levels)))


def channel_mix(before: Frame, after: Frame) -> ChannelMix:
    """Whether the channels differ enough to explain a comparison; an unknown channel counts as its own."""
    names = sorted({*before.channel.names, *after.channel.names})
    counts = [_counts(frame, names) for frame in (before, after)]
    distance = total_variation(*counts)
    p = chi_square(counts)[2] if not math.isnan(distance) else math.nan
    is_different = not math.isnan(distance) and distance > MIX_DISTANCE
    return ChannelMix(None if math.isnan(distance) else distance, None if math.isnan(p) else p, is_different)


def groups_of(frame: Frame) -> Mapping[str, list[int]]:
    """The factor columns of each group, in the taxonomy's order."""
    groups: dict[str, list[int]] = {}
    for at, key in enumerate(frame.factor_keys):
        groups.setdefault(frame.taxonomy["factors"][key].group or "other", []).append(at)
    return groups


def _group_cells(frame: Frame) -> Iterator[tuple[str, str]]:
    yield from ((stage, group) for group in groups_of(frame) for stage in frame.stage_keys)


def _blamed(frame: Frame, journey: Journey, voices: Voices) -> Iterator[Counted]:
    """Customers and records that blame each cell of the map."""
    places, width = frame.blamed(), len(frame.factor_keys)
    weights = voices.weights[places.row]
    told = np.bincount(places.stage * width + places.factor, weights, len(frame.stage_keys) * width)
    for cell, own in zip(journey.cells(), told.tolist(), strict=True):
        yield Counted(cell.negative, len(frame), own, voices.heard)


def _blaming(frame: Frame, voices: Voices) -> Iterator[Counted]:
    """Counts of records that blame any factor of a group at a stage, in the order of `_group_cells`."""
    places = frame.blamed()
    for members in groups_of(frame).values():
        held = np.zeros((len(frame.stage_keys), len(frame)), dtype=bool)
        is_member = np.zeros(len(frame.factor_keys), dtype=bool)
        is_member[members] = True
        is_here = is_member[places.factor]
        held[places.stage[is_here], places.row[is_here]] = True
        yield from map(voices.counted, held)


def _rows_of(frame: Frame, groups: Mapping[str, list[int]], least: int) -> tuple[Sequence[tuple[Cell, ...]], Sequence[tuple[Cell, ...]]]:
    """The cells of each stage, and last those without a stage: of factors, and of groups of factors."""
    places, stages, width = frame.places, len(frame.stage_keys) + 1, len(frame.factor_keys)
    order = [at for members in groups.values() for at in members]  # a group's factors are neighbours, so their cells join
    column, group = np.argsort(order), np.repeat(np.arange(len(groups)), [len(members) for members in groups.values()])
    flat = (places.stage % stages) * width + column[places.factor]
    counts = np.bincount(flat * 3 + places.polarity, minlength=stages * width * 3).reshape(stages, width, 3)
    runs = Runs.of(flat, frame.subject[places.row], count=stages * width)
    joined = runs.joined((np.arange(stages)[:, None] * len(groups) + group).ravel(), count=stages * len(groups))
    sums = np.stack([counts[:, group == at].sum(axis=1) for at in range(len(groups))], axis=1) if groups else counts
    by_factor = _cells(frame, [frame.factor_keys[at] for at in order], counts, runs.heard(), least)
    return [tuple(row[at] for at in column) for row in by_factor], _cells(frame, tuple(groups), sums, joined.heard(), least)


def _cells(frame: Frame, keys: Sequence[str], counts: Ints, heard: Sequence[Heard], least: int) -> Sequence[tuple[Cell, ...]]:
    """The cells of each stage, and last those without: counts (stages, keys, polarities), customers (stages * keys)."""
    stages, width = (*frame.stage_keys, None), len(keys)
    return [
        tuple(_cell(stage, key, counts[row, at], heard[row * width + at], least) for at, key in enumerate(keys))
        for row, stage in enumerate(stages)
    ]


def _cell(stage: str | None, factor: str, counts: Ints, heard: Heard, least: int) -> Cell:
    positive, negative, mixed = (int(counts[at]) for at in (POSITIVE, NEGATIVE, MIXED))
    n = positive + negative + mixed
    return Cell(stage, factor, n, positive, negative, mixed, net(positive, negative, n, heard=heard, least=least))


def _stage(frame: Frame, signs: "_Signs", everyone: Heard, at: int, cells: tuple[Cell, ...], groups: tuple[Cell, ...], least: int) -> Stage:
    here = frame.stages[:, at]
    n, sentiment = count_of(here), signs.net_within(here, frame.subject, least)
    return Stage(frame.stage_keys[at], n, share(n, len(frame), heard=everyone, least=least), sentiment, cells, groups)


def _totals(frame: Frame, everyone: Heard, least: int) -> Iterator[FactorTotal]:
    for at, key in enumerate(frame.factor_keys):
        counts = [count_of(frame.factors[:, at] == polarity) for polarity in (POSITIVE, NEGATIVE, MIXED)]
        heard = Heard.of(frame.subject[frame.factors[:, at] != NONE])
        cell = _cell(None, key, np.array(counts, dtype=np.int64), heard, least)
        group = frame.taxonomy["factors"][key].group or "other"
        yield FactorTotal(key, group, frame.owner_of(key), cell, share(cell.n, len(frame), heard=everyone, least=least))


def _counts(frame: Frame, names: Sequence[str]) -> Ints:
    found = dict(zip(frame.channel.names, frame.channel.counts().tolist(), strict=True))
    return np.array([*(found.get(name, 0) for name in names), int((frame.channel.codes < 0).sum())], dtype=np.int64)


def gap(figure: str, before: Counted, after: Counted, *, least: int = MIN_N) -> Gap:
    """A share in two sets, not corrected yet."""
    return Gap(*_shares(before, after, least), figure)


def _shares(before: Counted, after: Counted, least: int) -> tuple[Estimate, Estimate, Estimate, float | None, float | None, str]:
    """Shares of records, their difference, p over customers, no q yet, and a preliminary verdict."""
    a, b = (share(one.hits, one.n, heard=one.heard, least=least) for one in (before, after))
    hits = before.hits + after.hits
    if hits < least or a.value is None or b.value is None or a.low is None or a.high is None or b.low is None or b.high is None:
        return a, b, Estimate(hits), None, None, "unknown"
    low, high = interval_from_both((a.value, a.low, a.high), (b.value, b.low, b.high))
    return a, b, Estimate(hits, b.value - a.value, low, high), _p_of(before, after), None, "unclear"


def _p_of(before: Counted, after: Counted) -> float:
    """Two-sided p over customers; 1 if they move in the opposite direction of the records."""
    moved = after.voices / after.heard.customers - before.voices / before.heard.customers
    if moved * (after.hits / after.n - before.hits / before.n) <= 0:
        return 1.0
    return two_proportions(round(before.voices), before.heard.customers, round(after.voices), after.heard.customers)


def corrected(found: Sequence[One]) -> Iterator[One]:
    """The same with q over all tests, and a verdict."""
    qs = benjamini_hochberg([one.p for one in found])
    for one, q in zip(found, qs, strict=True):
        yield one if one.p is None else replace(one, q=q, verdict=_verdict(one.difference, q))


def _levels(before: Frame, after: Frame, least: int) -> Iterator[tuple[str, Measure, Estimate, Estimate]]:
    """Every balance and mean known in both sets."""
    held = dict(measures_of(before))
    for name, measure in measures_of(after):
        if name in held and measure.kind != "share":
            yield name, measure, level_of(held[name], before, least=least), level_of(measure, after, least=least)


def level_of(measure: Measure, frame: Frame, *, least: int = MIN_N) -> Estimate:
    """A balance or a mean over all records of a frame with a value."""
    values, heard, (low, high) = measure.values[measure.among], Heard.of(frame.subject[measure.among]), measure.bounds
    if measure.kind == "balance":
        return net(count_of(values > 0), count_of(values < 0), len(values), heard=heard, least=least)
    return mean((values - low) / (high - low), bounds=measure.bounds, heard=heard, least=least)


def _moods(journey: Journey) -> Iterator[tuple[str, str, Estimate]]:
    yield from (("stage", stage.key, stage.sentiment) for stage in journey.stages)
    yield from (("factor", factor.key, factor.total.net) for factor in journey.factors)


def _shift(before: tuple[str, str, Estimate], after: tuple[str, str, Estimate]) -> Shift:
    """Difference of two balances or means: interval from both intervals (Zou and Donner 2008), p from the same spread."""
    kind, key, a = before
    b, n = after[2], a.n + after[2].n
    if a.value is None or b.value is None or a.low is None or a.high is None or b.low is None or b.high is None:
        return Shift(a, b, Estimate(n), None, None, "unknown", kind, key)
    change = b.value - a.value
    low, high = interval_from_both((a.value, a.low, a.high), (b.value, b.low, b.high))
    spread = (change - low if change > 0 else high - change) / Z95
    p = math.erfc(abs(change) / spread / math.sqrt(2)) if spread else 1.0
    return Shift(a, b, Estimate(n, change, low, high), p, None, "unclear", kind, key)


def _verdict(difference: Estimate, q: float) -> str:
    if q > CLEAR_Q:
        return "unclear"
    return "up" if (difference.value or 0) > 0 else "down"

"""Two sets of records and a scored anchor set in, the change of a figure split four ways out.

Changes by customers, by the mix of channels, by taxonomy version and by model version sum to the total change.
The last two come from an anchor set: the same texts labelled by each version, so that only the labels differ.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from vocservice.reporting.estimate import MIN_N, Estimate
from vocservice.reporting.frame import Bools, Frame
from vocservice.reporting.measures import Figure, is_own
from vocservice.reporting.rows import Row

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Version = tuple[str, str]

MIN_ANCHORS = 30
RESAMPLES = 500
BLOCKS = 200
SEED = 20250102
NAMES = ("customers", "channel mix", "taxonomy version", "model version")
_TOLERANCE = 1e-9
_OWN_SCORE = "the customer’s own score, whatever the model"


@dataclass(frozen=True, slots=True)
class Cause:
    """One of the four parts of a change, with its interval; `note` says why it is not known or always zero."""

    name: str
    part: Estimate
    note: str = ""


@dataclass(frozen=True, slots=True)
class Fourfold:
    """A change of a figure and its four parts; if all are known they sum to it.

    Attributes:
        change: after minus before, with its interval; n counts the records of both sets.
        untold: the joint effect of customers and versions, if they cannot be separated.
        anchors: number of anchor texts labelled by every version of the two sets, if there are several versions.
    """

    figure: str
    before: float
    after: float
    n_before: int
    n_after: int
    change: Estimate
    causes: tuple[Cause, ...]
    untold: Estimate | None
    anchors: int


@dataclass(frozen=True, slots=True)
class Anchors:
    """The anchor set: m texts under k versions, as (m, k) row numbers of a frame; -1 if not labelled."""

    versions: tuple[Version, ...]
    frame: Frame
    at: Ints

    def __len__(self) -> int:
        return len(self.at)

    def of(self, versions: Sequence[Version]) -> "Anchors":
        """The texts labelled by all of these versions, restricted to these."""
        known = [version for version in versions if version in self.versions]
        at = self.at[:, [self.versions.index(version) for version in known]]
        return Anchors(tuple(versions), self.frame, at[(at >= 0).all(axis=1)] if len(known) == len(versions) else at[:0])

    def wider(self, versions: Sequence[Version]) -> Iterator["Anchors"]:
        """The texts under these versions; under these and one other, most texts first; and under all, if there are enough."""
        others = [version for version in self.versions if version not in versions]
        others.sort(key=lambda version: -len(self.of([*versions, version])))
        found = (self.of([*versions, *more]) for more in ((), *((one,) for one in others), others))
        yield from (one for one in found if len(one) >= MIN_ANCHORS)


@dataclass(frozen=True, slots=True)
class _Labels:
    """The effects of taxonomy and model on a figure, per draw; None if not known, with the reason."""

    taxonomy: Floats | None
    model: Floats | None
    note: str = ""
    anchors: int = 0

    @classmethod
    def none(cls, draws: int, note: str = "") -> "_Labels":
        return cls(np.zeros(draws), np.zeros(draws), note)

    @property
    def is_known(self) -> bool:
        return self.taxonomy is not None and self.model is not None


@dataclass(frozen=True, slots=True)
class _Drawn:
    """Resamples of one set, the original first: (draws, channels) weights and rates, (draws, versions) weights, (draws,) means."""

    weights: Floats
    rates: Floats
    versions: Floats
    mean: Floats
    n: int


@dataclass(frozen=True, slots=True)
class _Side:
    """One set: (n,) index of each row into a table of (customer blocks, channels, versions), its shape, (draws, blocks) weights."""

    frame: Frame
    place: Ints
    shape: tuple[int, int, int]
    names: tuple[Version, ...]
    weights: Floats

    @classmethod
    def of(cls, frame: Frame, channels: Sequence[str], versions: tuple[Version, ...], *, seed: int) -> "_Side":
        """A set with draws of blocks: all records of one customer are drawn together."""
        at = {name: number for number, name in enumerate(channels)}
        own = np.array([*(at[name] for name in frame.channel.names), len(channels)], dtype=np.int64)[frame.channel.codes]
        names, codes = _versions(frame)
        version = np.array([versions.index(name) for name in names], dtype=np.int64)[codes]
        shape = BLOCKS, len(channels) + 1, len(versions)
        place = (_blocks(frame.subject, seed) * shape[1] + own) * shape[2] + version
        return cls(frame, place, shape, versions, _weights(BLOCKS, seed))

    def drawn(self, figure: Figure) -> _Drawn:
        """Resample the rows that have the figure."""
        values, mask = figure(self.frame)
        found, held = self._table(mask, None), self._table(mask, values).sum(axis=2)
        counts, sums, by_version = (self.weights @ table for table in (found.sum(axis=2), held, found.sum(axis=1)))
        total = np.maximum(counts.sum(axis=1, keepdims=True), 1)
        rates = np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)
        return _Drawn(counts / total, rates, by_version / total, sums.sum(axis=1) / total[:, 0], int(mask.sum()))

    def _table(self, mask: Bools, values: npt.NDArray[Any] | None) -> Floats:
        """(blocks, channels, versions) counts of the rows of a mask, or sums of their values."""
        if values is not None and values.dtype == bool:
            mask, values = mask & values, None
        weights = None if values is None else values[mask]
        found = np.bincount(self.place[mask], weights=weights, minlength=math.prod(self.shape))
        return np.asarray(found.reshape(self.shape).astype(np.float64))


def anchors_of(frame: Frame, rows: Sequence[Row]) -> Anchors:
    """The texts of a frame, with the versions that labelled each."""
    names, codes = _versions(frame)
    versions = tuple(sorted(set(names) - {("", "")}))
    held: dict[str, dict[Version, int]] = {}
    for at, code in enumerate(codes.tolist()):
        held.setdefault(rows[int(frame.index[at])].id, {})[names[code]] = at
    found = [[by.get(version, -1) for version in versions] for by in held.values()]
    return Anchors(versions, frame, np.array(found, dtype=np.int64).reshape(len(found), len(versions)))


def fourfold(before: Frame, after: Frame, anchors: Anchors | None, figures: Mapping[str, Figure]) -> tuple[Fourfold, ...]:
    """Every given figure for which both sets have enough records."""
    channels = sorted({channel for frame in (before, after) for channel in frame.channel.names})
    versions = tuple(sorted({version for frame in (before, after) for version in _versions(frame)[0]}))
    sides = tuple(_Side.of(frame, channels, versions, seed=SEED + at) for at, frame in enumerate((before, after)))
    found = (_fourfold(name, figure, sides, anchors, is_labelled=not is_own(name)) for name, figure in figures.items())
    return tuple(one for one in found if one is not None)


def _fourfold(name: str, figure: Figure, sides: Sequence["_Side"], anchors: Anchors | None, *, is_labelled: bool) -> Fourfold | None:
    a, b = (side.drawn(figure) for side in sides)
    n = a.n + b.n
    if min(a.n, b.n) < MIN_N:
        return None
    mix, rate = _kitagawa(a, b)
    moved, versions = b.versions - a.versions, sides[0].names
    labels = _by_labels(moved, versions, figure, anchors) if is_labelled else _Labels.none(len(mix), _OWN_SCORE)
    means = float(a.mean[0]), float(b.mean[0])
    causes = tuple(_causes(mix, rate, labels, n))
    untold = None if labels.is_known else _estimate(rate, n)
    return Fourfold(name, *means, a.n, b.n, _estimate(b.mean - a.mean, n), causes, untold, labels.anchors)


def _causes(mix: Floats, rate: Floats, labels: "_Labels", n: int) -> Iterator[Cause]:
    """The parts in the order of `NAMES`; the part of customers is the remainder."""
    if labels.taxonomy is None or labels.model is None:
        yield Cause(NAMES[0], Estimate(n), labels.note)
        yield Cause(NAMES[1], _estimate(mix, n))
        yield from (Cause(name, Estimate(n), labels.note) for name in NAMES[2:])
        return
    yield Cause(NAMES[0], _estimate(rate - labels.taxonomy - labels.model, n))
    yield Cause(NAMES[1], _estimate(mix, n))
    yield from (Cause(name, _estimate(part, n), labels.note) for name, part in zip(NAMES[2:], (labels.taxonomy, labels.model), strict=True))


def _versions(frame: Frame) -> tuple[list[Version], Ints]:
    """The versions of the rows, and (n,) the version of each row; -1 becomes a blank name."""
    models, taxonomies = ([*codes.names, ""] for codes in (frame.model, frame.version))
    pairs = frame.model.codes.astype(np.int64) % len(models) * len(taxonomies) + frame.version.codes % len(taxonomies)
    found, codes = np.unique(pairs, return_inverse=True)
    return [(models[pair // len(taxonomies)], taxonomies[pair % len(taxonomies)]) for pair in found.tolist()], codes


def _blocks(subject: Ints, seed: int) -> Ints:
    customers, codes = np.unique(subject, return_inverse=True)
    return np.asarray(np.random.default_rng(seed).permutation(len(customers))[codes] % BLOCKS)


def _weights(blocks: int, seed: int) -> Floats:
    """(1 + resamples, blocks): ones, then how often each block was drawn."""
    drawn = np.random.default_rng(seed + 10).multinomial(blocks, np.full(blocks, 1 / blocks), size=RESAMPLES)
    return np.concatenate([np.ones((1, blocks)), drawn])


def _kitagawa(a: _Drawn, b: _Drawn) -> tuple[Floats, Floats]:
    """The effects of channel mix and of rates within channels, per draw; a channel in one set only counts as mix."""
    before, after = (np.nan_to_num(np.where(np.isnan(one), other, one)) for one, other in ((a.rates, b.rates), (b.rates, a.rates)))
    mix = ((b.weights - a.weights) * (before + after) / 2).sum(axis=1)
    return mix, ((a.weights + b.weights) / 2 * (after - before)).sum(axis=1)


def _by_labels(moved: Floats, versions: Sequence[Version], figure: Figure, anchors: Anchors | None) -> _Labels:
    """The effect of versions: the change of each version's share times the figure of the anchor set under it."""
    if len(versions) == 1:
        return _Labels.none(len(moved))
    held = anchors.of(versions) if anchors else None
    if anchors is None or held is None or len(held) < MIN_ANCHORS:
        note = f"labelled by more than one version, and no anchor set of {MIN_ANCHORS} texts was labelled by each"
        return _Labels(None, None, note, len(held or ()))
    if _told(held, figure) < MIN_ANCHORS:
        note = f"fewer than {MIN_ANCHORS} texts of the anchor set have this figure under each version"
        return _Labels(None, None, note, len(held))
    whole, none = (moved * _scored(held, figure)).sum(axis=1), np.zeros(len(moved))
    models, taxonomies = ({version[at] for version in versions} for at in (0, 1))
    if len(taxonomies) == 1:
        return _Labels(none, whole, anchors=len(held))
    return _Labels(whole, none, anchors=len(held)) if len(models) == 1 else _told_apart(moved, versions, figure, anchors)


def _told(anchors: Anchors, figure: Figure) -> int:
    """Smallest number of anchors with the figure over the versions."""
    _, mask = figure(anchors.frame)
    return int(mask[anchors.at].sum(axis=0).min())


def _scored(anchors: Anchors, figure: Figure) -> Floats:
    """(draws, versions) the figure of the anchor set under each version, with the same texts drawn for all."""
    values, mask = figure(anchors.frame)
    known = mask[anchors.at]
    weights = _weights(len(anchors), SEED + 20)
    counts = np.maximum(weights @ known.astype(np.float64), 1)
    return np.asarray((weights @ np.where(known, values[anchors.at], 0.0)) / counts)


def _told_apart(moved: Floats, versions: Sequence[Version], figure: Figure, anchors: Anchors) -> _Labels:
    """Model and taxonomy as additive effects, from the fewest versions of the anchor set that separate them."""
    for held in anchors.wider(versions):
        if _told(held, figure) < MIN_ANCHORS:
            continue
        shift = np.pad(moved, ((0, 0), (0, len(held.versions) - len(versions))))
        by_model, by_taxonomy = (_indicators([version[at] for version in held.versions]) for at in (0, 1))
        design = np.concatenate([by_model, by_taxonomy], axis=1)
        inverse = np.linalg.pinv(design)
        pairs = (shift @ by_model, 0 * shift @ by_taxonomy), (0 * shift @ by_model, shift @ by_taxonomy)
        model, taxonomy = (np.concatenate(pair, axis=1) for pair in pairs)
        if np.abs(model - model @ inverse @ design).max() <= _TOLERANCE:
            effects = _scored(held, figure) @ inverse.T
            return _Labels((taxonomy * effects).sum(axis=1), (model * effects).sum(axis=1), anchors=len(held))
    note = "model and taxonomy changed together, and no version of the anchor set changes one of them alone"
    return _Labels(None, None, note, len(anchors.of(versions)))


def _indicators(names: Sequence[str]) -> Floats:
    found = sorted(set(names))
    return np.array([[float(name == other) for other in found] for name in names])


def _estimate(draws: Floats, n: int) -> Estimate:
    """The first draw is the original set; the others give the interval."""
    low, high = np.quantile(draws[1:], (0.025, 0.975))
    return Estimate(n, float(draws[0]), min(float(low), float(draws[0])), max(float(high), float(draws[0])))

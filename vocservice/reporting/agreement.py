"""Labels of two people and the model for the same texts in, Cohen's kappa of each label with its interval out.

Kappa is 1 for full agreement, 0 for agreement by chance. Sentiment is weighted by the square of
the distance. Intervals: bootstrap percentiles (95 %) over 1,000 resamples of the texts.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from vocservice.taxonomy import Taxonomy

DRAWS = 1000
LEAST = 5
LEVELS = (-2, -1, 0, 1, 2)
MULTI, SINGLE = ("stages", "factors", "flags", "reasons"), ("scope", "outcome")
Numbers = NDArray[np.float64]


class Read(Protocol):
    """One text: the labels of both people and of the model."""

    @property
    def first(self) -> Mapping[str, Any]: ...
    @property
    def second(self) -> Mapping[str, Any]: ...
    @property
    def model(self) -> Mapping[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Kappa:
    """A kappa with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Agreement:
    """One label: number of texts, number on which any person gave it, and kappas; None if nobody varied, or for
    fewer than `LEAST` texts, of which an interval tells nothing."""

    set: str
    key: str
    n: int
    given: int
    readers: Kappa | None
    model: Kappa | None


def agreements(pairs: Sequence[Read], taxonomy: Taxonomy) -> Iterator[Agreement]:
    """The agreement on every label that anyone gave, and on every single-label set."""
    draw = np.random.default_rng(7)
    for name in (name for name in MULTI if name in taxonomy):
        given = [[_given(labels, name) for labels in _three(pair)] for pair in pairs]
        signs = ("", *taxonomy[name].polarities)
        for key in taxonomy[name].keys:
            triples = [tuple(1 + signs.index(labels[key]) if key in labels else 0 for labels in three) for three in given]
            if any(any(triple) for triple in triples):
                yield _agreement(name, key, triples, 1 + len(signs), draw, given=sum(any(triple[:2]) for triple in triples))
    for name in (name for name in SINGLE if name in taxonomy):
        places = {key: place for place, key in enumerate((*taxonomy[name].keys, None))}
        triples = [tuple(places.get(labels.get(name), len(places) - 1) for labels in _three(pair)) for pair in pairs]
        told = [triple for triple in triples if min(triple[:2]) < len(places) - 1]
        if told:
            yield _agreement(name, "", told, len(places), draw, given=len(told))
    yield from _ordered(pairs, draw)


def _ordered(pairs: Sequence[Read], draw: np.random.Generator) -> Iterator[Agreement]:
    moods = [[labels.get("sentiment") for labels in _three(pair)] for pair in pairs]
    triples = [tuple(LEVELS.index(level) for level in mood) for mood in moods if all(level in LEVELS for level in mood)]
    if triples:
        yield _agreement("sentiment", "", triples, len(LEVELS), draw, given=len(triples), is_ordered=True)
    calls = [[labels.get("needs_review") for labels in _three(pair)] for pair in pairs]
    told = [tuple(int(bool(call)) for call in three) for three in calls if None not in three]
    if told:
        yield _agreement("needs_review", "", told, 2, draw, given=sum(triple[0] or triple[1] for triple in told))


def kappa(tables: Numbers, *, is_ordered: bool = False) -> Numbers:
    """Cohen's kappa of each table [..., k, k] of counts; NaN if chance agreement is 1. Quadratic weights if ordered."""
    size = tables.shape[-1]
    apart = np.subtract.outer(np.arange(size), np.arange(size)) ** 2.0
    cost = apart if is_ordered else (apart > 0).astype(float)
    total = tables.sum(axis=(-2, -1))
    rows, columns = tables.sum(axis=-1), tables.sum(axis=-2)
    with np.errstate(invalid="ignore", divide="ignore"):
        expected = np.einsum("...i,...j,ij->...", rows, columns, cost) / total
        found: Numbers = 1 - (tables * cost).sum(axis=(-2, -1)) / expected
    return np.where(np.isfinite(found), found, np.nan)


def _agreement(
    name: str, key: str, triples: Sequence[tuple[int, ...]], size: int, draw: np.random.Generator, *, given: int, is_ordered: bool = False
) -> Agreement:
    joint = np.zeros((size, size, size))
    np.add.at(joint, tuple(np.array(triples).T), 1)
    if len(triples) < LEAST:
        return Agreement(name, key, len(triples), given, None, None)
    drawn = draw.multinomial(len(triples), joint.ravel() / len(triples), size=DRAWS).reshape(DRAWS, size, size, size).astype(float)
    every = np.concatenate([joint[None], drawn])
    readers = _interval(kappa(every.sum(axis=3), is_ordered=is_ordered))
    model = _interval(kappa(every.sum(axis=2) + every.sum(axis=1), is_ordered=is_ordered))
    return Agreement(name, key, len(triples), given, readers, model)


def _interval(values: Numbers) -> Kappa | None:
    """The first value with the percentile interval of the others; None if it, or most resamples, are undefined."""
    known = values[1:][np.isfinite(values[1:])]
    if not np.isfinite(values[0]) or 2 * len(known) < len(values):
        return None
    low, high = np.quantile(known, (0.025, 0.975))
    return Kappa(float(values[0]), float(low), float(high))


def _three(pair: Read) -> tuple[Mapping[str, Any], ...]:
    return pair.first, pair.second, pair.model


def _given(labels: Mapping[str, Any], name: str) -> Mapping[str, str]:
    """The labels of a set, each with its polarity; a blank if the set has none."""
    given = labels.get(name) or ()
    return {label["key"]: label["polarity"] for label in given} if name == "factors" else dict.fromkeys(given, "")

"""Segment scores in, labels out: probabilities, thresholds, abstention and evidence, one label set at a time.

Does not know which sets exist; `pipeline` puts the results into the Analysis.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from vocservice.inference.calibration import Calibration, MultiCalibration, OrdinalCalibration, SingleCalibration, expected_index
from vocservice.inference.heads import Groups, pool_labels, pool_ordinal, pool_polarities
from vocservice.inference.layout import Block

Floats = NDArray[np.float32]
Distances = list[list[float]]

MOST_EVIDENCE = 2  # most evidence segments shown for a label


@dataclass(frozen=True, slots=True)
class Given:
    """A label that was given: its probability, its polarity if the set has polarities, and the rows of its evidence segments."""

    key: str
    probability: float
    polarity: str | None
    evidence: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class MultiResult:
    """One verbatim's labels of a multi-label set, most probable first, and the withheld ones.

    `below`: (segments, labels) how far each raw score is below that of the best segment; empty if not known.
    """

    given: tuple[Given, ...]
    withheld: tuple[tuple[str, float], ...]
    probabilities: dict[str, float]
    below: Distances = field(default_factory=list, repr=False, compare=False)

    def best_rows(self, key: str) -> tuple[int, ...]:
        """Row of the segment with the highest score for a label, given or not; empty if not known."""
        return evidence_rows(self.below, list(self.probabilities).index(key), 0.0)[:1]


@dataclass(frozen=True, slots=True)
class SingleResult:
    """One verbatim's label of a single-label set; None if withheld. `leaning` is the label it would have given."""

    given: Given | None
    leaning: str
    probabilities: dict[str, float]


@dataclass(frozen=True, slots=True)
class OrdinalResult:
    """One verbatim's level of an ordinal set; `score` is the expected level scaled to -1..1."""

    key: str
    score: float
    probabilities: dict[str, float]


SetResult = MultiResult | SingleResult | OrdinalResult


def annotate(scores: Floats, groups: Groups, blocks: Sequence[Block], calibration: Calibration) -> dict[str, list[SetResult]]:
    """Return one result per group for every block.

    Args:
        scores: (segments, columns) raw scores of the packed segments.
        groups: assigns the segments to verbatims.
    """
    return {block.label_set.name: _annotate_set(scores, groups, block, calibration) for block in blocks}


def _annotate_set(scores: Floats, groups: Groups, block: Block, calibration: Calibration) -> list[SetResult]:
    name = block.label_set.name
    match block.label_set.kind:
        case "multi":
            return list(_multi(scores, groups, block, calibration.multi[name]))
        case "single":
            return list(_single(scores, groups, block, calibration.single[name]))
        case "ordinal":
            return list(ordinal_results(scores, groups, block, calibration.ordinal[name]))


def _multi(scores: Floats, groups: Groups, block: Block, fitted: MultiCalibration) -> list[MultiResult]:
    probabilities = fitted.probabilities(pool_labels(scores, groups, block))
    polarities = _polarities(scores, groups, block, fitted)
    thresholds = np.asarray(fitted.thresholds, np.float32)
    floors = np.asarray([fitted.withhold * threshold for threshold in fitted.thresholds], np.float32)
    columns = zip(
        np.argsort(-probabilities, axis=1, kind="stable").tolist(),
        (probabilities >= thresholds).tolist(),
        (probabilities >= floors).tolist(),
        probabilities.tolist(),
        polarities,
        below_best(scores[:, block.labels], groups),
        strict=True,
    )
    keys, most = block.label_set.keys, block.label_set.max_labels
    return [_multi_result(keys, most, fitted.evidence, *row) for row in columns]


def _multi_result(
    keys: Sequence[str],
    most: int | None,
    cut: float,
    order: list[int],
    is_over: list[bool],
    is_near: list[bool],
    probability: list[float],
    polarity: list[str | None],
    below: Distances,
) -> MultiResult:
    given = [index for index in order if is_over[index]][:most]
    withheld = [index for index in order if is_near[index] and index not in given]
    return MultiResult(
        tuple(Given(keys[index], probability[index], polarity[index], evidence_rows(below, index, cut)) for index in given),
        tuple((keys[index], probability[index]) for index in withheld),
        dict(zip(keys, probability, strict=True)),
        below,
    )


def _polarities(scores: Floats, groups: Groups, block: Block, fitted: MultiCalibration) -> list[list[str | None]]:
    names = block.label_set.polarities
    if not names or fitted.polarity is None:
        return [[None] * len(block.label_set.keys)] * groups.size
    best = np.argmax(fitted.polarity.probabilities(pool_polarities(scores, groups, block)), axis=-1)
    found: list[list[str | None]] = np.array(names, object)[best].tolist()
    return found


def _single(scores: Floats, groups: Groups, block: Block, fitted: SingleCalibration) -> list[SingleResult]:
    probabilities = fitted.scaling.probabilities(pool_labels(scores, groups, block))
    chosen = fitted.choose(probabilities)
    below = below_best(scores[:, block.labels], groups)
    parts_of = dict(block.composites)
    keys = block.label_set.keys
    results = []
    for index, row, segments in zip(chosen.tolist(), probabilities.tolist(), below, strict=True):
        columns = parts_of.get(index, (index,))
        evidence = sorted({at for column in columns for at in evidence_rows(segments, column, fitted.evidence)})
        given = Given(keys[index], row[index], None, tuple(evidence)) if row[index] >= fitted.floor else None
        results.append(SingleResult(given, keys[index], dict(zip(keys, row, strict=True))))
    return results


def ordinal_results(scores: Floats, groups: Groups, block: Block, fitted: OrdinalCalibration) -> list[OrdinalResult]:
    """One level per group; also used for turns, with turns as groups."""
    probabilities = fitted.scaling.probabilities(pool_ordinal(scores, groups, block))
    expected = expected_index(probabilities)
    keys = block.label_set.keys
    half = (len(keys) - 1) / 2
    rows = zip(fitted.choose(probabilities).tolist(), (expected / np.float32(half) - 1).tolist(), probabilities.tolist(), strict=True)
    return [OrdinalResult(keys[index], score, dict(zip(keys, row, strict=True))) for index, score, row in rows]


def below_best(scores: Floats, groups: Groups) -> list[Distances]:
    """Per group: how far each segment's raw score of each label is below that of the group's best segment."""
    bounds = [*groups.starts.tolist(), len(scores)]
    best = np.maximum.reduceat(scores, groups.starts, axis=0)
    below = (np.repeat(best, np.diff(bounds), axis=0) - scores).tolist()
    return [below[start:end] for start, end in pairwise(bounds)]


def evidence_rows(below: Distances, label: int, cut: float) -> tuple[int, ...]:
    """Evidence segments of a label in text order: the best ones, none further than `cut` below the best."""
    near = [at for at, labels in enumerate(below) if labels[label] <= cut]
    if len(near) > MOST_EVIDENCE:
        near = sorted(sorted(near, key=lambda at: below[at][label])[:MOST_EVIDENCE])
    return tuple(near)

"""Segment scores in, labels out: probabilities, thresholds, abstention and evidence, one label set at a time.

Knows nothing of which sets there are; `pipeline` gives the sets their place in the Analysis.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vocservice.inference.calibration import Calibration, MultiCalibration, OrdinalCalibration, SingleCalibration, expected_index
from vocservice.inference.heads import Groups, pool_labels, pool_ordinal, pool_polarities
from vocservice.inference.layout import Block

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Given:
    """A label that holds: its probability, its polarity if the set has any, and the rows of its evidence segments."""

    key: str
    probability: float
    polarity: str | None
    evidence: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class MultiResult:
    """One verbatim's labels of a multi set, most probable first, and those withheld."""

    given: tuple[Given, ...]
    withheld: tuple[tuple[str, float], ...]
    probabilities: dict[str, float]


@dataclass(frozen=True, slots=True)
class SingleResult:
    """One verbatim's label of a single set; None when it abstains. `leaning` is the label it would have given."""

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
    """For every block, one result a group.

    Args:
        scores: (segments, columns) raw scores of the packed segments.
        groups: which segment belongs to which verbatim.
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
    bounds = np.r_[groups.starts, len(scores)]
    return [
        _multi_result(block, fitted, probabilities[row], polarities[row], scores[bounds[row] : bounds[row + 1], block.labels])
        for row in range(groups.size)
    ]


def _multi_result(block: Block, fitted: MultiCalibration, probability: Floats, polarity: list[str | None], parts: Floats) -> MultiResult:
    keys = block.label_set.keys
    order = sorted(range(len(keys)), key=lambda index: -float(probability[index]))
    given = [index for index in order if probability[index] >= fitted.thresholds[index]][: block.label_set.max_labels]
    withheld = [index for index in order if index not in given and probability[index] >= fitted.withhold * fitted.thresholds[index]]
    return MultiResult(
        tuple(
            Given(keys[index], float(probability[index]), polarity[index], evidence_rows(parts[:, index], fitted.evidence))
            for index in given
        ),
        tuple((keys[index], float(probability[index])) for index in withheld),
        {key: float(value) for key, value in zip(keys, probability, strict=True)},
    )


def _polarities(scores: Floats, groups: Groups, block: Block, fitted: MultiCalibration) -> list[list[str | None]]:
    names = block.label_set.polarities
    if not names or fitted.polarity is None:
        return [[None] * len(block.label_set.keys)] * groups.size
    best = np.argmax(fitted.polarity.probabilities(pool_polarities(scores, groups, block)), axis=-1)
    return [[names[index] for index in row] for row in best]


def _single(scores: Floats, groups: Groups, block: Block, fitted: SingleCalibration) -> list[SingleResult]:
    probabilities = fitted.scaling.probabilities(pool_labels(scores, groups, block))
    chosen = fitted.choose(probabilities)
    bounds = np.r_[groups.starts, len(scores)]
    parts_of = dict(block.composites)
    keys = block.label_set.keys
    results = []
    for row, index in enumerate(chosen):
        probability = float(probabilities[row, index])
        segments = scores[bounds[row] : bounds[row + 1], block.labels]
        columns = parts_of.get(int(index), (int(index),))
        evidence = sorted({at for column in columns for at in evidence_rows(segments[:, column], fitted.evidence)})
        given = Given(keys[index], probability, None, tuple(evidence)) if probability >= fitted.floor else None
        results.append(SingleResult(given, keys[index], dict(zip(keys, map(float, probabilities[row]), strict=True))))
    return results


def ordinal_results(scores: Floats, groups: Groups, block: Block, fitted: OrdinalCalibration) -> list[OrdinalResult]:
    """One level a group; also used on turns, with turns as groups."""
    probabilities = fitted.scaling.probabilities(pool_ordinal(scores, groups, block))
    expected = expected_index(probabilities)
    keys = block.label_set.keys
    half = (len(keys) - 1) / 2
    return [
        OrdinalResult(keys[index], float(mean / half - 1), dict(zip(keys, map(float, row), strict=True)))
        for index, mean, row in zip(fitted.choose(probabilities), expected, probabilities, strict=True)
    ]


def evidence_rows(scores: Floats, cut: float) -> tuple[int, ...]:
    """The segments whose raw score is within `cut` of the best one, in text order."""
    return tuple(int(row) for row in np.flatnonzero(scores >= scores.max() - cut))

"""Raw scores and gold of the calibration split in, a Calibration out: curves, thresholds, cuts, evidence width.

Everything here is fitted on texts that the weights never saw and for which no figure is reported.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize

from training.device import on_device
from training.metrics import quadratic_kappa
from training.network import Network, pool_labels, pool_ordinal, pool_polarities
from training.prepare import Prepared, collate
from training.settings import CalibrationSettings, Pull
from training.signs import SignSet, macro_recall
from training.targets import UNKNOWN, build_targets
from vocservice.inference.annotate import MOST_EVIDENCE
from vocservice.inference.calibration import (
    Calibration,
    MultiCalibration,
    OrdinalCalibration,
    Scaling,
    SingleCalibration,
    expected_index,
)
from vocservice.inference.layout import Block

Array = NDArray[np.float64]

_STEPS = 61  # candidate thresholds
_BAND_STEPS = 26  # candidate half-widths of the neutral band


@dataclass(frozen=True, slots=True)
class SetScores:
    """Scores and gold of one label set over N texts. gold: (N, labels) of 1, 0, -1; evidence scores over all segments."""

    block: Block
    scores: Array
    gold: NDArray[np.int64]
    polarity_scores: Array | None
    polarity_gold: NDArray[np.int64]
    segment_scores: Array
    segment_gold: NDArray[np.int64]
    segment_text: NDArray[np.int64]


@torch.no_grad()
def score_sets(
    network: Network, data: Sequence[Prepared], blocks: Sequence[Block], *, batch: int = 32, bfloat16: bool = False
) -> list[SetScores]:
    """Run the network over `data` (in order) and collect what calibration and evaluation need; `bfloat16` as in `Network`."""
    network.eval()
    device = next(network.parameters()).device
    collected: dict[str, list[tuple[NDArray, ...]]] = {block.label_set.name: [] for block in blocks}
    for at in range(0, len(data), batch):
        part = data[at : at + batch]
        inputs = on_device(collate(part, bare=[False] * len(part)), device)
        logits = network(inputs, bfloat16=bfloat16)
        targets = build_targets([p.example for p in part], [p.evidence for p in part], network.layout)
        for block in blocks:
            target = targets[block.label_set.name]
            pooled = pool_ordinal(logits, block) if block.label_set.kind == "ordinal" else pool_labels(logits, block)
            polarity = pool_polarities(logits, block) if block.label_set.polarities else pooled[:, :, None]
            row = (
                pooled,
                target.labels,
                polarity,
                target.polarities,
                logits.segments[:, block.labels],
                target.evidence,
                inputs.segment_verbatim + at,
            )
            collected[block.label_set.name].append(tuple(tensor.cpu().numpy() for tensor in row))
    return [_join(block, collected[block.label_set.name]) for block in blocks]


def _join(block: Block, rows: list[tuple[NDArray, ...]]) -> SetScores:
    scores, gold, polarity, polarity_gold, segments, evidence, owner = (np.concatenate(column) for column in zip(*rows, strict=True))
    return SetScores(block, scores, gold, polarity if block.label_set.polarities else None, polarity_gold, segments, evidence, owner)


def fit_calibration(sets: Sequence[SetScores], how: CalibrationSettings, signed: Sequence[SignSet] = ()) -> Calibration:
    """Fit every label set; the neutral band of an ordinal set is fitted on the additional `signed` texts."""
    by_kind: dict[str, dict] = {"multi": {}, "single": {}, "ordinal": {}}
    fitters = {"multi": _fit_multi, "single": _fit_single, "ordinal": lambda scored, how: _fit_ordinal(scored, how, signed)}
    for scored in sets:
        kind = scored.block.label_set.kind
        by_kind[kind][scored.block.label_set.name] = fitters[kind](scored, how)
    return Calibration(**by_kind)


def _fit_multi(scored: SetScores, how: CalibrationSettings) -> MultiCalibration:
    common = _platt(scored.scores.ravel(), scored.gold.ravel(), (1.0, 0.0), how.common_pull)
    columns = range(scored.scores.shape[1])
    curves = [_platt(scored.scores[:, column], scored.gold[:, column], common, how.label_pull) for column in columns]
    slope, bias = (tuple(float(value) for value in part) for part in zip(*curves, strict=True))
    probabilities = 1 / (1 + np.exp(-(scored.scores * slope + bias)))
    polarity = None
    if scored.polarity_scores is not None:
        known = scored.polarity_gold != UNKNOWN
        wanted = np.eye(scored.polarity_scores.shape[2])[scored.polarity_gold[known]]
        polarity = _fit_scaling(scored.polarity_scores[known], wanted, how.scaling_pull)
    return MultiCalibration(
        slope=slope,
        bias=bias,
        thresholds=fit_thresholds(probabilities, scored.gold, how),
        withhold=how.withhold,
        evidence=fit_evidence(scored, how),
        polarity=polarity,
    )


def _platt(scores: Array, gold: NDArray[np.int64], prior: tuple[float, float], pull: Pull) -> tuple[float, float]:
    """Slope and bias of a logistic curve, regularised towards `prior` so that rare labels stay stable."""
    known = gold != UNKNOWN
    x, y = scores[known], gold[known].astype(float)

    def loss(parameters: Array) -> float:
        z = parameters[0] * x + parameters[1]
        likelihood = np.logaddexp(0, z) - y * z
        return float(likelihood.sum() + pull.slope * (parameters[0] - prior[0]) ** 2 + pull.bias * (parameters[1] - prior[1]) ** 2)

    best = minimize(loss, np.array(prior), method="L-BFGS-B", bounds=[(0.05, 5), (-10, 10)])
    return float(best.x[0]), float(best.x[1])


def fit_thresholds(probabilities: Array, gold: NDArray[np.int64], how: CalibrationSettings) -> tuple[float, ...]:
    """Threshold with the best F1 per label, smoothed over bootstraps and shrunk to the common one if positives are few."""
    known = gold != UNKNOWN
    grid = np.linspace(how.floor, how.highest, _STEPS)
    common = _best_threshold(probabilities[known], gold[known] > 0, grid)
    thresholds = []
    for column in range(gold.shape[1]):
        rows = known[:, column]
        p, y = probabilities[rows, column], gold[rows, column] > 0
        own = _bagged_threshold(p, y, grid) if y.any() else common
        positives = float(y.sum())
        thresholds.append(float((positives * own + how.prior * common) / (positives + how.prior)))
    return tuple(thresholds)


def _bagged_threshold(p: Array, y: NDArray[np.bool_], grid: Array) -> float:
    random = np.random.default_rng(0)
    draws = (random.integers(0, len(p), len(p)) for _ in range(30))
    return float(np.mean([_best_threshold(p[draw], y[draw], grid) for draw in draws]))


def _best_threshold(p: Array, y: NDArray[np.bool_], grid: Array) -> float:
    given = p[:, None] >= grid[None, :]
    hits = (given & y[:, None]).sum(0)
    score = 2 * hits / np.maximum(given.sum(0) + y.sum(), 1)
    return float(np.mean(grid[score >= score.max() - 1e-9]))


def fit_evidence(scored: SetScores, how: CalibrationSettings) -> float:
    """Maximum distance of an evidence segment from the best segment's score: the best F over annotated segments."""
    cuts = np.linspace(0.0, 4.0, 41)
    pairs = _evidence_pairs(scored)
    if not pairs:
        return how.evidence_unknown
    scores = [_evidence_f(pairs, cut, how.evidence_beta**2) for cut in cuts]
    return float(cuts[int(np.argmax(scores))])


def _evidence_pairs(scored: SetScores) -> list[tuple[Array, NDArray[np.bool_]]]:
    """For each annotated label of texts with several segments: distance from the best segment, and gold."""
    pairs = []
    bounds = np.flatnonzero(np.r_[True, scored.segment_text[1:] != scored.segment_text[:-1], True])
    for start, end in zip(bounds, bounds[1:], strict=False):
        gold = scored.segment_gold[start:end]
        for column in np.flatnonzero((gold > 0).any(0)):
            column_scores = scored.segment_scores[start:end, column]
            if end - start > 1:
                pairs.append((column_scores.max() - column_scores, gold[:, column] > 0))
    return pairs


def _evidence_f(pairs: list[tuple[Array, NDArray[np.bool_]]], cut: float, square: float) -> float:
    shown = [((far <= cut) & (far.argsort(kind="stable").argsort() < MOST_EVIDENCE), gold) for far, gold in pairs]
    hits = sum(int((near & gold).sum()) for near, gold in shown)
    given = sum(int(near.sum()) for near, _ in shown)
    wanted = sum(int(gold.sum()) for _, gold in pairs)
    return (1 + square) * hits / max(given + square * wanted, 1)


def _fit_scaling(scores: Array, wanted: Array, pull: Pull) -> Scaling:
    """Temperature and class biases by maximum likelihood; `wanted`: (N, classes) of 1 for every allowed class."""
    classes = scores.shape[1]

    def loss(parameters: Array) -> float:
        z = scores * parameters[0] + parameters[1:]
        z = z - z.max(1, keepdims=True)
        log_p = z - np.log(np.exp(z).sum(1, keepdims=True))
        allowed = np.where(wanted > 0, log_p, -1e9)
        drawn = pull.bias * np.square(parameters[1:]).sum() + pull.slope * (parameters[0] - 1) ** 2
        return float(-np.logaddexp.reduce(allowed, axis=1).sum() + drawn)

    if not len(scores):
        return Scaling(bias=(0.0,) * classes)
    best = minimize(loss, np.r_[1.0, np.zeros(classes)], method="L-BFGS-B", bounds=[(0.05, 5)] + [(-5, 5)] * classes)
    return Scaling(slope=float(best.x[0]), bias=tuple(float(value) for value in best.x[1:]))


def _fit_single(scored: SetScores, how: CalibrationSettings) -> SingleCalibration:
    """Scaling by maximum likelihood with equal class weights: weights for rare classes lost in cross-validation (docs/experiments.md)."""
    known = (scored.gold >= 0).all(1) & (scored.gold > 0).any(1)
    scaling = _fit_scaling(scored.scores[known], scored.gold[known], how.scaling_pull)
    classes = scored.scores.shape[1]
    return SingleCalibration(
        scaling=scaling,
        favour=(1.0,) * classes,
        floor=how.single_floor if classes > 2 else 0.5,
        evidence=how.evidence_single,
    )


def _fit_ordinal(scored: SetScores, how: CalibrationSettings, signed: Sequence[SignSet]) -> OrdinalCalibration:
    """Scaling by maximum likelihood; cuts of the expected level by best agreement (quadratic kappa)."""
    known = (scored.gold >= 0).all(1) & (scored.gold > 0).any(1)
    exact = known & ((scored.gold > 0).sum(1) == 1)
    scaling = _fit_scaling(scored.scores[known], scored.gold[known], how.scaling_pull)
    means = expected_index(scaling.probabilities(scored.scores[exact].astype(np.float32))).astype(float)
    gold = scored.gold[exact].argmax(1)
    levels = scored.gold.shape[1]
    cuts = np.arange(levels - 1) + 0.5
    for _ in range(3 if exact.any() else 0):
        for index in range(levels - 1):
            low, high = cuts[index - 1] if index else 0.0, cuts[index + 1] if index + 2 < levels else levels - 1.0
            trials = np.clip(cuts[index] + np.linspace(-0.3, 0.3, 25), low, high)
            scores = [_cut_score(np.r_[cuts[:index], trial, cuts[index + 1 :]], means, gold, levels, how.accuracy) for trial in trials]
            cuts[index] = trials[int(np.argmax(scores))]
    if signed and exact.any():
        cuts = _with_neutral_band(np.sort(cuts), means, gold, scaling, signed, how)
    return OrdinalCalibration(scaling=scaling, cuts=tuple(float(value) for value in np.sort(cuts)))


def _with_neutral_band(
    cuts: Array, means: Array, gold: NDArray[np.int64], scaling: Scaling, signed: Sequence[SignSet], how: CalibrationSettings
) -> Array:
    """The two cuts around the middle level, by agreement on the annotated texts and mean recall of signs on the others."""
    levels = len(cuts) + 1
    middle = levels // 2
    others = [(expected_index(scaling.probabilities(one.scores.astype(np.float32))), one.signs) for one in signed]
    best, chosen = -np.inf, cuts
    band = np.linspace(*how.band, _BAND_STEPS)
    for low in middle - band:
        for high in middle + band:
            trial = np.r_[cuts[: middle - 1], low, high, cuts[middle + 1 :]]
            signs = [macro_recall(known, _signs(found, low, high)) for found, known in others]
            score = _cut_score(trial, means, gold, levels, how.accuracy) + float(np.mean(signs))
            if score > best:
                best, chosen = score, trial
    return chosen


def _signs(means: NDArray, low: float, high: float) -> NDArray[np.int64]:
    return (means >= high).astype(np.int64) - (means < low)


def _cut_score(cuts: Array, means: Array, gold: NDArray[np.int64], levels: int, accuracy: float) -> float:
    given = np.searchsorted(cuts, means, side="right")
    return quadratic_kappa(gold, given, levels) + accuracy * float((given == gold).mean())

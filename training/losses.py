"""Logits and targets in, one scalar out: the sum of the heads' losses, each over known labels only."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from training.network import Logits, pool_labels, pool_ordinal, pool_polarities
from training.targets import UNKNOWN, Targets
from vocservice.inference.layout import Block, Layout


@dataclass(frozen=True, slots=True)
class LossWeights:
    """Weights of the parts of the loss, relative to the likelihood of a known label.

    `positive`: maximum for a positive of a rare label. `focus`: focal exponent, down-weights easy negatives (Lin et al. 2017).
    `distance`: expected distance on an ordinal scale. `smoothing`: of polarities. `shown`: `training.distil`.
    """

    positive: float
    focus: float
    evidence: float
    taught: float
    distance: float
    smoothing: float
    shown: float


def total_loss(
    logits: Logits,
    targets: dict[str, Targets],
    layout: Layout,
    weights: dict[str, Tensor],
    example_weight: Tensor,
    how: LossWeights,
) -> Tensor:
    """Mean over the batch; `weights[name]` is the positive weight per label. Teacher targets are added to known labels."""
    losses = [_loss(logits, targets[b.label_set.name], b, weights.get(b.label_set.name), example_weight, how) for b in layout.blocks]
    losses += [how.taught * distilled_loss(logits, targets[b.label_set.name], b) for b in layout.blocks]
    return torch.stack(losses).sum()


def distilled_loss(logits: Logits, target: Targets, block: Block) -> Tensor:
    """Cross-entropy with the teachers' probabilities (Hinton et al. 2015), polarities weighted by their label's."""
    taught = (target.soft >= 0).all(1)
    if not taught.any():
        return logits.segments.sum() * 0.0
    wanted = target.soft[taught]
    if block.label_set.kind != "multi":
        scores = pool_ordinal(logits, block) if block.label_set.kind == "ordinal" else pool_labels(logits, block)
        return -(wanted * F.log_softmax(scores[taught], dim=1)).sum(1).mean()
    loss = F.binary_cross_entropy_with_logits(pool_labels(logits, block)[taught], wanted, reduction="none").sum(1).mean()
    if block.label_set.polarities:
        log_p = F.log_softmax(pool_polarities(logits, block)[taught], dim=2)
        loss = loss - (wanted[:, :, None] * target.soft_polarities[taught] * log_p).sum((1, 2)).mean()
    return loss


def _loss(logits: Logits, target: Targets, block: Block, weight: Tensor | None, example_weight: Tensor, how: LossWeights) -> Tensor:
    if block.label_set.kind == "multi":
        return _multi(logits, target, block, weight, example_weight, how)
    is_ordinal = block.label_set.kind == "ordinal"
    scores = pool_ordinal(logits, block) if is_ordinal else pool_labels(logits, block)
    return _one_of(scores, target.labels, weight, example_weight, distance=how.distance if is_ordinal else 0.0)


def _multi(logits: Logits, target: Targets, block: Block, weight: Tensor | None, example_weight: Tensor, how: LossWeights) -> Tensor:
    scores = pool_labels(logits, block)
    loss = _binary(scores, target.labels, weight, example_weight[:, None], focus=how.focus)
    if block.label_set.polarities:
        loss = loss + _polarity(pool_polarities(logits, block), target.polarities, smoothing=how.smoothing)
    known = target.evidence != UNKNOWN
    if known.any():
        segment_scores = logits.segments[:, block.labels]
        per = F.binary_cross_entropy_with_logits(segment_scores[known], target.evidence[known].float())
        loss = loss + how.evidence * per
    return loss


def _binary(scores: Tensor, labels: Tensor, weight: Tensor | None, example_weight: Tensor, *, focus: float) -> Tensor:
    """Focal binary cross-entropy, summed over labels and averaged over examples with known labels."""
    known = labels != UNKNOWN
    if not known.any():
        return scores.sum() * 0.0
    wanted = labels.clamp(min=0).float()
    plain = F.binary_cross_entropy_with_logits(scores, wanted, reduction="none", pos_weight=weight)
    sure = torch.where(wanted > 0, torch.sigmoid(scores), torch.sigmoid(-scores)).detach()
    focal = plain * (1 - sure) ** focus
    return (focal * known * example_weight).sum() / known.any(1).sum()


def _polarity(scores: Tensor, wanted: Tensor, *, smoothing: float) -> Tensor:
    known = wanted != UNKNOWN
    if not known.any():
        return scores.sum() * 0.0
    return F.cross_entropy(scores[known], wanted[known], label_smoothing=smoothing)


def _one_of(scores: Tensor, allowed: Tensor, weight: Tensor | None, example_weight: Tensor, *, distance: float) -> Tensor:
    """Marginal likelihood of the allowed labels; an ordinal scale adds a distance penalty (expected absolute error)."""
    known = (allowed >= 0).all(1) & (allowed > 0).any(1)
    if not known.any():
        return scores.sum() * 0.0
    log_p = F.log_softmax(scores[known], dim=1)
    wanted = allowed[known] > 0
    loss = -torch.logsumexp(log_p.masked_fill(~wanted, -1e4), dim=1)
    if weight is not None:
        loss = loss * (weight * wanted).sum(1) / wanted.sum(1)
    if distance:
        levels = torch.arange(scores.shape[1], device=scores.device)
        far = (levels[None, :, None] - levels[None, None, :]).abs().masked_fill(~wanted[:, None, :], 99).amin(2)
        loss = loss + distance * (log_p.exp() * far).sum(1)
    return (loss * example_weight[known]).mean()

"""Logits and targets in, one scalar out: the sum of the heads' losses, each over what is known only."""

import torch
import torch.nn.functional as F
from torch import Tensor

from training.network import Logits, pool_labels, pool_ordinal, pool_polarities
from training.targets import UNKNOWN, Targets
from vocservice.inference.layout import Block, Layout

EVIDENCE_WEIGHT = 0.3
SOFT_WEIGHT = 1.0
_FOCUS = 1.0  # focal exponent: easy negatives of rare labels count less (Lin et al. 2017)


def total_loss(logits: Logits, targets: dict[str, Targets], layout: Layout, weights: dict[str, Tensor], example_weight: Tensor) -> Tensor:
    """Mean over the batch; `weights[name]` is the weight of a positive, per label. What teachers said counts beside what is known."""
    losses = [_loss(logits, targets[b.label_set.name], b, weights.get(b.label_set.name), example_weight) for b in layout.blocks]
    losses += [SOFT_WEIGHT * distilled_loss(logits, targets[b.label_set.name], b) for b in layout.blocks]
    return torch.stack(losses).sum()


def distilled_loss(logits: Logits, target: Targets, block: Block) -> Tensor:
    """Cross-entropy against the teachers' probabilities (Hinton et al. 2015), a polarity's weighed by its label's."""
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


def _loss(logits: Logits, target: Targets, block: Block, weight: Tensor | None, example_weight: Tensor) -> Tensor:
    if block.label_set.kind == "multi":
        return _multi(logits, target, block, weight, example_weight)
    scores = pool_ordinal(logits, block) if block.label_set.kind == "ordinal" else pool_labels(logits, block)
    return _one_of(scores, target.labels, weight, example_weight, ordinal=block.label_set.kind == "ordinal")


def _multi(logits: Logits, target: Targets, block: Block, weight: Tensor | None, example_weight: Tensor) -> Tensor:
    scores = pool_labels(logits, block)
    loss = _binary(scores, target.labels, weight, example_weight[:, None])
    if block.label_set.polarities:
        loss = loss + _polarity(pool_polarities(logits, block), target.polarities)
    known = target.evidence != UNKNOWN
    if known.any():
        segment_scores = logits.segments[:, block.labels]
        per = F.binary_cross_entropy_with_logits(segment_scores[known], target.evidence[known].float())
        loss = loss + EVIDENCE_WEIGHT * per
    return loss


def _binary(scores: Tensor, labels: Tensor, weight: Tensor | None, example_weight: Tensor) -> Tensor:
    """Focal binary cross-entropy, summed over labels and averaged over the examples that know any."""
    known = labels != UNKNOWN
    if not known.any():
        return scores.sum() * 0.0
    wanted = labels.clamp(min=0).float()
    plain = F.binary_cross_entropy_with_logits(scores, wanted, reduction="none", pos_weight=weight)
    sure = torch.where(wanted > 0, torch.sigmoid(scores), torch.sigmoid(-scores)).detach()
    focal = plain * (1 - sure) ** _FOCUS
    return (focal * known * example_weight).sum() / known.any(1).sum()


def _polarity(scores: Tensor, wanted: Tensor) -> Tensor:
    known = wanted != UNKNOWN
    if not known.any():
        return scores.sum() * 0.0
    return F.cross_entropy(scores[known], wanted[known], label_smoothing=0.02)


def _one_of(scores: Tensor, allowed: Tensor, weight: Tensor | None, example_weight: Tensor, *, ordinal: bool) -> Tensor:
    """Marginal likelihood of the allowed labels; an ordinal scale also pays for distance (expected absolute error)."""
    known = (allowed >= 0).all(1) & (allowed > 0).any(1)
    if not known.any():
        return scores.sum() * 0.0
    log_p = F.log_softmax(scores[known], dim=1)
    wanted = allowed[known] > 0
    loss = -torch.logsumexp(log_p.masked_fill(~wanted, -1e4), dim=1)
    if weight is not None:
        loss = loss * (weight * wanted).sum(1) / wanted.sum(1)
    if ordinal:
        levels = torch.arange(scores.shape[1], device=scores.device)
        distance = (levels[None, :, None] - levels[None, None, :]).abs().masked_fill(~wanted[:, None, :], 99).amin(2)
        loss = loss + 0.5 * (log_p.exp() * distance).sum(1)
    return (loss * example_weight[known]).mean()

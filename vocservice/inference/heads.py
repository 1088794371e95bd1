"""Pooled vectors in, raw scores out: one matrix product, then pooling over the segments of a verbatim per label set.

The same arithmetic as `training.network`, in numpy on packed segments (a test compares the two).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vocservice.inference.blas import one_thread
from vocservice.inference.encoder import Vectors
from vocservice.inference.layout import Block

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Head:
    """The one linear layer: weight (3 x width, columns), bias (columns,)."""

    weight: Floats
    bias: Floats


@dataclass(frozen=True, slots=True)
class Groups:
    """Assigns packed segments to groups (verbatims or turns), by ascending group numbers."""

    owner: Ints
    size: int

    @property
    def starts(self) -> Ints:
        return np.flatnonzero(np.r_[True, self.owner[1:] != self.owner[:-1]])


def score_segments(vectors: Vectors, head: Head, groups: Groups, verbatim: Sequence[int]) -> Floats:
    """Return raw scores (segments, columns) of the packed segments.

    Args:
        vectors: the encoder's output for the batch.
        groups: the groups that give each segment its context (the mean over the group).
        verbatim: for each group, the verbatim whose [CLS] vector it uses.
    """
    width = vectors.sums.shape[1]
    sums, tokens = vectors.sums, vectors.tokens
    means = sums / np.maximum(tokens, 1)[:, None]
    whole, length = summed(sums, groups), summed(tokens, groups)
    context = np.concatenate([whole / np.maximum(length, 1)[:, None], vectors.first[list(verbatim)]], axis=1)
    with one_thread():
        shared = context @ head.weight[width:] + head.bias
        return np.asarray(means @ head.weight[:width] + shared[groups.owner], dtype=np.float32)


def summed(rows: Floats, groups: Groups) -> Floats:
    """(groups, ...): the rows of each group added up in their order, the nth of all groups at once."""
    total = np.zeros((groups.size, *rows.shape[1:]), np.float32)
    starts = groups.starts
    counts = np.diff(np.r_[starts, len(rows)])
    for nth in range(counts.max(initial=0)):
        at = starts[counts > nth] + nth
        total[groups.owner[at]] += rows[at]
    return total


def pool_labels(scores: Floats, groups: Groups, block: Block) -> Floats:
    """(groups, labels): log-sum-exp over each group's segments, parts of composite labels added."""
    part = scores[:, block.labels]
    starts = groups.starts
    top = np.maximum.reduceat(part, starts, axis=0)
    spread = np.repeat(top, np.diff(np.r_[starts, len(part)]), axis=0)
    pooled = top + np.log(np.add.reduceat(np.exp(part - spread), starts, axis=0))
    base = pooled.copy()
    for index, parts in block.composites:
        pooled[:, index] += base[:, list(parts)].sum(axis=1)
    return np.asarray(pooled, dtype=np.float32)


def pool_polarities(scores: Floats, groups: Groups, block: Block) -> Floats:
    """(groups, labels, polarities): polarity logits weighted by each label's own evidence."""
    labels = len(block.label_set.labels)
    weights = _softmax_within(scores[:, block.labels], groups)
    polarity = scores[:, block.polarities].reshape(len(scores), labels, -1)
    return np.add.reduceat(weights[:, :, None] * polarity, groups.starts, axis=0)


def pool_ordinal(scores: Floats, groups: Groups, block: Block) -> Floats:
    """(groups, levels): level logits weighted by the attention column."""
    weights = _softmax_within(scores[:, block.attention], groups)
    return np.add.reduceat(weights * scores[:, block.labels], groups.starts, axis=0)


def _softmax_within(scores: Floats, groups: Groups) -> Floats:
    starts = groups.starts
    counts = np.diff(np.r_[starts, len(scores)])
    weights = np.exp(scores - np.repeat(np.maximum.reduceat(scores, starts, axis=0), counts, axis=0))
    return np.asarray(weights / np.repeat(np.add.reduceat(weights, starts, axis=0), counts, axis=0), dtype=np.float32)

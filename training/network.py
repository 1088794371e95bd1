"""Windows in, segment and verbatim logits out: the torch model that training fits and export freezes.

One BERT encoder reads each window once; token vectors are averaged to segment vectors, to a vector of the whole
verbatim and to one of its [CLS] positions; a single linear layer over the three scores every column of the layout for
every segment. A verbatim's label logit is the log-sum-exp of its segments' logits (multiple-instance learning with a
soft maximum: Ramon & De Raedt 2000), so the segments that carry a label are its evidence.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from vocservice.inference.layout import Block, Layout

_ABSENT = -1e4


@dataclass(frozen=True, slots=True)
class Batch:
    """Tensors of a batch of B verbatims with W windows of at most L tokens and S segments in all.

    ids, mask: (W, L). token_segment: (W, L), global segment index or -1. window_verbatim: (W,).
    segment_verbatim: (S,), ascending; only the customer's words have segments. segment_place: (S,), index within the verbatim.
    places: the most segments that a verbatim of the batch has.
    """

    ids: Tensor
    mask: Tensor
    token_segment: Tensor
    window_verbatim: Tensor
    segment_verbatim: Tensor
    segment_place: Tensor
    size: int
    places: int


@dataclass(frozen=True, slots=True)
class Logits:
    """features: (S, 3 x width). segments: (S, columns). padded: (B, K, columns) with a mask (B, K) of real segments."""

    features: Tensor
    segments: Tensor
    padded: Tensor
    present: Tensor


class Network(nn.Module):
    """The shared encoder and its one head matrix."""

    def __init__(self, encoder: nn.Module, layout: Layout, *, dropout: float = 0.1):
        super().__init__()
        self.encoder = encoder
        self.layout = layout
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(3 * encoder.config.hidden_size, layout.width)
        nn.init.normal_(self.head.weight, std=0.02)
        nn.init.zeros_(self.head.bias)

    def forward(self, batch: Batch, *, bfloat16: bool = False) -> Logits:
        """Score a batch; with `bfloat16` the encoder alone runs in it (mixed precision), the heads never."""
        with torch.autocast(batch.ids.device.type, torch.bfloat16, enabled=bfloat16):
            hidden = self.encoder(input_ids=batch.ids, attention_mask=batch.mask).last_hidden_state
        return self._score(self.features(hidden.float(), batch), batch)

    def features(self, hidden: Tensor, batch: Batch) -> Tensor:
        """(S, 3 x width): the segment, the mean of the verbatim, and its [CLS]."""
        width = hidden.shape[-1]
        owned = batch.token_segment >= 0
        owner = batch.token_segment[owned]
        count = len(batch.segment_verbatim)
        sums = hidden.new_zeros(count, width).index_add(0, owner, hidden[owned])
        tokens = hidden.new_zeros(count).index_add(0, owner, hidden.new_ones(len(owner)))
        segment = sums / tokens.clamp(min=1)[:, None]
        whole = hidden.new_zeros(batch.size, width).index_add(0, batch.segment_verbatim, sums)
        length = hidden.new_zeros(batch.size).index_add(0, batch.segment_verbatim, tokens)
        whole = whole / length.clamp(min=1)[:, None]
        first = hidden.new_zeros(batch.size, width).index_add(0, batch.window_verbatim, hidden[:, 0])
        windows = hidden.new_zeros(batch.size).index_add(0, batch.window_verbatim, hidden.new_ones(len(hidden)))
        first = first / windows.clamp(min=1)[:, None]
        return torch.cat([segment, whole[batch.segment_verbatim], first[batch.segment_verbatim]], dim=1)

    def _score(self, features: Tensor, batch: Batch) -> Logits:
        segments = self.head(self.dropout(features))
        padded = segments.new_full((batch.size, batch.places, segments.shape[1]), _ABSENT)
        padded[batch.segment_verbatim, batch.segment_place] = segments
        present = segments.new_zeros(batch.size, batch.places)
        present[batch.segment_verbatim, batch.segment_place] = 1.0
        return Logits(features, segments, padded, present > 0)


def pool_labels(logits: Logits, block: Block) -> Tensor:
    """(B, labels): soft maximum over the segments, with the parts of composite labels added in."""
    scores = logits.padded[:, :, block.labels].masked_fill(~logits.present[:, :, None], _ABSENT)
    pooled = torch.logsumexp(scores, dim=1)
    extra = torch.zeros_like(pooled)
    for index, parts in block.composites:
        extra[:, index] = pooled[:, list(parts)].sum(1)
    return pooled + extra


def pool_polarities(logits: Logits, block: Block) -> Tensor:
    """(B, labels, polarities): each label's polarity logits, averaged over segments by the label's own evidence."""
    labels = len(block.label_set.labels)
    scores = logits.padded[:, :, block.labels].masked_fill(~logits.present[:, :, None], _ABSENT)
    weights = torch.softmax(scores, dim=1)[..., None]
    polarity = logits.padded[:, :, block.polarities].unflatten(2, (labels, -1))
    return (weights * polarity).sum(1)


def pool_ordinal(logits: Logits, block: Block) -> Tensor:
    """(B, levels): level logits averaged over segments by a learned attention column."""
    attention = logits.padded[:, :, block.attention].masked_fill(~logits.present[:, :, None], _ABSENT)
    return (torch.softmax(attention, dim=1) * logits.padded[:, :, block.labels]).sum(1)

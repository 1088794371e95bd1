"""Prepared examples in, the same with a teacher encoder's features out, for distillation into a smaller encoder.

Besides the labels, the small encoder is trained to match the teacher's token vectors, pooled as the heads read them (after the
hidden states of TinyBERT: Jiao et al. 2020). The heads are linear, so equal features give equal scores.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from training.prepare import Prepared
from vocservice.chunks import chunked
from vocservice.inference.bundle import load_bundle
from vocservice.inference.encoder import Encoder, Vectors

_CHUNK = 512


def shown(data: Iterable[Prepared], bundle: Path) -> Iterator[Prepared]:
    """Add the features of each segment, (segments, 3 x width), as from `Network.features`, in half precision."""
    start = load_bundle(bundle)
    encoder = Encoder(start.encoder, width=start.manifest.width)
    for chunk in chunked(data, _CHUNK):
        sizes = [len(item.windowed.segments) for item in chunk]
        seen = _features(encoder.encode([item.windowed for item in chunk]), np.repeat(np.arange(len(chunk)), sizes))
        for item, own in zip(chunk, np.split(seen, np.cumsum(sizes)[:-1]), strict=True):
            yield replace(item, features=own)


def _features(vectors: Vectors, owner: NDArray[np.int64]) -> NDArray[np.float16]:
    whole, length = np.zeros_like(vectors.first), np.zeros(len(vectors.first), np.float32)
    np.add.at(whole, owner, vectors.sums)
    np.add.at(length, owner, vectors.tokens)
    means = vectors.sums / np.maximum(vectors.tokens, 1)[:, None]
    whole /= np.maximum(length, 1)[:, None]
    return np.concatenate([means, whole[owner], vectors.first[owner]], axis=1).astype(np.float16)


def distance(features: Tensor, batch: Sequence[Prepared], bare: Sequence[bool]) -> Tensor:
    """Relative distance between the features (segments, 3 x width) of a batch and the teacher's.

    Texts read without their channel are ignored (the teacher saw them with it); 0 without any target.
    """
    rows = features.split([len(item.windowed.segments) for item in batch])
    is_shown = [item.features is not None and not without for item, without in zip(batch, bare, strict=True)]
    pairs = [(own, item.features) for own, item, counts in zip(rows, batch, is_shown, strict=True) if counts]
    if not pairs:
        return features.sum() * 0.0
    seen = torch.from_numpy(np.concatenate([wanted for _, wanted in pairs])).float().to(features.device)
    return F.mse_loss(torch.cat([own for own, _ in pairs]), seen) / seen.square().mean()

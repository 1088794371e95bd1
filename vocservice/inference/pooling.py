"""Segment sums of a batch in, one vector per verbatim out; used for search and grouping, never for labels.

The mean token vector of the same encoder pass, of length 1, quantised to one signed byte per number (255 steps of the largest). Only
directions are compared, so the scale is not stored.
"""

import numpy as np

from vocservice.inference.encoder import Vectors
from vocservice.inference.heads import Groups

STEPS = 127


def pooled(vectors: Vectors, groups: Groups) -> list[bytes]:
    """Return the vector of each group, `width` signed bytes; empty for a group without tokens."""
    sums = np.add.reduceat(vectors.sums, groups.starts, axis=0)
    largest = np.abs(sums).max(axis=1, keepdims=True)
    rounded = np.rint(sums * (STEPS / np.maximum(largest, np.finfo(np.float32).tiny))).astype(np.int8)
    return [row.tobytes() if top > 0 else b"" for row, top in zip(rounded, largest[:, 0], strict=True)]

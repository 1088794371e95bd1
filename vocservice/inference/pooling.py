"""Segment sums of a batch in, one vector a verbatim out: what a text is found and grouped by, never what it is labelled by.

The mean of the token vectors that the one pass made anyway, of length 1, each number rounded to one of 255 steps of the
largest: a byte a number. Only directions are compared, so no scale is kept.
"""

import numpy as np

from vocservice.inference.encoder import Vectors
from vocservice.inference.heads import Groups

STEPS = 127


def pooled(vectors: Vectors, groups: Groups) -> list[bytes]:
    """The vector of each group, `width` signed bytes; blank for one without a token."""
    sums = np.add.reduceat(vectors.sums, groups.starts, axis=0)
    largest = np.abs(sums).max(axis=1, keepdims=True)
    rounded = np.rint(sums * (STEPS / np.maximum(largest, np.finfo(np.float32).tiny))).astype(np.int8)
    return [row.tobytes() if top > 0 else b"" for row, top in zip(rounded, largest[:, 0], strict=True)]

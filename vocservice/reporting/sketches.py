"""Sketches of vectors and a vector in, the rows out that may be nearest to it: a million are compared in a fraction of a second.

A sketch has one bit per number of a vector, its sign (`packing.sketch_of`): an eighth of the vector's bytes. Hamming distances
between sketches (Charikar 2002) leave a few thousand rows, the sum of the vector's numbers at the signs of a sketch (asymmetric
distances; Dong, Charikar and Li 2008) leaves those whose vectors are worth reading.
"""

import numpy as np
import numpy.typing as npt

from vocservice.reporting.frame import Ints
from vocservice.reporting.packing import sketch_of

Sketches = npt.NDArray[np.uint64]
NEAR = 20_000  # rows left by Hamming distance


def stacked(sketches: list[bytes]) -> Sketches:
    """(n, words) of sketches; a shorter or empty one is filled up with zeros."""
    width = max(map(len, sketches), default=0)
    return np.frombuffer(b"".join(sketch.ljust(width, b"\0") for sketch in sketches), np.uint64).reshape(len(sketches), width // 8)


def joined(parts: list[Sketches]) -> Sketches:
    """Concatenate sketches, filling up shorter ones."""
    width = max(part.shape[1] for part in parts)
    found, at = np.zeros((sum(map(len, parts)), width), np.uint64), 0
    for part in parts:
        found[at : at + len(part), : part.shape[1]] = part
        at += len(part)
    return found


def likely(sketches: Sketches, vector: bytes, *, limit: int) -> Ints:
    """The rows whose vectors are probably nearest to one, in no order.

    Args:
        sketches: (n, words), all of vectors as long as `vector`.
        vector: signed bytes.
        limit: how many; all rows if there are no more.
    """
    wanted, near = stacked([sketch_of(vector)]), max(NEAR, limit)
    at = np.arange(len(sketches))
    if len(at) > near:
        differing = np.bitwise_count(sketches[:, : wanted.shape[1]] ^ wanted).sum(axis=1, dtype=np.int32)
        at = np.argpartition(differing, near)[:near]
    if len(at) > limit:
        numbers = np.frombuffer(vector, np.int8).astype(np.float32)
        signs = np.unpackbits(np.ascontiguousarray(sketches[at]).view(np.uint8), axis=1, count=len(numbers))
        at = at[np.argpartition(-(signs @ numbers), limit)[:limit]]
    return at

"""Rows of length 1 in, a group number per row out: as many groups as separate best; deterministic for the same rows.

Spherical k-means (Dhillon and Modha 2001) with k-means++ seeds (Arthur and Vassilvitskii 2007). The number of groups is the largest whose
simplified cosine silhouette (Rousseeuw 1987; Hruschka, Campello and de Castro 2004) is near the best.
"""

from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

ROUNDS = 25
RESTARTS = 3
NEAR = 0.9


@dataclass(frozen=True, slots=True)
class Clusters:
    """groups: (n,) number of each row's group; centres: (groups, width), of length 1; silhouette: -1 to 1, their separation."""

    groups: Ints
    centres: Floats
    silhouette: float


def unit(rows: Floats) -> Floats:
    """Normalise rows to length 1; zero rows stay zero."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(lengths, np.finfo(np.float32).tiny), dtype=np.float32)


def spread_out(rows: Floats, *, shrink: float = 0.1) -> Floats:
    """Centre and whiten rows: common directions of variance count less (`shrink`: relative to the largest variance)."""
    moved = rows - rows.mean(axis=0, keepdims=True)
    variances, axes = np.linalg.eigh(moved.T @ moved / max(len(rows), 1))
    scales = np.sqrt(np.maximum(variances, 0) + shrink * max(float(variances.max(initial=0.0)), 1e-12))
    return unit((moved @ (axes / scales)).astype(np.float32))


def clustered(rows: Floats, *, least: int, most: int) -> Clusters:
    """Cluster into 2 to `most` groups of at least `least` rows on average; one group if there are too few rows.

    Args:
        rows: (n, width) of length 1.
    """
    found = [_best(rows, count) for count in range(2, min(most, len(rows) // max(least, 1)) + 1)]
    best = max((one.silhouette for one in found), default=0.0)
    return next((one for one in reversed(found) if one.silhouette >= NEAR * best), _one(rows)) if best > 0 else _one(rows)


def _one(rows: Floats) -> Clusters:
    return Clusters(np.zeros(len(rows), np.int64), unit(rows.sum(axis=0, keepdims=True)), 0.0)


def _best(rows: Floats, count: int) -> Clusters:
    """The best of several starts."""
    draw = np.random.default_rng(_seed(rows, count))
    tries = [_settled(rows, _spread(rows, count, draw)) for _ in range(RESTARTS)]
    groups, centres = max(tries, key=lambda found: float((rows * found[1][found[0]]).sum()))
    return Clusters(groups, centres, _silhouette(rows, groups, centres))


def _seed(rows: Floats, count: int) -> int:
    """A seed from the content, so that the same rows are always grouped alike."""
    digest = blake2b(np.round(rows.mean(axis=0), 4).tobytes(), digest_size=6)
    return int.from_bytes(digest.digest()) + count


def _spread(rows: Floats, count: int, draw: np.random.Generator) -> Floats:
    """k-means++ seeds: rows far from each other."""
    chosen = [int(draw.integers(len(rows)))]
    far = np.maximum(1 - rows @ rows[chosen[0]], 0).astype(np.float64)
    for _ in range(count - 1):
        total = far.sum()
        chosen.append(int(draw.choice(len(rows), p=far / total) if total > 0 else draw.integers(len(rows))))
        far = np.minimum(far, np.maximum(1 - rows @ rows[chosen[-1]], 0))
    return rows[chosen]


def _settled(rows: Floats, centres: Floats) -> tuple[Ints, Floats]:
    """Assign and update until nothing changes; an empty centre stays where it was."""
    groups = np.argmax(rows @ centres.T, axis=1)
    for _ in range(ROUNDS):
        members = np.eye(len(centres), dtype=np.float32)[groups]
        centres = np.where(members.any(axis=0)[:, None], unit(members.T @ rows), centres)
        moved = np.argmax(rows @ centres.T, axis=1)
        if np.array_equal(moved, groups):
            break
        groups = moved
    return groups, centres


def _silhouette(rows: Floats, groups: Ints, centres: Floats) -> float:
    """Simplified silhouette; 0 if a group is empty."""
    if len(np.unique(groups)) < len(centres):
        return 0.0
    far = np.maximum(1 - rows @ centres.T, 0)
    own = far[np.arange(len(rows)), groups]
    far[np.arange(len(rows)), groups] = np.inf
    other = far.min(axis=1)
    return float(((other - own) / np.maximum(np.maximum(own, other), 1e-9)).mean())

"""Gold and predicted labels in, figures out: F1 per label, micro and macro, kappa, calibration error, evidence overlap.

Intervals are 95 % percentile bootstraps over texts (Efron & Tibshirani 1993), with a fixed seed.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Bits = NDArray[np.bool_]
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

RESAMPLES = 1000


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure with its 95 % interval and its n."""

    value: float
    low: float
    high: float
    n: int


def f1(gold: Bits, given: Bits) -> float:
    """F1 of two aligned boolean arrays of any shape; 0 without true positives."""
    hits = int((gold & given).sum())
    total = int(gold.sum()) + int(given.sum())
    return 2 * hits / total if total else 0.0


def precision_recall(gold: Bits, given: Bits) -> tuple[float, float]:
    """Precision and recall; 0 where undefined."""
    hits = float((gold & given).sum())
    return hits / max(float(given.sum()), 1.0), hits / max(float(gold.sum()), 1.0)


def macro_f1(gold: Bits, given: Bits) -> float:
    """Mean F1 over the columns that occur in gold or prediction."""
    scores = [f1(gold[:, column], given[:, column]) for column in range(gold.shape[1]) if gold[:, column].any() or given[:, column].any()]
    return float(np.mean(scores)) if scores else 0.0


def quadratic_kappa(gold: Ints, given: Ints, levels: int) -> float:
    """Cohen's kappa with quadratic weights (Cohen 1968)."""
    observed = np.zeros((levels, levels))
    np.add.at(observed, (gold, given), 1)
    weights = np.square(np.subtract.outer(np.arange(levels), np.arange(levels)))
    expected = np.outer(observed.sum(1), observed.sum(0)) / max(observed.sum(), 1)
    return float(1 - (weights * observed).sum() / max((weights * expected).sum(), 1e-12))


def calibration_error(probabilities: Floats, happened: Bits, *, bins: int = 10) -> float:
    """Expected calibration error with bins of equal width (Naeini et al. 2015)."""
    return float(sum(row.share * abs(row.said - row.seen) for row in reliability(probabilities, happened, bins=bins)))


@dataclass(frozen=True, slots=True)
class Bin:
    """One row of a reliability table: mean predicted probability, observed share, count, and share of all."""

    said: float
    seen: float
    n: int
    share: float


def reliability(probabilities: Floats, happened: Bits, *, bins: int = 10) -> list[Bin]:
    """Predictions grouped by probability."""
    which = np.minimum((probabilities * bins).astype(int), bins - 1)
    rows = []
    for number in range(bins):
        inside = which == number
        if inside.any():
            rows.append(Bin(float(probabilities[inside].mean()), float(happened[inside].mean()), int(inside.sum()), float(inside.mean())))
    return rows


def calibration_figures(probabilities: Floats, happened: Bits) -> dict[str, Any]:
    """Expected calibration error and reliability table for probabilities of any shape."""
    rows = reliability(probabilities.ravel(), happened.ravel())
    return {"calibration_error": calibration_error(probabilities.ravel(), happened.ravel()), "reliability": [asdict(row) for row in rows]}


def interval(score: Callable[[Ints], float], size: int, *, n: int | None = None, seed: int = 0) -> Figure:
    """The figure on all texts with its bootstrap interval; `score` takes the indices of the texts."""
    random = np.random.default_rng(seed)
    draws = [score(random.integers(0, size, size)) for _ in range(RESAMPLES)]
    low, high = np.percentile(draws, [2.5, 97.5])
    return Figure(score(np.arange(size)), float(low), float(high), size if n is None else n)


@dataclass(frozen=True, slots=True)
class Overlap:
    """Overlap of given and annotated spans of a label. `touched`: share with a common character; sizes in characters."""

    touched: bool
    shared: int
    given: int
    gold: int


def overlap(given: Sequence[tuple[int, int]], gold: Sequence[tuple[int, int]]) -> Overlap:
    """Compare two lists of half-open spans by the characters they cover."""
    ours = {at for start, end in given for at in range(start, end)}
    theirs = {at for start, end in gold for at in range(start, end)}
    shared = len(ours & theirs)
    return Overlap(shared > 0, shared, len(ours), len(theirs))

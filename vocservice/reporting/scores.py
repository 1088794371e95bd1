"""Scores as given in, the scale of each out."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

PROMOTER, DETRACTOR = 9 / 10, 6 / 10
_HIGHEST = {"nps": 10.0, "csat": 5.0, "ces": 7.0, "stars": 5.0}
_GUESSES = ((1.0, 5.0), (0.0, 10.0), (0.0, 100.0))
_FROM_ZERO_ABOVE = 10.0


@dataclass(frozen=True, slots=True)
class Scale:
    """A kind of score and its range; `is_assumed` if no sender gave the range."""

    kind: str | None
    low: float
    high: float
    is_assumed: bool = False

    @property
    def name(self) -> str:
        return f"{self.kind or 'score'} ({self.low:g} to {self.high:g})"


def scale_of(kind: str | None, highest: float | None) -> Scale | None:
    """The range of a kind of score, or of scores up to a highest value."""
    high = highest or _HIGHEST[kind or "nps"]
    low = 0.0 if kind == "nps" or high > _FROM_ZERO_ABOVE or (kind is None and high == _FROM_ZERO_ABOVE) else 1.0
    return Scale(kind, low, high) if high > low else None


def assumed(found: Sequence[float]) -> Scale | None:
    """The smallest usual range that holds all scores of no kind and scale."""
    if not found:
        return None
    fitting = (Scale(None, low, high, is_assumed=True) for low, high in _GUESSES if low <= min(found) and max(found) <= high)
    return next(fitting, None)


def nps_of(places: Floats) -> Floats:
    """+1 for promoters, -1 for detractors, else 0, for NPS scores scaled to 0 to 1; NaN becomes 0."""
    return np.asarray((places >= PROMOTER - 1e-9).astype(np.float64) - (places <= DETRACTOR + 1e-9))

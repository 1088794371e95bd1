"""Scores as given in, the scale of each and its place between 0 and 1 out."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from vocservice.reporting.rows import Score

_HIGHEST = {"nps": 10.0, "csat": 5.0, "ces": 7.0, "stars": 5.0}
_GUESSES = ((1.0, 5.0), (0.0, 10.0), (0.0, 100.0))
_FROM_ZERO_ABOVE = 10.0


@dataclass(frozen=True, slots=True)
class Scale:
    """A kind of score and the range it runs over; `is_assumed` when no sender told the range."""

    kind: str | None
    low: float
    high: float
    is_assumed: bool = False

    @property
    def name(self) -> str:
        return f"{self.kind or 'score'} ({self.low:g} to {self.high:g})"

    def place(self, value: float) -> float | None:
        """0 to 1; null outside the range."""
        return (value - self.low) / (self.high - self.low) if self.low <= value <= self.high else None


def scales_of(scores: Sequence[Score | None]) -> list[Scale | None]:
    """The scale of each score; a score of no kind and scale takes the smallest usual range that holds all such scores."""
    untold = _assumed(score.value for score in scores if score and score.kind is None and score.scale is None)
    kinds: set[tuple[str | None, float | None]] = {(score.kind, score.scale) for score in scores if score}
    known = {kind: untold if kind == (None, None) else _scale(*kind) for kind in kinds}
    return [known[score.kind, score.scale] if score else None for score in scores]


def _scale(kind: str | None, highest: float | None) -> Scale | None:
    high = highest or _HIGHEST[kind or "nps"]
    low = 0.0 if kind == "nps" or high > _FROM_ZERO_ABOVE or (kind is None and high == _FROM_ZERO_ABOVE) else 1.0
    return Scale(kind, low, high) if high > low else None


def _assumed(values: Iterable[float]) -> Scale | None:
    found = list(values)
    if not found:
        return None
    fitting = (Scale(None, low, high, is_assumed=True) for low, high in _GUESSES if low <= min(found) and max(found) <= high)
    return next(fitting, None)

"""Raw scores in, probabilities out; also the thresholds that turn probabilities into labels. All are fitted and stored in the bundle.

Multi-label scores use one logistic curve per label (Platt 1999); single, ordinal and polarity scores use a shared
temperature with a bias per class (vector scaling: Guo et al. 2017).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

Floats = NDArray[np.float32]


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Scaling(_Frozen):
    """One temperature (as its inverse) and a bias per class, before a softmax over the last axis."""

    slope: float = 1.0
    bias: tuple[float, ...]

    def probabilities(self, scores: Floats) -> Floats:
        shifted = scores * self.slope + np.asarray(self.bias, np.float32)
        shifted = shifted - shifted.max(axis=-1, keepdims=True)
        powers = np.exp(shifted)
        return np.asarray(powers / powers.sum(axis=-1, keepdims=True), dtype=np.float32)


class MultiCalibration(_Frozen):
    """Multi-label set: logistic curve, threshold and evidence cut per label; scaling of its polarities.

    `thresholds`: a label is given at or above its threshold. `withhold`: below that but at or above this share of it, it is
    withheld. `evidence`: a segment may be evidence if its raw score is within this distance of the best one.
    """

    slope: tuple[float, ...]
    bias: tuple[float, ...]
    thresholds: tuple[float, ...]
    withhold: float
    evidence: float
    polarity: Scaling | None = None

    def probabilities(self, scores: Floats) -> Floats:
        shifted = scores * np.asarray(self.slope, np.float32) + np.asarray(self.bias, np.float32)
        return np.asarray(1 / (1 + np.exp(-np.clip(shifted, -60, 60))), dtype=np.float32)


class SingleCalibration(_Frozen):
    """Single-label set: scaling, class weights for the choice (all 1 since voc-1.3.0), and the floor below which it abstains."""

    scaling: Scaling
    favour: tuple[float, ...]
    floor: float
    evidence: float

    def choose(self, probabilities: Floats) -> NDArray[np.int64]:
        """Index of the chosen class: the highest probability after weighting."""
        return np.asarray(np.argmax(probabilities * np.asarray(self.favour, np.float32), axis=-1), dtype=np.int64)


class OrdinalCalibration(_Frozen):
    """Ordinal set: scaling, and the cuts of the expected level that separate neighbouring levels."""

    scaling: Scaling
    cuts: tuple[float, ...]

    def choose(self, probabilities: Floats) -> NDArray[np.int64]:
        """Index of the chosen level: where the expected index falls between the cuts."""
        return np.searchsorted(np.asarray(self.cuts, np.float32), expected_index(probabilities), side="right")


class Calibration(_Frozen):
    """Everything fitted after the weights, by name of the label set."""

    multi: dict[str, MultiCalibration] = {}
    single: dict[str, SingleCalibration] = {}
    ordinal: dict[str, OrdinalCalibration] = {}


def expected_index(probabilities: Floats) -> Floats:
    """Expected index under the probabilities, (..., levels) -> (...)."""
    return np.asarray(probabilities @ np.arange(probabilities.shape[-1], dtype=np.float32), dtype=np.float32)


def neutral_scaling(classes: Sequence[object]) -> Scaling:
    """The identity scaling."""
    return Scaling(bias=(0.0,) * len(classes))

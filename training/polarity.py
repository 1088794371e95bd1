"""A bundle and labelled texts in, the calibration of its polarity probabilities out.

The serving steps keep only the likeliest polarity, so scores are computed again. The polarity of each annotated label is known,
whether the bundle found the label or not.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from training.calibrate import SetScores, score_sets
from training.examples import Example
from training.halves import prepared_for
from training.metrics import calibration_figures
from training.network import Network
from training.targets import UNKNOWN
from vocservice.inference.bundle import Bundle
from vocservice.inference.calibration import Scaling


def polarity_figures(bundle: Bundle, network: Network, examples: Sequence[Example]) -> dict[str, Any]:
    """By label set that has polarities, where any is known: {"n": labels, "calibration_error", "reliability"}.

    Args:
        network: of the bundle.
    """
    data = prepared_for(bundle, examples)
    blocks = [block for block in bundle.layout.blocks if block.label_set.polarities]
    scored = score_sets(network, data, blocks) if data and blocks else []
    fitted = {one.block.label_set.name: bundle.calibration.multi[one.block.label_set.name].polarity for one in scored}
    found = {one.block.label_set.name: _figures(one, fitted[one.block.label_set.name]) for one in scored}
    return {name: figures for name, figures in found.items() if figures["n"]}


def _figures(scored: SetScores, fitted: Scaling | None) -> dict[str, Any]:
    known = scored.polarity_gold != UNKNOWN
    if fitted is None or scored.polarity_scores is None or not known.any():
        return {"n": 0}
    said = fitted.probabilities(scored.polarity_scores[known].astype(np.float32))
    right = scored.polarity_gold[known][:, None] == np.arange(said.shape[1])
    return {"n": int(known.sum())} | calibration_figures(said, right)

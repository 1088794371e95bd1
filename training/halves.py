"""A bundle and its calibration texts in, figures of labels that are rare elsewhere out: two-fold cross-validation of thresholds.

The weights saw none of these texts. Curves, thresholds and cuts are fitted to one half and measured on the other, so a rare label rests
on all of them where the development texts hold one or two.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from training import encoders
from training.calibrate import fit_calibration, score_sets
from training.evaluate import Judged, figures, judge
from training.examples import Example
from training.network import Network
from training.prepare import Prepared, prepare
from training.quantise import OnnxEncoder
from training.settings import CalibrationSettings
from vocservice.inference.bundle import Bundle
from vocservice.inference.engine import Engine
from vocservice.inference.windows import Windower
from vocservice.paths import config_path
from vocservice.text.redact import RedactionRules


def crossed_figures(bundle: Bundle, network: Network, examples: Sequence[Example], how: CalibrationSettings) -> dict[str, Any]:
    """Figures as of `training.evaluate.figures`; {"n": 0} where a half has no text. `network`: that of the bundle."""
    halves = examples[::2], examples[1::2]
    if not all(halves):
        return {"n": 0}
    judged: list[Judged] = []
    for fitted, measured in (halves, halves[::-1]):
        judged += judge(Engine(_calibrated(bundle, network, fitted, how)), measured)
    return figures(judged, bundle.taxonomy)


def network_of(bundle: Bundle) -> Network:
    """The network of a bundle, whose scores calibration reads; it learns nothing."""
    network = Network(OnnxEncoder(bundle.encoder, bundle.manifest.width), bundle.layout, dropout=0.0)
    encoders.take_heads(network, bundle.encoder.parent)
    return network


def prepared_for(bundle: Bundle, examples: Sequence[Example]) -> list[Prepared]:
    """Examples as that network reads them."""
    rules = RedactionRules.load(config_path("redaction.toml"))
    return list(prepare(examples, Windower(bundle.tokenizer, max_window=bundle.manifest.max_window), rules, bundle.layout))


def _calibrated(bundle: Bundle, network: Network, examples: Sequence[Example], how: CalibrationSettings) -> Bundle:
    scores = score_sets(network, prepared_for(bundle, examples), bundle.layout.blocks)
    return replace(bundle, calibration=fit_calibration(scores, how))

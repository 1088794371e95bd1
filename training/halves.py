"""A bundle and its calibration texts in, figures for rare labels out: two-fold cross-validation of thresholds.

The weights saw none of these texts. Curves, thresholds and cuts are fitted on one half and measured on the other, so figures of rare
labels rest on all of them, where the development texts have one or two.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import onnxruntime
import torch
from torch import Tensor, nn

from training import encoders
from training.calibrate import fit_calibration, score_sets
from training.evaluate import Judged, figures, judge
from training.examples import Example
from training.network import Network
from training.prepare import Prepared, prepare
from training.settings import CalibrationSettings
from vocservice.inference.bundle import Bundle
from vocservice.inference.engine import Engine
from vocservice.inference.windows import Windower
from vocservice.paths import config_path
from vocservice.text.redact import RedactionRules


class OnnxEncoder(nn.Module):
    """An ONNX encoder under the name and the signature of the torch one; it learns nothing."""

    def __init__(self, path: Path, width: int):
        super().__init__()
        self.config = SimpleNamespace(hidden_size=width)
        self._session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> SimpleNamespace:
        """ids, mask (windows, tokens) -> last_hidden_state (windows, tokens, width)."""
        (hidden,) = self._session.run(["hidden"], {"ids": input_ids.numpy(), "mask": attention_mask.numpy()})
        return SimpleNamespace(last_hidden_state=torch.from_numpy(hidden))


def crossed_figures(bundle: Bundle, network: Network, examples: Sequence[Example], how: CalibrationSettings) -> dict[str, Any]:
    """Figures as from `training.evaluate.figures`; {"n": 0} if a half is empty. `network`: of the bundle."""
    halves = examples[::2], examples[1::2]
    if not all(halves):
        return {"n": 0}
    judged: list[Judged] = []
    for fitted, measured in (halves, halves[::-1]):
        judged += judge(Engine(_calibrated(bundle, network, fitted, how)), measured)
    return figures(judged, bundle.taxonomy)


def network_of(bundle: Bundle) -> Network:
    """The frozen network of a bundle, whose scores are calibrated."""
    network = Network(OnnxEncoder(bundle.encoder, bundle.manifest.width), bundle.layout, dropout=0.0)
    encoders.take_heads(network, bundle.encoder.parent)
    return network


def prepared_for(bundle: Bundle, examples: Sequence[Example]) -> list[Prepared]:
    """Prepare examples for that network."""
    rules = RedactionRules.load(config_path("redaction.toml"))
    return list(prepare(examples, Windower(bundle.tokenizer, max_window=bundle.manifest.max_window), rules, bundle.layout))


def _calibrated(bundle: Bundle, network: Network, examples: Sequence[Example], how: CalibrationSettings) -> Bundle:
    scores = score_sets(network, prepared_for(bundle, examples), bundle.layout.blocks)
    return replace(bundle, calibration=fit_calibration(scores, how))

"""A bundle in, the same with an int8 encoder and its loss of quality out: the basis for shipping int8 or not.

Dynamic: weights per channel, activations at run time. Static: activations too, with ranges from given texts, as a
graph for both ONNX Runtime and OpenVINO.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

from benchmarks.runtimes import Tokens, batches_of
from training.annotated import read_extended
from training.corpora import read_corpus
from training.evaluate import figures, judge
from training.quantise import OPERATORS, prepare, to_int8
from training.splits import split_annotated
from vocservice.inference.bundle import ENCODER, MANIFEST, file_digest, load_bundle
from vocservice.inference.engine import Engine
from vocservice.taxonomy import load_taxonomy

CALIBRATED_TOKENS = 4096
# The compared figures, in points: (label set, figure).
COMPARED = (
    ("stages", "micro_f1"),
    ("factors", "micro_f1"),
    ("factors", "with_polarity_micro_f1"),
    ("sentiment", "kappa"),
    ("scope", "macro_f1"),
    ("flags", "micro_f1"),
)


class Given(CalibrationDataReader):  # type: ignore[misc]
    """Batches of texts for ONNX Runtime's calibration."""

    def __init__(self, tokens: Tokens, texts: Sequence[str]):
        self._batches = _arrays(tokens, texts)

    def get_next(self) -> dict[str, Any] | None:
        return next(self._batches, None)


def quantised(folder: Path, into: Path, texts: Sequence[str]) -> dict[str, Path]:
    """The int8 encoders of a bundle: `dynamic` and `static` (calibrated on the texts), as ONNX files."""
    with tempfile.TemporaryDirectory() as scratch:
        full = Path(scratch) / "full.onnx"
        prepare(folder / ENCODER, full)
        dynamic, static = into / "dynamic.onnx", into / "static.onnx"
        to_int8(folder / ENCODER, dynamic)
        quantize_static(
            full,
            static,
            Given(Tokens(load_bundle(folder)), texts),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=OPERATORS,
            per_channel=True,
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            extra_options={"MatMulConstBOnly": True},
        )
    return {"dynamic": dynamic, "static": static}


def bundle_with(folder: Path, encoder: Path, into: Path) -> Path:
    """A copy of a bundle with another encoder."""
    made = into / f"{folder.name}-{encoder.stem}"
    shutil.copytree(folder, made)
    shutil.copyfile(encoder, made / ENCODER)
    manifest = json.loads((made / MANIFEST).read_text(encoding="utf-8"))
    manifest["files"][ENCODER] = file_digest(made / ENCODER)
    (made / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    return made


def quality(folder: Path, corpora: Path) -> dict[str, dict[str, float]]:
    """The compared figures by split (dev, fresh), in points."""
    taxonomy = load_taxonomy()
    engine = Engine(load_bundle(folder, taxonomy=taxonomy))
    splits = {"dev": read_corpus("dev", corpora), "fresh": split_annotated(read_extended(corpora)).fresh}
    return {name: _points(figures(judge(engine, examples), taxonomy)) for name, examples in splits.items()}


def _points(found: Mapping[str, Any]) -> dict[str, float]:
    """Every compared number, by "set figure"."""
    return {f"{name} {figure.replace('_', ' ')}": 100 * _value(found[name][figure]) for name, figure in COMPARED}


def _value(figure: Any) -> float:
    return float(figure["value"] if isinstance(figure, Mapping) else figure)


def _arrays(tokens: Tokens, texts: Sequence[str]) -> Iterator[dict[str, Any]]:
    for batch in batches_of(tokens.rows(texts), CALIBRATED_TOKENS):
        longest = max(len(row.ids) for row in batch)
        ids, mask = np.zeros((2, len(batch), longest), np.int64)
        for at, row in enumerate(batch):
            ids[at, : len(row.ids)], mask[at, : len(row.ids)] = row.ids, 1
        yield {"ids": ids, "mask": mask}

"""An encoder in int8: smaller, close to what it was, run under the torch one's signature, and sealed into a bundle of its own."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from training.encoders import HEADS
from training.quantise import OnnxEncoder, to_int8
from vocservice.inference.bundle import ENCODER, default_bundle, load_bundle

IDS = torch.tensor([[2, 50, 60, 70, 3], [2, 80, 3, 0, 0]])
MASK = (IDS > 0).long()


@pytest.fixture(scope="module")
def quantised(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("int8") / ENCODER
    to_int8(default_bundle() / ENCODER, path)
    return path


def hidden(path: Path) -> np.ndarray:
    width = load_bundle(default_bundle()).manifest.width
    shown: np.ndarray = OnnxEncoder(path, width)(input_ids=IDS, attention_mask=MASK).last_hidden_state.numpy()
    return shown


def test_products_are_in_int8_and_nothing_large_stays_in_single_precision(quantised: Path) -> None:
    model = onnx.load(str(quantised))
    kinds = {(tensor.data_type, int(np.prod(tensor.dims)) >= 4096) for tensor in model.graph.initializer}
    assert (onnx.TensorProto.INT8, True) in kinds and (onnx.TensorProto.FLOAT, True) not in kinds
    assert quantised.stat().st_size < 0.8 * (default_bundle() / ENCODER).stat().st_size


def test_vectors_point_where_they_did(quantised: Path) -> None:
    whole, small = hidden(default_bundle() / ENCODER), hidden(quantised)
    assert whole.shape == small.shape == (*IDS.shape, load_bundle(default_bundle()).manifest.width)
    cosine = (whole * small).sum(-1) / np.linalg.norm(whole, axis=-1) / np.linalg.norm(small, axis=-1)
    assert 0.97 < cosine[MASK.bool().numpy()].min() < 1


def test_what_the_graph_does_not_tell_is_kept(quantised: Path) -> None:
    heads = [
        {prop.key: prop.value for prop in onnx.load(str(path)).metadata_props}[HEADS] for path in (quantised, default_bundle() / ENCODER)
    ]
    assert heads[0] == heads[1]

"""An encoder of a bundle in, the same with its products in int8 out; and a torch module that runs such a file, to calibrate it.

Dynamic quantisation: weights a channel beforehand, activations as they come (Jacob et al. 2018). Weights take seven bits, since
processors without VNNI add pairs of products of eight bits with saturation.
"""

import tempfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.quantization.shape_inference import quant_pre_process
from torch import Tensor, nn

from training.encoders import HEADS
from training.export import store

OPERATORS = ["MatMul"]


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


def to_int8(encoder: Path, path: Path) -> None:
    """Write `encoder` with its products in int8; what stays as it was (the embeddings) is in half precision again."""
    with tempfile.TemporaryDirectory() as scratch:
        full = Path(scratch) / "full.onnx"
        prepare(encoder, full)
        quantize_dynamic(full, path, op_types_to_quantize=OPERATORS, per_channel=True, weight_type=QuantType.QInt8, reduce_range=True)
    store(path, heads=_heads(encoder))


def prepare(encoder: Path, path: Path) -> None:
    """Write `encoder` in single precision with its shapes inferred: quantisers see no further than that."""
    _widen(encoder, path)
    quant_pre_process(str(path), str(path), skip_symbolic_shape=True)


def _widen(encoder: Path, path: Path) -> None:
    """Weights in half precision, each behind a Cast, as what the Cast makes of them."""
    model = onnx.load(str(encoder))
    graph = model.graph
    halves = {tensor.name: tensor for tensor in graph.initializer if tensor.data_type == TensorProto.FLOAT16}
    for node in [node for node in graph.node if node.op_type == "Cast" and node.input[0] in halves]:
        tensor = halves[node.input[0]]
        graph.initializer.append(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float32), node.output[0]))
        graph.initializer.remove(tensor)
        graph.node.remove(node)
    onnx.save(model, str(path))


def _heads(encoder: Path) -> int:
    model = onnx.load(str(encoder), load_external_data=False)
    return next(int(prop.value) for prop in model.metadata_props if prop.key == HEADS)
